import { z } from "zod";
import {
  attentionFactor,
  contextLength,
  frequenciesAt,
  type RopeConfig,
  ropeConfigOf,
  ropeProblem,
} from "../../formats/rope-angles.ts";
import { ROPE_HARMLESS, ROPE_PARAMETERS } from "../../formats/rope-parameters.ts";
import { type ConfigKind, type ConfigOf, checkPadding, defineConfig, kinds } from "../pretrained/config.ts";
import { only, type Refusal } from "../pretrained/config-keys.ts";
import { withRope } from "./rope-config.ts";

/** Keys of Llama and of what follows it. */
const SHARED_KEYS = {
  vocabSize: kinds.rows.default(32000),
  hiddenSize: kinds.width.default(4096),
  intermediateSize: kinds.width.default(11008),
  numHiddenLayers: kinds.layers.default(32),
  numAttentionHeads: kinds.heads.default(32),
  /** numAttentionHeads where null. */
  numKeyValueHeads: kinds.heads.nullish(),
  /** hiddenSize / numAttentionHeads where null. */
  headDim: kinds.width.nullish(),
  hiddenAct: kinds.anyActivation.default("silu"),
  maxPositionEmbeddings: kinds.rows.default(2048),
  initializerRange: kinds.deviation.default(0.02),
  rmsNormEps: kinds.positive.default(1e-6),
  ropeTheta: kinds.positive.default(10000),
  /** `{ rope_type, … }`; null: nothing is scaled. */
  ropeScaling: ROPE_PARAMETERS.nullish(),
  /** Transformers 5's layout, everything in it. It is read in place of the two above, and always gone afterwards. */
  ropeParameters: ROPE_PARAMETERS.nullish(),
  attentionDropout: kinds.share.default(0),
  tieWordEmbeddings: z.boolean().default(false),
  bosTokenId: kinds.tokenId.nullish().default(1),
  eosTokenId: kinds.tokenIds.nullish().default(2),
  /** Of the head for token classification; 0.1 where null. */
  classifierDropout: kinds.share.nullish(),
};
/** Keys of Llama alone: Qwen2 has biases of queries, keys and values, Mistral none. */
const BIASES = { attentionBias: z.boolean().default(false), mlpBias: z.boolean().default(false) };
/** Tokens that a token looks back on, itself included (Mistral, Qwen2). */
const WINDOW = { slidingWindow: kinds.rows.nullish().default(4096) };
/** Which layers do so (Qwen2): `layerTypes`, or those from `maxWindowLayers` on. */
const WINDOWS = {
  ...WINDOW,
  useSlidingWindow: z.boolean().default(false),
  maxWindowLayers: kinds.layers.default(28),
  layerTypes: z.array(z.enum(["full_attention", "sliding_attention"])).nullish(),
};
type OwnKeys = Partial<z.infer<z.ZodObject<typeof BIASES & typeof WINDOWS>>>;
export type LlamaConfig = ConfigOf<typeof SHARED_KEYS> & OwnKeys;

export const headSize = (c: LlamaConfig): number => c.headDim ?? Math.floor(c.hiddenSize / c.numAttentionHeads);
export const keyValueHeads = (c: LlamaConfig): number => c.numKeyValueHeads ?? c.numAttentionHeads;

/** The tokens that a layer looks back on; undefined: all. */
export function windowOf(c: LlamaConfig, layer: number): number | undefined {
  if (c.slidingWindow == null || c.modelType === "llama") return undefined;
  if (c.modelType === "mistral") return c.slidingWindow;
  if (c.useSlidingWindow !== true) return undefined;
  const slides = c.layerTypes == null ? layer >= (c.maxWindowLayers ?? 0) : c.layerTypes[layer] === "sliding_attention";
  return slides ? c.slidingWindow : undefined;
}

