import { type Known, nearestName, OptionError } from "../../backend/options.ts";
import type { Module } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { TrainingArguments } from "../arguments/arguments.ts";
import type { Metrics } from "../metrics/metric.ts";
import type { AnyOptimizer, Scheduler } from "../optimizers.ts";
import type { RunFolder } from "../run/run-folder.ts";
import type { TrainResult } from "../train-result.ts";

/** What a callback may return. */
export type CallbackAnswer = void | "stop";
type Answer = CallbackAnswer | Promise<CallbackAnswer>;

/** Where training is. `step`: steps of the optimizer that are done; `epoch`: epochs that are done. */
export interface At {
  step: number;
  epoch: number;
}
export interface TrainBegin extends At {
  /** The step that training ends with, unless it is stopped before. */
  maxSteps: number;
  numTrainEpochs: number;
  /** Whether it goes on from a checkpoint. */
  resumed: boolean;
}
export interface StepBegin extends At {
  learningRate: number;
}
/** Gradients are there, and not applied yet: what changes them changes the step. They are cut to `maxGradNorm` afterwards. */
export interface PreOptimizerStep extends At {
  /** Of this step; undefined where no label counts. */
  loss: number | undefined;
  learningRate: number;
  /** Those that learn, by name. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Of the parameters that have one; changed in place they are changed for the step. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** The 2-norm of all gradients together; it is computed when it is asked for. */
  readonly gradNorm: number;
}
export interface StepEnd extends At {
  /** Mean loss of the epoch so far. */
  loss: number;
  /** That of the step. */
  learningRate: number;
}
/** `logs`: `loss` (the mean since the last point) and `learning_rate`; of an evaluation its metrics with `eval_` before them. */
export interface Log extends At {
  logs: Metrics;
}
export interface Evaluated extends At {
  metrics: Metrics;
  /** Of the metric that says what is best; undefined where there is none of its name. */
  value: number | undefined;
  /** Whether it is the best so far. */
  best: boolean;
}
export interface Saved extends At {
  /** The checkpoint's folder; undefined where no hook before has written one. */
  path: string | undefined;
}
export interface TrainEnd extends At {
  /** `interrupted`: a callback has stopped it before the last step. */
  status: "finished" | "interrupted" | "failed";
  /** What was thrown. */
  error?: unknown;
  /** What `train()` gives; undefined where it failed. */
  result?: TrainResult;
}

/** What a hook may look at and ask for. What is asked for is done when all hooks have heard of what happened. */
export interface TrainerControl {
  readonly args: TrainingArguments;
  readonly model: Module;
  /** Undefined where learning needs none. */
  readonly optimizer: AnyOptimizer | undefined;
  readonly scheduler: Scheduler | undefined;
  readonly state: TrainingState;
  /** The folder of the run, where anything is written. */
  readonly folder: RunFolder | undefined;
  /** Whether training ends after this step. */
  readonly stopped: boolean;
  /** Whether there is held-out data. */
  readonly measures: boolean;
  /** Ends training after this step; it can go on from there. So does returning `"stop"`. */
  stop(): void;
  /** Ends it after this step, because there is nothing more to learn: the run has finished. */
  finish(): void;
  /** Measures held-out data after this step, besides when `evalStrategy` says so. Throws OptionError where there is none. */
  evaluate(): void;
  /** Saves after this step, besides when `saveStrategy` says so. Throws OptionError where nothing would. */
  save(): void;
  /** Gives the curve a point after this step, besides when `loggingStrategy` says so; `values` stand in it too. */
  log(values?: Metrics): void;
  /** Tells the reader something. */
  note(text: string): void;
  /**
   * Writes a checkpoint that the run can go on from, a folder, whole or not at all: weights, optimizer, schedule, random numbers.
   * Throws ShoshinError where learning has none.
   */
  writeCheckpoint(path: string): void;
}

/** Where a run stands. */
export interface TrainingState {
  readonly globalStep: number;
  readonly epoch: number;
  readonly maxSteps: number;
  readonly numTrainEpochs: number;
  /** Mean loss of the epoch so far. */
  readonly loss: number;
  readonly examplesPerSecond: number;
  /** The metric that says what is best, whether more of it is better, and its value at the best evaluation. */
  readonly metricForBestModel: string;
  readonly greaterIsBetter: boolean;
  readonly bestMetric: number | undefined;
  readonly bestGlobalStep: number | undefined;
  readonly evaluationsSinceBest: number;
}

/**
 * What happens in a training, under the names of Transformers' TrainerCallback. Each is told what happened and may ask
 * for something by `control`; returning `"stop"` ends training after this step. Asynchronous ones are waited for. What one throws
 * ends training, and is thrown by `train()`. The hooks that are there by default are made in the same way.
 */
