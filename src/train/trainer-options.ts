import type { TypedArray } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import { checkOptions, type Known, OptionError } from "../backend/options.ts";
import type { AnyDataset, ExampleOf } from "../data/index.ts";
import { PreTrainedModel } from "../models/pretrained/model.ts";
import { Module } from "../nn/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GivenArguments, TrainingArguments } from "./arguments/arguments.ts";
import { checkCallback, type TrainerCallbacks } from "./hooks/callback.ts";
import type { Metrics } from "./metrics/metric.ts";
import { checkOptimizers, type Optimizers } from "./optimizers.ts";
import type { Carry } from "./run/checkpoint.ts";
import type { FromCheckpoint } from "./run/from-checkpoint.ts";
import { aboutFrom } from "./run/old-runs.ts";
import type { RunAbout } from "./run/run-record.ts";

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

/** `computeLoss` of a batch alone. */
type BatchLoss<B> = (batch: B, info: LossInfo) => LossResult;
/** `computeLoss` as Transformers' Trainer has it: three parameters, none with a default, for they are counted. */
export type ModelLoss<B, M extends Module = Module> = (model: M, batch: B, info: LossInfo) => LossResult;

export interface TrainerOptions<D extends AnyDataset, B, M extends Module = Module> {
  model: M;
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
  /**
   * The scalar to minimise, a mean over the batch unless it reads `info.numItemsInBatch`. With three parameters it is called with
   * `(model, batch, info)`: {@link ModelLossOptions}.
   */
  computeLoss?: BatchLoss<B>;
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
  args?: GivenArguments & { resumeFromCheckpoint?: FromCheckpoint };
  /**
   * An optimizer of one's own, over all parameters or groups of them, and its schedule, in place of those that `args` name; without
   * a schedule, that of `args`. A `ReduceLROnPlateau` hears of every evaluation (`metricForBestModel`).
   */
  optimizers?: Optimizers;
  /** Hooks; they are told after those that are there by default. */
  callbacks?: TrainerCallbacks[];
  /** Whether the hooks are there that `args` ask for; true. False: `callbacks` are all, e.g. of `defaultCallbacks(args)`. */
  defaultCallbacks?: boolean;
  /** What is trained, on what: it stands in the run's record, and a resume with another is refused, which says what differs. */
  run?: RunAbout;
  /** @deprecated Describes data and model in a text: give `run`. */
  fingerprint?: string;
  /** The files of a model will be written into outputDir after training: what is in their way is said before it. */
  savesModel?: boolean;
}
/** {@link TrainerOptions} with a loss of model and batch. */
export type ModelLossOptions<D extends AnyDataset, B, M extends Module = Module> = Omit<
  TrainerOptions<D, B, M>,
  "computeLoss"
> & { computeLoss: ModelLoss<B, M> };

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
  optimizers: true,
  callbacks: true,
  defaultCallbacks: true,
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
  optimizerClsAndKwargs: "Make the optimizer, and give optimizers: [optimizer].",
  preprocessLogitsForMetrics: "Do it at the beginning of computeMetrics.",
};
/** Throws OptionError for what is no data set. */
export function checkDataset(where: string, name: string, data: unknown): asserts data is AnyDataset {
  if (typeof data !== "object" || data === null || !("get" in data || "batch" in data))
    throw new OptionError(`${where}: ${name} is no data set`, "Give an ArrayDataset, or what has length and get.");
  const { length } = data as { length?: unknown };
  if (!(Number.isSafeInteger(length) && (length as number) >= 0))
    throw new OptionError(`${where}: ${name}.length is ${String(length)}; expected a whole number from 0`);
}

