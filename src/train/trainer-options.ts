import type { TypedArray } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import { checkOptions, type Known, nearestName, OptionError } from "../backend/options.ts";
import type { AnyDataset, ExampleOf } from "../data/index.ts";
import { PreTrainedModel } from "../models/pretrained/model.ts";
import { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GivenArguments, TrainingArguments } from "./arguments/arguments.ts";
import type { Metrics } from "./metrics/metric.ts";
import type { Carry } from "./run/checkpoint.ts";
import { aboutFrom } from "./run/old-runs.ts";
import type { RunAbout } from "./run/run-record.ts";

/** What a callback may return. */
export type CallbackAnswer = void | "stop";
/**
 * What happened; returning `"stop"` from a callback ends training after this step. Asynchronous ones are waited for; what they
 * throw ends training.
 */
export interface TrainerCallbacks {
  onStepEnd?(info: {
    step: number;
    epoch: number;
    loss: number;
    learningRate: number;
  }): CallbackAnswer | Promise<CallbackAnswer>;
  onEvaluate?(info: { step: number; metrics: Metrics }): CallbackAnswer | Promise<CallbackAnswer>;
  onEpochEnd?(info: { step: number; epoch: number }): CallbackAnswer | Promise<CallbackAnswer>;
}

/** What `computeLoss` is told besides the batch. */
export interface LossInfo {
  /**
   * Labels that count in all batches of this step (`countItems`). A loss that reads it is a sum divided by it, and is taken as it
   * is; others are means over their batch, and are weighed by what their batch counts.
   */
  readonly numItemsInBatch: number;
}
/** The scalar to minimise, or that with the model's output, for `computeMetrics`. */
export type LossResult = Tensor | { loss: Tensor; logits?: Tensor; outputs?: Tensor };

export interface TrainerOptions<D extends AnyDataset, B> {
  model: Module;
  trainDataset: D;
  /** Makes a batch of examples; left out: what the data set makes itself, else `defaultCollate`. */
  collate?: (examples: ExampleOf<D>[]) => B;
  /** Examples in a new order in every epoch; true. Streams of text are read in order. */
  shuffle?: boolean;
  /** Of every training example, for `groupByLength`; left out: those of their `inputIds`. */
  lengths?: ArrayLike<number>;
  /** What a batch hands to the next besides weights, as the state of a recurrent net; saved in checkpoints. */
  carry?: Carry;
  /**
   * Of the model's output for `batch.x` and of `batch.y`, e.g. `nn.mseLoss`; a mean. This or `computeLoss`; a model of Hugging
   * Face's gives its own loss for batches with `labels`.
   */
  loss?: (output: Tensor, target: Tensor) => Tensor;
  /** The scalar to minimise, a mean over the batch unless it reads `info.numItemsInBatch`. */
  computeLoss?: (batch: B, info: LossInfo) => LossResult;
  /**
   * What a batch counts beside the others of its step, and in the mean of an evaluation; 0: nothing is learned from it. Left out:
   * int32 `labels` (or `y`) that are not −100, of a causal model from the second on; else the examples.
   */
  countItems?: (batch: B) => number;
  /** Held-out data; `loss` is reported on it, and `accuracy` where each example has one class as its target. */
  evalDataset?: D;
  /** Further metrics from all outputs [n · width] and targets of `evalDataset`. */
  computeMetrics?: (outputs: TypedArray, targets: TypedArray) => Metrics | Promise<Metrics>;
  /** Metrics on held-out data in place of `evalDataset`; the model is in evaluation mode. */
  evaluate?: () => Metrics | Promise<Metrics>;
  /** @deprecated It is an argument: `args.metricForBestModel`. */
  metricForBestModel?: string;
  /** @deprecated It is an argument: `args.greaterIsBetter`. */
  greaterIsBetter?: boolean;
  /** Settings, with the names of Transformers' TrainingArguments in camelCase. */
  args?: GivenArguments;
  callbacks?: TrainerCallbacks[];
  /** What is trained, on what: it stands in the run's record, and a resume with another is refused, which says what differs. */
  run?: RunAbout;
  /** @deprecated Describes data and model in a text: give `run`. */
  fingerprint?: string;
  /** The files of a model will be written into outputDir after training: what is in their way is said before it. */
  savesModel?: boolean;
}

export interface TrainResult {
  steps: number;
  epochs: number;
  seconds: number;
  examplesPerSecond: number;
  /** Mean loss of the last epoch. */
  loss: number;
  metrics: Metrics | undefined;
  /** Nothing was done: the run had finished before. */
  alreadyFinished: boolean;
}

