import { ArrayDataset } from "../../data/index.ts";
import {
  autoModels,
  type EncoderInputs,
  type FromPretrainedOptions,
  type Head,
  type LoadReport,
  type ModelClass,
  type PreTrainedModel,
  type PretrainedConfig,
  type SequenceClassifier,
  someOf,
  type TokenClassifier,
} from "../../models/index.ts";
import { takenInputs } from "../../models/pretrained/check-inputs.ts";
import { crossEntropy } from "../../nn/index.ts";
import { manualSeed } from "../../tensor/random.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PreTrainedTokenizer } from "../../text/index.ts";
import { DEFAULTS, type Metrics } from "../../train/index.ts";
import { TaskError } from "../error.ts";
import type { ModelConfig } from "../folder.ts";
import type { TaskOptions } from "../settings.ts";
import { parseClassWeights, refuseClassOptions, weightOf } from "../shared/classes.ts";
import { recipeOf, smoothingOf, trainingArgs } from "../shared/recipes.ts";
import type { Course, CourseLessons, ModelOptions, Plan } from "../task.ts";
import { type Adapting, adapt, loraRate } from "./adapting.ts";
import { lengthFor } from "./length.ts";
import { FINE_TUNING } from "./options.ts";

/** Tokens of a text, unless --max-length says otherwise. */
export const MAX_LENGTH = FINE_TUNING.defaults.maxLength;

/** Every probability of dropout in a configuration, set to `p`. */
const dropoutOf = (config: PretrainedConfig, p: number | undefined): Record<string, number> =>
  p === undefined
    ? {}
    : Object.fromEntries(
        Object.keys(config)
          .filter((key) => /dropout|pdrop/i.test(key))
          .map((key) => [key, p]),
      );

/** What a checkpoint's model for a use will be. Throws ConfigError, ShoshinError where the family has none. */
export function modelFor(folder: string, head: Head): { config: PretrainedConfig; Model: ModelClass } {
  const config = autoModels.config(folder);
  const family = autoModels.family({ model_type: config.modelType }, folder);
  return { config, Model: autoModels.classOf(family, head) };
}

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
  head: "sequenceClassification" | "tokenClassification";
  folder: string;
  tokenizer: PreTrainedTokenizer;
  /** Of the new head, where they are not the checkpoint's own. */
  labels: readonly string[];
  /** Keys of the configuration to change. */
  config?: Record<string, unknown>;
  /** What is best by default. */
  metric: string;
}

type Labelled = EncoderInputs & { labels: Tensor };
/** What the opened model learns from. */
export interface Encodings<E> {
  examples: readonly E[];
  collate: (examples: readonly E[]) => Labelled;
  /** Left out where there is nothing to validate on. */
  evaluate?: () => Promise<Metrics>;
  /** The class of every label that is learned; left out where a number is. */
  classes?: Int32Array;
}

/** What writes the folder of a fine-tuned model, in Hugging Face's form with its tokenizer. */
export function savedAs(model: PreTrainedModel, tokenizer: PreTrainedTokenizer): Pick<Course, "labels" | "save"> {
  const { configKind } = model.constructor as typeof PreTrainedModel;
  const { id2label = {} } = configKind.toJson(model.config) as ModelConfig;
  return {
    labels: Object.values(id2label),
    save(folder) {
      model.savePretrained(folder);
      tokenizer.savePretrained(folder);
    },
  };
}

/**
 * Plans that a checkpoint learns to label texts or their words.
 * @param prepare gets the model and the longest text, in tokens
 * @throws ConfigError, StateDictError, TaskError for a model that gives no loss.
 */
export function planFineTuning<E extends { readonly inputIds: readonly number[] }>(
  { head, folder, tokenizer, labels, config, metric }: Checkpoint,
  options: ModelOptions,
  prepare: (model: SequenceClassifier | TokenClassifier, maxLength: number) => Encodings<E>,
): Plan {
  const maxLength = lengthFor(autoModels.config(folder), tokenizer.modelMaxLength, options.maxLength ?? MAX_LENGTH);
  return {
    args: trainingArgs(options, { ...recipeOf(FINE_TUNING.defaults), ...loraRate(options) }, metric),
    settings: { maxLength },
    begin(): Course {
      // Another set of labels needs a new head, even one of the same size.
      const opened = openToTune(folder, head, options, { labels, config, ignoreMismatchedSizes: "head" });
      const model = opened.model as SequenceClassifier | TokenClassifier;
      const { adapting } = opened;
      const { examples, classes, collate, evaluate } = prepare(model, maxLength);
      if (classes === undefined) refuseClassOptions("a number to predict", options);
      const weight = classes && parseClassWeights(options.classWeights, classes, labels.length);
      const weigh = weightOf(weight);
      const labelSmoothing = smoothingOf(options) ?? 0;
      const lessons: CourseLessons<ArrayDataset<E>, Labelled> = {
        ...{ trainDataset: new ArrayDataset(examples), collate, evaluate },
        lengths: examples.map((e) => e.inputIds.length),
        computeLoss: (batch) => {
          const { loss, logits } = model.forward(takenInputs(model, batch));
          if (loss === undefined) throw new TaskError(`${model.config.modelType}: no loss`);
          if (labelSmoothing === 0 && weight === undefined) return loss;
          return crossEntropy(logits.reshape([-1, labels.length]), batch.labels.flatten(), { weight, labelSmoothing });
        },
        countItems: weigh && ((batch) => weigh(batch.labels)),
      };
      return {
        ...{ model, lessons, identity: [model.config, adapting.identity], end: adapting.finish },
        ...savedAs(model, tokenizer),
      };
    },
  };
}
