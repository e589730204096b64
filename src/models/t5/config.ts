import { z } from "zod";
import { ACTIVATION_NAMES } from "../pretrained/activations.ts";
import { type ConfigOf, defineConfig, type JsonObject, kinds } from "../pretrained/config.ts";
import { ENCODER_REFUSED } from "../pretrained/config-keys.ts";

const DENSE = new Set(ACTIVATION_NAMES);
/** `relu`, or `gated-silu`. */
const projection = z
  .string()
  .refine(
    (name) => DENSE.has(name.replace(/^gated-/, "")),
    `the activation is not known here; known are ${ACTIVATION_NAMES.join(", ")}, each also behind "gated-"`,
  );

const T5_KEYS = {
  vocabSize: kinds.rows.default(32128),
  dModel: kinds.width.default(512),
  dKv: kinds.width.default(64),
  dFf: kinds.width.default(2048),
  numLayers: kinds.layers.default(6),
  /** numLayers where null. */
  numDecoderLayers: kinds.layers.nullish(),
  numHeads: kinds.heads.default(8),
  relativeAttentionNumBuckets: z.number().int().min(4).max(4096).default(32),
  relativeAttentionMaxDistance: kinds.rows.default(128),
  dropoutRate: kinds.share.default(0.1),
  layerNormEpsilon: kinds.positive.default(1e-6),
  initializerFactor: kinds.deviation.default(1),
  feedForwardProj: projection.default("relu"),
  /** The activation that `feedForwardProj` names, unless said. */
  denseActFn: kinds.anyActivation,
  /** Whether it is a gate, unless said. */
  isGatedAct: z.boolean(),
  /** Whether states are divided by √dModel before the output layer: where the table of words is that layer, unless said. */
  scaleDecoderOutputs: z.boolean(),
  /** Of heads that are not here. */
  classifierDropout: kinds.share.default(0),
  isEncoderDecoder: z.boolean().default(true),
  padTokenId: kinds.tokenId.nullish().default(0),
  eosTokenId: kinds.tokenIds.nullish().default(1),
  decoderStartTokenId: kinds.tokenId.nullish().default(0),
};
export type T5Config = ConfigOf<typeof T5_KEYS>;

/** The activation of the feed-forward part, and whether it is a gate (T5 1.1). */
export const feedForward = ({ denseActFn, isGatedAct }: T5Config): { activation: string; gated: boolean } => ({
  activation: denseActFn,
  gated: isGatedAct,
});

const check = (c: T5Config) =>
  c.relativeAttentionMaxDistance > c.relativeAttentionNumBuckets / 2
    ? undefined
    : `relative_attention_max_distance ${c.relativeAttentionMaxDistance} is too small for ${c.relativeAttentionNumBuckets} buckets`;

/** What follows from other keys, as Transformers has it. */
function prepare(values: JsonObject, later: readonly string[], layers: number, projection: string): void {
  // There, decoders do not hear of `num_hidden_layers`.
  if (later.includes("numLayers")) values.numDecoderLayers ??= values.numLayers ?? layers;
  const name = values.feedForwardProj ?? projection;
  if (typeof name !== "string") return;
  // The first configurations of T5 1.1 mean the approximation.
  values.denseActFn ??= name === "gated-gelu" ? "gelu_new" : name.replace(/^gated-/, "");
  values.isGatedAct ??= name.startsWith("gated-");
}

const RULES = {
  check,
  aliases: { hiddenSize: "dModel", numAttentionHeads: "numHeads", numHiddenLayers: "numLayers", headDim: "dKv" },
  refused: { is_decoder: ENCODER_REFUSED.is_decoder },
  harmless: ["n_positions", "scalable_attention"],
};

export const t5Config = defineConfig("t5", T5_KEYS, {
  ...RULES,
  prepare(values, later) {
    prepare(values, later, 6, "relu");
    values.scaleDecoderOutputs ??= values.tieWordEmbeddings !== false;
  },
});
export const mt5Config = defineConfig(
  "mt5",
  {
    ...T5_KEYS,
    vocabSize: kinds.rows.default(250112),
    dFf: kinds.width.default(1024),
    numLayers: kinds.layers.default(8),
    numHeads: kinds.heads.default(6),
    feedForwardProj: projection.default("gated-gelu"),
    tieWordEmbeddings: z.boolean().default(false),
  },
  {
    ...RULES,
    prepare(values, later) {
      prepare(values, later, 8, "gated-gelu");
      // Never, whatever the file says: Transformers 5's mT5 does not look at it.
      values.scaleDecoderOutputs = false;
    },
  },
);
