import { ShoshinError } from "../backend/errors.ts";
import { OptionError } from "../backend/options.ts";
import type { Module } from "../nn/index.ts";
import { ReduceLROnPlateau } from "../optim/index.ts";
import type { TrainingArguments } from "./arguments/arguments.ts";
import type { BestMetric } from "./best.ts";
import { BestWeightsCallback } from "./hooks/best-weights.ts";
import type { At, EventName, InfoOf, TrainerControl, TrainingState } from "./hooks/callback.ts";
import type { CallbackHandler } from "./hooks/handler.ts";
import { checkMetrics, type Metrics } from "./metrics/metric.ts";
import type { AnyOptimizer, Scheduler } from "./optimizers.ts";
import type { Isolation } from "./run/isolation.ts";
import type { RunFolder } from "./run/run-folder.ts";
import { evaluates, logs, type Standing, saves } from "./run/standing.ts";
import type { TrainResult } from "./train-result.ts";

/** What a training is made of. */
export interface TrainingParts {
  args: TrainingArguments;
  model: Module;
  callbacks: CallbackHandler;
  isolation: Isolation;
  standing: Standing;
  best: BestMetric;
  /** Steps of an epoch, and of the whole training. */
  perEpoch: number;
  total: number;
  /** Nothing is left to do. */
  ended?: boolean;
  folder?: RunFolder;
  optimizer?: AnyOptimizer;
  scheduler?: Scheduler;
  /** Measures held-out data, where there is any; the model is in evaluation mode. */
  evaluate?: () => Promise<Metrics>;
  /** Writes a checkpoint; `finished`: nothing is left to do after it. */
  write?: (path: string, standing: Standing & { finished: boolean }) => void;
}

/**
 * A training under way, of whatever learns: where it stands, what its hooks are told, and what they and the strategies ask for
 * between two steps: a point of the curve, an evaluation, a checkpoint.
 */
