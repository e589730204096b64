export {
  type BagOfWordsConfig,
  BagOfWordsForSequenceClassification,
  MlpForSequenceClassification,
  type MlpTextConfig,
  type SparseBatch,
} from "./bag-of-words/index.ts";
export { Mlp, type MlpConfig } from "./mlp/index.ts";
