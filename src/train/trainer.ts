import { existsSync, join, mkdirSync, readFileSync, rmSync } from "#platform";
import type { TypedArray } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import { backend, getPrecision, setPrecision } from "../backend/index.ts";
import { named, shownAs } from "../backend/inspect.ts";
import { type AnyDataset, type BatchOf, DataLoader, type ExampleOf } from "../data/index.ts";
import { writeError } from "../formats/atomic.ts";
import { cleanTemporary, writeFileAtomic } from "../formats/index.ts";
import { PreTrainedModel } from "../models/pretrained/model.ts";
import type { Module } from "../nn/index.ts";
import { AveragedWeights, clipGradNorm, getScheduler, type Optimizer } from "../optim/index.ts";
import type { GroupOptions } from "../optim/optimizer.ts";
import { tidy } from "../tensor/no-grad.ts";
import { manualSeed } from "../tensor/random.ts";
import { Tensor } from "../tensor/tensor.ts";
import { checkArguments, DEFAULTS, makeOptimizer, scheduleOptions, type TrainingArguments } from "./arguments.ts";
import {
  CheckpointError,
  listCheckpoints,
  loadCheckpoint,
  loadWeights,
  saveCheckpoint,
  saveWeights,
} from "./checkpoint.ts";
import { evaluateOn, lossOf } from "./evaluate.ts";
import { RunLog } from "./log.ts";
import { Progress } from "./progress.ts";

/** Training cannot go on: the loss is no number. The last good checkpoint is kept. */
export class TrainingError extends ShoshinError {}

export type Metrics = Record<string, number>;

/** What happened; returning `"stop"` from a callback ends training after this step. */
export interface TrainerCallbacks {
  onStepEnd?(info: { step: number; epoch: number; loss: number; learningRate: number }): void | "stop";
  onEvaluate?(info: { step: number; metrics: Metrics }): void;
  onEpochEnd?(info: { step: number; epoch: number }): void;
}

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
   * Of the model's output for `batch.x` and of `batch.y`, e.g. `nn.mseLoss`. This or `computeLoss`; a model of Hugging Face's
   * gives its own loss for batches with `labels`.
   */
  loss?: (output: Tensor, target: Tensor) => Tensor;
  /** The scalar to minimise. */
  computeLoss?: (batch: B) => Tensor;
  /** Held-out data; `loss` is reported on it, and `accuracy` where each example has one class as its target. */
  evalDataset?: D;
  /** Further metrics from all outputs [n · width] and targets of `evalDataset`. */
  computeMetrics?: (outputs: TypedArray, targets: TypedArray) => Metrics;
  /** Metrics on held-out data in place of `evalDataset`; the model is in evaluation mode. */
  evaluate?: () => Promise<Metrics>;
  /** Which of them decides what is best, and which way. */
  metricForBestModel?: string;
  greaterIsBetter?: boolean;
  args?: Partial<TrainingArguments>;
  callbacks?: TrainerCallbacks[];
  /** Describes data and model; a resume with another one is refused. */
  fingerprint?: string;
}

/** State between batches: named numbers in, named numbers out. */
export interface Carry {
  /** Forgets: an epoch begins. */
  reset(): void;
  get(): Map<string, { shape: number[]; data: Float32Array }>;
  set(state: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>): void;
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

/** The loop with everything around it: progress, evaluation, early stopping, checkpoints, resume to the same bits. */
export class Trainer<D extends AnyDataset, B = BatchOf<D>> {
  readonly args: TrainingArguments;
  readonly optimizer: Optimizer<GroupOptions>;
  readonly #o: TrainerOptions<D, B> & { computeLoss: (batch: B) => Tensor };
  readonly #progress: Progress;
  readonly #average: AveragedWeights | undefined;
  /** Of each group, before the schedule. */
  readonly #rates: readonly number[];