const KNOWN: Known<TrainerOptions<AnyDataset, unknown>> = {
  model: true,
  trainDataset: true,
  collate: true,
  shuffle: true,
  lengths: true,
  carry: true,
  loss: true,
  computeLoss: true,
  countItems: true,
  evalDataset: true,
  computeMetrics: true,
  evaluate: true,
  metricForBestModel: true,
  greaterIsBetter: true,
  args: true,
  callbacks: true,
  run: true,
  fingerprint: true,
  savesModel: true,
};
/** Of Transformers' Trainer. */
const REFUSED: Readonly<Record<string, string>> = {
  dataCollator: "Here it is called collate.",
  processingClass: "Texts are encoded before: give collate. tokenizer.savePretrained(folder) saves a tokenizer.",
  tokenizer: "Texts are encoded before: give collate. tokenizer.savePretrained(folder) saves a tokenizer.",
  modelInit: "Make the model, after manualSeed(seed), and give it as model.",
  computeLossFunc: "Here it is called computeLoss: (batch, { numItemsInBatch }) => loss.",
  optimizers: "args.optim and args.lrSchedulerType choose optimizer and schedule; for others write the loop.",
  optimizerClsAndKwargs: "args.optim chooses the optimizer; for others write the loop.",
  preprocessLogitsForMetrics: "Do it at the beginning of computeMetrics.",
};
const CALLBACKS: Known<TrainerCallbacks> = { onStepEnd: true, onEvaluate: true, onEpochEnd: true };

/** Names of functions that an object, or its class, has for something that happens. */
function handlersOf(callbacks: object): string[] {
  const names: string[] = [];
  for (let at = callbacks; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at))
    names.push(...Object.getOwnPropertyNames(at));
  return names.filter((name) => /^on[A-Z]/.test(name));
}

/** Throws OptionError, or ShoshinError where something is missing or two options contradict each other. */
export function checkTrainerOptions<D extends AnyDataset, B>(options: TrainerOptions<D, B>): void {
  const where = "Trainer";
  if (options === undefined)
    throw new OptionError(`${where}: expected options`, "new Trainer({ model, trainDataset, … })");
  checkOptions(where, options, KNOWN, REFUSED);
  const { model, trainDataset, loss, computeLoss, evaluate, evalDataset, computeMetrics, callbacks } = options;
  if (!(model instanceof Module)) throw new OptionError(`${where}: model is no module`, "Give an nn.Module.");
  for (const name of ["trainDataset", "evalDataset"] as const) {
    const data = options[name];
    if (data === undefined && name === "evalDataset") continue;
    if (typeof data !== "object" || data === null || !("get" in data || "batch" in data))
      throw new OptionError(`${where}: ${name} is no data set`, "Give an ArrayDataset, or what has length and get.");
    if (!Number.isSafeInteger(data.length) || data.length < 0)
      throw new OptionError(`${where}: ${name}.length is ${String(data.length)}; expected a whole number from 0`);
  }
  if (trainDataset.length === 0) throw new ShoshinError(`${where}: no training examples`);
  if (evalDataset?.length === 0)
    throw new ShoshinError(`${where}: evalDataset has no examples`, "Leave it out where nothing is held out.");
  for (const name of ["collate", "loss", "computeLoss", "countItems", "computeMetrics", "evaluate"] as const)
    if (options[name] !== undefined && typeof options[name] !== "function")
      throw new OptionError(`${where}: ${name} is no function`);
  for (const name of ["shuffle", "savesModel"] as const)
    if (options[name] !== undefined && typeof options[name] !== "boolean")
      throw new OptionError(`${where}: ${name} is ${String(options[name])}; expected true or false`);
  if (options.run !== undefined) aboutFrom(options.run);
  if (options.fingerprint !== undefined && typeof options.fingerprint !== "string")
    throw new OptionError(`${where}: fingerprint is ${String(options.fingerprint)}; expected a text`);
  if (options.carry !== undefined && typeof options.carry?.reset !== "function")
    throw new OptionError(`${where}: carry has no reset()`);
  if (options.lengths !== undefined && options.lengths?.length !== trainDataset.length)
    throw new OptionError(
      `${where}: lengths has ${String(options.lengths?.length)} entries, trainDataset ${trainDataset.length} examples`,
    );
  if (loss !== undefined && computeLoss !== undefined)
    throw new OptionError(`${where}: loss and computeLoss are both given`, "Give one of them.");
  if (loss === undefined && computeLoss === undefined && !(model instanceof PreTrainedModel))
    throw new ShoshinError(`${where}: no loss`, "Give loss: nn.mseLoss (batches of x and y), or computeLoss.");
  if (evaluate !== undefined && (evalDataset ?? computeMetrics) !== undefined) {
    throw new OptionError(
      `${where}: evaluate stands in the place of evalDataset and computeMetrics, which would not be heard`,
      "Give one or the other.",
    );
  }
  if (computeMetrics !== undefined && evalDataset === undefined)
    throw new OptionError(`${where}: computeMetrics has nothing to measure`, "Give evalDataset.");
  if (evaluate !== undefined && options.args?.perDeviceEvalBatchSize !== undefined)
    throw new OptionError(`${where}: perDeviceEvalBatchSize is of evalDataset`, "evaluate makes batches of its own.");
  if (callbacks !== undefined && !Array.isArray(callbacks)) throw new OptionError(`${where}: callbacks is no array`);
  for (const each of callbacks ?? []) {
    if (each === null || typeof each !== "object")
      throw new OptionError(
        `${where}: a callback is ${typeof each === "function" ? "a function" : String(each)}; expected an object`,
        "{ onStepEnd({ step, loss }) { … } }, or an instance of a class.",
      );
    for (const name of handlersOf(each)) {
      if (Object.hasOwn(CALLBACKS, name)) {
        const handler: unknown = each[name as keyof TrainerCallbacks];
        if (handler === undefined || typeof handler === "function") continue;
        throw new OptionError(`${where}: callbacks: ${name} is no function`);
      }
      const near = nearestName(name, Object.keys(CALLBACKS));
      throw new OptionError(
        `${where}: callbacks: nothing calls ${name}`,
        `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${Object.keys(CALLBACKS).join(", ")}.`,
      );
    }
  }
}

