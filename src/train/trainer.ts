import { existsSync, join, mkdirSync } from "#platform";
import { ShoshinError } from "../backend/errors.ts";
import { getPrecision } from "../backend/index.ts";
import { named, shownAs } from "../backend/inspect.ts";
import { checkOptions, OptionError } from "../backend/options.ts";
import type { AnyDataset, BatchOf } from "../data/index.ts";
import { PreTrainedModel } from "../models/pretrained/model.ts";
import type { Module } from "../nn/index.ts";
import type { Optimizer } from "../optim/index.ts";
import type { GroupOptions } from "../optim/optimizer.ts";
import { resolveArguments, type TrainingArguments } from "./arguments/arguments.ts";
import { conduct } from "./conduct.ts";
import { evaluateOn, type PredictionOutput, predictOn } from "./evaluate.ts";
import { GradientSteps } from "./gradient-steps.ts";
import type { TrainerCallbacks } from "./hooks/callback.ts";
import { CallbackHandler, type CallbackOrClass } from "./hooks/handler.ts";
import { defaultCallbacks } from "./hooks/index.ts";
import { loop } from "./loop.ts";
import { checkMetrics, type Metrics } from "./metrics/metric.ts";
import { Objective } from "./objective.ts";
import { Optimizing } from "./optimizers.ts";
import { saveWeights } from "./run/checkpoint.ts";
import { checkFrom, type FromCheckpoint, liesIn } from "./run/from-checkpoint.ts";
import { Isolation } from "./run/isolation.ts";
import { aboutRun } from "./run/resume.ts";
import { RunFolder } from "./run/run-folder.ts";
import { stepLoader } from "./steps.ts";
import type { TrainResult } from "./train-result.ts";
import {
  checkDataset,
  checkHeard,
  checkTrainerOptions,
  type LossInfo,
  type LossResult,
  type ModelLossOptions,
  type TrainerOptions,
} from "./trainer-options.ts";

export interface TrainOptions {
  /**
   * Whether to go on from the newest sound checkpoint in `outputDir`, or the folder of the checkpoint to go on from, there or
   * elsewhere; left out: what `args` say.
   */
  resumeFromCheckpoint?: FromCheckpoint;
}

/** Trains a model, measures it, predicts with it, saves it; what happens in training, and when, is its hooks' to say. */
export class Trainer<D extends AnyDataset, B = BatchOf<D>, M extends Module = Module> {
  readonly args: TrainingArguments;
  readonly model: M;
  readonly optimizer: Optimizer<GroupOptions>;
  readonly #o: TrainerOptions<D, B, M>;
  readonly #objective: Objective<D, B>;
  readonly #optimizing: Optimizing;
  readonly #callbacks: CallbackHandler;
  readonly #from: FromCheckpoint | undefined;
  /** A second `train()` begins anew in the folder of the first. */
  #wrote = false;
  #training = false;

