import { z } from "zod";
import { type ConfigOf, defineConfig, kinds } from "../pretrained/config.ts";

const LINEAR = z.object({ factor: z.number().positive() });
const LLAMA3 = z.object({
  factor: z.number().positive(),
  low_freq_factor: z.number().positive(),
  high_freq_factor: z.number().positive(),
  original_max_position_embeddings: kinds.rows,
});

/** Keys of Llama and of what follows it. */
const LLAMA_KEYS = {
  vocabSize: kinds.rows.default(32000),
  hiddenSize: kinds.width.default(4096),
  intermediateSize: kinds.width.default(11008),
  numHiddenLayers: kinds.layers.default(32),
  numAttentionHeads: kinds.heads.default(32),
  /** numAttentionHeads where null. */
  numKeyValueHeads: kinds.heads.nullish(),
  /** hiddenSize / numAttentionHeads where null. */
  headDim: kinds.width.nullish(),
  hiddenAct: z.enum(["silu", "swish"]).default("silu"),
  maxPositionEmbeddings: kinds.rows.default(2048),
  initializerRange: kinds.deviation.default(0.02),
  rmsNormEps: kinds.positive.default(1e-6),
  ropeTheta: kinds.positive.default(10000),
  ropeScaling: z.record(z.string(), z.unknown()).nullish(),
  attentionBias: z.boolean().default(false),
  attentionDropout: kinds.share.default(0),
  mlpBias: z.boolean().default(false),
  tieWordEmbeddings: z.boolean().default(false),
  bosTokenId: kinds.tokenId.nullish().default(1),
  eosTokenId: kinds.tokenIds.nullish().default(2),
  /** Tokens that a token looks back on, itself included (Mistral, Qwen2). */
  slidingWindow: kinds.rows.nullish(),
  useSlidingWindow: z.boolean().default(true),
  /** Layers below it look back on everything (Qwen2). */
  maxWindowLayers: kinds.layers.default(0),
  layerTypes: z.array(z.enum(["full_attention", "sliding_attention"])).nullish(),
};
export type LlamaConfig = ConfigOf<typeof LLAMA_KEYS>;

export const headSize = (c: LlamaConfig): number => c.headDim ?? c.hiddenSize / c.numAttentionHeads;
export const keyValueHeads = (c: LlamaConfig): number => c.numKeyValueHeads ?? c.numAttentionHeads;

/** The tokens that a layer looks back on; undefined: all. */
export function windowOf(c: LlamaConfig, layer: number): number | undefined {
  if (c.slidingWindow == null || !c.useSlidingWindow) return undefined;
  const slides = c.layerTypes == null ? layer >= c.maxWindowLayers : c.layerTypes[layer] === "sliding_attention";
  return slides ? c.slidingWindow : undefined;
}

function check(c: LlamaConfig): string | undefined {
  const [heads, groups] = [c.numAttentionHeads, keyValueHeads(c)];
  if (heads % groups !== 0) return `num_key_value_heads ${groups} does not divide num_attention_heads ${heads}`;
  if (!Number.isInteger(headSize(c))) return `num_attention_heads ${heads} does not divide hidden_size ${c.hiddenSize}`;
  if (headSize(c) % 2 !== 0) return `the size of a head is ${headSize(c)}; rotary positions need an even one`;
  if (c.layerTypes != null && c.layerTypes.length !== c.numHiddenLayers)
    return `layer_types has ${c.layerTypes.length} entries for ${c.numHiddenLayers} layers`;
  const { ropeScaling } = c;
  if (ropeScaling == null) return undefined;
  const kind = ropeKind(ropeScaling);
  if (!["default", "linear", "llama3"].includes(kind))
    return `rope_scaling: the type ${JSON.stringify(kind)} is not known here; known are default, linear, llama3`;
  const parsed = kind === "linear" ? LINEAR.safeParse(ropeScaling) : LLAMA3.safeParse(ropeScaling);
  if (kind === "default" || parsed.success) return undefined;
  const [issue] = parsed.error.issues;
  return `rope_scaling.${issue.path.join(".")}: ${issue.message}`;
}

const ropeKind = (scaling: Record<string, unknown>) => String(scaling.rope_type ?? scaling.type ?? "default");

/** Angles per position of a head's pairs, as Transformers computes them for `default`, `linear` and `llama3` scaling. */
export function ropeFrequencies(c: LlamaConfig): number[] {
  const size = headSize(c);
  const plain = Array.from({ length: size / 2 }, (_, i) => 1 / c.ropeTheta ** ((2 * i) / size));
  const scaling = c.ropeScaling ?? {};
  const kind = ropeKind(scaling);
  if (kind === "linear") return plain.map((f) => f / LINEAR.parse(scaling).factor);
  if (kind !== "llama3") return plain;
  const s = LLAMA3.parse(scaling);
  return plain.map((f) => {
    // How often a wave fits into the positions of the first training.
    const turns = (s.original_max_position_embeddings * f) / (2 * Math.PI);
    if (turns > s.high_freq_factor) return f;
    if (turns < s.low_freq_factor) return f / s.factor;
    const smooth = (turns - s.low_freq_factor) / (s.high_freq_factor - s.low_freq_factor);
    return ((1 - smooth) * f) / s.factor + smooth * f;
  });
}

export const llamaConfig = defineConfig("llama", LLAMA_KEYS, check);
export const qwen2Config = defineConfig(
  "qwen2",
  {
    ...LLAMA_KEYS,
    vocabSize: kinds.rows.default(151936),
    intermediateSize: kinds.width.default(22016),
    numKeyValueHeads: kinds.heads.nullish().default(32),
    maxPositionEmbeddings: kinds.rows.default(32768),
    useSlidingWindow: z.boolean().default(false),
    maxWindowLayers: kinds.layers.default(28),
    bosTokenId: kinds.tokenId.nullish().default(null),
    eosTokenId: kinds.tokenIds.nullish().default(null),
  },
  check,
);
export const mistralConfig = defineConfig(
  "mistral",
  {
    ...LLAMA_KEYS,
    intermediateSize: kinds.width.default(14336),
    numKeyValueHeads: kinds.heads.nullish().default(8),
    maxPositionEmbeddings: kinds.rows.default(131072),
    slidingWindow: kinds.rows.nullish().default(4096),
  },
  check,
);
