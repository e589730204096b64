import { ShoshinError } from "../backend/errors.ts";
import { getPrecision } from "../backend/index.ts";
import { checkOptions, type Known, OptionError } from "../backend/options.ts";
import { Module } from "../nn/index.ts";
import { type GivenArguments, resolveArguments, type TrainingArguments } from "./arguments/arguments.ts";
import { conduct } from "./conduct.ts";
import type { TrainerCallbacks, TrainerControl } from "./hooks/callback.ts";
import { CallbackHandler } from "./hooks/handler.ts";
import { defaultCallbacks } from "./hooks/index.ts";
import { TerminateOnNaNCallback } from "./hooks/nan-guard.ts";
import { checkMetrics, type Metrics } from "./metrics/metric.ts";
import type { Carry } from "./run/checkpoint.ts";
import { Isolation } from "./run/isolation.ts";
import { aboutRun } from "./run/resume.ts";
import type { RunAbout } from "./run/run-record.ts";
import type { TrainResult } from "./train-result.ts";
import { checkHeard } from "./trainer-options.ts";

/** What learns without gradients: the perceptron rule, counts, a sampler. */
export interface Learner<D> {
  /** What has learned, and is kept: its state is its weights. */
  readonly model: Module;
  /** What it hands from one step to the next besides; saved in checkpoints. */
  readonly carry?: Carry;
  /** Steps in a pass over the data: 1, or as many as it says in `stepEnd`. */
  stepsPerEpoch?(data: D): number;
  /** Arguments that it hears besides {@link LEARNER_ARGUMENTS}. */
  readonly hears?: readonly (keyof GivenArguments)[];
  /**
   * Learns from data until `hooks.stopped`: tells of every pass, and every step, as they begin and end. What is saved, measured
   * and shown between them is the hooks' affair.
   */
  fit(data: D, hooks: LearnerHooks): void | Promise<void>;
}

/** How a learner tells of its training, and what it is told. */
export interface LearnerHooks {
  readonly args: TrainingArguments;
  readonly control: TrainerControl;
  /** Whether it is to end now: all passes are done, or somebody stops it. */
  readonly stopped: boolean;
  /** Passes that are done, also before a resume. */
  readonly epoch: number;
  epochBegin(): Promise<void>;
  /** @param loss its own, what is shown of it; left out where there is none @param steps how many it counts for, 1 */
  stepEnd(step: { loss?: number; examples?: number; steps?: number }): Promise<void>;
  epochEnd(): Promise<void>;
  /** There is nothing more to learn: it ends after this step, and has finished. */
  finish(): void;
  /** Does synchronous work with the random numbers and the precision of the run. */
  within<T>(work: () => T): T;
}

/** Arguments that every learner hears. */
export const LEARNER_ARGUMENTS = [
  ...([
    "outputDir",
    "overwriteOutputDir",
    "resume",
    "numTrainEpochs",
    "maxSteps",
    "seed",
    "precision",
    "bf16",
  ] as const),
  ...(["evalStrategy", "evalSteps", "saveStrategy", "saveSteps", "saveTotalLimit"] as const),
  ...(["loggingStrategy", "loggingSteps", "loggingFirstStep", "quiet", "disableTqdm"] as const),
  ...(["metricForBestModel", "greaterIsBetter", "loadBestModelAtEnd", "earlyStoppingPatience"] as const),
] satisfies (keyof GivenArguments)[];

export interface FitOptions {
  /** {@link LEARNER_ARGUMENTS}, and what the learner hears besides. */
  args?: GivenArguments;
  callbacks?: TrainerCallbacks[];
  /** Whether the hooks are there that `args` ask for; true. */
  defaultCallbacks?: boolean;
  /** Metrics on held-out data; the model is in evaluation mode. */
  evaluate?: () => Metrics | Promise<Metrics>;
  /** Training examples, for the run's record; left out: the length of the data. */
  examples?: number;
  /** What is trained, on what: it stands in the run's record, and a resume with another is refused, which says what differs. */
  run?: RunAbout;
  /** @deprecated Describes data and model in a text: give `run`. */
  fingerprint?: string;
  /** The files of a model will be written into outputDir afterwards. */
  savesModel?: boolean;
}
const KNOWN: Known<FitOptions> = {
  ...{ args: true, callbacks: true, defaultCallbacks: true, evaluate: true },
  ...{ examples: true, run: true, fingerprint: true, savesModel: true },
};
const WHERE = "fitLearner";

