import type { Precision } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import type { Module } from "../nn/index.ts";
import {
  Adagrad,
  Adam,
  AdamW,
  type Optimizer,
  RMSprop,
  SCHEDULES,
  type ScheduleName,
  type ScheduleOptions,
  SGD,
} from "../optim/index.ts";
import type { GroupOptions } from "../optim/optimizer.ts";
import { layerFactors } from "./layerwise.ts";

export const OPTIMIZERS = ["sgd", "adam", "adamw", "rmsprop", "adagrad"] as const;
export type OptimizerName = (typeof OPTIMIZERS)[number];

/** Settings of a run, with the names of Transformers' TrainingArguments in camelCase. */
export interface TrainingArguments {
  /** Where checkpoints, curves and the best weights go; without it nothing is written. */
  outputDir?: string;
  numTrainEpochs: number;
  /** Stops after so many optimizer steps; overrides numTrainEpochs. 0: off. */
  maxSteps: number;
  perDeviceTrainBatchSize: number;
  learningRate: number;
  weightDecay: number;
  /** L1 penalty. */
  l1: number;
  optim: OptimizerName;
  momentum: number;
  nesterov: boolean;
  /** β₁, β₂ and ε of adam and adamw. */
  adamBeta1: number;
  adamBeta2: number;
  adamEpsilon: number;
  lrSchedulerType: ScheduleName;
  /** More of the schedule: `numCycles`, `power`, `gamma` …; `minLr`, the rate that `cosine_with_min_lr` ends at. */
  lrSchedulerKwargs: Omit<ScheduleOptions, "numTrainingSteps" | "numWarmupSteps"> & { minLr?: number };
  warmupSteps: number;
  /** Gradient norm is cut to this; 0: off. */
  maxGradNorm: number;
  gradientAccumulationSteps: number;
  /** Layers compute their insides again in the backward pass instead of keeping them; for models that can. */
  gradientCheckpointing: boolean;
  /** Of multiplies, in training and evaluation: `bf16` or `float32`; what `setPrecision` was given. */
  precision?: Precision;
  /** Each layer learns with this share of the rate of the layer above it, down to the embeddings; 1: all alike. */
  layerwiseLrDecay: number;
  /** Evaluates and saves a moving average of the weights with this decay per step, in place of the last weights; 0: off. */
  emaDecay: number;
  /** Ends after so many evaluations without a better metric; 0: off. */
  earlyStoppingPatience: number;
  seed: number;
  /** Batches of texts of like length, where the task knows lengths: less padding. */
  groupByLength: boolean;
  /** Evaluates every so many steps; 0: after every epoch. */
  evalSteps: number;
  /** Writes a checkpoint every so many steps; 0: after every epoch. */
  saveSteps: number;
  /** Checkpoints kept; undefined: all. */
  saveTotalLimit?: number;
  /** Ends with the weights of the best evaluation. */
  loadBestModelAtEnd: boolean;
  /** Continues from the newest sound checkpoint in outputDir. */
  resume: boolean;
  quiet: boolean;
}

export const DEFAULTS: TrainingArguments = {
  numTrainEpochs: 3,
  maxSteps: 0,
  perDeviceTrainBatchSize: 32,
  learningRate: 1e-3,
  weightDecay: 0,
  l1: 0,
  optim: "adamw",
  momentum: 0.9,
  nesterov: false,
  adamBeta1: 0.9,
  adamBeta2: 0.999,
  adamEpsilon: 1e-8,
  lrSchedulerType: "linear",
  lrSchedulerKwargs: {},
  warmupSteps: 0,
  maxGradNorm: 0,
  gradientAccumulationSteps: 1,
  gradientCheckpointing: false,
  layerwiseLrDecay: 1,
  emaDecay: 0,
  earlyStoppingPatience: 0,
  seed: 42,
  groupByLength: false,
  evalSteps: 0,
  saveSteps: 0,
  loadBestModelAtEnd: true,
  resume: false,
  quiet: false,
};

const SCHEDULE_KEYS = "numCycles minLr minLrRate power endShare stepSize gamma pctStart divFactor finalDivFactor".split(
  " ",
);

/** The schedule's options from a run's settings and its number of steps. */
export function scheduleOptions(a: TrainingArguments, numTrainingSteps: number): ScheduleOptions {
  const { minLr, ...rest } = a.lrSchedulerKwargs;
  return {
    ...rest,
    ...(minLr === undefined ? {} : { minLrRate: minLr / a.learningRate }),
    numTrainingSteps,
    numWarmupSteps: a.warmupSteps,
  };
}

