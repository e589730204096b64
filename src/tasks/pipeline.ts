import { checkOptions, knownOptions } from "../backend/options.ts";
import { type HubOptions, resolveModel } from "../hub/index.ts";
import { HUB_OPTIONS, HUB_REFUSED } from "../hub/settings.ts";
import { declarationOf } from "./declarations.ts";
import { TaskError } from "./error.ts";
import type { FilledMask } from "./fill-mask/filling.ts";
import type {
  FeatureExtractionOptions,
  FillMaskOptions,
  PredictOptions,
  TextClassificationOptions,
  TextGenerationOptions,
  TokenClassificationOptions,
  TranslationOptions,
} from "./predict-options.ts";
import { getTask } from "./registry.ts";
import type { ClassScore } from "./shared/classes.ts";
import type { Predictor } from "./task.ts";
import type { Entity, TaggedWord } from "./token-classification/predictor.ts";

type Texts = readonly string[];

/** The likeliest class of each text; with `topK` a list of classes for each, best first. */
export interface TextClassificationPipeline {
  (text: string, options: TextClassificationOptions & { topK: number | null }): Promise<ClassScore[]>;
  (texts: Texts, options: TextClassificationOptions & { topK: number | null }): Promise<ClassScore[][]>;
  (input: string | Texts, options?: TextClassificationOptions & { topK?: undefined }): Promise<ClassScore[]>;
}
/** The same, opened with a `topK`: a list of lists, as Transformers gives it. */
export interface TopClassesPipeline {
  (text: string, options: TextClassificationOptions & { topK: number | null }): Promise<ClassScore[]>;
  (texts: Texts, options: TextClassificationOptions & { topK: number | null }): Promise<ClassScore[][]>;
  (input: string | Texts, options?: TextClassificationOptions & { topK?: undefined }): Promise<ClassScore[][]>;
}
/** A list for a text; a list of them for several. */
export interface OnePerText<R, O> {
  (text: string, options?: O): Promise<R>;
  (texts: Texts, options?: O): Promise<R[]>;
}
/** Whole entities where the model's labels mark them (B-, I-), else words. */
export type TokenClassificationPipeline = OnePerText<Entity[] | TaggedWord[], TokenClassificationOptions>;
/** For a text with several masks, a list of such lists. */
export type FillMaskPipeline = OnePerText<FilledMask[] | FilledMask[][], FillMaskOptions>;
/** Every token's vector, [1][T][hidden size]; with `pooling` one vector, [hidden size]. */
export interface FeatureExtractionPipeline {
  (text: string, options: FeatureExtractionOptions & { pooling: "mean" | "cls" }): Promise<number[]>;
  (texts: Texts, options: FeatureExtractionOptions & { pooling: "mean" | "cls" }): Promise<number[][]>;
  (text: string, options?: FeatureExtractionOptions & { pooling?: "none" }): Promise<number[][][]>;
  (texts: Texts, options?: FeatureExtractionOptions & { pooling?: "none" }): Promise<number[][][][]>;
}
export type PooledFeaturesPipeline = OnePerText<number[], FeatureExtractionOptions & { pooling?: "mean" | "cls" }>;
export interface GeneratedText {
  generated_text: string;
}
export type TextGenerationPipeline = OnePerText<GeneratedText[], TextGenerationOptions>;
export interface TranslatedText {
  translation_text: string;
}
/** One for each text; with `numReturnSequences` above 1 a list of several for each of a list. */
export interface TranslationPipeline {
  (input: string | Texts, options?: TranslationOptions & { numReturnSequences?: 1 }): Promise<TranslatedText[]>;
  (text: string, options: TranslationOptions): Promise<TranslatedText[]>;
  (texts: Texts, options: TranslationOptions): Promise<TranslatedText[] | TranslatedText[][]>;
}
/** A list with one for each. */
export type ListPipeline<R> = (input: string | Texts, options?: Record<never, never>) => Promise<R[]>;

interface Opened<O, P> {
  options: O;
  pipeline: P;
}
/** What {@link pipeline} gives for each task, and the options that it is opened with. */
export interface Pipelines {
  "text-classification": Opened<TextClassificationOptions, TextClassificationPipeline>;
  "token-classification": Opened<TokenClassificationOptions, TokenClassificationPipeline>;
  "fill-mask": Opened<FillMaskOptions, FillMaskPipeline>;
  "feature-extraction": Opened<FeatureExtractionOptions, FeatureExtractionPipeline>;
  "text-generation": Opened<TextGenerationOptions, TextGenerationPipeline>;
  translation: Opened<TranslationOptions, TranslationPipeline>;
  "sentence-similarity": Opened<unknown, ListPipeline<{ score: number }>>;
  "tabular-classification": Opened<unknown, ListPipeline<ClassScore>>;
  "tabular-regression": Opened<unknown, ListPipeline<{ value: number }>>;
  "image-classification": Opened<unknown, ListPipeline<ClassScore>>;
}
/** Other names of tasks. */
interface Aliases {
  sentiment: "text-classification";
  "sentiment-analysis": "text-classification";
  ner: "token-classification";
}
/** Names that {@link pipeline} knows. */
export type PipelineTask = keyof Pipelines | keyof Aliases | `translation_${string}_to_${string}`;
/** The task that a name means. */
export type TaskNamed<T extends PipelineTask> = T extends keyof Pipelines
  ? T
  : T extends keyof Aliases
    ? Aliases[T]
    : "translation";

