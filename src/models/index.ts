export {
  AutoConfig,
  AutoModel,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  autoModels,
  type Encoder,
  type MaskedLm,
  type Pretrained,
  type QuestionAnswerer,
  type SequenceClassifier,
  type TokenClassifier,
} from "./auto.ts";
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
export { AutoModels, type Family, type FromPretrainedOptions, type Head, type ModelClass } from "./pretrained/auto.ts";
export { ConfigError, type ConfigKind, type PretrainedConfig } from "./pretrained/config.ts";
export type {
  EncoderInputs,
  EncoderOutput,
  HeadOutput,
  QuestionAnsweringInputs,
  QuestionAnsweringOutput,
} from "./pretrained/inputs.ts";
export { type LoadOptions, type LoadReport, PreTrainedModel } from "./pretrained/model.ts";
export { type RnnClassifierConfig, RnnForSequenceClassification, type SequenceBatch } from "./rnn-classifier/index.ts";
export { RNN_CELLS, RnnForCausalLM, type RnnLmConfig } from "./rnn-lm/index.ts";
export { RnnForTokenClassification, type RnnTaggerConfig, type TaggerBatch } from "./rnn-tagger/index.ts";
export { nextProbabilities } from "./sampling.ts";
export {
  type TransformerClassifierConfig,
  TransformerForSequenceClassification,
} from "./transformer-classifier/index.ts";
export {
  TransformerForTokenClassification,
  type TransformerTaggerConfig,
} from "./transformer-tagger/index.ts";
