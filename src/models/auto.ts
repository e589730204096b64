import { join } from "#platform";
import { checkOptions, type Known } from "../backend/options.ts";
import { type HubOptions, type HubPurpose, resolveModel } from "../hub/index.ts";
import type { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { bert } from "./bert/index.ts";
import type { CausalLm } from "./causal-lm.ts";
import { distilbert } from "./distilbert/index.ts";
import { electra } from "./electra/index.ts";
import { gpt2 } from "./gpt2/index.ts";
import { llama, mistral, qwen2 } from "./llama/index.ts";
import { marian } from "./marian/index.ts";
import { AutoModels, FROM_PRETRAINED, type FromPretrainedOptions, NOT_LOADED } from "./pretrained/auto.ts";
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
import type { LoadReport, PreTrainedModel } from "./pretrained/model.ts";
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

/** What {@link AutoModel} and its kin take: how the checkpoint is read, and how it is fetched. */
export interface AutoOptions extends FromPretrainedOptions, HubOptions {
  /** Of the hub: a branch, tag or commit. */
  revision?: string;
  /** A folder in the folder or repository. */
  subfolder?: string;
  /** Gives back the model and the report, as `[model, report]`. */
  outputLoadingInfo?: boolean;
}
const HUB: Known<HubOptions & { revision?: string; subfolder?: string }> = {
  endpoint: true,
  cacheDir: true,
  token: true,
  localFilesOnly: true,
  onProgress: true,
  say: true,
  signal: true,
  retryDelay: true,
  timeout: true,
  revision: true,
  subfolder: true,
};
const AUTO: Known<AutoOptions> = { ...FROM_PRETRAINED, ...HUB, outputLoadingInfo: true };

/** The local folder of a name, options apart that are not the hub's. */
async function folderOf(name: string, options: AutoOptions, purpose?: HubPurpose): Promise<string> {
  const given = Object.entries(options).filter(([key]) => key in HUB && key !== "subfolder");
  const folder = await resolveModel(name, { ...Object.fromEntries(given), purpose });
  return options.subfolder === undefined ? folder : join(folder, options.subfolder);
}

interface Auto<M> {
  /**
   * Opens a folder in Hugging Face's layout, config.json and the weights, or a model of the hub (`OWNER/NAME`). What the
   * checkpoint lacks, a new head say, starts with random values; a report of what does not fit is printed unless `quiet`.
   * @throws ConfigError for an unknown architecture or a key that asks for what is not done here, StateDictError for an
   * unfinished checkpoint, WeightsError or the format's own for weights that do not fit, HubError for what cannot be fetched,
   * OptionError for options that are not known.
   */
  fromPretrained(name: string, options: AutoOptions & { outputLoadingInfo: true }): Promise<[M, LoadReport]>;
  fromPretrained(name: string, options?: AutoOptions): Promise<M>;
}
const auto = <M>(head: Head): Auto<M> => ({
  async fromPretrained(name: string, options: AutoOptions = {}) {
    checkOptions("fromPretrained", options, AUTO, NOT_LOADED);
    const own = Object.entries(options).filter(([key]) => key in FROM_PRETRAINED);
    const { model, report } = autoModels.load(await folderOf(name, options), head, Object.fromEntries(own));
    // biome-ignore lint/suspicious/noExplicitAny: which of both, the signatures above say
    return (options.outputLoadingInfo ? [model, report] : model) as any;
  },
});

export const AutoConfig = {
  /**
   * The configuration of a folder. Keys that nobody knows are told unless `quiet`. Throws {@link ConfigError}, OptionError.
   */
  async fromPretrained(
    name: string,
    options: Pick<AutoOptions, keyof typeof HUB | "quiet" | "warn"> = {},
  ): Promise<PretrainedConfig> {
    checkOptions("AutoConfig.fromPretrained", options, { ...HUB, quiet: true, warn: true }, NOT_LOADED);
    const folder = await folderOf(name, options, "config");
    const config = autoModels.config(folder);
    const strange = options.quiet ? [] : autoModels.strangeKeys(folder);
    if (strange.length > 0) (options.warn ?? console.warn)(strange.join("\n"));
    return config;
  },
};
export const AutoModel = auto<Encoder>("base");
export const AutoModelForSequenceClassification = auto<SequenceClassifier>("sequenceClassification");
export const AutoModelForTokenClassification = auto<TokenClassifier>("tokenClassification");
export const AutoModelForQuestionAnswering = auto<QuestionAnswerer>("questionAnswering");
export const AutoModelForMaskedLM = auto<MaskedLm>("maskedLm");
export const AutoModelForCausalLM = auto<CausalLmModel>("causalLm");
export const AutoModelForSeq2SeqLM = auto<Seq2SeqModel>("seq2seqLm");
