import { ShoshinError } from "../backend/errors.ts";
import { backend, getPrecision } from "../backend/index.ts";
import { named, shownAs } from "../backend/inspect.ts";
import { OptionError } from "../backend/options.ts";
import type { AnyDataset, BatchOf } from "../data/index.ts";
import { clipFactor } from "../optim/clip.ts";
import { AveragedWeights, getScheduler, type LRScheduler, type Optimizer } from "../optim/index.ts";
import type { GroupOptions } from "../optim/optimizer.ts";
import { tidy } from "../tensor/no-grad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { resolveArguments, scheduleOptions, type TrainingArguments } from "./arguments/arguments.ts";
import { makeOptimizer } from "./arguments/make-optimizer.ts";
import { evaluateOn } from "./evaluate.ts";
import { BestMetric } from "./hooks/best.ts";
import { tellAll } from "./hooks/callbacks.ts";
import { Progress } from "./hooks/progress.ts";
import type { Metrics } from "./metrics/metric.ts";
import { Objective } from "./objective.ts";
import { beyondLimit, loadWeights, saveWeights, writeCheckpoint } from "./run/checkpoint.ts";
import { Isolation } from "./run/isolation.ts";
import { RunLog } from "./run/log.ts";
import { aboutRun, beginRun, type RunParts, restore, stepsOf } from "./run/resume.ts";
import type { RunFolder } from "./run/run-folder.ts";
import type { RunBest } from "./run/run-record.ts";
import { evaluates, logs, saves, standingOf } from "./run/standing.ts";
import { disposeStep, type StepBatches, stepLoader } from "./steps.ts";
import {
  checkHeard,
  checkMetrics,
  checkTrainerOptions,
  type TrainerOptions,
  type TrainResult,
} from "./trainer-options.ts";

/** Training cannot go on: the loss is no number. The last good checkpoint is kept. */
export class TrainingError extends ShoshinError {}

/** The loop with everything around it: progress, evaluation, early stopping, checkpoints, resume to the same bits. */
export class Trainer<D extends AnyDataset, B = BatchOf<D>> {
  readonly args: TrainingArguments;
  readonly optimizer: Optimizer<GroupOptions>;
  readonly #o: TrainerOptions<D, B>;
  readonly #objective: Objective<D, B>;
  readonly #best: BestMetric;
  readonly #progress: Progress;
  readonly #average: AveragedWeights | undefined;
  /** Of each group, before the schedule. */
  readonly #rates: readonly number[];
  /** Of the best evaluation, where nothing is written. */
  #bestWeights: Map<string, Float32Array> | undefined;
  /** A second `train()` begins anew in the folder of the first. */
  #wrote = false;
  #training = false;
  #folder: RunFolder | undefined;

