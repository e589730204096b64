import { z } from "zod";
import { type ConfigOf, checkPadding, defineConfig, kinds } from "../pretrained/config.ts";
import { ENCODER_REFUSED, only } from "../pretrained/config-keys.ts";

const noLayerdrop = z.literal(0, "layers that are left out at random are not known here").default(0);

const MARIAN_KEYS = {
  vocabSize: kinds.rows.default(58101),
  /** vocabSize where null. */
  decoderVocabSize: kinds.rows.nullish(),
  maxPositionEmbeddings: kinds.rows.default(1024),
  dModel: kinds.width.default(1024),
  encoderLayers: kinds.layers.default(12),
  encoderFfnDim: kinds.width.default(4096),
  encoderAttentionHeads: kinds.heads.default(16),
  decoderLayers: kinds.layers.default(12),
  decoderFfnDim: kinds.width.default(4096),
  decoderAttentionHeads: kinds.heads.default(16),
  encoderLayerdrop: noLayerdrop,
  decoderLayerdrop: noLayerdrop,
  activationFunction: kinds.anyActivation.default("gelu"),
  dropout: kinds.share.default(0.1),
  attentionDropout: kinds.share.default(0),
  activationDropout: kinds.share.default(0),
  initStd: kinds.deviation.default(0.02),
  scaleEmbedding: z.boolean().default(false),
  shareEncoderDecoderEmbeddings: z.boolean().default(true),
  isEncoderDecoder: z.boolean().default(true),
  padTokenId: kinds.tokenId.nullish().default(58100),
  eosTokenId: kinds.tokenIds.nullish().default(0),
  decoderStartTokenId: kinds.tokenId.nullish().default(58100),
  forcedEosTokenId: kinds.tokenId.nullish().default(0),
  /** Texts of tokens that are never written: the padding, mostly. */
  badWordsIds: z.array(z.array(kinds.tokenId)).nullish(),
};
export type MarianConfig = ConfigOf<typeof MARIAN_KEYS>;

/** Of the time when Marian's models were read as BART's; these are what they are. */
const OLD = "Marian's models have no such part here.";

function check(c: MarianConfig): string | undefined {
  for (const [key, heads] of [
    ["encoder_attention_heads", c.encoderAttentionHeads],
    ["decoder_attention_heads", c.decoderAttentionHeads],
  ] as const) {
    if (c.dModel % heads !== 0) return `${key} ${heads} does not divide d_model ${c.dModel}`;
  }
  const rows = c.shareEncoderDecoderEmbeddings ? c.vocabSize : Math.min(c.vocabSize, c.decoderVocabSize ?? c.vocabSize);
  return checkPadding(c.padTokenId, rows);
}

export const marianConfig = defineConfig("marian", MARIAN_KEYS, {
  check,
  aliases: { hiddenSize: "dModel", numAttentionHeads: "encoderAttentionHeads", numHiddenLayers: "encoderLayers" },
  refused: {
    is_decoder: ENCODER_REFUSED.is_decoder,
    normalize_embedding: only(OLD, false),
    normalize_before: only(OLD, false),
    add_final_layer_norm: only(OLD, false),
    add_bias_logits: only(OLD, false),
    static_position_embeddings: only("Positions are sines and cosines here.", true),
    extra_pos_embeddings: only(OLD, 0),
  },
  harmless: ["classif_dropout", "classifier_dropout", "force_bos_token_to_be_generated"],
});
