import type { Precision } from "../../backend/backend.ts";
import { ShoshinError } from "../../backend/errors.ts";
import { checkOptions, type Known, nearestName, OptionError } from "../../backend/options.ts";
import { SCHEDULES, type ScheduleName, type ScheduleOptions } from "../../optim/index.ts";
import { checkOwnOptions } from "../../optim/schedules.ts";
import { asksNothing, REFUSED } from "./argument-names.ts";

export const OPTIMIZERS = ["sgd", "adam", "adamw", "rmsprop", "adagrad"] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];
/** Transformers' names of the same. */
const OPTIMIZER_ALIASES: Readonly<Record<string, OptimizerName>> = {
  adamw_torch: "adamw",
  adamw_torch_fused: "adamw",
};

/** When something is done: `steps` (every so many), `epoch`, or not at all. */
export type IntervalStrategy = "no" | "steps" | "epoch";

/** Settings of a run, with the names of Transformers' TrainingArguments in camelCase, and its defaults. */
export interface TrainingArguments {
  /** Where checkpoints, curves and the best weights go; without it nothing is written. */
  outputDir?: string;
  /** Begins anew in a folder that holds something: what a run wrote there goes, everything else stays. */
  overwriteOutputDir: boolean;
  /** Passes over the data, 3; with a fraction the last is cut short. */
  numTrainEpochs: number;
  /** Stops after so many optimizer steps; overrides numTrainEpochs. 0 or −1: off. */
  maxSteps: number;
  /** 8. With gradientAccumulationSteps a step learns from so many times more. */
  perDeviceTrainBatchSize: number;
  /** 8; of `evalDataset`. */
  perDeviceEvalBatchSize: number;
  /** 5e-5 */
  learningRate: number;
  weightDecay: number;
  /** L1 penalty. */
  l1: number;
  /** adamw */
  optim: OptimizerName;
  /** Of sgd alone; 0, with nesterov 0.9. */
  momentum: number;
  nesterov: boolean;
  /** β₁, β₂ and ε of adam and adamw: 0.9, 0.999, 1e-8. */
  adamBeta1: number;
  adamBeta2: number;
  adamEpsilon: number;
  /** linear: down to 0 at the last step. */
  lrSchedulerType: ScheduleName;
  /** More of the schedule: `numCycles`, `power`, `gamma` …; `minLr`, the rate that `cosine_with_min_lr` ends at. */
  lrSchedulerKwargs: Omit<ScheduleOptions, "numTrainingSteps" | "numWarmupSteps"> & { minLr?: number };
  /** Steps in which the rate rises from 0; below 1, a share of all steps. */
  warmupSteps: number;
  /** A share of all steps, 0 to 1; where warmupSteps is 0. */
  warmupRatio: number;
  /** Gradient norm is cut to this, 1; 0: off. */
  maxGradNorm: number;
  /** Batches of a step. Their labels count alike, in whichever of them they are. */
  gradientAccumulationSteps: number;
  /** Layers compute their insides again in the backward pass instead of keeping them; for models that can. */
  gradientCheckpointing: boolean;
  /** ε of the loss that a model of Hugging Face's gives, 0 to 1 (Szegedy et al. 2016); 0. */
  labelSmoothingFactor: number;
  /** Of multiplies, in training and evaluation: `bf16` or `float32`; what `setPrecision` was given. */
  precision?: Precision;
  /** Each layer learns with this share of the rate of the layer above it, down to the embeddings; 1: all alike. */
  layerwiseLrDecay: number;
  /** Evaluates and saves a moving average of the weights with this decay per step, in place of the last weights; 0: off. */
  emaDecay: number;
  /** Ends after so many evaluations without a better metric; 0: off. */
  earlyStoppingPatience: number;
  /** Of dropout and of the order of examples; 42. */
  seed: number;
  /** Of the order of examples alone. */
  dataSeed?: number;
  /** Batches of texts of like length, where the task knows lengths: less padding. */
  groupByLength: boolean;
  /** When held-out data is measured; left out: after every epoch, and every evalSteps where that is given. */
  evalStrategy?: IntervalStrategy;
  /** Evaluates every so many steps; 0: after every epoch (with evalStrategy `steps`: every 500). */
  evalSteps: number;
  /** When checkpoints are written; left out: every saveSteps, or else after every epoch. `best`: with every better metric. */
  saveStrategy?: IntervalStrategy | "best";
  /** Writes a checkpoint every so many steps; 0: after every epoch (with saveStrategy `steps`: every 500). */
  saveSteps: number;
  /** When the curve gets a point; `steps`. */
  loggingStrategy: IntervalStrategy;
  /** Steps between points of the curve, which show the mean of these steps; 1. */
  loggingSteps: number;
  /** The first step too. */
  loggingFirstStep: boolean;
  /** Checkpoints kept; undefined: all. */
  saveTotalLimit?: number;
  /** Which metric of held-out data says what is best: its name, or that with `eval_` before it; `loss`. */
  metricForBestModel?: string;
  /** Whether the best metric is the greatest; left out: unless its name ends in `loss`. */
  greaterIsBetter?: boolean;
  /** Ends with the weights of the best evaluation; so does earlyStoppingPatience unless this is false. */
  loadBestModelAtEnd: boolean;
  /** Continues from the newest sound checkpoint in outputDir. */
  resume: boolean;
  quiet: boolean;
}

