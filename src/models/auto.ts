import { type HubOptions, resolveModel } from "../hub/index.ts";
import type { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { bert } from "./bert/index.ts";
import type { CausalLm } from "./causal-lm.ts";
import { distilbert } from "./distilbert/index.ts";
import { electra } from "./electra/index.ts";
import { gpt2 } from "./gpt2/index.ts";
import { llama, mistral, qwen2 } from "./llama/index.ts";
import { marian } from "./marian/index.ts";
import { AutoModels, type FromPretrainedOptions } from "./pretrained/auto.ts";
import type { PretrainedConfig } from "./pretrained/config.ts";
import type { LabelledDecoderInputs } from "./pretrained/decoder.ts";
import type { Head } from "./pretrained/head-of.ts";
import type {
  EncoderInputs,
  EncoderOutput,
  HeadOutput,
  MaskedLmInputs,
  QuestionAnsweringInputs,
  QuestionAnsweringOutput,
} from "./pretrained/inputs.ts";
import type { PreTrainedModel } from "./pretrained/model.ts";
import type { Seq2SeqInputs, Seq2SeqLm, Seq2SeqOutput } from "./pretrained/seq2seq.ts";
import { lstmAttention } from "./rnn-seq2seq/index.ts";
import { roberta, xlmRoberta } from "./roberta/index.ts";
import { mt5, t5 } from "./t5/index.ts";

/** The kinds of models that are known. */
export const autoModels = new AutoModels([
  ...[bert, roberta, xlmRoberta, distilbert, electra],
  ...[gpt2, llama, qwen2, mistral],
  ...[t5, mt5, marian, lstmAttention],
]);

/** A pretrained model that is called with `I` and answers `O`. */
export interface Pretrained<I, O> extends PreTrainedModel, Module {
  forward(inputs: I): O;
}
type Labelled<I> = I & { labels?: Tensor };

export type Encoder = Pretrained<EncoderInputs, EncoderOutput>;
export type SequenceClassifier = Pretrained<Labelled<EncoderInputs>, HeadOutput>;
export type TokenClassifier = Pretrained<Labelled<EncoderInputs>, HeadOutput>;
export type MaskedLm = Pretrained<MaskedLmInputs, HeadOutput>;
export type QuestionAnswerer = Pretrained<QuestionAnsweringInputs, QuestionAnsweringOutput>;
/** A language model; `generate`, `beamSearch` and evaluation take it as it is. */
export type CausalLmModel = Pretrained<LabelledDecoderInputs, HeadOutput> & CausalLm;
/** A model that reads one text and writes another; `generateSeq2Seq` takes it as it is. */
export type Seq2SeqModel = Pretrained<Seq2SeqInputs, Seq2SeqOutput> & Seq2SeqLm;

const auto = <M>(head: Head) => ({
  /**
   * Opens a folder in Hugging Face's layout, config.json and the weights, or a model of the hub (`OWNER/NAME`). What the
   * checkpoint lacks, a new head say, starts with random values.
   * @throws ConfigError for an unknown architecture, StateDictError, WeightsError or the format's own for weights that do not
   * fit, HubError for what cannot be fetched.
   */
  async fromPretrained(name: string, options: FromPretrainedOptions & HubOptions = {}): Promise<M> {
    return autoModels.load(await resolveModel(name, options), head, options).model as M;
  },
});

export const AutoConfig = {
  /** The configuration of a folder. Throws {@link ConfigError}. */
  fromPretrained: async (name: string, options: HubOptions = {}): Promise<PretrainedConfig> =>
    autoModels.config(await resolveModel(name, { ...options, purpose: "config" })),
};
export const AutoModel = auto<Encoder>("base");
export const AutoModelForSequenceClassification = auto<SequenceClassifier>("sequenceClassification");
export const AutoModelForTokenClassification = auto<TokenClassifier>("tokenClassification");
export const AutoModelForQuestionAnswering = auto<QuestionAnswerer>("questionAnswering");
export const AutoModelForMaskedLM = auto<MaskedLm>("maskedLm");
export const AutoModelForCausalLM = auto<CausalLmModel>("causalLm");
export const AutoModelForSeq2SeqLM = auto<Seq2SeqModel>("seq2seqLm");
