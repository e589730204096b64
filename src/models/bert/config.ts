import { type ConfigOf, checkPadding, defineConfig, kinds } from "../pretrained/config.ts";
import { BERT_HARMLESS, ENCODER_REFUSED } from "../pretrained/config-keys.ts";

/** Keys that BERT and its kin share. */
export const BERT_KEYS = {
  vocabSize: kinds.rows.default(30522),
  hiddenSize: kinds.width.default(768),
  numHiddenLayers: kinds.layers.default(12),
  numAttentionHeads: kinds.heads.default(12),
  intermediateSize: kinds.width.default(3072),
  hiddenAct: kinds.anyActivation.default("gelu"),
  hiddenDropoutProb: kinds.share.default(0.1),
  attentionProbsDropoutProb: kinds.share.default(0.1),
  maxPositionEmbeddings: kinds.rows.default(512),
  typeVocabSize: kinds.rows.default(2),
  initializerRange: kinds.deviation.default(0.02),
  layerNormEps: kinds.positive.default(1e-12),
  padTokenId: kinds.tokenId.nullish().default(0),
  classifierDropout: kinds.share.nullish(),
};

interface Checked {
  hiddenSize: number;
  numAttentionHeads: number;
  vocabSize: number;
  padTokenId?: number | null;
}
/** What is wrong with sizes that are right one by one. */
export const checkBert = (c: Checked): string | undefined =>
  c.hiddenSize % c.numAttentionHeads === 0
    ? checkPadding(c.padTokenId, c.vocabSize)
    : `num_attention_heads ${c.numAttentionHeads} does not divide hidden_size ${c.hiddenSize}`;

/** What there is to say about the keys of BERT and its kin. */
export const BERT_RULES = { check: checkBert, refused: ENCODER_REFUSED, harmless: BERT_HARMLESS };

export const bertConfig = defineConfig("bert", BERT_KEYS, BERT_RULES);
export type BertConfig = ConfigOf<typeof BERT_KEYS>;

/** What is dropped before a classifier. */
export const dropoutOf = (config: BertConfig): number => config.classifierDropout ?? config.hiddenDropoutProb;

/** What heads read of the configurations of BERT's kin. */
export const KIN = { width: (config: BertConfig): number => config.hiddenSize, dropout: dropoutOf };