/** Row of the table of tokens that is never trained. */
export const paddingRow = ({ padTokenId, vocabSize }: LlamaConfig): number | undefined =>
  padTokenId == null ? undefined : padTokenId < 0 ? vocabSize + padTokenId : padTokenId;

/** What the angles of positions depend on. */
export const ropeConfig = (c: LlamaConfig): RopeConfig => ropeConfigOf(c, headSize(c));
/** Angles per position of a head's pairs in a pass that reaches `length` positions. */
export const ropeFrequencies = (c: LlamaConfig, length = 1): number[] => frequenciesAt(ropeConfig(c), length);
/** Longest text, in tokens, that the model is made for. */
export const longestText = (c: LlamaConfig): number => contextLength(ropeConfig(c));

function check(c: LlamaConfig): string | undefined {
  const [heads, groups] = [c.numAttentionHeads, keyValueHeads(c)];
  if (heads % groups !== 0) return `num_key_value_heads ${groups} does not divide num_attention_heads ${heads}`;
  if (c.headDim == null && c.modelType === "llama" && c.hiddenSize % heads !== 0)
    return `num_attention_heads ${heads} does not divide hidden_size ${c.hiddenSize}`;
  if (headSize(c) % 2 !== 0 || headSize(c) === 0)
    return `the size of a head is ${headSize(c)}; rotary positions need an even one`;
  if (c.layerTypes != null) {
    if (c.layerTypes.length !== c.numHiddenLayers)
      return `layer_types has ${c.layerTypes.length} entries for ${c.numHiddenLayers} layers`;
    const slides = c.layerTypes.includes("sliding_attention");
    if (slides && (c.slidingWindow == null || c.useSlidingWindow !== true))
      return "layer_types has sliding_attention, but use_sliding_window is false or sliding_window null";
  }
  return checkPadding(c.padTokenId, c.vocabSize) ?? ropeProblem(ropeConfig(c));
}

const NO_BIAS: Readonly<Record<string, Refusal>> = {
  attention_bias: only("Mistral has no biases, in Transformers either.", false),
  mlp_bias: only("Only Llama has them; Transformers would leave them out.", false),
};

/** Declares a kind of model with the keys that all of them share, and its own. */
const define = (
  modelType: string,
  most: number,
  keys: z.ZodRawShape,
  refused: Readonly<Record<string, Refusal>> = {},
  harmless: readonly string[] = [],
): ConfigKind<LlamaConfig> => {
  const shape = { ...SHARED_KEYS, maxPositionEmbeddings: kinds.rows.default(most), ...keys };
  const kind = defineConfig(modelType, shape, {
    check: (config) => check(config as LlamaConfig),
    refused,
    harmless: [...ROPE_HARMLESS, "pretraining_tp", ...harmless],
  });
  return withRope(kind as unknown as ConfigKind<LlamaConfig>, most, (c) => attentionFactor(ropeConfig(c)));
};

// Without a window these say nothing; folders saved by earlier versions have them.
const NO_WINDOW = ["use_sliding_window", "max_window_layers"];

export const llamaConfig = define("llama", 2048, BIASES, {}, NO_WINDOW);
export const qwen2Config = define(
  "qwen2",
  32768,
  {
    ...WINDOWS,
    vocabSize: kinds.rows.default(151936),
    intermediateSize: kinds.width.default(22016),
    numKeyValueHeads: kinds.heads.nullish().default(32),
    bosTokenId: kinds.tokenId.nullish().default(null),
    eosTokenId: kinds.tokenIds.nullish().default(null),
  },
  { mlp_bias: NO_BIAS.mlp_bias },
  // Queries, keys and values have biases whatever it says.
  ["attention_bias"],
);
export const mistralConfig = define(
  "mistral",
  131072,
  {
    ...WINDOW,
    intermediateSize: kinds.width.default(14336),
    numKeyValueHeads: kinds.heads.nullish().default(8),
  },
  NO_BIAS,
  ["max_window_layers"],
);
