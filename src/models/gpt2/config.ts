import { z } from "zod";
import { type ConfigOf, defineConfig, kinds } from "../pretrained/config.ts";

const GPT2_KEYS = {
  vocabSize: kinds.rows.default(50257),
  nPositions: kinds.rows.default(1024),
  nEmbd: kinds.width.default(768),
  nLayer: kinds.layers.default(12),
  nHead: kinds.heads.default(12),
  /** 4 · nEmbd where null. */
  nInner: kinds.width.nullish(),
  activationFunction: kinds.anyActivation.default("gelu_new"),
  residPdrop: kinds.share.default(0.1),
  embdPdrop: kinds.share.default(0.1),
  attnPdrop: kinds.share.default(0.1),
  layerNormEpsilon: kinds.positive.default(1e-5),
  initializerRange: kinds.deviation.default(0.02),
  scaleAttnWeights: z.boolean().default(true),
  scaleAttnByInverseLayerIdx: z.boolean().default(false),
  addCrossAttention: z.literal(false, "cross-attention in GPT-2 is not known here").default(false),
  bosTokenId: kinds.tokenId.nullish().default(50256),
  eosTokenId: kinds.tokenIds.nullish().default(50256),
  classifierDropout: kinds.share.nullish(),
};

/** Of a model with a head that is not here, of older versions, and of float32, which all is computed in here. */
const HARMLESS = [
  ...["summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels", "summary_first_dropout"],
  ...["n_ctx", "reorder_and_upcast_attn", "predict_special_tokens", "afn"],
];

export const gpt2Config = defineConfig("gpt2", GPT2_KEYS, {
  check: ({ nEmbd, nHead }) => (nEmbd % nHead === 0 ? undefined : `n_head ${nHead} does not divide n_embd ${nEmbd}`),
  aliases: {
    ...{ hiddenSize: "nEmbd", maxPositionEmbeddings: "nPositions" },
    ...{ numAttentionHeads: "nHead", numHiddenLayers: "nLayer" },
  },
  harmless: HARMLESS,
});
export type GPT2Config = ConfigOf<typeof GPT2_KEYS>;
