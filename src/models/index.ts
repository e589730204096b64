export {
  AutoConfig,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForQuestionAnswering,
  AutoModelForSeq2SeqLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  type AutoOptions,
  autoModels,
  type CausalLmModel,
  type Encoder,
  type MaskedLm,
  type Pretrained,
  type QuestionAnswerer,
  type Seq2SeqModel,
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
export { type BeamOptions, beamSearch } from "./beam-search.ts";
export type { Hypothesis } from "./beams.ts";
export { type BertConfig, bertConfig } from "./bert/config.ts";
export {
  BertForMaskedLM,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertModel,
} from "./bert/index.ts";
export type { CausalLm, LmState } from "./causal-lm.ts";
export {
  type DistilBertConfig,
  DistilBertForMaskedLM,
  DistilBertForQuestionAnswering,
  DistilBertForSequenceClassification,
  DistilBertForTokenClassification,
  DistilBertModel,
  distilBertConfig,
} from "./distilbert/index.ts";
export {
  type ElectraConfig,
  ElectraForMaskedLM,
  ElectraForQuestionAnswering,
  ElectraForSequenceClassification,
  ElectraForTokenClassification,
  ElectraModel,
  electraConfig,
} from "./electra/index.ts";
export { generate } from "./generation.ts";
export { GenerationError } from "./generation-checks.ts";
export { GenerationConfig, type GenerationDefaults } from "./generation-config.ts";
export type { Decoder, GenerationOptions, Seq2SeqGenerationOptions, WritingOptions } from "./generation-options.ts";
export {
  type GPT2Config,
  GPT2ForSequenceClassification,
  GPT2ForTokenClassification,
  GPT2LMHeadModel,
  GPT2Model,
  gpt2Config,
} from "./gpt2/index.ts";
export {
  type LlamaConfig,
  LlamaForCausalLM,
  LlamaForSequenceClassification,
  LlamaForTokenClassification,
  LlamaModel,
  llamaConfig,
  MistralForCausalLM,
  MistralForSequenceClassification,
  MistralForTokenClassification,
  MistralModel,
  mistralConfig,
  Qwen2ForCausalLM,
  Qwen2ForSequenceClassification,
  Qwen2ForTokenClassification,
  Qwen2Model,
  qwen2Config,
} from "./llama/index.ts";
export { llamaFromLlama2c } from "./llama/llama2c.ts";
export { type MarianConfig, MarianMTModel, marianConfig } from "./marian/index.ts";
export { Mlp, type MlpConfig } from "./mlp/index.ts";
export { exportOnnx, type OnnxExport, type OnnxExportOptions, type OnnxPart, onnxParts } from "./onnx/index.ts";
export { AutoModels, type Family, type FromPretrainedOptions, type ModelClass } from "./pretrained/auto.ts";
export {
  ConfigError,
  type ConfigKind,
  labelsOf as configLabels,
  type PretrainedConfig,
  readConfigJson,
} from "./pretrained/config.ts";
export type { DecoderInputs, LabelledDecoderInputs } from "./pretrained/decoder.ts";
export { type Head, headOf } from "./pretrained/head-of.ts";
export type {
  EncoderInputs,
  EncoderOutput,
  HeadOutput,
  MaskedLmInputs,
  QuestionAnsweringInputs,
  QuestionAnsweringOutput,
} from "./pretrained/inputs.ts";
export { someOf } from "./pretrained/load-report.ts";
export { newModules, PeftModel } from "./pretrained/lora.ts";
export { type LoraConfig, LoraError } from "./pretrained/lora-config.ts";
export { type LoadOptions, type LoadReport, PreTrainedModel } from "./pretrained/model.ts";
export {
  type Seq2SeqInputs,
  type Seq2SeqLm,
  type Seq2SeqOutput,
  type Seq2SeqState,
  shiftTokensRight,
} from "./pretrained/seq2seq.ts";
export { type RnnClassifierConfig, RnnForSequenceClassification, type SequenceBatch } from "./rnn-classifier/index.ts";
export { RNN_CELLS, RnnForCausalLM, type RnnLmConfig } from "./rnn-lm/index.ts";
export {
  type LstmAttentionConfig,
  LstmAttentionForConditionalGeneration,
  lstmAttentionConfig,
} from "./rnn-seq2seq/index.ts";
export { RnnForTokenClassification, type RnnTaggerConfig, type TaggerBatch } from "./rnn-tagger/index.ts";
export {
  type RobertaConfig,
  RobertaForMaskedLM,
  RobertaForQuestionAnswering,
  RobertaForSequenceClassification,
  RobertaForTokenClassification,
  RobertaModel,
  robertaConfig,
} from "./roberta/index.ts";
export { nextProbabilities } from "./sampling.ts";
export { beamSearchSeq2Seq, generateSeq2Seq } from "./seq2seq-generation.ts";
export {
  MT5EncoderModel,
  MT5ForConditionalGeneration,
  mt5Config,
  type T5Config,
  T5EncoderModel,
  T5ForConditionalGeneration,
  t5Config,
} from "./t5/index.ts";
export {
  type TransformerClassifierConfig,
  TransformerForSequenceClassification,
} from "./transformer-classifier/index.ts";
export {
  TransformerForTokenClassification,
  type TransformerTaggerConfig,
} from "./transformer-tagger/index.ts";
