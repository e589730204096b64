import { z } from "zod";
import { type ConfigOf, defineConfig, kinds } from "../pretrained/config.ts";

const ACTIVATIONS: Record<string, string> = {
  relu: "relu",
  gelu: "gelu",
  gelu_new: "gelu_new",
  silu: "silu",
  "gated-relu": "relu",
  // The first configurations of T5 1.1 mean the approximation.
  "gated-gelu": "gelu_new",
  "gated-silu": "silu",
};

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
  feedForwardProj: z.enum(Object.keys(ACTIVATIONS) as [string, ...string[]]).default("relu"),
  isEncoderDecoder: z.boolean().default(true),
  padTokenId: kinds.tokenId.nullish().default(0),
  eosTokenId: kinds.tokenIds.nullish().default(1),
  decoderStartTokenId: kinds.tokenId.nullish().default(0),
};
export type T5Config = ConfigOf<typeof T5_KEYS>;

/** The activation of the feed-forward part, and whether it is a gate (T5 1.1). */
export const feedForward = ({ feedForwardProj }: T5Config): { activation: string; gated: boolean } => ({
  activation: ACTIVATIONS[feedForwardProj],
  gated: feedForwardProj.startsWith("gated-"),
});

const check = (c: T5Config) =>
  c.relativeAttentionMaxDistance > c.relativeAttentionNumBuckets / 2
    ? undefined
    : `relative_attention_max_distance ${c.relativeAttentionMaxDistance} is too small for ${c.relativeAttentionNumBuckets} buckets`;

export const t5Config = defineConfig("t5", T5_KEYS, check);
export const mt5Config = defineConfig(
  "mt5",
  {
    ...T5_KEYS,
    vocabSize: kinds.rows.default(250112),
    dFf: kinds.width.default(1024),
    numLayers: kinds.layers.default(8),
    numHeads: kinds.heads.default(6),
    feedForwardProj: T5_KEYS.feedForwardProj.unwrap().default("gated-gelu"),
    tieWordEmbeddings: z.boolean().default(false),
  },
  check,
);
