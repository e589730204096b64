export {
  type BagOfWordsConfig,
  BagOfWordsForSequenceClassification,
  MlpForSequenceClassification,
  type MlpTextConfig,
  type SparseBatch,
} from "./bag-of-words/index.ts";
export { type BeamOptions, beamSearch, type Hypothesis } from "./beam-search.ts";
export type { CausalLm, LmState } from "./causal-lm.ts";
export { GenerationError, type GenerationOptions, generate } from "./generation.ts";
export { type GptConfig, GptForCausalLM } from "./gpt/index.ts";
export { Mlp, type MlpConfig } from "./mlp/index.ts";
export { type RnnClassifierConfig, RnnForSequenceClassification, type SequenceBatch } from "./rnn-classifier/index.ts";
export { RNN_CELLS, RnnForCausalLM, type RnnLmConfig } from "./rnn-lm/index.ts";
export { RnnForTokenClassification, type RnnTaggerConfig, type TaggerBatch } from "./rnn-tagger/index.ts";
export { nextProbabilities } from "./sampling.ts";
export {
  type TransformerClassifierConfig,
  TransformerForSequenceClassification,
} from "./transformer-classifier/index.ts";