/** A function whose first parameter is called `model`, in its text. */
const TAKES_MODEL = /^\s*(?:async\s+)?(?:function\b[^(]*|computeLoss\s*)?\(?\s*model\b/;

/** Throws OptionError, or ShoshinError where something is missing or two options contradict each other. */
export function checkTrainerOptions<D extends AnyDataset, B>(options: TrainerOptions<D, B>, ownLoss: boolean): void {
  const where = "Trainer";
  if (options === undefined)
    throw new OptionError(`${where}: expected options`, "new Trainer({ model, trainDataset, … })");
  checkOptions(where, options, KNOWN, REFUSED);
  const { model, trainDataset, loss, computeLoss, evaluate, evalDataset, computeMetrics, callbacks } = options;
  if (!(model instanceof Module)) throw new OptionError(`${where}: model is no module`, "Give an nn.Module.");
  for (const name of ["trainDataset", "evalDataset"] as const) {
    const data = options[name];
    if (data === undefined && name === "evalDataset") continue;
    checkDataset(where, name, data);
  }
  if (trainDataset.length === 0) throw new ShoshinError(`${where}: no training examples`);
  if (evalDataset?.length === 0)
    throw new ShoshinError(`${where}: evalDataset has no examples`, "Leave it out where nothing is held out.");
  for (const name of ["collate", "loss", "computeLoss", "countItems", "computeMetrics", "evaluate"] as const)
    if (options[name] !== undefined && typeof options[name] !== "function")
      throw new OptionError(`${where}: ${name} is no function`);
  for (const name of ["shuffle", "savesModel", "defaultCallbacks"] as const)
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
  if (computeLoss !== undefined && computeLoss.length < 3 && TAKES_MODEL.test(String(computeLoss)))
    throw new OptionError(
      `${where}: computeLoss has ${computeLoss.length === 1 ? "one parameter" : `${computeLoss.length} parameters`}, and is given (batch, { numItemsInBatch })`,
      "With three, none of them with a default, it is given (model, batch, { numItemsInBatch }).",
    );
  if (loss !== undefined && computeLoss !== undefined)
    throw new OptionError(`${where}: loss and computeLoss are both given`, "Give one of them.");
  if (!ownLoss && loss === undefined && computeLoss === undefined && !(model instanceof PreTrainedModel))
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
  for (const each of callbacks ?? []) checkCallback(where, each);
  checkOptimizers(where, options.optimizers, options.args);
}

/** Throws OptionError for settings of held-out data where there is none, and of a folder where nothing is written. */
export function checkHeard(
  o: { shuffle?: boolean; evaluate?: unknown; evalDataset?: { length: number }; savesModel?: boolean },
  a: TrainingArguments,
  where = "Trainer",
): void {
  if (a.resume && a.outputDir === undefined)
    throw new OptionError(`${where}: resume has nothing to go on with`, "Give outputDir: the folder of the run.");
  if (a.groupByLength && o.shuffle === false)
    throw new OptionError(`${where}: groupByLength makes an order of its own`, "Leave out shuffle: false, or it.");
  const held = o.evaluate !== undefined || (o.evalDataset?.length ?? 0) > 0;
  const measures = held && a.evalStrategy !== "no";
  const asked = {
    evalStrategy: !held && a.evalStrategy !== undefined && a.evalStrategy !== "no",
    evalSteps: !held && a.evalSteps > 0,
    saveStrategy: !measures && a.saveStrategy === "best",
    earlyStoppingPatience: !measures && a.earlyStoppingPatience > 0,
    // A task's recipe names these two whether there is held-out data or not.
    loadBestModelAtEnd: !measures && a.loadBestModelAtEnd && o.savesModel !== true,
    metricForBestModel: !held && a.metricForBestModel !== undefined && o.savesModel !== true,
  };
  const name = Object.entries(asked).find(([, unheard]) => unheard)?.[0];
  if (name === undefined) return;
  throw new OptionError(
    `${where}: ${name} needs held-out data that is measured${held ? ", and evalStrategy is no" : ", and there is none"}`,
    held
      ? "Give evalStrategy: 'epoch' or 'steps'."
      : "Give evalDataset or evaluate (on the command line --validation), or leave it out.",
  );
}