/** Other ways to say what {@link TrainingArguments} hold, as Transformers has them. */
export interface ArgumentAliases {
  /** `true`: precision `bf16`. */
  bf16?: boolean;
  /** quiet */
  disableTqdm?: boolean;
  /** `group_by_length`: groupByLength; `sequential`: the option `shuffle: false`. */
  trainSamplingStrategy?: "random" | "sequential" | "group_by_length";
}
/** What `Trainer` takes as `args`. */
export type GivenArguments = Partial<Omit<TrainingArguments, "optim">> &
  ArgumentAliases & { optim?: OptimizerName | "adamw_torch" | "adamw_torch_fused" };

export const DEFAULTS: TrainingArguments = {
  overwriteOutputDir: false,
  numTrainEpochs: 3,
  maxSteps: -1,
  perDeviceTrainBatchSize: 8,
  perDeviceEvalBatchSize: 8,
  learningRate: 5e-5,
  weightDecay: 0,
  l1: 0,
  optim: "adamw",
  momentum: 0,
  nesterov: false,
  adamBeta1: 0.9,
  adamBeta2: 0.999,
  adamEpsilon: 1e-8,
  lrSchedulerType: "linear",
  lrSchedulerKwargs: {},
  warmupSteps: 0,
  warmupRatio: 0,
  maxGradNorm: 1,
  gradientAccumulationSteps: 1,
  gradientCheckpointing: false,
  labelSmoothingFactor: 0,
  layerwiseLrDecay: 1,
  emaDecay: 0,
  earlyStoppingPatience: 0,
  seed: 42,
  groupByLength: false,
  evalSteps: 0,
  saveSteps: 0,
  loggingStrategy: "steps",
  loggingSteps: 1,
  loggingFirstStep: false,
  loadBestModelAtEnd: false,
  resume: false,
  quiet: false,
};

const KNOWN: Known<TrainingArguments & ArgumentAliases> = {
  ...(Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, true])) as Known<TrainingArguments>),
  outputDir: true,
  precision: true,
  dataSeed: true,
  evalStrategy: true,
  saveStrategy: true,
  saveTotalLimit: true,
  metricForBestModel: true,
  greaterIsBetter: true,
  bf16: true,
  disableTqdm: true,
  trainSamplingStrategy: true,
};
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
  for (const [name, value] of Object.entries({ bf16, disableTqdm }))
    if (value !== undefined && typeof value !== "boolean")
      throw new OptionError(`${name} is ${String(value)}; expected true or false`);
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
  else if (trainSamplingStrategy !== undefined && trainSamplingStrategy !== "random")
    throw new OptionError(
      `trainSamplingStrategy is ${String(trainSamplingStrategy)}; expected random or group_by_length`,
    );
  a.optim = Object.hasOwn(OPTIMIZER_ALIASES, a.optim) ? OPTIMIZER_ALIASES[a.optim] : a.optim;
  checkArguments(a);
  return a;
}

const SCHEDULE_KEYS = "numCycles minLr minLrRate power endShare stepSize gamma pctStart divFactor finalDivFactor".split(
  " ",
);

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