export class Training {
  readonly standing: Standing;
  readonly control: TrainerControl;
  readonly #o: TrainingParts;
  readonly #asked: { evaluate: boolean; save: boolean; log: Metrics | undefined } = {
    ...{ evaluate: false, save: false, log: undefined },
  };
  #stopped: "no" | "by a hook" | "finished";
  /** Its last step is done, and what hooks asked for: nothing can be asked for any more. */
  #closing = false;
  #over = false;
  /** Notes that a hook is not done with yet. */
  #pending: PromiseLike<unknown>[] = [];
  #written: string | undefined;
  #latest: Metrics | undefined;
  /** Steps that were done before the last. */
  #before = 0;
  /** The step after which held-out data was measured last; that of the last checkpoint, and whether training ended with it. */
  #evaluatedAt: number | undefined;
  #saved: string | undefined;
  /** Mean loss of the epoch so far. */
  loss: number;
  learningRate: number | undefined;
  examples = 0;
  readonly #began = performance.now();
  readonly #from: number;

  constructor(parts: TrainingParts) {
    this.#o = parts;
    this.#evaluatedAt = parts.standing.globalStep;
    this.standing = parts.standing;
    const { lossSum, lossCount, globalStep } = this.standing;
    this.loss = lossCount > 0 ? lossSum / lossCount : Number.NaN;
    this.#from = globalStep;
    this.#before = globalStep - 1;
    this.#stopped = parts.ended ? "finished" : "no";
    this.control = this.#makeControl();
  }

  get args(): TrainingArguments {
    return this.#o.args;
  }
  get isolation(): Isolation {
    return this.#o.isolation;
  }
  get at(): At {
    return { step: this.standing.globalStep, epoch: this.standing.epoch };
  }
  get stopped(): boolean {
    return this.#stopped !== "no" || this.standing.globalStep >= this.#o.total;
  }
  /** Whether the step that was done last is the last of its epoch. */
  get epochEnds(): boolean {
    return this.standing.batch >= this.#o.perEpoch;
  }
  /** How it ended, where nothing has failed. */
  get status(): "finished" | "interrupted" {
    const cut = this.#stopped === "by a hook" && this.standing.globalStep < this.#o.total;
    return cut ? "interrupted" : "finished";
  }

  /** Undefined where there is nothing to wait for. */
  tell<E extends EventName>(event: E, info: () => InfoOf<E>): Promise<void> | undefined {
    return this.#o.callbacks.hears(event) || this.#pending.length > 0 ? this.#tell(event, info) : undefined;
  }
  async #tell<E extends EventName>(event: E, info: () => InfoOf<E>): Promise<void> {
    await this.#o.callbacks.tell(event, info, this.control, this.isolation);
    if (this.#pending.length > 0) await this.settled();
  }
  /** Waits for hooks that are not done with a note yet. */
  async settled(): Promise<void> {
    while (this.#pending.length > 0) await this.#pending.shift();
  }
  note(text: string): void {
    const { callbacks, isolation } = this.#o;
    this.#pending.push(...isolation.precisely(() => callbacks.tellNow("onNote", () => ({ text }), this.control)));
  }

  begin(resumed: boolean): Promise<void> | undefined {
    const { total: maxSteps } = this.#o;
    const { numTrainEpochs } = this.control.state;
    return this.tell("onTrainBegin", () => ({ ...this.at, maxSteps, numTrainEpochs, resumed }));
  }

  /** A step is done. @param loss its own; undefined where nothing counted in it @param steps how many it counts for */
  async stepEnds(loss: number | undefined, examples: number, steps = 1): Promise<void> {
    const { standing } = this;
    this.#before = standing.globalStep;
    standing.globalStep += steps;
    standing.batch += steps;
    this.examples += examples;
    if (loss !== undefined) {
      standing.lossSum += loss;
      standing.lossCount++;
      standing.logSum += loss;
      standing.logCount++;
      this.loss = standing.lossSum / standing.lossCount;
    }
    const learningRate = this.learningRate ?? 0;
    await this.tell("onStepEnd", () => ({ ...this.at, loss: this.loss, learningRate }));
    if (
      this.#asked.log !== undefined ||
      logs(this.args, standing.globalStep, this.epochEnds || this.stopped, this.#before)
    )
      await this.#log();
    if (!this.epochEnds && !this.stopped) await this.act(false);
  }
  /** An epoch is done. */
  async epochEnded(): Promise<void> {
    Object.assign(this.standing, { epoch: this.standing.epoch + 1, batch: 0, lossSum: 0, lossCount: 0 });
    await this.tell("onEpochEnd", () => this.at);
  }

  /** Does what hooks have asked for, or the strategies. @param ends whether an epoch, or training, has ended */
  async act(ends: boolean): Promise<void> {
    const { args } = this;
    const { globalStep } = this.standing;
    if (this.#asked.log !== undefined) await this.#log();
    // What was done after this very step is not done again because training ends with it.
    const measures = this.#evaluatedAt !== globalStep && evaluates(args, globalStep, ends, this.#before);
    if (this.#take("evaluate") || measures) await this.#evaluate();
    const { stopped } = this;
    const writes =
      this.#saved !== `${globalStep} ${stopped}` &&
      saves(args, globalStep, { ends, stops: stopped, before: this.#before });
    if (this.#take("save") || writes) await this.#save();
    if (this.stopped) await this.#last();
  }
  /** What hooks have asked for at the evaluation or the checkpoint of the last step: no later one would bring it. */
  async #last(): Promise<void> {
    if (this.#take("evaluate")) await this.#evaluate();
    if (this.#take("save")) await this.#save();
    if (this.#asked.log !== undefined) await this.#log();
  }
  #take(what: "evaluate" | "save"): boolean {
    const asked = this.#asked[what];
    this.#asked[what] = false;
    return asked;
  }

  #log(): Promise<void> | undefined {
    const { standing, learningRate } = this;
    const { logSum, logCount } = standing;
    const more = this.#asked.log;
    this.#asked.log = undefined;
    standing.logSum = 0;
    standing.logCount = 0;
    return this.tell("onLog", () => {
      const loss: Metrics = logCount > 0 ? { loss: logSum / logCount } : {};
      const rate: Metrics = learningRate === undefined ? {} : { learning_rate: learningRate };
      return { ...this.at, logs: { ...loss, ...rate, ...more } };
    });
  }

  async #evaluate(): Promise<void> {
    const { best, scheduler, evaluate, model, callbacks, folder } = this.#o;
    const { standing } = this;
    if (evaluate === undefined) return;
    this.#evaluatedAt = standing.globalStep;
    await this.tell("onEvaluateBegin", () => this.at);
    try {
      let metrics: Metrics;
      try {
        metrics = await evaluate();
      } finally {
        model.train();
      }
      this.#latest = metrics;
      const value = best.valueOf(metrics);
      const better = best.update(standing, metrics, standing.globalStep);
      if (better && callbacks.find(BestWeightsCallback) === undefined)
        folder?.noteBest({ step: standing.globalStep, metric: best.name, value: value as number });
      if (scheduler instanceof ReduceLROnPlateau) this.#plateau(scheduler, value);
      const logs = Object.fromEntries(Object.entries(metrics).map(([name, number]) => [`eval_${name}`, number]));
      await this.tell("onLog", () => ({ ...this.at, logs: { ...logs } }));
      await this.tell("onEvaluate", () => ({ ...this.at, metrics: { ...metrics }, value, best: better }));
      if (better && this.args.saveStrategy === "best") this.#asked.save = true;
    } finally {
      await this.tell("onEvaluateEnd", () => this.at);
    }
  }
  #plateau(scheduler: ReduceLROnPlateau, value: number | undefined): void {
    if (value === undefined)
      throw new ShoshinError(
        `ReduceLROnPlateau: held-out data has no ${this.#o.best.name}`,
        "Name its metric: metricForBestModel.",
      );
    scheduler.step(value);
  }

  async #save(): Promise<void> {
    this.#written = undefined;
    this.#saved = `${this.standing.globalStep} ${this.stopped}`;
    await this.tell("onSave", () => ({ ...this.at, path: this.#written }));
  }

  #makeControl(): TrainerControl {
    const { args, model, optimizer, scheduler, folder, best, evaluate, callbacks, write, total, perEpoch } = this.#o;
    const { standing } = this;
    const training = this;
    const asks = (what: string) => {
      if (this.#closing || this.#over)
        throw new ShoshinError(`control.${what}: training has ended`, "Use the trainer's own methods.");
    };
    const state: TrainingState = {
      get globalStep() {
        return standing.globalStep;
      },
      get epoch() {
        return standing.epoch;
      },
      maxSteps: total,
      numTrainEpochs: Math.ceil(total / perEpoch),
      get loss() {
        return training.loss;
      },
      get examplesPerSecond() {
        return (training.examples * 1000) / (performance.now() - training.#began);
      },
      metricForBestModel: best.name,
      greaterIsBetter: best.greater,
      get bestMetric() {
        return standing.bestMetric;
      },
      get bestGlobalStep() {
        return standing.bestStep;
      },
      get evaluationsSinceBest() {
        return standing.evaluationsSinceBest;
      },
    };
    return {
      ...{ args, model, optimizer, scheduler, state, folder, measures: evaluate !== undefined },
      get stopped() {
        return training.stopped;
      },
      stop: () => {
        if (this.#stopped === "no") this.#stopped = "by a hook";
      },
      finish: () => {
        this.#stopped = "finished";
      },
      evaluate: () => {
        asks("evaluate()");
        if (evaluate === undefined)
          throw new OptionError("control.evaluate(): there is no held-out data", "Give evalDataset or evaluate.");
        this.#asked.evaluate = true;
      },
      save: () => {
        asks("save()");
        if (!callbacks.hears("onSave"))
          throw new OptionError(
            "control.save(): nothing saves",
            "Give outputDir, where checkpoints are written, or a callback with onSave.",
          );
        this.#asked.save = true;
      },
      log: (values = {}) => {
        asks("log()");
        this.#asked.log = { ...this.#asked.log, ...checkMetrics("control.log: values", values) };
      },
      note: (text) => this.note(text),
      writeCheckpoint: (path) => {
        if (write === undefined)
          throw new ShoshinError("control.writeCheckpoint(): this learns without checkpoints", "Save the model.");
        // A run cut short by early stopping must find, on resume, that it was.
        const finished = this.stopped && this.status === "finished";
        write(path, { ...standing, finished });
        this.#written = path;
      },
    };
  }

  /** The last step is done: the weights that the model ends with are put in place. */
  ends(): Promise<void> | undefined {
    this.#closing = true;
    return this.tell("onLoopEnd", () => this.at);
  }
  /** What training gives, after its end. */
  result(metrics: Metrics | undefined): TrainResult {
    const { globalStep: steps, epoch: epochs } = this.standing;
    const seconds = (performance.now() - this.#began) / 1000;
    return {
      ...{ steps, epochs, seconds, examplesPerSecond: steps > this.#from ? this.examples / seconds : 0 },
      ...{ loss: this.loss, metrics: metrics ?? this.#latest, alreadyFinished: false },
    };
  }
  /** Tells of the end. */
  async end(result: TrainResult): Promise<void> {
    this.#over = true;
    const { status } = this;
    await this.tell("onTrainEnd", () => ({ ...this.at, status, result: { ...result } }));
  }
  /** Tells of a failure. What hooks throw at that is told as a note: the first error is the one that matters. */
  async fail(error: unknown): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    try {
      await this.tell("onTrainEnd", () => ({ ...this.at, status: "failed", error }));
    } catch (second) {
      this.note(`warning: a callback failed too, at the end: ${(second as Error)?.message ?? String(second)}`);
    }
  }
}
