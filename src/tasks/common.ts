import { existsSync, join, readFileSync } from "#platform";
import { ShoshinError } from "../backend/errors.ts";
import { backend, getPrecision } from "../backend/index.ts";
import { checkOptions } from "../backend/options.ts";
import { writeFileAtomic } from "../formats/index.ts";
import type { HubOptions } from "../hub/index.ts";
import type { Module } from "../nn/index.ts";
import {
  type GivenArguments,
  loadWeights,
  type Metrics,
  Progress,
  RunFolder,
  saveWeights,
  type TrainerCallbacks,
  type TrainResult,
} from "../train/index.ts";
import { NOT_PREDICTED, PREDICT, type PredictOptions } from "./predict-options.ts";

/** A task was asked for something that it cannot do. */
export class TaskError extends ShoshinError {}

/** What `train` of every task takes; the command line's options under their camelCase names. */
export interface TaskOptions {
  data: string;
  /** A source, a share like 0.2, or `none`. By default the source's own part, else a stratified 10 %. */
  validation?: string;
  output: string;
  /** A preset. */
  model?: string;
  textColumn?: string;
  labelColumn?: string;
  /** Translation: which languages of the data are read and written, and in which columns they lie. */
  sourceLanguage?: string;
  targetLanguage?: string;
  sourceColumn?: string;
  targetColumn?: string;
  /** Translation: what stands before every text that is read, as T5 wants it. */
  sourcePrefix?: string;
  /** `A:B` of the data. */
  range?: string;
  labelSmoothingFactor?: number;
  /** `balanced`, or a weight for each class in order. */
  classWeights?: string;
  layers?: number;
  hiddenSize?: number;
  embeddingSize?: number;
  dropout?: number;
  /** Of the preset `awd-lstm`: of the embedded words, between layers, of whole words, of the weights from state to state. */
  inputDropout?: number;
  hiddenDropout?: number;
  embeddingDropout?: number;
  weightDropout?: number;
  vocabSize?: number;
  /** Longest text in tokens; what is beyond is cut off. */
  maxLength?: number;
  /** A file of word vectors (word2vec, GloVe, fastText) that the embedding begins with; its size is theirs. */
  embeddings?: string;
  /** Language models: a kind (character, word, bpe, unigram, wordpiece) or a folder. */
  tokenizer?: string;
  /** Tokens of context that a step learns from. */
  blockSize?: number;
  tieWeights?: boolean;
  heads?: number;
  /** Width inside a Transformer's feed-forward layer. */
  intermediateSize?: number;
  /** Of pretrained models: rank of an adapter that is trained in the weights' place. */
  lora?: number;
  loraAlpha?: number;
  /** Ends of the names of layers that get an adapter, separated by commas, or `all-linear`. */
  loraTarget?: string;
  /** A regular expression: parameters whose names it is found in do not learn. */
  freeze?: string;
  /** Conversations: several in a block, one after another. */
  packing?: boolean;
  /** fill-mask: share of the tokens that are hidden; 0.15. */
  mlmProbability?: number;
  args?: GivenArguments;
  /** Called as training goes on; may stop it. */
  callbacks?: TrainerCallbacks[];
  /** Where lines for the reader go (what was chosen, progress). */
  say?: (line: string) => void;
}

export interface TaskReport {
  task: string;
  model: string;
  backend: string;
  output: string;
  parameters: number;
  epochs: number;
  steps: number;
  seconds: number;
  examplesPerSecond: number;
  train: { loss: number };
  validation: Metrics | null;
}

export interface EvaluateOptions {
  data: string;
  textColumn?: string;
  labelColumn?: string;
  /** Translation; those of the training where left out. */
  sourceLanguage?: string;
  targetLanguage?: string;
  sourceColumn?: string;
  targetColumn?: string;
  range?: string;
  /** No progress. */
  quiet?: boolean;
}
export interface EvaluateReport {
  task: string;
  examples: number;
  seconds: number;
  metrics: Metrics;
}

export type { PredictOptions };

