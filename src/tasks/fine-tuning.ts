import type { LoadReport, PreTrainedModel, PretrainedConfig } from "../models/index.ts";
import type { PreTrainedTokenizer } from "../text/index.ts";
import type { TrainResult } from "../train/index.ts";
import { type ModelConfig, saveModel, type TaskOptions, type TaskReport } from "./common.ts";

/** Transformers' defaults for GLUE. */
export const RECIPE = {
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
export const dropoutOf = (config: PretrainedConfig, p: number | undefined): Record<string, number> =>
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

/** Tells which parameters the checkpoint did not have. */
export function sayNew({ say }: TaskOptions, { missing, mismatched }: LoadReport): void {
  if (missing.length + mismatched.length > 0)
    say?.(`new, with random values: ${[...missing, ...mismatched].join(", ")}`);
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
