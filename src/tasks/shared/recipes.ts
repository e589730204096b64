import { ARGUMENTS } from "../../train/arguments/table.ts";
import { type GivenArguments, lowerIsBetter } from "../../train/index.ts";
import { TASK_DEFAULTS } from "../options/training.ts";
import type { TaskOptions } from "../settings.ts";

/** What of a model's defaults is about its training; smoothing is an option of the task. */
export function recipeOf<D extends object>(
  defaults: D,
): Omit<Pick<D, keyof D & keyof GivenArguments>, "labelSmoothingFactor"> {
  const own = Object.entries(defaults).filter(([name]) => name in ARGUMENTS && name !== "labelSmoothingFactor");
  return Object.fromEntries(own) as never;
}

/** What the user set for training; the smoothing of labels is the task's own. */
export function givenArgs({ args = {} }: Pick<TaskOptions, "args">): GivenArguments {
  const { labelSmoothingFactor: _, ...rest } = args;
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) as GivenArguments;
}

/** ε of label smoothing, wherever it was given. */
export const smoothingOf = (options: TaskOptions): number | undefined =>
  options.labelSmoothingFactor ?? options.args?.labelSmoothingFactor;

/** The metric that the best evaluation is found by: the user's, else that of the task; and whether less of it is better. */
function goalOf(given: GivenArguments, metric: string): GivenArguments & { metricForBestModel: string } {
  const { metricForBestModel = metric } = given;
  // The trainer itself knows it of losses only.
  const lower = lowerIsBetter(metricForBestModel) && !metricForBestModel.endsWith("loss");
  return { metricForBestModel, ...(lower ? { greaterIsBetter: false } : {}) };
}

/**
 * A run's settings: the recipe's unless the user's say otherwise.
 * @param metric what is best by default
 */
export function trainingArgs<R extends GivenArguments>(
  options: TaskOptions,
  recipe: R,
  metric: string,
): typeof TASK_DEFAULTS & R & GivenArguments {
  const given = givenArgs(options);
  const all = { ...TASK_DEFAULTS, ...recipe, ...goalOf(given, metric), ...given, outputDir: options.output };
  // What belongs to a recipe's own optimizer or schedule goes with it.
  if ((all.optim ?? "adamw") !== "sgd" && given.momentum === undefined) all.momentum = 0;
  if (all.lrSchedulerType !== recipe.lrSchedulerType && given.lrSchedulerKwargs === undefined)
    all.lrSchedulerKwargs = {};
  return all;
}

/** The same for what learns without gradients, which hears nothing of them. */
export function ruleArgs(options: TaskOptions, recipe: GivenArguments, metric: string): GivenArguments {
  const given = givenArgs(options);
  return { ...recipe, ...goalOf(given, metric), ...given, outputDir: options.output };
}
