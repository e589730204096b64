import { checkOptions, OptionError } from "../../backend/options.ts";
import type { ScheduleOptions } from "../../optim/index.ts";
import { checkOwnOptions } from "../../optim/schedules.ts";
import { checkValue, defaultsOf, type Resolved, type Values } from "../../options/index.ts";
import { asksNothing, REFUSED } from "./argument-names.ts";
import { ARGUMENTS, OPTIMIZER_ALIASES, type OptimizerName, OTHER_WAYS } from "./table.ts";

/** Settings of a run, with the names of Transformers' TrainingArguments in camelCase, and its defaults. */
export interface TrainingArguments extends Resolved<typeof ARGUMENTS> {}
/** Other ways to say what {@link TrainingArguments} hold, as Transformers has them. */
export interface ArgumentAliases extends Values<typeof OTHER_WAYS> {}
/** What `Trainer` takes as `args`. */
export type GivenArguments = Partial<Omit<TrainingArguments, "optim">> &
  ArgumentAliases & { optim?: OptimizerName | keyof typeof OPTIMIZER_ALIASES };

export const DEFAULTS: TrainingArguments = defaultsOf(ARGUMENTS);

const KNOWN = { ...ARGUMENTS, ...OTHER_WAYS };
/** Every name that {@link resolveArguments} hears. */
export const ARGUMENT_NAMES = Object.keys(KNOWN) as (keyof GivenArguments)[];

/**
 * What was given, checked, with the defaults for the rest.
 * @throws OptionError for a name that there is not or that is not done here, and for values out of range.
 */
export function resolveArguments(given: GivenArguments = {}): TrainingArguments {
  const names = given !== null && typeof given === "object" && !Array.isArray(given) ? Object.entries(given) : [];
  const asking = names.filter(([name, value]) => value !== undefined && !asksNothing(name, value));
  checkOptions("Trainer: args", names.length > 0 ? Object.fromEntries(asking) : given, KNOWN, REFUSED);
  const { bf16, disableTqdm, trainSamplingStrategy, ...rest } = Object.fromEntries(asking) as GivenArguments;
  const a = { ...DEFAULTS, ...rest } as TrainingArguments;
  if (a.nesterov === true) a.momentum = rest.momentum ?? 0.9;
  if (a.earlyStoppingPatience > 0) a.loadBestModelAtEnd = rest.loadBestModelAtEnd ?? true;
  for (const [name, value] of Object.entries({ bf16, disableTqdm, trainSamplingStrategy }))
    if (value !== undefined) checkValue(name, OTHER_WAYS[name as keyof ArgumentAliases], value);
  if (bf16) {
    if (a.precision === "float32") throw new OptionError("bf16 and precision: 'float32' contradict each other");
    a.precision = "bf16";
  }
  if (disableTqdm !== undefined) a.quiet = rest.quiet ?? disableTqdm;
  if (trainSamplingStrategy === "group_by_length") a.groupByLength = true;
  else if (trainSamplingStrategy === "sequential")
    throw new OptionError(
      "trainSamplingStrategy: sequential is not an argument here",
      "Give shuffle: false to Trainer.",
    );
  const other: Readonly<Record<string, OptimizerName>> = OPTIMIZER_ALIASES;
  a.optim = Object.hasOwn(other, a.optim) ? other[a.optim] : a.optim;
  checkArguments(a);
  return a;
}

/** The schedule's options from a run's settings and its number of steps. */
export function scheduleOptions(a: TrainingArguments, numTrainingSteps: number): ScheduleOptions {
  const { minLr, ...rest } = a.lrSchedulerKwargs;
  const share = a.warmupSteps === 0 ? a.warmupRatio : a.warmupSteps;
  return {
    ...rest,
    ...(minLr === undefined ? {} : { minLrRate: minLr / a.learningRate }),
    numTrainingSteps,
    numWarmupSteps: a.warmupSteps >= 1 ? Math.floor(a.warmupSteps) : Math.ceil(numTrainingSteps * share),
  };
}

/** Throws OptionError naming the first setting that is out of range. */
export function checkArguments(a: TrainingArguments): void {
  for (const [name, value] of Object.entries(a))
    if (value !== undefined) checkValue(name, ARGUMENTS[name as keyof TrainingArguments], value);
  const { minLr, ...rest } = a.lrSchedulerKwargs;
  const kwargs = Object.entries({ ...rest, minLrRate: rest.minLrRate ?? minLr }).filter(([, v]) => v !== undefined);
  checkOwnOptions("lrSchedulerKwargs", a.lrSchedulerType, Object.fromEntries(kwargs));
  if (a.optim === "sgd") return;
  for (const [name, asked] of Object.entries({ nesterov: a.nesterov, momentum: a.momentum > 0 }))
    if (asked) throw new OptionError(`${name} is not for optim ${a.optim}`, "Give optim: 'sgd', or leave it out.");
}
