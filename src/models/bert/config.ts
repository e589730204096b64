import { z } from "zod";
import { type ConfigOf, defineConfig, kinds } from "../pretrained/config.ts";

/** Keys that BERT and its kin share. */
export const BERT_KEYS = {
  vocabSize: kinds.rows.default(30522),
  hiddenSize: kinds.width.default(768),
  numHiddenLayers: kinds.layers.default(12),
  numAttentionHeads: kinds.heads.default(12),
  intermediateSize: kinds.width.default(3072),
  hiddenAct: kinds.activation.default("gelu"),
  hiddenDropoutProb: kinds.share.default(0.1),
  attentionProbsDropoutProb: kinds.share.default(0.1),
  maxPositionEmbeddings: kinds.rows.default(512),
  typeVocabSize: kinds.rows.default(2),
  initializerRange: kinds.deviation.default(0.02),
  layerNormEps: kinds.positive.default(1e-12),
  padTokenId: kinds.tokenId.nullish().default(0),
  positionEmbeddingType: z.literal("absolute", "only absolute positions are known").nullish(),
  classifierDropout: kinds.share.nullish(),
};

export function checkHeads(c: { hiddenSize: number; numAttentionHeads: number }): string | undefined {
  if (c.hiddenSize % c.numAttentionHeads === 0) return undefined;
  return `num_attention_heads ${c.numAttentionHeads} does not divide hidden_size ${c.hiddenSize}`;
}

export const bertConfig = defineConfig("bert", BERT_KEYS, checkHeads);
export type BertConfig = ConfigOf<typeof BERT_KEYS>;

/** What is dropped before a classifier. */
export const dropoutOf = (config: BertConfig): number => config.classifierDropout ?? config.hiddenDropoutProb;

/** What heads read of the configurations of BERT's kin. */
export const KIN = { width: (config: BertConfig): number => config.hiddenSize, dropout: dropoutOf };