  /** Throws ShoshinError for settings out of range, no training examples, or neither `loss` nor `computeLoss`. */
  constructor(options: TrainerOptions<D, B>) {
    this.args = { ...DEFAULTS, precision: getPrecision(), ...options.args };
    checkArguments(this.args);
    if (options.trainDataset.length === 0) throw new ShoshinError("Trainer: no training examples");
    const { model, loss, computeLoss, evalDataset, evaluate } = options;
    const own = model instanceof PreTrainedModel;
    if (loss === undefined && computeLoss === undefined && !own) {
      throw new ShoshinError("Trainer: no loss", "Give loss: nn.mseLoss (batches of x and y), or computeLoss.");
    }
    this.#o = {
      ...options,
      computeLoss:
        computeLoss ??
        ((batch) => {
          if (loss === undefined) return lossOf(model.forward(batch));
          const { x, y } = batch as { x: Tensor; y: Tensor };
          if (!(x instanceof Tensor && y instanceof Tensor)) {
            throw new ShoshinError("Trainer: loss needs batches of tensors { x, y }", "For others give computeLoss.");
          }
          return loss(model.forward(x), y);
        }),
    };
    if (evaluate === undefined && evalDataset !== undefined && evalDataset.length > 0) {
      this.#o.evaluate = () => evaluateOn(options, evalDataset);
    }
    if (this.args.gradientCheckpointing) {
      if (!("gradientCheckpointing" in options.model))
        throw new ShoshinError(`Trainer: ${options.model.constructor.name} has no gradient checkpointing`);
      options.model.gradientCheckpointing = true;
    }
    this.optimizer = makeOptimizer(options.model, this.args);
    this.#rates = this.optimizer.paramGroups.map((g) => g.lr);
    if (this.args.emaDecay > 0) {
      const learned = options.model.parameters().filter((p) => p.requiresGrad);
      this.#average = new AveragedWeights(learned, this.args.emaDecay);
    }
    this.#progress = new Progress({ quiet: this.args.quiet });
  }

  #fingerprint(): string {
    const { outputDir: _o, resume: _r, quiet: _q, saveTotalLimit: _l, ...rest } = this.args;
    return JSON.stringify([rest, this.#o.trainDataset.length, this.#o.fingerprint ?? ""]);
  }

  /** Restores the newest checkpoint that is whole; undefined if there is none. */
  #restore() {
    const { outputDir, resume } = this.args;
    if (!resume || outputDir === undefined) return undefined;
    const found = listCheckpoints(outputDir).reverse();
    for (const { path, step } of found) {
      try {
        const state = loadCheckpoint(path, this.#o.model, this.optimizer, this.#o.carry, this.#average);
        if (state.fingerprint !== this.#fingerprint()) {
          throw new CheckpointError(
            `${path} was written by a run with other settings or data`,
            "Resume with the settings it was started with, or train into another folder.",
          );
        }
        if (state.instructionSet !== backend().instructionSet) {
          this.#progress.note(
            `warning: the checkpoint was written on ${state.instructionSet}, this is ${backend().instructionSet}: results may differ in the last bits`,
          );
        }
        this.#progress.note(`resuming from step ${step}`);
        return state;
      } catch (error) {
        if (error instanceof CheckpointError && error.message.includes("other settings")) throw error;
        this.#progress.note(`warning: ${path} cannot be used: ${(error as Error).message}`);
      }
    }
    this.#progress.note("nothing to resume from: starting anew");
    return undefined;
  }