/** Throws OptionError for options that a task's predictions do not have. */
export const checkPredict = (task: string, options: PredictOptions | undefined): void =>
  checkOptions(`predict: ${task}`, options, PREDICT[task], NOT_PREDICTED[task]);

/** The same for files of what is no text: there is no column of it either. */
export function checkPredictFile(
  task: string,
  { textColumn, ...options }: { textColumn?: string } & PredictOptions,
): void {
  if (textColumn !== undefined) throw new TaskError(`--text-column is not for ${task}`, "Leave it out.");
  checkPredict(task, options);
}

/** Throws {@link TaskError} unless a number of texts in a pass is one. */
export function checkBatchSize(size: number | undefined): void {
  if (size !== undefined && !(Number.isInteger(size) && size > 0))
    throw new TaskError(`batchSize is ${size}; expected a whole number from 1 on`);
}

/** A trained model in use. */
export interface Predictor {
  readonly task: string;
  readonly model: Module;
  evaluate(options: EvaluateOptions): Promise<EvaluateReport>;
  /** One result for each input, as Hugging Face's pipeline of the task gives it. */
  predict(inputs: readonly string[], options?: PredictOptions): Promise<unknown[]>;
  /** The same for a file of inputs. */
  predictFile(path: string, options: { textColumn?: string } & PredictOptions): Promise<unknown[]>;
  /** Writes predictions of a benchmark's test parts in the form that its site takes; returns the files. */
  submit?(source: string, folder: string): Promise<string[]>;
}

export interface Task {
  readonly name: string;
  readonly presets: readonly string[];
  readonly defaultPreset: string;
  train(options: TaskOptions): Promise<TaskReport>;
  load(folder: string): Promise<Predictor>;
}

export interface ModelConfig {
  model_type: string;
  architectures: string[];
  id2label?: Record<string, string>;
  label2id?: Record<string, number>;
  [key: string]: unknown;
}

/** How data and models come from the hub while a task runs: with progress on the terminal, unless it shall be quiet. */
export function downloads(options: {
  quiet?: boolean;
  args?: { quiet?: boolean };
  say?: (line: string) => void;
}): HubOptions {
  const progress = new Progress({ quiet: options.quiet ?? options.args?.quiet });
  return { onProgress: (update) => progress.download(update), say: options.say };
}

/** Whether `--model` names a pretrained model, a folder or one on the hub, and none of the presets. */
export const namesModel = (model: string, presets: readonly string[]): boolean =>
  /[\\/]|^hub:|^\./.test(model) || (!presets.includes(model) && existsSync(join(model, "config.json")));

export function readJson(path: string): unknown {
  if (!existsSync(path)) throw new TaskError(`${path}: no such file`, "Is this the folder of a trained model?");
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new TaskError(`${path}: not JSON: ${(error as Error).message}`, "The file is damaged.");
  }
}

/** What the options were that the model of a folder was trained with; nothing where it wasn't trained here. */
export function settingsOf(folder: string): Partial<TaskOptions> {
  const path = join(folder, "shoshin.json");
  const { settings = {} } = (existsSync(path) ? readJson(path) : {}) as { settings?: Partial<TaskOptions> };
  return settings;
}

/** A model with the weights of a folder, ready to be used. */
export function withWeights<M extends Module>(model: M, folder: string): M {
  loadWeights(model, join(folder, "model.safetensors"));
  return model.eval();
}

/** Sizes in a configuration under the names that models take them by; NaN for those that it lacks. */
export const sizesOf = (config: ModelConfig) => ({
  vocabSize: Number(config.vocab_size),
  numLabels: Object.keys(config.id2label ?? {}).length,
  embeddingSize: Number(config.embedding_size),
  hiddenSize: Number(config.hidden_size),
  numHiddenLayers: Number(config.num_hidden_layers),
  numAttentionHeads: Number(config.num_attention_heads),
  intermediateSize: Number(config.intermediate_size),
  maxPositionEmbeddings: Number(config.max_length),
  featureBuckets: Number(config.feature_buckets),
  featureSize: Number(config.feature_size),
  dropout: Number(config.dropout),
  padTokenId: Number(config.pad_token_id),
});