interface Limits {
  from: number;
  /** Above `from`, not at it. */
  open?: boolean;
  /** The greatest, or what all are below. */
  most?: number;
  below?: number;
  whole?: boolean;
}
const COUNT: Limits = { from: 0, whole: true };
const SOME: Limits = { from: 1, whole: true };
const REAL: Limits = { from: 0 };
const SHARE: Limits = { from: 0, below: 1 };
const NUMBERS: Partial<Record<keyof TrainingArguments, Limits>> = {
  numTrainEpochs: { from: 0, open: true },
  maxSteps: { from: -1, whole: true },
  perDeviceTrainBatchSize: SOME,
  perDeviceEvalBatchSize: SOME,
  learningRate: { from: 0, open: true },
  weightDecay: REAL,
  l1: REAL,
  momentum: REAL,
  adamBeta1: SHARE,
  adamBeta2: SHARE,
  adamEpsilon: REAL,
  warmupSteps: REAL,
  warmupRatio: { from: 0, most: 1 },
  maxGradNorm: REAL,
  gradientAccumulationSteps: SOME,
  labelSmoothingFactor: { from: 0, most: 1 },
  layerwiseLrDecay: { from: 0, open: true, most: 1 },
  emaDecay: SHARE,
  earlyStoppingPatience: COUNT,
  seed: COUNT,
  dataSeed: COUNT,
  evalSteps: COUNT,
  saveSteps: COUNT,
  loggingSteps: SOME,
  saveTotalLimit: COUNT,
};
const CHOICES: Partial<Record<keyof TrainingArguments, readonly string[]>> = {
  optim: OPTIMIZERS,
  lrSchedulerType: SCHEDULES,
  precision: ["float32", "bf16"],
  evalStrategy: ["no", "steps", "epoch"],
  saveStrategy: ["no", "steps", "epoch", "best"],
  loggingStrategy: ["no", "steps", "epoch"],
};
const CALLED: Partial<Record<keyof TrainingArguments, string>> = { optim: "optimizer", lrSchedulerType: "schedule" };

function checkNumber(name: string, value: unknown, { from, open, most, below, whole }: Limits): void {
  const fits =
    typeof value === "number" &&
    Number.isFinite(value) &&
    (open ? value > from : value >= from) &&
    (most === undefined || value <= most) &&
    (below === undefined || value < below) &&
    (!whole || Number.isSafeInteger(value));
  if (fits) return;
  const end = most !== undefined ? ` to ${most}` : below !== undefined ? ` to below ${below}` : "";
  throw new OptionError(
    `${name} is ${String(value)}; expected a ${whole ? "whole " : ""}number ${open ? "above" : "from"} ${from}${end}`,
  );
}

/** Throws OptionError naming the first setting that is out of range. */
export function checkArguments(a: TrainingArguments): void {
  for (const [name, value] of Object.entries(a) as [keyof TrainingArguments, unknown][]) {
    if (value === undefined) continue;
    const [limits, choices] = [NUMBERS[name], CHOICES[name]];
    if (limits !== undefined) checkNumber(name, value, limits);
    else if (choices !== undefined) {
      if (choices.includes(value as string)) continue;
      const near = nearestName(String(value), choices);
      throw new OptionError(
        CALLED[name] === undefined
          ? `${name} is ${String(value)}; expected ${choices.join(" or ")}`
          : `unknown ${CALLED[name]} ${String(value)}`,
        `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${choices.join(", ")}.`,
      );
    } else if (name === "outputDir" || name === "metricForBestModel") {
      if (typeof value !== "string" || value === "")
        throw new OptionError(`${name} is ${String(value)}; expected a text`);
    } else if (name !== "lrSchedulerKwargs" && typeof value !== "boolean")
      throw new OptionError(`${name} is ${String(value)}; expected true or false`);
  }
  checkOptions("lrSchedulerKwargs", a.lrSchedulerKwargs, Object.fromEntries(SCHEDULE_KEYS.map((key) => [key, true])));
  for (const [name, value] of Object.entries(a.lrSchedulerKwargs)) {
    if (!(Number.isFinite(value) && value >= 0))
      throw new ShoshinError(`lrSchedulerKwargs: ${name} is ${value}; expected a number from 0`);
  }
  const { minLr, ...rest } = a.lrSchedulerKwargs;
  const kwargs = Object.entries({ ...rest, minLrRate: rest.minLrRate ?? minLr }).filter(([, v]) => v !== undefined);
  checkOwnOptions("lrSchedulerKwargs", a.lrSchedulerType, Object.fromEntries(kwargs));
  if (a.optim === "sgd") return;
  for (const [name, asked] of Object.entries({ nesterov: a.nesterov, momentum: a.momentum > 0 }))
    if (asked) throw new OptionError(`${name} is not for optim ${a.optim}`, "Give optim: 'sgd', or leave it out.");
}