/** Throws ShoshinError naming the first setting that is out of range. */
export function checkArguments(a: TrainingArguments): void {
  const range = (name: keyof TrainingArguments, low: number, whole: boolean, open = false) => {
    const value = a[name] as number;
    if (!Number.isFinite(value) || value < low || (open && value === low) || (whole && !Number.isInteger(value))) {
      throw new ShoshinError(
        `${name} is ${value}; expected a ${whole ? "whole " : ""}number ${open ? "above" : "from"} ${low}`,
      );
    }
  };
  range("numTrainEpochs", 1, true);
  for (const name of ["maxSteps", "warmupSteps", "earlyStoppingPatience", "seed", "evalSteps", "saveSteps"] as const)
    range(name, 0, true);
  for (const name of ["perDeviceTrainBatchSize", "gradientAccumulationSteps"] as const) range(name, 1, true);
  for (const name of ["weightDecay", "l1", "momentum", "maxGradNorm"] as const) range(name, 0, false);
  range("learningRate", 0, false, true);
  range("adamEpsilon", 0, false);
  for (const name of ["adamBeta1", "adamBeta2"] as const) {
    if (!(a[name] >= 0 && a[name] < 1))
      throw new ShoshinError(`${name} is ${a[name]}; expected a number from 0 to below 1`);
  }
  for (const [name, value] of Object.entries(a.lrSchedulerKwargs)) {
    if (!SCHEDULE_KEYS.includes(name))
      throw new ShoshinError(`lrSchedulerKwargs: unknown name ${name}`, `There are: ${SCHEDULE_KEYS.join(", ")}.`);
    if (!(Number.isFinite(value) && value >= 0))
      throw new ShoshinError(`lrSchedulerKwargs: ${name} is ${value}; expected a number from 0`);
  }
  if (!(a.emaDecay >= 0 && a.emaDecay < 1))
    throw new ShoshinError(`emaDecay is ${a.emaDecay}; expected a number from 0 to below 1`);
  if (!(a.layerwiseLrDecay > 0 && a.layerwiseLrDecay <= 1))
    throw new ShoshinError(`layerwiseLrDecay is ${a.layerwiseLrDecay}; expected a number above 0, at most 1`);
  if (a.precision !== undefined && a.precision !== "float32" && a.precision !== "bf16")
    throw new ShoshinError(`precision is ${a.precision}; expected float32 or bf16`);
  if (!OPTIMIZERS.includes(a.optim))
    throw new ShoshinError(`unknown optimizer ${a.optim}`, `There are: ${OPTIMIZERS.join(", ")}.`);
  if (!SCHEDULES.includes(a.lrSchedulerType)) {
    throw new ShoshinError(`unknown schedule ${a.lrSchedulerType}`, `There are: ${SCHEDULES.join(", ")}.`);
  }
}

/** The optimizer that the settings name, over the parameters that learn; biases and norms do not decay. */
export function makeOptimizer(model: Module, a: TrainingArguments): Optimizer<GroupOptions> {
  const named = [...model.namedParameters()].filter(([, p]) => p.requiresGrad);
  const names = named.map(([name]) => name);
  const factors = layerFactors(names, a.layerwiseLrDecay);
  // The highest rate first: it is the one that is shown.
  const groups = [...new Set(factors)]
    .sort((x, y) => y - x)
    .flatMap((factor) => {
      const learned = named.flatMap(([, p], i) => (factors[i] === factor ? [p] : []));
      const lr = a.learningRate * factor;
      return [
        { params: learned.filter((p) => p.ndim >= 2), lr },
        { params: learned.filter((p) => p.ndim < 2), lr, weightDecay: 0, l1: 0 },
      ];
    })
    .filter((g) => g.params.length > 0);
  const common = { lr: a.learningRate, weightDecay: a.weightDecay, l1: a.l1 };
  const adam = { ...common, betas: [a.adamBeta1, a.adamBeta2] as const, eps: a.adamEpsilon };
  switch (a.optim) {
    case "sgd":
      return new SGD(groups, {
        ...common,
        momentum: a.momentum,
        nesterov: a.nesterov,
      }) as unknown as Optimizer<GroupOptions>;
    case "adam":
      return new Adam(groups, adam) as unknown as Optimizer<GroupOptions>;
    case "rmsprop":
      return new RMSprop(groups, common) as unknown as Optimizer<GroupOptions>;
    case "adagrad":
      return new Adagrad(groups, common) as unknown as Optimizer<GroupOptions>;
    default:
      return new AdamW(groups, adam) as unknown as Optimizer<GroupOptions>;
  }
}