export interface TrainerCallbacks {
  /** Before the first step; the run is restored where it goes on. */
  onTrainBegin?(info: TrainBegin, control: TrainerControl): Answer;
  /** Before the first step of an epoch, or the first that is done of it where a run goes on. */
  onEpochBegin?(info: At, control: TrainerControl): Answer;
  onStepBegin?(info: StepBegin, control: TrainerControl): Answer;
  /** Between backward pass and optimizer. */
  onPreOptimizerStep?(info: PreOptimizerStep, control: TrainerControl): Answer;
  onStepEnd?(info: StepEnd, control: TrainerControl): Answer;
  /** A point of the curve. */
  onLog?(info: Log, control: TrainerControl): Answer;
  /** Before held-out data is measured. Not among Transformers'. */
  onEvaluateBegin?(info: At, control: TrainerControl): Answer;
  /** Held-out data was measured; the model has the very weights that were. */
  onEvaluate?(info: Evaluated, control: TrainerControl): Answer;
  /** After all have heard of the evaluation, or it failed. Not among Transformers'. */
  onEvaluateEnd?(info: At, control: TrainerControl): Answer;
  /** A checkpoint is due; the default hook has written it. */
  onSave?(info: Saved, control: TrainerControl): Answer;
  /** An epoch is done. */
  onEpochEnd?(info: At, control: TrainerControl): Answer;
  /** The last step is done: the weights that the model ends with are put in place. Nothing can be asked for any more. Not among Transformers'. */
  onLoopEnd?(info: At, control: TrainerControl): Answer;
  /** The end, also where training has failed. Nothing can be asked for any more. */
  onTrainEnd?(info: TrainEnd, control: TrainerControl): Answer;
  /** Something for the reader. Not among Transformers'. */
  onNote?(info: { text: string }, control: TrainerControl): Answer;
  /** What a hook must remember to go on with a run: numbers, texts, truth values, null, and lists and plain objects of them. */
  stateDict?(): unknown;
  loadStateDict?(state: unknown): void;
}
/** @see TrainerCallbacks */
export type TrainerCallback = TrainerCallbacks;

export type EventName = Exclude<keyof TrainerCallbacks, "stateDict" | "loadStateDict">;
export type InfoOf<E extends EventName> = Parameters<NonNullable<TrainerCallbacks[E]>>[0];

const KNOWN: Known<Omit<TrainerCallbacks, "stateDict" | "loadStateDict">> = {
  onTrainBegin: true,
  onEpochBegin: true,
  onStepBegin: true,
  onPreOptimizerStep: true,
  onStepEnd: true,
  onLog: true,
  onEvaluateBegin: true,
  onEvaluate: true,
  onEvaluateEnd: true,
  onSave: true,
  onEpochEnd: true,
  onLoopEnd: true,
  onTrainEnd: true,
  onNote: true,
};
/** Of Transformers' TrainerCallback. */
const REFUSED: Readonly<Record<string, string>> = {
  onInitEnd: "Do it after new Trainer(…).",
  onOptimizerStep: "onPreOptimizerStep is before the optimizer's step, onStepEnd after it.",
  onSubstepEnd: "With gradientAccumulationSteps: onPreOptimizerStep is after the last of them.",
  onPredictionStep: "onEvaluate is after the last of them.",
  onPredict: "await trainer.predict(data) is waited for.",
  onPushBegin: "Nothing is uploaded from here.",
};

/** Names of functions that an object, or its class, has for something that happens. */
function handlersOf(callbacks: object): string[] {
  const names: string[] = [];
  for (let at = callbacks; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at))
    names.push(...Object.getOwnPropertyNames(at));
  return names.filter((name) => /^on[A-Z_]/.test(name));
}

/** Throws OptionError for what is no callback, or has a name that nothing calls, with the nearest that there is. */
export function checkCallback(where: string, each: unknown): asserts each is TrainerCallbacks {
  if (each === null || typeof each !== "object" || Array.isArray(each))
    throw new OptionError(
      `${where}: a callback is ${typeof each === "function" ? "a function" : String(each)}; expected an object`,
      "{ onStepEnd({ step, loss }) { … } }, or an instance of a class.",
    );
  for (const name of handlersOf(each)) {
    if (Object.hasOwn(REFUSED, name))
      throw new OptionError(`${where}: callbacks: nothing calls ${name} here`, REFUSED[name]);
    if (!Object.hasOwn(KNOWN, name)) {
      const near = nearestName(name, Object.keys(KNOWN));
      throw new OptionError(
        `${where}: callbacks: nothing calls ${name}`,
        `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${Object.keys(KNOWN).join(", ")}.`,
      );
    }
    const handler: unknown = (each as TrainerCallbacks)[name as EventName];
    if (handler !== undefined && typeof handler !== "function")
      throw new OptionError(`${where}: callbacks: ${name} is no function`);
  }
}