/** Throws OptionError for settings of held-out data where there is none, and of a folder where nothing is written. */
export function checkHeard<D extends AnyDataset, B>(options: TrainerOptions<D, B>, a: TrainingArguments): void {
  if (a.resume && a.outputDir === undefined)
    throw new OptionError("Trainer: resume has nothing to go on with", "Give outputDir: the folder of the run.");
  if (a.groupByLength && options.shuffle === false)
    throw new OptionError("Trainer: groupByLength makes an order of its own", "Leave out shuffle: false, or it.");
  const held = options.evaluate !== undefined || (options.evalDataset?.length ?? 0) > 0;
  const measures = held && a.evalStrategy !== "no";
  const asked = {
    evalStrategy: !held && a.evalStrategy !== undefined && a.evalStrategy !== "no",
    evalSteps: !held && a.evalSteps > 0,
    saveStrategy: !measures && a.saveStrategy === "best",
    earlyStoppingPatience: !measures && a.earlyStoppingPatience > 0,
    // A task's recipe names these two whether there is held-out data or not.
    loadBestModelAtEnd: !measures && a.loadBestModelAtEnd && options.savesModel !== true,
    metricForBestModel: !held && a.metricForBestModel !== undefined && options.savesModel !== true,
  };
  const name = Object.entries(asked).find(([, unheard]) => unheard)?.[0];
  if (name === undefined) return;
  throw new OptionError(
    `Trainer: ${name} needs held-out data that is measured${held ? ", and evalStrategy is no" : ", and there is none"}`,
    held
      ? "Give evalStrategy: 'epoch' or 'steps'."
      : "Give evalDataset or evaluate (on the command line --validation), or leave it out.",
  );
}

/** Metrics are numbers by name. Throws ShoshinError for anything else that a function of the user's gave. */
export function checkMetrics(where: string, metrics: unknown): Metrics {
  const wrong = (what: string) =>
    new ShoshinError(`Trainer: ${where} gave ${what}`, "It returns numbers by name: { accuracy: 0.9 }.");
  if (metrics === null || typeof metrics !== "object" || Array.isArray(metrics) || metrics instanceof Map)
    throw wrong(
      metrics === null || metrics === undefined
        ? String(metrics)
        : `${metrics instanceof Map ? "a Map" : Array.isArray(metrics) ? "an array" : `a ${typeof metrics}`}`,
    );
  for (const [name, value] of Object.entries(metrics))
    if (typeof value !== "number") throw wrong(`${name}: ${String(value)} (${value === null ? "null" : typeof value})`);
  return metrics as Metrics;
}
