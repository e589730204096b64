import { omit } from "../../options/index.ts";
import { ARGUMENTS, OTHER_WAYS } from "../../train/arguments/table.ts";
import type { GivenArguments } from "../../train/index.ts";

/**
 * The training arguments that tasks hear: the folder is their `output`, smoothing an option of their own, the precision one of
 * every command, and they measure held-out data in batches of their own.
 */
export const TRAINING = omit(
  { ...ARGUMENTS, ...OTHER_WAYS },
  "outputDir",
  "labelSmoothingFactor",
  "precision",
  "perDeviceEvalBatchSize",
);

/** Settings of every task for which neither a preset nor the user says something else. */
export const TASK_DEFAULTS = {
  perDeviceTrainBatchSize: 32,
  learningRate: 1e-3,
  momentum: 0.9,
  maxGradNorm: 0,
  loadBestModelAtEnd: true,
} satisfies GivenArguments;
/** What `--help` says of them. */
export const TASK_NOTES = {
  momentum: "with sgd",
  metricForBestModel: "the task's own",
  greaterIsBetter: "as the metric has it",
};

/** Those of them that are about more than gradients: what learns by a rule of its own hears these. */
export const RULE = omit(
  TRAINING,
  ...(["maxSteps", "perDeviceTrainBatchSize", "learningRate", "weightDecay", "l1", "optim", "momentum"] as const),
  ...(["nesterov", "adamBeta1", "adamBeta2", "adamEpsilon", "lrSchedulerType", "lrSchedulerKwargs"] as const),
  ...(["warmupSteps", "warmupRatio", "maxGradNorm", "gradientAccumulationSteps", "gradientCheckpointing"] as const),
  ...(["layerwiseLrDecay", "emaDecay", "groupByLength", "dataSeed", "bf16", "trainSamplingStrategy"] as const),
);
