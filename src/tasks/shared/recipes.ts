import { type GivenArguments, lowerIsBetter } from "../../train/index.ts";
import type { TaskOptions } from "../settings.ts";

/** Settings of every task for which neither a preset nor the user says something else. */
const DEFAULTS = {
  perDeviceTrainBatchSize: 32,
  learningRate: 1e-3,
  momentum: 0.9,
  maxGradNorm: 0,
  loadBestModelAtEnd: true,
} satisfies GivenArguments;

/** What the user set for training; the smoothing of labels is the task's own. */
export function givenArgs({ args = {} }: Pick<TaskOptions, "args">): GivenArguments {
  const { labelSmoothingFactor: _, ...rest } = args;
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as GivenArguments;
}

/** ε of label smoothing, wherever it was given. */
export const smoothingOf = (options: TaskOptions): number | undefined =>
  options.labelSmoothingFactor ?? options.args?.labelSmoothingFactor;

/**
 * A run's settings: the recipe's unless the user's say otherwise.
 * @param metric what is best by default
 */
export function trainingArgs<R extends GivenArguments>(
  options: TaskOptions,
  recipe: R,
  metric: string,
): typeof DEFAULTS & R & GivenArguments {
  const given = givenArgs(options);
  const metricForBestModel = given.metricForBestModel ?? metric;
  // The trainer itself knows it of losses only.
  const lower =
    lowerIsBetter(metricForBestModel) && !metricForBestModel.endsWith("loss") ? { greaterIsBetter: false } : {};
  const all = { ...DEFAULTS, ...recipe, metricForBestModel, ...lower, ...given, outputDir: options.output };
  // What belongs to a recipe's own optimizer or schedule goes with it.
  if ((all.optim ?? "adamw") !== "sgd" && given.momentum === undefined) all.momentum = 0;
  if (all.lrSchedulerType !== recipe.lrSchedulerType && given.lrSchedulerKwargs === undefined)
    all.lrSchedulerKwargs = {};
  return all;
}
