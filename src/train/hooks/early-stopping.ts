import { ShoshinError } from "../../backend/errors.ts";
import { checkOptions, type Known, OptionError } from "../../backend/options.ts";
import type { Evaluated, TrainBegin, TrainerCallbacks, TrainerControl } from "./callback.ts";

export interface EarlyStoppingOptions {
  /** Evaluations without a better metric that are waited for; 1. */
  earlyStoppingPatience?: number;
  /** A metric is better where it is by more than this, against the best so far; 0. */
  earlyStoppingThreshold?: number;
}
const KNOWN: Known<EarlyStoppingOptions> = { earlyStoppingPatience: true, earlyStoppingThreshold: true };

/** Ends training after so many evaluations without a better metric (`args.earlyStoppingPatience`). */
export class EarlyStoppingCallback implements TrainerCallbacks {
  readonly earlyStoppingPatience: number;
  readonly earlyStoppingThreshold: number;
  /** With a threshold: the best so far, and evaluations since one that was better by as much. */
  #best: number | undefined;
  #waited = 0;

  constructor(options: EarlyStoppingOptions = {}) {
    checkOptions("EarlyStoppingCallback", options, KNOWN);
    const { earlyStoppingPatience = 1, earlyStoppingThreshold = 0 } = options;
    if (!(Number.isSafeInteger(earlyStoppingPatience) && earlyStoppingPatience > 0))
      throw new OptionError(
        `EarlyStoppingCallback: earlyStoppingPatience is ${String(earlyStoppingPatience)}; expected a whole number from 1`,
      );
    if (!(Number.isFinite(earlyStoppingThreshold) && earlyStoppingThreshold >= 0))
      throw new OptionError(
        `EarlyStoppingCallback: earlyStoppingThreshold is ${String(earlyStoppingThreshold)}; expected a number from 0`,
      );
    this.earlyStoppingPatience = earlyStoppingPatience;
    this.earlyStoppingThreshold = earlyStoppingThreshold;
  }

  onTrainBegin({ resumed }: TrainBegin, { args, measures }: TrainerControl): void {
    if (!resumed) this.loadStateDict({});
    if (measures && args.evalStrategy !== "no") return;
    throw new OptionError(
      `EarlyStoppingCallback needs held-out data that is measured${measures ? ", and evalStrategy is no" : ", and there is none"}`,
      measures ? "Give evalStrategy: 'epoch' or 'steps'." : "Give evalDataset or evaluate, or leave it out.",
    );
  }
  onEvaluate({ value, metrics }: Evaluated, control: TrainerControl): void {
    const { state } = control;
    if (value === undefined)
      throw new ShoshinError(
        `EarlyStoppingCallback: held-out data has no ${state.metricForBestModel}`,
        `Name another as metricForBestModel. There are: ${Object.keys(metrics).join(", ")}.`,
      );
    if (this.earlyStoppingThreshold === 0) this.#waited = state.evaluationsSinceBest;
    else {
      const { greaterIsBetter } = state;
      this.#waited = isBetter(value, this.#best, greaterIsBetter, this.earlyStoppingThreshold) ? 0 : this.#waited + 1;
      if (isBetter(value, this.#best, greaterIsBetter, 0)) this.#best = value;
    }
    if (this.#waited < this.earlyStoppingPatience) return;
    control.note(`no better ${state.metricForBestModel} in ${this.#waited} evaluations: stopping early`);
    control.finish();
  }

  stateDict(): { best?: number; waited: number } {
    return { best: this.#best, waited: this.#waited };
  }
  loadStateDict(state: unknown): void {
    const { best, waited } = (state ?? {}) as { best?: unknown; waited?: unknown };
    this.#best = typeof best === "number" ? best : undefined;
    this.#waited = typeof waited === "number" ? waited : 0;
  }
}

function isBetter(value: number | undefined, best: number | undefined, greater: boolean, by: number): boolean {
  if (value === undefined || !Number.isFinite(value)) return false;
  return best === undefined || (greater ? value - best : best - value) > by;
}