/**
 * Trains what learns without gradients, with everything that a `Trainer` has around its loop: hooks, progress, curves,
 * evaluation, early stopping, checkpoints, and the record of the run in `outputDir`.
 * @throws OptionError for options that there are not, and arguments that the learner does not hear; RunFolderError, WriteError, and
 * what the learner or a hook throws
 */
export async function fitLearner<D>(learner: Learner<D>, data: D, options: FitOptions = {}): Promise<TrainResult> {
  checkOptions(WHERE, options, KNOWN);
  if (typeof learner?.fit !== "function" || !(learner.model instanceof Module))
    throw new OptionError(`${WHERE}: expected a learner`, "It has model, a Module, and fit(data, hooks).");
  const {
    callbacks = [],
    defaultCallbacks: byDefault = true,
    evaluate,
    savesModel = false,
    run,
    fingerprint,
  } = options;
  const heard: readonly string[] = [...LEARNER_ARGUMENTS, ...(learner.hears ?? [])];
  checkOptions(`${WHERE}: args`, options.args, Object.fromEntries(heard.map((name) => [name, true as const])));
  if (evaluate !== undefined && typeof evaluate !== "function")
    throw new OptionError(`${WHERE}: evaluate is no function`);
  const all = resolveArguments({ precision: getPrecision(), ...given(options.args) });
  checkHeard({ evaluate, savesModel }, all, WHERE);
  const hooks = new CallbackHandler(WHERE, [...(byDefault ? defaultCallbacks(all) : []), ...callbacks]);
  const isolation = Isolation.of(learner.model, all.seed, all.precision);
  const { model, carry } = learner;
  const perEpoch = learner.stepsPerEpoch?.(data) ?? 1;
  if (!(Number.isSafeInteger(perEpoch) && perEpoch > 0))
    throw new OptionError(`${WHERE}: stepsPerEpoch gave ${String(perEpoch)}; expected a whole number from 1`);
  const examples = options.examples ?? (data as { length?: unknown } | null)?.length;
  const length = typeof examples === "number" ? examples : perEpoch;
  // Of the arguments only those are a part of the run that something hears.
  const own = Object.fromEntries(
    Object.entries(all).filter(([name]) => heard.includes(name)),
  ) as TrainingArguments & {};
  return conduct(
    {
      ...{
        args: all,
        model,
        callbacks: hooks,
        isolation,
        perEpoch,
        overwrite: all.overwriteOutputDir,
        savesModel,
        carry,
      },
      about: aboutRun({ run, fingerprint, trainDataset: { length } }, own),
      evaluate:
        evaluate &&
        (async () => checkMetrics("evaluate", await isolation.during(model, async () => evaluate()), WHERE)),
    },
    async (training) => {
      const { standing } = training;
      await learner.fit(data, {
        ...{ args: all, control: training.control },
        get stopped() {
          return training.stopped;
        },
        get epoch() {
          return standing.epoch;
        },
        async epochBegin() {
          await training.tell("onEpochBegin", () => training.at);
        },
        stepEnd(step) {
          checkOptions(`${WHERE}: stepEnd`, step, { loss: true, examples: true, steps: true });
          const { loss, examples = 0, steps = 1 } = step;
          hooks.find(TerminateOnNaNCallback)?.check(loss, training.at);
          return training.stepEnds(loss, examples, steps);
        },
        async epochEnd() {
          // It would never be stopped: training ends with a step.
          if (standing.batch === 0)
            throw new ShoshinError(`${WHERE}: a pass ended without a step`, "Tell of each by hooks.stepEnd({ loss }).");
          await training.epochEnded();
          await training.act(true);
        },
        finish: () => training.control.finish(),
        within: (work) => isolation.within(work),
      });
    },
  );
}

const given = (args: GivenArguments = {}): GivenArguments =>
  Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));