  /**
   * @throws OptionError for names that there are not, with the nearest that there is, and for settings out of range; ShoshinError
   * for no training examples, or neither `loss` nor `computeLoss`.
   */
  constructor(options: TrainerOptions<D, B>) {
    checkTrainerOptions(options);
    const { metricForBestModel, greaterIsBetter, ...given } = options;
    const args = resolveArguments(options.args);
    for (const [name, value] of Object.entries({ metricForBestModel, greaterIsBetter })) {
      const key = name as "metricForBestModel" | "greaterIsBetter";
      if (value !== undefined && args[key] !== undefined && args[key] !== value)
        throw new OptionError(
          `Trainer: ${name} is ${value} among the options and ${args[key]} in args`,
          "Give it in args.",
        );
    }
    this.args = resolveArguments({
      precision: getPrecision(),
      metricForBestModel,
      greaterIsBetter,
      ...Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined)),
    });
    this.#o = given as TrainerOptions<D, B>;
    this.#objective = new Objective(this.#o, this.args);
    this.#best = new BestMetric(this.args);
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

  get #measures(): boolean {
    return this.#o.evaluate !== undefined || (this.#o.evalDataset?.length ?? 0) > 0;
  }

  async #evaluate(isolation: Isolation): Promise<Metrics> {
    const { model, evaluate, evalDataset } = this.#o;
    model.eval();
    if (evaluate !== undefined) return checkMetrics("evaluate", await isolation.during(model, async () => evaluate()));
    const batchSize = this.args.perDeviceEvalBatchSize;
    return evaluateOn(this.#o, this.#objective, evalDataset as D, batchSize, isolation);
  }

  /** The loss of a step, and its gradients; undefined where no label counts. */
  #learn({ parts }: StepBatches<B>): number | undefined {
    const counts = parts.map(({ batch, examples }) => this.#objective.items(batch, examples));
    const total = counts.reduce((sum, n) => sum + n, 0);
    if (total === 0) return undefined;
    let stepLoss = 0;
    parts.forEach(({ batch }, i) => {
      if (counts[i] === 0) return;
      // Frees at once what the loss was made of and no graph holds.
      stepLoss += tidy(() => {
        const { loss, divided } = this.#objective.measure(batch, total);
        const share = divided ? 1 : total / counts[i];
        (share === 1 ? loss : loss.div(share)).backward();
        return loss.item() / share;
      });
    });
    return stepLoss;
  }

  /** Clips, in the same pass that updates the weights. */
  #update(scheduler: LRScheduler, parameters: readonly Tensor[]): void {
    const { optimizer, args } = this;
    const factor = args.maxGradNorm > 0 ? clipFactor(parameters, args.maxGradNorm) : undefined;
    optimizer.scaledStep(factor);
    factor?.dispose();
    optimizer.zeroGrad();
    this.#average?.update();
    scheduler.step();
  }

  /**
   * Trains to the end, or to the best that early stopping finds.
   * @throws OptionError for settings of held-out data where there is none; RunFolderError for an outputDir that holds something, TrainingError when the loss is NaN or infinite, WriteError when a
   * file cannot be written.
   */
  async train(): Promise<TrainResult> {
    if (this.#training) throw new ShoshinError("Trainer: it is training already", "Await train() before the next one.");
    checkHeard(this.#o, this.args);
    this.#training = true;
    try {
      return await this.#train();
    } catch (error) {
      this.#folder?.fail(error);
      throw error;
    } finally {
      this.#training = false;
      this.#folder?.release();
    }
  }

  async #train(): Promise<TrainResult> {
    const { args, optimizer } = this;
    const { model, carry } = this.#o;
    const isolation = new Isolation(args.seed, args.precision ?? getPrecision());
    const loader = stepLoader(this.#o, args, isolation);
    const about = aboutRun(this.#o, args);
    const perEpoch = loader.length;
    const parts: RunParts = {
      ...{ about, model, optimizer, carry, average: this.#average, args, isolation, measures: this.#measures },
      savesModel: this.#o.savesModel === true,
      note: (text) => this.#progress.note(text),
    };
    const { folder, finished, grown } = beginRun(parts, perEpoch, args.overwriteOutputDir || this.#wrote);
    this.#folder = folder;
    if (finished !== undefined) return finished;
    const total = stepsOf(args, perEpoch);
    const epochs = Math.ceil(total / perEpoch);
    const scheduler = getScheduler(args.lrSchedulerType, optimizer, scheduleOptions(args, total));
    const resumed = restore(folder, parts);
    folder?.goOn(about, parts.savesModel, { anew: resumed === undefined });
    this.#wrote = true;
    const run = standingOf(resumed);
    const lost = run.bestStep !== undefined && folder !== undefined && folder.bestWeights() === undefined;
    if (args.loadBestModelAtEnd && lost)
      Object.assign(run, { bestMetric: undefined, bestLoss: undefined, bestStep: undefined });
    scheduler.loadStateDict({ lastStep: run.globalStep, initial: [...this.#rates] });
    const log = folder && new RunLog(folder, run.globalStep);
    const parameters = model.parameters().filter((p) => p.requiresGrad);
    const begin = performance.now();
    const beginStep = run.globalStep;
    let examples = 0;
    let stop = run.globalStep >= total || (resumed?.finished === true && !grown);
    // Asked for by a callback: such a run has not finished, and can be gone on with.
    let asked = false;
    let lastLoss = run.lossCount > 0 ? run.lossSum / run.lossCount : Number.NaN;
    let latest: Metrics | undefined;

    const save = () => {
      if (folder === undefined) return;
      // A run cut short by early stopping must find, on resume, that it was.
      const state = {
        ...{ ...run, finished: stop && !asked, savesModel: parts.savesModel },
        ...{ fingerprint: JSON.stringify(about), instructionSet: backend().instructionSet },
      };
      isolation.within(() =>
        folder.writeFolder(`checkpoint-${run.globalStep}`, (path) =>
          writeCheckpoint(path, model, optimizer, state, carry, this.#average),
        ),
      );
      log?.event("checkpoint", run.globalStep);
      if (args.saveTotalLimit === undefined) return;
      for (const stale of beyondLimit(folder.checkpoints(), args.saveTotalLimit, run))
        folder.removeCheckpoint(stale.path);
    };
    const measure = async () => {
      try {
        latest = await this.#evaluate(isolation);
      } finally {
        model.train();
      }
      const metrics = latest;
      if (await tellAll(this.#o.callbacks, isolation, (c) => c.onEvaluate?.({ step: run.globalStep, metrics })))
        stop = asked = true;
      log?.write(run.globalStep, Object.fromEntries(Object.entries(latest).map(([name, v]) => [`eval/${name}`, v])));
      const facts = Object.entries(latest).map(([name, v]) => `${name} ${v.toFixed(4)}`);
      this.#progress.note(`epoch ${run.epoch}  step ${run.globalStep}  validation: ${facts.join("  ")}`);
      if (this.#best.update(run, latest, run.globalStep)) {
        this.#keepBest(folder, { step: run.globalStep, metric: this.#best.name, value: run.bestMetric as number });
        return true;
      }
      if (args.earlyStoppingPatience > 0 && run.evaluationsSinceBest >= args.earlyStoppingPatience) {
        this.#progress.note(`no better ${this.#best.name} in ${run.evaluationsSinceBest} evaluations: stopping early`);
        stop = true;
      }
      return false;
    };
    // Measured, and kept as the best, is the average where there is one.
    const evaluate = async () => {
      this.#average?.swap();
      let better = false;
      try {
        better = await measure();
      } finally {
        this.#average?.swap();
      }
      if (better && args.saveStrategy === "best") save();
    };
    model.train();
    while (!stop) {
      if (run.batch === 0) carry?.reset();
      loader.setEpoch(run.epoch, run.batch);
      for await (const step of loader) {
        run.batch++;
        const learningRate = optimizer.paramGroups[0].lr;
        const stepLoss = isolation.within(() => {
          const loss = this.#learn(step);
          if (loss === undefined || Number.isFinite(loss)) this.#update(scheduler, parameters);
          return loss;
        });
        for (const part of step.parts) examples += part.examples;
        disposeStep(step);
        if (stepLoss !== undefined && !Number.isFinite(stepLoss)) {
          this.#progress.end();
          throw new TrainingError(
            `the loss is ${stepLoss} at step ${run.globalStep + 1} (epoch ${run.epoch + 1})`,
            `Lower the learning rate (now ${args.learningRate}), or clip gradients: --max-grad-norm 1. The last good checkpoint is kept.`,
          );
        }
        run.globalStep++;
        if (stepLoss !== undefined) {
          run.lossSum += stepLoss;
          run.lossCount++;
          run.logSum += stepLoss;
          run.logCount++;
          lastLoss = run.lossSum / run.lossCount;
        }
        const epochEnds = run.batch >= perEpoch;
        if (run.globalStep >= total) stop = true;
        if (logs(args, run.globalStep, epochEnds || stop)) {
          const point: Metrics = run.logCount > 0 ? { "train/loss": run.logSum / run.logCount } : {};
          log?.write(run.globalStep, { ...point, "train/learning_rate": learningRate });
          run.logSum = 0;
          run.logCount = 0;
        }
        const examplesPerSecond = (examples * 1000) / (performance.now() - begin);
        const done = { done: run.globalStep, total, epoch: run.epoch + 1, epochs };
        this.#progress.update({ ...done, loss: lastLoss, examplesPerSecond });
        const info = { step: run.globalStep, epoch: run.epoch, loss: lastLoss, learningRate };
        if (await tellAll(this.#o.callbacks, isolation, (c) => c.onStepEnd?.({ ...info }))) stop = asked = true;
        if (!epochEnds && !stop) {
          if (this.#measures && evaluates(args, run.globalStep, false)) await evaluate();
          if (saves(args, run.globalStep, { ends: false, stops: stop })) save();
        }
        if (stop) break;
      }
      if (run.batch >= perEpoch) {
        run.epoch++;
        run.batch = 0;
        run.lossSum = 0;
        run.lossCount = 0;
        if (
          await tellAll(this.#o.callbacks, isolation, (c) => c.onEpochEnd?.({ step: run.globalStep, epoch: run.epoch }))
        )
          stop = asked = true;
      }
      this.#progress.end();
      if (this.#measures && evaluates(args, run.globalStep, true)) await evaluate();
      if (saves(args, run.globalStep, { ends: true, stops: stop })) save();
    }
    this.#progress.end();
    if (args.loadBestModelAtEnd && run.bestStep !== undefined && run.bestStep !== run.globalStep)
      this.#loadBest(folder);
    else this.#average?.swap();
    model.eval();
    const metrics = this.#measures ? await this.#evaluate(isolation) : latest;
    const seconds = (performance.now() - begin) / 1000;
    const result: TrainResult = {
      ...{ steps: run.globalStep, epochs: run.epoch, seconds },
      examplesPerSecond: run.globalStep > beginStep ? examples / seconds : 0,
      ...{ loss: lastLoss, metrics, alreadyFinished: false },
    };
    folder?.finish(about, result, asked && run.globalStep < total ? "interrupted" : "finished");
    return result;
  }

  #keepBest(folder: RunFolder | undefined, best: RunBest): void {
    const { model } = this.#o;
    if (!this.args.loadBestModelAtEnd) folder?.noteBest(best);
    else if (folder !== undefined) folder.noteBest(best, (path) => saveWeights(model, path));
    else this.#bestWeights = new Map([...model.stateDict()].map(([name, t]) => [name, t.data() as Float32Array]));
  }
  #loadBest(folder: RunFolder | undefined): void {
    const { model } = this.#o;
    const best = folder?.bestWeights();
    if (best !== undefined) loadWeights(model, best);
    else if (folder !== undefined)
      this.#progress.note("warning: the best weights were changed since: the last ones stay");
    const state = model.stateDict();
    for (const [name, values] of this.#bestWeights ?? []) state.get(name)?.detach().copy_(values);
  }
}

shownAs(Trainer, ({ args, optimizer }) => {
  const set = Object.entries(args).filter(
    ([, value]) => value !== undefined && value !== null && value !== 0 && value !== false,
  );
  return named("Trainer", { optimizer: optimizer.constructor.name, ...Object.fromEntries(set) });
});