  #prepareFolder(): void {
    const { outputDir, resume } = this.args;
    if (outputDir === undefined) return;
    try {
      mkdirSync(outputDir, { recursive: true });
      writeFileAtomic(join(outputDir, ".write-test"), "");
      rmSync(join(outputDir, ".write-test"));
    } catch (error) {
      throw writeError(outputDir, error);
    }
    cleanTemporary(outputDir);
    if (!resume) {
      for (const { path } of listCheckpoints(outputDir)) rmSync(path, { recursive: true, force: true });
      for (const name of ["run.json", "best.safetensors", "README.md"]) rmSync(join(outputDir, name), { force: true });
    }
  }

  #finishedRun(): TrainResult | undefined {
    const { outputDir, resume } = this.args;
    if (!resume || outputDir === undefined || !existsSync(join(outputDir, "run.json"))) return undefined;
    const { fingerprint, result } = JSON.parse(readFileSync(join(outputDir, "run.json"), "utf8"));
    if (fingerprint !== this.#fingerprint()) return undefined;
    const best = join(outputDir, "best.safetensors");
    if (this.args.loadBestModelAtEnd && this.#o.evaluate && existsSync(best)) loadWeights(this.#o.model, best);
    else if (this.#restore() === undefined) return undefined;
    else this.#average?.swap();
    this.#o.model.eval();
    return { ...result, alreadyFinished: true };
  }

  /**
   * Trains to the end, or to the best that early stopping finds.
   * @throws TrainingError when the loss is NaN or infinite, WriteError when a file cannot be written.
   */
  async train(): Promise<TrainResult> {
    const before = getPrecision();
    setPrecision(this.args.precision ?? before);
    try {
      return await this.#train();
    } finally {
      setPrecision(before);
    }
  }

  async #evaluate(): Promise<Metrics> {
    this.#o.model.eval();
    try {
      return await (this.#o.evaluate as () => Promise<Metrics>)();
    } finally {
      this.#o.model.train();
    }
  }

  async #train(): Promise<TrainResult> {
    const { args, optimizer } = this;
    const {
      model,
      trainDataset,
      collate,
      computeLoss,
      callbacks = [],
      greaterIsBetter = false,
      metricForBestModel = "loss",
    } = this.#o;
    this.#prepareFolder();
    const before = this.#finishedRun();
    if (before !== undefined) {
      this.#progress.note("this run has finished: nothing to do");
      return before;
    }
    const loader = new DataLoader<D, B>(trainDataset, {
      batchSize: args.perDeviceTrainBatchSize,
      shuffle: this.#o.shuffle ?? true,
      seed: args.seed,
      lengths: args.groupByLength ? this.#o.lengths : undefined,
      collate,
    });
    const accumulate = args.gradientAccumulationSteps;
    const perEpoch = Math.ceil(loader.length / accumulate);
    const total = args.maxSteps > 0 ? args.maxSteps : perEpoch * args.numTrainEpochs;
    const epochs = Math.ceil(total / perEpoch);
    const scheduler = getScheduler(args.lrSchedulerType, optimizer, scheduleOptions(args, total));
    manualSeed(args.seed);
    const resumed = this.#restore();
    const run = {
      globalStep: resumed?.globalStep ?? 0,
      epoch: resumed?.epoch ?? 0,
      batch: resumed?.batch ?? 0,
      bestMetric: resumed?.bestMetric,
      bestLoss: resumed?.bestLoss,
      bestStep: resumed?.bestStep,
      evaluationsSinceBest: resumed?.evaluationsSinceBest ?? 0,
      lossSum: resumed?.lossSum ?? 0,
      lossCount: resumed?.lossCount ?? 0,
      finished: false,
      fingerprint: this.#fingerprint(),
      instructionSet: backend().instructionSet,
    };
    scheduler.loadStateDict({ lastStep: run.globalStep, initial: [...this.#rates] });
    const log = args.outputDir === undefined ? undefined : new RunLog(args.outputDir, run.globalStep);
    const parameters = model.parameters().filter((p) => p.requiresGrad);
    const begin = performance.now();
    const beginStep = run.globalStep;
    let examples = 0;
    let stop = run.globalStep >= total;
    let lastLoss = run.lossCount > 0 ? run.lossSum / run.lossCount : Number.NaN;
    let latest: Metrics | undefined;
    // Among equal metrics the lower loss is better: small validation sets tie often.
    const better = (value: number, loss: number) =>
      run.bestMetric === undefined ||
      (greaterIsBetter ? value > run.bestMetric : value < run.bestMetric) ||
      (value === run.bestMetric && loss < (run.bestLoss ?? Number.POSITIVE_INFINITY));

    // Measured, and kept as the best, is the average where there is one.
    const evaluate = async () => {
      this.#average?.swap();
      try {
        await measure();
      } finally {
        this.#average?.swap();
      }
    };
    const measure = async () => {
      latest = await this.#evaluate();
      for (const c of callbacks) c.onEvaluate?.({ step: run.globalStep, metrics: latest });
      log?.write(run.globalStep, Object.fromEntries(Object.entries(latest).map(([name, v]) => [`eval/${name}`, v])));
      const facts = Object.entries(latest).map(([name, v]) => `${name} ${v.toFixed(4)}`);
      this.#progress.note(`epoch ${run.epoch}  step ${run.globalStep}  validation: ${facts.join("  ")}`);
      const value = latest[metricForBestModel];
      if (better(value, latest.loss ?? Number.NaN)) {
        run.bestMetric = value;
        run.bestLoss = latest.loss;
        run.bestStep = run.globalStep;
        run.evaluationsSinceBest = 0;
        if (args.outputDir !== undefined) saveWeights(model, join(args.outputDir, "best.safetensors"));
        else this.#best = new Map([...model.stateDict()].map(([name, t]) => [name, t.data() as Float32Array]));
      } else if (++run.evaluationsSinceBest >= args.earlyStoppingPatience && args.earlyStoppingPatience > 0) {
        this.#progress.note(
          `no better ${metricForBestModel} in ${run.evaluationsSinceBest} evaluations: stopping early`,
        );
        stop = true;
      }
    };
    const save = () => {
      if (args.outputDir === undefined) return;
      // A run cut short by early stopping must find, on resume, that it was.
      saveCheckpoint(
        args.outputDir,
        model,
        optimizer,
        { ...run, finished: stop },
        args.saveTotalLimit,
        this.#o.carry,
        this.#average,
      );
    };
    if (resumed?.finished) stop = true;

    model.train();
    while (!stop) {
      if (run.batch === 0) this.#o.carry?.reset();
      loader.setEpoch(run.epoch, run.batch);
      let micro = 0;
      let stepLoss = 0;
      for await (const batch of loader) {
        run.batch++;
        const group = Math.min(accumulate, loader.length - (Math.ceil(run.batch / accumulate) - 1) * accumulate);
        // Frees at once what the loss was made of and no graph holds.
        stepLoss += tidy(() => {
          const loss = computeLoss(batch);
          (group > 1 ? loss.div(group) : loss).backward();
          return loss.item() / group;
        });
        examples += Math.min(
          args.perDeviceTrainBatchSize,
          trainDataset.length - (run.batch - 1) * args.perDeviceTrainBatchSize,
        );
        if (++micro < group) continue;
        micro = 0;
        if (!Number.isFinite(stepLoss)) {
          this.#progress.end();
          throw new TrainingError(
            `the loss is ${stepLoss} at step ${run.globalStep + 1} (epoch ${run.epoch + 1})`,
            `Lower the learning rate (now ${args.learningRate}), or clip gradients: --max-grad-norm 1. The last good checkpoint is kept.`,
          );
        }
        if (args.maxGradNorm > 0) clipGradNorm(parameters, args.maxGradNorm).dispose();
        const learningRate = optimizer.paramGroups[0].lr;
        optimizer.step();
        optimizer.zeroGrad();
        this.#average?.update();
        scheduler.step();
        run.globalStep++;
        run.lossSum += stepLoss;
        run.lossCount++;
        lastLoss = run.lossSum / run.lossCount;
        log?.write(run.globalStep, { "train/loss": stepLoss, "train/learning_rate": learningRate });
        const seconds = (performance.now() - begin) / 1000;
        this.#progress.update({
          done: run.globalStep,
          total,
          epoch: run.epoch + 1,
          epochs,
          loss: lastLoss,
          examplesPerSecond: examples / seconds,
        });
        stepLoss = 0;
        for (const c of callbacks) {
          if (c.onStepEnd?.({ step: run.globalStep, epoch: run.epoch, loss: lastLoss, learningRate }) === "stop")
            stop = true;
        }
        if (run.globalStep >= total) stop = true;
        const epochEnds = run.batch >= loader.length;
        if (!epochEnds && !stop) {
          if (args.evalSteps > 0 && run.globalStep % args.evalSteps === 0 && this.#o.evaluate) await evaluate();
          if (args.saveSteps > 0 && run.globalStep % args.saveSteps === 0) save();
        }
        if (stop) break;
      }
      if (run.batch >= loader.length) {
        run.epoch++;
        run.batch = 0;
        run.lossSum = 0;
        run.lossCount = 0;
        for (const c of callbacks) c.onEpochEnd?.({ step: run.globalStep, epoch: run.epoch });
      }
      this.#progress.end();
      if (this.#o.evaluate) await evaluate();
      if (stop || args.saveSteps === 0 || run.globalStep % args.saveSteps === 0) save();
    }
    this.#progress.end();
    if (args.loadBestModelAtEnd && run.bestStep !== undefined && run.bestStep !== run.globalStep) this.#loadBest();
    else this.#average?.swap();
    model.eval();
    const metrics = this.#o.evaluate ? await this.#o.evaluate() : latest;
    const seconds = (performance.now() - begin) / 1000;
    const result: TrainResult = {
      steps: run.globalStep,
      epochs: run.epoch,
      seconds,
      examplesPerSecond: run.globalStep > beginStep ? examples / seconds : 0,
      loss: lastLoss,
      metrics,
      alreadyFinished: false,
    };
    if (args.outputDir !== undefined) {
      writeFileAtomic(
        join(args.outputDir, "run.json"),
        `${JSON.stringify({ fingerprint: this.#fingerprint(), result }, null, 2)}\n`,
      );
    }
    return result;
  }

  #best: Map<string, Float32Array> | undefined;
  #loadBest(): void {
    const { outputDir } = this.args;
    if (outputDir !== undefined) {
      loadWeights(this.#o.model, join(outputDir, "best.safetensors"));
      return;
    }
    const state = this.#o.model.stateDict();
    for (const [name, values] of this.#best ?? []) state.get(name)?.detach().copy_(values);
  }
}

shownAs(Trainer, ({ args, optimizer }) => {
  const set = Object.entries(args).filter(
    ([, value]) => value !== undefined && value !== null && value !== 0 && value !== false,
  );
  return named("Trainer", { optimizer: optimizer.constructor.name, ...Object.fromEntries(set) });
});
