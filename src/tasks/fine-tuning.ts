import { ArrayDataset } from "../data/index.ts";
import {
  autoModels,
  type EncoderInputs,
  type FromPretrainedOptions,
  type Head,
  type LoadReport,
  type PreTrainedModel,
  type PretrainedConfig,
  type SequenceClassifier,
  someOf,
  type TokenClassifier,
} from "../models/index.ts";
import { takenInputs } from "../models/pretrained/check-inputs.ts";
import { crossEntropy } from "../nn/index.ts";
import { manualSeed } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { PreTrainedTokenizer } from "../text/index.ts";
import { DEFAULTS, type Metrics, Trainer, type TrainResult } from "../train/index.ts";
import { type Adapting, adapt, loraRate } from "./adapting.ts";
import { parseClassWeights, refuseClassOptions, weightOf } from "./classes.ts";
import { TaskError } from "./error.ts";
import type { ModelConfig } from "./folder.ts";
import { smoothingOf, trainingArgs } from "./recipes.ts";
import { saveModel } from "./save.ts";
import type { TaskOptions, TaskReport } from "./task.ts";

/** Transformers' defaults for GLUE. */
const RECIPE = {
  numTrainEpochs: 3,
  learningRate: 5e-5,
  weightDecay: 0.01,
  perDeviceTrainBatchSize: 32,
  maxGradNorm: 1,
};
/** Transformers' defaults for language models (run_clm, run_mlm). */
export const LM_RECIPE = {
  numTrainEpochs: 3,
  learningRate: 5e-5,
  perDeviceTrainBatchSize: 8,
  maxGradNorm: 1,
};
/** Tokens of a text, unless --max-length says otherwise. */
export const MAX_LENGTH = 128;

/** The longest text that model and tokenizer take, `wanted` at most. */
export function lengthFor(config: PretrainedConfig, tokenizerMost: number, wanted: number): number {
  const { maxPositionEmbeddings, nPositions } = config as { maxPositionEmbeddings?: number; nPositions?: number };
  // RoBERTa counts positions from its padding token on.
  const spare = ["roberta", "xlm-roberta"].includes(config.modelType) ? 2 : 0;
  return Math.min(wanted, tokenizerMost, (maxPositionEmbeddings ?? nPositions ?? Number.POSITIVE_INFINITY) - spare);
}

/** Every probability of dropout in a configuration, set to `p`. */
const dropoutOf = (config: PretrainedConfig, p: number | undefined): Record<string, number> =>
  p === undefined
    ? {}
    : Object.fromEntries(
        Object.keys(config)
          .filter((key) => /dropout|pdrop/i.test(key))
          .map((key) => [key, p]),
      );

/** The checkpoint's own labels in its order if they are the data's, else the data's. */
export function labelsFor(own: readonly string[], names: readonly string[]): readonly string[] {
  return own.length === names.length && names.every((name) => own.includes(name)) ? own : names;
}

/** Tells which parameters the checkpoint did not have, and which of its own are not used. */
function sayReport({ say }: TaskOptions, { missing, mismatched, unexpected, warnings }: LoadReport): void {
  for (const line of warnings) say?.(line);
  if (missing.length + mismatched.length > 0)
    say?.(`new, with random values: ${[...missing, ...mismatched].join(", ")}`);
  if (unexpected.length > 0) say?.(`in the checkpoint, and not used: ${someOf(unexpected)}`);
}

/** The folder of a fine-tuned model, in Hugging Face's form with its tokenizer. */
export function saveFineTuned(
  task: string,
  options: TaskOptions & { model: string },
  model: PreTrainedModel,
  tokenizer: PreTrainedTokenizer,
  result: TrainResult,
): TaskReport {
  const { configKind } = model.constructor as typeof PreTrainedModel;
  return saveModel(options.output, model, configKind.toJson(model.config) as ModelConfig, {
    task,
    preset: options.model,
    data: options.data,
    options,
    result,
    save() {
      model.savePretrained(options.output);
      tokenizer.savePretrained(options.output);
    },
  });
}

