import type { TypedArray } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import { checkOptions, type Known, nearestName, OptionError } from "../backend/options.ts";
import type { AnyDataset, ExampleOf } from "../data/index.ts";
import { PreTrainedModel } from "../models/pretrained/model.ts";
import { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GivenArguments } from "./arguments.ts";
import type { Carry } from "./checkpoint.ts";

export type Metrics = Record<string, number>;

/** What happened; returning `"stop"` from a callback ends training after this step. */
export interface TrainerCallbacks {
  onStepEnd?(info: { step: number; epoch: number; loss: number; learningRate: number }): void | "stop";
  onEvaluate?(info: { step: number; metrics: Metrics }): void;
  onEpochEnd?(info: { step: number; epoch: number }): void;
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
  /** Of every training example, for `groupByLength`. */
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
  computeMetrics?: (outputs: TypedArray, targets: TypedArray) => Metrics;
  /** Metrics on held-out data in place of `evalDataset`; the model is in evaluation mode. */
  evaluate?: () => Promise<Metrics>;
  /** @deprecated It is an argument: `args.metricForBestModel`. */
  metricForBestModel?: string;
  /** @deprecated It is an argument: `args.greaterIsBetter`. */
  greaterIsBetter?: boolean;
  /** Settings, with the names of Transformers' TrainingArguments in camelCase. */
  args?: GivenArguments;
  callbacks?: TrainerCallbacks[];
  /** Describes data and model; a resume with another one is refused. */
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
  if (typeof trainDataset?.length !== "number" || !("get" in trainDataset || "batch" in trainDataset))
    throw new OptionError(`${where}: trainDataset is no data set`, "Give an ArrayDataset, or what has length and get.");
  if (trainDataset.length === 0) throw new ShoshinError(`${where}: no training examples`);
  for (const name of ["collate", "loss", "computeLoss", "countItems", "computeMetrics", "evaluate"] as const)
    if (options[name] !== undefined && typeof options[name] !== "function")
      throw new OptionError(`${where}: ${name} is no function`);
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
    for (const name of handlersOf(each)) {
      if (Object.hasOwn(CALLBACKS, name)) continue;
      const near = nearestName(name, Object.keys(CALLBACKS));
      throw new OptionError(
        `${where}: callbacks: nothing calls ${name}`,
        `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${Object.keys(CALLBACKS).join(", ")}.`,
      );
    }
  }
}