/** Options that a pipeline is opened with: those of its calls, which then hold for all of them, and the hub's. */
export type PipelineOptions<T extends PipelineTask> = HubOptions & Pipelines[TaskNamed<T>]["options"];

const CPU = "Everything is computed on the processor: setBackend, setPrecision.";
const FOLDER = "It comes from the model's folder.";
const NOT_OPENED: Readonly<Record<string, string>> = {
  ...{ device: CPU, deviceMap: CPU, dtype: CPU, torchDtype: CPU, framework: CPU },
  ...{ config: FOLDER, tokenizer: FOLDER, featureExtractor: FOLDER, imageProcessor: FOLDER, processor: FOLDER },
  ...{ useFast: FOLDER, quantized: FOLDER, modelKwargs: FOLDER, pipelineClass: FOLDER },
  revision: "Name it with the model: OWNER/NAME@REVISION.",
  trustRemoteCode: "No code of a checkpoint is ever run.",
};

/** How results lie: what Transformers gives for one text and for several. */
function nested(task: string, single: boolean, results: unknown[], call: PredictOptions): unknown {
  if (task === "text-generation") {
    const lists = results.map((r) => (Array.isArray(r) ? r : [r]));
    return single ? lists[0] : lists;
  }
  if (task === "text-classification") return single && call.topK !== undefined ? results[0] : results;
  if (task === "translation") return single && Array.isArray(results[0]) ? results[0] : results;
  const lists = ["token-classification", "fill-mask", "feature-extraction"].includes(task);
  return single && lists ? results[0] : results;
}

const pick = (from: object, known: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(from).filter(([name, value]) => Object.hasOwn(known, name) && value !== undefined));

/**
 * A function that predicts with a trained model, as Transformers' `pipeline`: it takes one text or several, and gives what
 * theirs gives for the task, nested as theirs. Texts are written with the likeliest tokens unless model or caller say
 * `doSample`; 256 of them at most where nobody says how many.
 * @param task Hugging Face's name, or an alias
 * @param model a folder, or a model of the hub: `OWNER/NAME`
 * @param options the hub's, and those of calls; what a call says wins
 * @throws OptionError for options that the task does not have; TaskError, HubError, ConfigError for models that cannot be opened.
 */
export function pipeline(
  task: "text-classification" | "sentiment" | "sentiment-analysis",
  model: string,
  options: PipelineOptions<"text-classification"> & { topK: number | null },
): Promise<TopClassesPipeline>;
export function pipeline(
  task: "feature-extraction",
  model: string,
  options: PipelineOptions<"feature-extraction"> & { pooling: "mean" | "cls" },
): Promise<PooledFeaturesPipeline>;
export function pipeline<T extends PipelineTask>(
  task: T,
  model: string,
  options?: PipelineOptions<T>,
): Promise<Pipelines[TaskNamed<T>]["pipeline"]>;
export async function pipeline(task: string, model: string, options: object = {}): Promise<unknown> {
  const { name, load } = getTask(task);
  const { predict: known = {}, unpredicted } = declarationOf(name) ?? {};
  checkOptions(
    `pipeline("${task}")`,
    options,
    { ...known, ...HUB_OPTIONS },
    { ...unpredicted, ...HUB_REFUSED, ...NOT_OPENED },
  );
  const always = pick(options, known);
  const predictor: Predictor = await load(await resolveModel(model, knownOptions(options, HUB_OPTIONS)));
  return async (input: string | Texts, call: PredictOptions = {}) => {
    checkOptions(name, call, known, unpredicted);
    const single = typeof input === "string";
    if (!single && !(Array.isArray(input) && input.every((text) => typeof text === "string"))) {
      throw new TaskError(
        `${name}: expected a text or a list of texts, found ${input === null ? "null" : Array.isArray(input) ? "a list of something else" : typeof input}`,
        'pipe("a text"), pipe(["one", "another"]).',
      );
    }
    const given = pick(call, known);
    // Two ways to say how long a text is: the call's counts.
    const wins = (a: string, b: string) => (given[a] !== undefined && given[b] === undefined ? [b] : []);
    const pairs = [...wins("maxLength", "maxNewTokens"), ...wins("maxNewTokens", "maxLength")];
    const before = Object.fromEntries(Object.entries(always).filter(([key]) => !pairs.includes(key)));
    const results = await predictor.predict(single ? [input] : (input as Texts), { ...before, ...given });
    return nested(name, single, results, given);
  };
}