/**
 * Opens a checkpoint to be trained: what it lacks begins as the seed has it, and that learns which the options say.
 * @throws ConfigError, StateDictError, TaskError.
 */
export function openToTune(
  folder: string,
  head: Head,
  options: TaskOptions,
  { config, ...more }: FromPretrainedOptions = {},
): { model: PreTrainedModel; adapting: Adapting } {
  manualSeed(options.args?.seed ?? DEFAULTS.seed);
  const { model, report } = autoModels.load(folder, head, {
    ...more,
    quiet: true,
    config: { ...config, ...dropoutOf(autoModels.config(folder), options.dropout) },
  });
  sayReport(options, report);
  return { model, adapting: adapt(model, [...report.missing, ...report.mismatched], options) };
}

/** A checkpoint and what it is to learn. */
export interface Checkpoint {
  task: string;
  head: "sequenceClassification" | "tokenClassification";
  folder: string;
  tokenizer: PreTrainedTokenizer;
  /** Of the new head, where they are not the checkpoint's own. */
  labels: readonly string[];
  /** Keys of the configuration to change. */
  config?: Record<string, unknown>;
}

type Labelled = EncoderInputs & { labels: Tensor };
/** What the opened model learns from. */
export interface Lessons<E> {
  examples: readonly E[];
  collate: (examples: readonly E[]) => Labelled;
  /** Left out where there is nothing to validate on. */
  evaluate?: () => Promise<Metrics>;
  metricForBestModel: string;
  /** The class of every label that is learned; left out where a number is. */
  classes?: Int32Array;
}

/**
 * Opens a checkpoint, trains it on what `prepare` makes of the data, and writes its folder.
 * @param prepare gets the longest text, in tokens
 * @throws ConfigError, StateDictError, TaskError for a model that gives no loss.
 */
export async function fineTune<E extends { readonly inputIds: readonly number[] }>(
  { task, head, folder, tokenizer, labels, config }: Checkpoint,
  options: TaskOptions & { model: string },
  prepare: (model: SequenceClassifier | TokenClassifier, maxLength: number) => Lessons<E>,
): Promise<TaskReport> {
  // Another set of labels needs a new head, even one of the same size.
  const opened = openToTune(folder, head, options, { labels, config, ignoreMismatchedSizes: "head" });
  const model = opened.model as SequenceClassifier | TokenClassifier;
  const { adapting } = opened;
  const maxLength = lengthFor(model.config, tokenizer.modelMaxLength, options.maxLength ?? MAX_LENGTH);
  const { examples, metricForBestModel, classes, ...lessons } = prepare(model, maxLength);
  if (classes === undefined) refuseClassOptions("a number to predict", options);
  const weight = classes && parseClassWeights(options.classWeights, classes, labels.length);
  const weigh = weightOf(weight);
  const labelSmoothing = smoothingOf(options) ?? 0;
  const trainer = new Trainer<ArrayDataset<E>, Labelled>({
    ...lessons,
    model,
    trainDataset: new ArrayDataset(examples),
    lengths: examples.map((e) => e.inputIds.length),
    computeLoss: (batch) => {
      const { loss, logits } = model.forward(takenInputs(model, batch));
      if (loss === undefined) throw new TaskError(`${model.config.modelType}: no loss`);
      if (labelSmoothing === 0 && weight === undefined) return loss;
      return crossEntropy(logits.reshape([-1, labels.length]), batch.labels.flatten(), { weight, labelSmoothing });
    },
    countItems: weigh && ((batch) => weigh(batch.labels)),
    callbacks: options.callbacks,
    args: trainingArgs(options, { ...RECIPE, ...loraRate(options) }, metricForBestModel),
    savesModel: true,
    fingerprint: JSON.stringify([
      ...[model.config, options.data, maxLength, adapting.fingerprint],
      ...[labelSmoothing, options.classWeights],
    ]),
  });
  const result = await trainer.train();
  adapting.finish();
  return saveFineTuned(task, { ...options, maxLength }, model, tokenizer, result);
}
