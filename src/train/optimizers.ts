import { OptionError } from "../backend/options.ts";
import type { Module } from "../nn/index.ts";
import { getScheduler, LRScheduler, Optimizer, ReduceLROnPlateau } from "../optim/index.ts";
import type { GroupOptions } from "../optim/optimizer.ts";
import { type GivenArguments, scheduleOptions, type TrainingArguments } from "./arguments/arguments.ts";
import { makeOptimizer } from "./arguments/make-optimizer.ts";

/** An optimizer of any kind, over all parameters or over groups of them. */
export type AnyOptimizer = Pick<
  Optimizer<GroupOptions>,
  "paramGroups" | "step" | "scaledStep" | "zeroGrad" | "stateDict" | "loadStateDict"
>;
export type Scheduler = LRScheduler | ReduceLROnPlateau;

/** What `optimizers` holds, as in Transformers: an optimizer, and its schedule; left out, the arguments' own. */
export type Optimizers = readonly [optimizer: AnyOptimizer | null | undefined, scheduler?: Scheduler | null];

/** Arguments that only the optimizer, or the schedule, that they make hears of. */
const OF_OPTIMIZER = [
  ...(["optim", "learningRate", "weightDecay", "l1", "momentum", "nesterov"] as const),
  ...(["adamBeta1", "adamBeta2", "adamEpsilon", "layerwiseLrDecay"] as const),
];
const OF_SCHEDULE = ["lrSchedulerType", "lrSchedulerKwargs", "warmupSteps", "warmupRatio"] as const;

/** Throws OptionError for what are no optimizer and schedule, and for arguments that they do not hear. */
export function checkOptimizers(where: string, optimizers: unknown, args: GivenArguments = {}): void {
  if (optimizers === undefined) return;
  if (!Array.isArray(optimizers) || optimizers.length > 2)
    throw new OptionError(`${where}: optimizers is no list of an optimizer and its schedule`, "[optimizer, scheduler]");
  const [optimizer, scheduler] = optimizers as unknown[];
  if (optimizer != null && !(optimizer instanceof Optimizer))
    throw new OptionError(`${where}: optimizers[0] is no optimizer`, "new AdamW(model.parameters(), { lr: 1e-3 })");
  if (scheduler != null && !(scheduler instanceof LRScheduler || scheduler instanceof ReduceLROnPlateau))
    throw new OptionError(
      `${where}: optimizers[1] is no schedule`,
      "getScheduler(…), new LRScheduler(optimizer, (step) => 0.95 ** step), new ReduceLROnPlateau(optimizer).",
    );
  if (scheduler != null && optimizer == null)
    throw new OptionError(`${where}: optimizers has a schedule without its optimizer`, "[optimizer, scheduler]");
  const unheard = [...(optimizer != null ? OF_OPTIMIZER : []), ...(scheduler != null ? OF_SCHEDULE : [])].find(
    (name) => args?.[name] !== undefined,
  );
  if (unheard === undefined) return;
  const what = (OF_SCHEDULE as readonly string[]).includes(unheard) ? "schedule" : "optimizer";
  throw new OptionError(
    `${where}: ${unheard} is of the ${what} that args make, and optimizers gives another`,
    `Give it to that ${what}, or leave out optimizers.`,
  );
}

/** The optimizer of a trainer, and the schedule of each training. */
export class Optimizing {
  readonly optimizer: Optimizer<GroupOptions>;
  readonly #args: TrainingArguments;
  readonly #given: Scheduler | undefined;
  /** Of the given schedule, as it came. */
  readonly #initial: unknown;
  /** Of each group, before any schedule. */
  readonly #rates: readonly number[];

  constructor(model: Module, args: TrainingArguments, [optimizer, scheduler]: Optimizers | readonly [] = []) {
    this.optimizer = (optimizer ?? makeOptimizer(model, args)) as Optimizer<GroupOptions>;
    // Its own rate is what the schedule's final rate is a share of.
    this.#args = optimizer == null ? args : { ...args, learningRate: optimizer.paramGroups[0].lr };
    this.#given = scheduler ?? undefined;
    this.#initial = this.#given?.stateDict();
    this.#rates = this.optimizer.paramGroups.map((group) => group.lr);
  }

  /**
   * The schedule of a training that begins.
   * @param total its steps
   */
  begin(total: number): Scheduler {
    if (this.#given !== undefined) return this.#given;
    return getScheduler(this.#args.lrSchedulerType, this.optimizer, scheduleOptions(this.#args, total));
  }
  /** Brings it to where the run is: at its beginning, or where a checkpoint left it. */
  restore(scheduler: Scheduler, step: number, saved: unknown): void {
    if (this.#given !== undefined) {
      if (step === 0 && scheduler instanceof ReduceLROnPlateau)
        this.optimizer.paramGroups.forEach((group, i) => {
          group.lr = this.#rates[i] ?? group.lr;
        });
      const begun = scheduler instanceof LRScheduler ? { ...(this.#initial as object), lastStep: step } : this.#initial;
      scheduler.loadStateDict((saved ?? begun) as never);
    } else (scheduler as LRScheduler).loadStateDict({ lastStep: step, initial: [...this.#rates] });
  }
  /** What a checkpoint keeps of a schedule; of those that the arguments make nothing is needed. */
  stateOf(scheduler: Scheduler): unknown {
    return this.#given === undefined ? undefined : scheduler.stateDict();
  }
}