const VERSION = "0.1.0";

/** Labels of a configuration, by id. Throws TaskError if they are not 0 … n − 1. */
export function labelsOf(config: ModelConfig, path: string): string[] {
  const map = config.id2label;
  if (map === undefined) throw new TaskError(`${path}/config.json has no id2label`);
  return Object.keys(map).map((_, i) => {
    const label = map[String(i)];
    if (typeof label !== "string") throw new TaskError(`${path}/config.json: id2label has no entry ${i}`);
    return label;
  });
}

/** Writes the folder that holds a finished model: weights, configuration, how it was made, and a model card. */
export function saveModel(
  folder: string,
  model: Module,
  config: ModelConfig,
  about: {
    task: string;
    preset: string;
    data: string;
    options: TaskOptions;
    result: TrainResult;
    baseline?: string;
    files?: Record<string, unknown>;
    /** Writes weights and configuration in place of what is done by default. */
    save?: () => void;
  },
): TaskReport {
  const { task, preset, result } = about;
  const { say: _say, callbacks: _callbacks, ...settings } = about.options;
  const report: TaskReport = {
    task,
    model: preset,
    backend: backend().name,
    output: folder,
    parameters: model.parameterCount(),
    epochs: result.epochs,
    steps: result.steps,
    seconds: Number(result.seconds.toFixed(3)),
    examplesPerSecond: Math.round(result.examplesPerSecond),
    train: { loss: result.loss },
    validation: result.metrics ?? null,
  };
  const run = RunFolder.existing(folder);
  // A run that had finished before is left as it is, if its model was saved whole.
  if (result.alreadyFinished && run?.saved) return report;
  for (const [name, value] of Object.entries(about.files ?? {}))
    writeFileAtomic(join(folder, name), `${JSON.stringify(value)}\n`);
  if (about.save !== undefined) about.save();
  else {
    saveWeights(model, join(folder, "model.safetensors"));
    writeFileAtomic(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  }
  writeFileAtomic(
    join(folder, "shoshin.json"),
    `${JSON.stringify({ version: VERSION, task, preset, data: about.data, settings, precision: about.options.args?.bf16 ? "bf16" : (about.options.args?.precision ?? getPrecision()), instructionSet: backend().instructionSet, metrics: report.validation }, null, 2)}\n`,
  );
  const text = card(report, about.data, settings, config, about.baseline);
  if (run === undefined) writeFileAtomic(join(folder, "README.md"), text);
  else {
    run.write("README.md", (path) => writeFileAtomic(path, text));
    run.markSaved();
  }
  return report;
}

function card(
  report: TaskReport,
  data: string,
  settings: Omit<TaskOptions, "say" | "callbacks">,
  config: ModelConfig,
  baseline: string | undefined,
): string {
  const metrics = Object.entries(report.validation ?? {}).map(([name, value]) => `| ${name} | ${value.toFixed(4)} |`);
  const labels = Object.values(config.id2label ?? {});
  return `---
library_name: shoshin
pipeline_tag: ${report.task}
---

# ${report.task}: ${report.model}

Trained with Shoshin ${VERSION} on ${data}: ${report.parameters.toLocaleString("en-US")} parameters, ${report.epochs} epochs, ${report.steps} steps, ${report.seconds.toFixed(1)} s on the ${report.backend} backend.
${labels.length > 0 ? `\nLabels: ${labels.slice(0, 50).join(", ")}${labels.length > 50 ? ", …" : ""}\n` : ""}
## Results on validation data

${metrics.length > 0 ? `| metric | value |\n|---|---|\n${metrics.join("\n")}` : "None was held out."}
${baseline === undefined ? "" : `\n${baseline}\n`}
## Settings

\`\`\`json
${JSON.stringify(settings, null, 2)}
\`\`\`

## Limits

The model knows what its training data shows: other subjects, languages and styles will be judged worse. The best epoch was chosen on the validation data above, so results there are slightly flattering; measure on data of your own before you rely on it.
`;
}