  /**
   * @throws OptionError for names that there are not, with the nearest that there is, and for settings out of range; ShoshinError
   * for no training examples, or neither `loss` nor `computeLoss`.
   */
  constructor(options: TrainerOptions<D, B, M>);
  /** The same with `computeLoss: (model, batch, { numItemsInBatch }) => loss`; the types of its parameters are to be named. */
  constructor(options: ModelLossOptions<D, B, M>);
  constructor(given: TrainerOptions<D, B, M> | ModelLossOptions<D, B, M>) {
    const options = given as TrainerOptions<D, B, M>;
    const overridden = this.computeLoss !== Trainer.prototype.computeLoss;
    checkTrainerOptions(options, overridden);
    this.args = argumentsOf(options);
    this.#from = options.args?.resumeFromCheckpoint;
    checkFrom("Trainer: args", this.#from);
    this.#o = options;
    this.model = options.model;
    const own = overridden ? this.computeLoss.bind(this) : undefined;
    this.#objective = new Objective(options, this.args, own as never);
    if (this.args.gradientCheckpointing) {
      if (!("gradientCheckpointing" in options.model))
        throw new ShoshinError(`Trainer: ${options.model.constructor.name} has no gradient checkpointing`);
      options.model.gradientCheckpointing = true;
    }
    this.#optimizing = new Optimizing(options.model, this.args, options.optimizers);
    this.optimizer = this.#optimizing.optimizer;
    const { callbacks = [], defaultCallbacks: byDefault = true } = options;
    this.#callbacks = new CallbackHandler("Trainer", [...(byDefault ? defaultCallbacks(this.args) : []), ...callbacks]);
  }

  /** Hooks in the order in which they are told: those that are there by default, then one's own. */
  get callbacks(): readonly TrainerCallbacks[] {
    return this.#callbacks.list;
  }
  /** One more hook, told after the others. Throws OptionError for what is none. */
  addCallback(callback: TrainerCallbacks): void {
    this.#callbacks.add(callback);
  }
  /** Takes out a hook, or the first of a class, and gives it. Throws OptionError where there is none. */
  popCallback(callback: CallbackOrClass): TrainerCallbacks {
    return this.#callbacks.pop(callback);
  }
  /** Takes out a hook, or the first of a class: `trainer.removeCallback(ProgressCallback)`. Throws OptionError where there is none. */
  removeCallback(callback: CallbackOrClass): void {
    this.#callbacks.pop(callback);
  }

  /**
   * The scalar to minimise, a mean over the batch unless it reads `info.numItemsInBatch`. A subclass may have a loss of its own
   * here, and call `super.computeLoss` for the one that the options or the model give.
   */
  computeLoss(model: M, batch: B, info: LossInfo): LossResult {
    return this.#objective.given(model, batch, info);
  }

  get #measures(): boolean {
    return this.#o.evaluate !== undefined || (this.#o.evalDataset?.length ?? 0) > 0;
  }

  /** Measures held-out data, or another data set; the model is as it was, afterwards. */
  async #measure(isolation: Isolation, dataset?: AnyDataset): Promise<Metrics> {
    const { model, evaluate, evalDataset } = this.#o;
    model.eval();
    if (evaluate !== undefined && dataset === undefined)
      return checkMetrics("evaluate", await isolation.during(model, async () => evaluate()));
    const data = dataset ?? (evalDataset as AnyDataset);
    const { perDeviceEvalBatchSize } = this.args;
    return isolation.precisely(() => evaluateOn(this.#o, this.#objective, data, perDeviceEvalBatchSize, isolation));
  }
  get #isolation(): Isolation {
    return Isolation.of(this.model, this.args.seed, this.args.precision);
  }

  /**
   * Metrics of a data set, under the names that training reports: `loss`, `accuracy` …
   * @param dataset left out: the held-out data
   * @throws OptionError for what is no data set, or where there is no held-out data
   */
  async evaluate(dataset?: AnyDataset): Promise<Metrics> {
    if (dataset !== undefined) this.#check("evaluate", dataset);
    else if (!this.#measures)
      throw new OptionError(
        "Trainer.evaluate: there is no held-out data",
        "trainer.evaluate(dataset), or evalDataset.",
      );
    const { training } = this.model;
    try {
      return await this.#measure(this.#isolation, dataset);
    } finally {
      this.model.train(training);
    }
  }

  /**
   * The model's outputs for a data set, with or without labels.
   * @throws OptionError for what is no data set; ShoshinError where there are no outputs
   */
  async predict(dataset: AnyDataset): Promise<PredictionOutput> {
    this.#check("predict", dataset);
    const { training } = this.model;
    this.model.eval();
    try {
      const { perDeviceEvalBatchSize } = this.args;
      return await predictOn(this.#o, this.#objective, dataset, perDeviceEvalBatchSize, this.#isolation);
    } finally {
      this.model.train(training);
    }
  }
  #check(door: string, dataset: unknown): void {
    checkDataset(`Trainer.${door}`, "dataset", dataset);
    if ((dataset as AnyDataset).length === 0) throw new ShoshinError(`Trainer.${door}: the data set has no examples`);
  }

  /**
   * Writes the model into a folder: of a pretrained model the folder that Hugging Face's libraries open, of others
   * model.safetensors.
   * @param folder left out: `outputDir`
   * @throws OptionError for no folder; ShoshinError where something of the user's has the name of one of its files; WriteError.
   */
  saveModel(folder: string | undefined = this.args.outputDir): void {
    if (typeof folder !== "string" || folder === "")
      throw new OptionError("Trainer.saveModel: the folder has no name", "trainer.saveModel(FOLDER), or outputDir.");
    const run = existsSync(folder) ? RunFolder.existing(folder) : undefined;
    if (run !== undefined && this.#training && folder === this.args.outputDir)
      throw new ShoshinError(
        "Trainer.saveModel: a training is under way in this folder",
        "Save into another one, or after it; control.save() writes a checkpoint.",
      );
    const taken = ["model.safetensors", "config.json"].find((name) => run !== undefined && run.nameFor(name) !== name);
    if (taken !== undefined)
      throw new ShoshinError(
        `${folder}: ${taken} is in the way: no run wrote it`,
        "Move it away, or name another folder.",
      );
    if (this.model instanceof PreTrainedModel) this.model.savePretrained(folder);
    else {
      mkdirSync(folder, { recursive: true });
      saveWeights(this.model, join(folder, "model.safetensors"));
    }
    run?.markSaved();
  }

  /**
   * Trains to the end, or to the best that early stopping finds.
   * @throws OptionError for settings of held-out data where there is none; RunFolderError for an outputDir that holds something,
   * TrainingError when the loss is NaN or infinite, WriteError when a file cannot be written; and what a hook throws.
   */
  async train(options: TrainOptions = {}): Promise<TrainResult> {
    if (this.#training) throw new ShoshinError("Trainer: it is training already", "Await train() before the next one.");
    checkOptions("Trainer.train", options, { resumeFromCheckpoint: true });
    checkFrom("Trainer.train", options.resumeFromCheckpoint);
    const { model } = this;
    const asked = options.resumeFromCheckpoint ?? this.#from ?? this.args.resume;
    const from = typeof asked === "string" ? asked : undefined;
    const args = { ...this.args, resume: from === undefined ? asked === true : liesIn(this.args.outputDir, from) };
    checkHeard(this.#o, args);
    this.#training = true;
    const { carry, savesModel = false } = this.#o;
    try {
      const isolation = this.#isolation;
      const loader = stepLoader(this.#o, args, isolation);
      const parts = {
        ...{ args, model, callbacks: this.#callbacks, isolation, savesModel, carry, optimizing: this.#optimizing },
        about: aboutRun(this.#o, args),
        perEpoch: loader.length,
        overwrite: args.overwriteOutputDir || this.#wrote,
        evaluate: this.#measures ? () => this.#measure(isolation) : undefined,
      };
      const opened = () => {
        this.#wrote = true;
      };
      return await conduct({ ...parts, from, opened }, (training, scheduler) => {
        const steps = new GradientSteps(model, this.#objective, this.optimizer, scheduler, args.maxGradNorm);
        return loop(training, { loader, steps, carry });
      });
    } finally {
      this.#training = false;
    }
  }
}

/** Arguments but `resumeFromCheckpoint`, which is of a call of `train()`. */
function withoutFrom<A>(args: A): A {
  if (args === null || typeof args !== "object" || !("resumeFromCheckpoint" in args)) return args;
  const { resumeFromCheckpoint: _, ...rest } = args;
  return rest as A;
}

/** The settings of a trainer, also those that are given among its options. */
function argumentsOf({
  args: all,
  metricForBestModel,
  greaterIsBetter,
}: Pick<TrainerOptions<AnyDataset, unknown>, "args" | "metricForBestModel" | "greaterIsBetter">): TrainingArguments {
  const args = resolveArguments(withoutFrom(all));
  for (const [name, value] of Object.entries({ metricForBestModel, greaterIsBetter })) {
    const key = name as "metricForBestModel" | "greaterIsBetter";
    if (value !== undefined && args[key] !== undefined && args[key] !== value)
      throw new OptionError(
        `Trainer: ${name} is ${value} among the options and ${args[key]} in args`,
        "Give it in args.",
      );
  }
  return resolveArguments({
    precision: getPrecision(),
    metricForBestModel,
    greaterIsBetter,
    ...Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined)),
  });
}

shownAs(Trainer, ({ args, optimizer }) => {
  const set = Object.entries(args).filter(
    ([, value]) => value !== undefined && value !== null && value !== 0 && value !== false,
  );
  return named("Trainer", { optimizer: optimizer.constructor.name, ...Object.fromEntries(set) });
});
