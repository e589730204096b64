import { ShoshinError } from "../backend/errors.ts";
import { checkOptions, type Known, nearestName, OptionError } from "../backend/options.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Names as Transformers' SchedulerType has them. */
export const SCHEDULES = [
  "constant",
  "constant_with_warmup",
  "linear",
  "cosine",
  "cosine_with_restarts",
  "cosine_with_min_lr",
  "polynomial",
  "inverse_sqrt",
  "step",
  "exponential",
  "one_cycle",
] as const;
export type ScheduleName = (typeof SCHEDULES)[number];

export interface ScheduleOptions {
  /** Steps over which the rate rises from 0. */
  numWarmupSteps?: number;
  numTrainingSteps: number;
  /** cosine: 0.5; cosine_with_restarts: 1. */
  numCycles?: number;
  /** cosine_with_min_lr: the rate it ends at as a share of the initial one; 0. */
  minLrRate?: number;
  /** polynomial: 1. */
  power?: number;
  /** polynomial: final rate as a share of the initial one; 0. */
  endShare?: number;
  /** step: every so many steps times gamma (0.1). exponential: every step. */
  stepSize?: number;
  gamma?: number;
  /** one_cycle: share of the steps spent rising (0.3), initial and final division (25, 1e4). */
  pctStart?: number;
  divFactor?: number;
  finalDivFactor?: number;
}

const KNOWN: Known<ScheduleOptions> = {
  numWarmupSteps: true,
  numTrainingSteps: true,
  numCycles: true,
  minLrRate: true,
  power: true,
  endShare: true,
  stepSize: true,
  gamma: true,
  pctStart: true,
  divFactor: true,
  finalDivFactor: true,
};
/** What each schedule has besides the numbers of steps. */
const OWN: Readonly<Record<ScheduleName, readonly (keyof ScheduleOptions)[]>> = {
  constant: [],
  constant_with_warmup: [],
  linear: [],
  cosine: ["numCycles"],
  cosine_with_restarts: ["numCycles"],
  cosine_with_min_lr: ["numCycles", "minLrRate"],
  polynomial: ["power", "endShare"],
  inverse_sqrt: [],
  step: ["stepSize", "gamma"],
  exponential: ["gamma"],
  one_cycle: ["pctStart", "divFactor", "finalDivFactor"],
};
const REFUSED = {
  minLr: "Give minLrRate: the final rate as a share of the initial one.",
  lrEnd: "Give endShare: the final rate as a share of the initial one.",
  lastEpoch: "To go on: scheduler.loadStateDict(state).",
  numDecaySteps: "Of the schedules here none has it.",
};

/** Throws OptionError for a schedule or an option that there is not, or a number out of range. */
function checkSchedule(name: ScheduleName, options: ScheduleOptions): void {
  if (!SCHEDULES.includes(name)) {
    const near = nearestName(String(name), SCHEDULES);
    throw new OptionError(
      `unknown schedule ${String(name)}`,
      `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${SCHEDULES.join(", ")}.`,
    );
  }
  checkOptions(`the schedule ${name}`, options, KNOWN, REFUSED);
  for (const [key, value] of Object.entries(options ?? {})) {
    if (value !== undefined && !(typeof value === "number" && Number.isFinite(value) && value >= 0))
      throw new OptionError(`the schedule ${name}: ${key} is ${String(value)}; expected a number from 0`);
  }
}

/** Throws OptionError for an option that only other schedules hear. */
export function checkOwnOptions(where: string, name: ScheduleName, given: object): void {
  const own = OWN[name];
  for (const key of Object.keys(given) as (keyof ScheduleOptions)[]) {
    if (own.includes(key)) continue;
    const others = SCHEDULES.filter((other) => OWN[other].includes(key));
    throw new OptionError(
      `${where}: the schedule ${name} has no ${key}`,
      `${own.length === 0 ? "It has no options of its own" : `It has ${own.join(", ")}`}; ${key} is of ${others.join(", ")}.`,
    );
  }
}

const anneal = (from: number, to: number, share: number) => to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));

/**
 * The factor on the learning rate at a step (from 0), as Transformers (`get_linear_schedule_with_warmup` …) and PyTorch
 * (StepLR, ExponentialLR, OneCycleLR with cosine annealing) give it.
 * @throws ShoshinError for an unknown name.
 */
export function scheduleFactor(name: ScheduleName, step: number, options: ScheduleOptions): number {
  checkSchedule(name, options);
  const { numWarmupSteps: warmup = 0, numTrainingSteps: total, power = 1, gamma = 0.1 } = options;
  if (name === "one_cycle") {
    const { pctStart = 0.3, divFactor = 25, finalDivFactor = 1e4 } = options;
    const peak = pctStart * total - 1;
    const start = 1 / divFactor;
    if (step <= peak) return anneal(start, 1, step / peak);
    return anneal(1, start / finalDivFactor, Math.min(1, (step - peak) / (total - 1 - peak)));
  }
  if (name !== "constant" && step < warmup) return step / Math.max(1, warmup);
  const progress = (step - warmup) / Math.max(1, total - warmup);
  switch (name) {
    case "constant":
    case "constant_with_warmup":
      return 1;
    case "linear":
      return Math.max(0, 1 - progress);
    case "cosine":
      return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * (options.numCycles ?? 0.5) * 2 * progress)));
    case "cosine_with_min_lr": {
      const { numCycles = 0.5, minLrRate = 0 } = options;
      const factor = 0.5 * (1 + Math.cos(Math.PI * numCycles * 2 * progress));
      return Math.max(0, factor * (1 - minLrRate) + minLrRate);
    }
    case "cosine_with_restarts":
      return progress >= 1
        ? 0
        : Math.max(0, 0.5 * (1 + Math.cos(Math.PI * (((options.numCycles ?? 1) * progress) % 1))));
    case "polynomial": {
      const end = options.endShare ?? 0;
      return step > total ? end : (1 - end) * (1 - progress) ** power + end;
    }
    case "inverse_sqrt": {
      const scale = warmup > 0 ? warmup : 10_000;
      return 1 / Math.sqrt((step + scale - warmup) / scale);
    }
    case "step":
      return gamma ** Math.floor(step / (options.stepSize ?? Math.max(1, Math.ceil(total / 3))));
    case "exponential":
      return gamma ** step;
    default:
      throw new ShoshinError(`unknown schedule ${String(name)}`, `There are: ${SCHEDULES.join(", ")}.`);
  }
}

interface Rated {
  paramGroups: { lr: number }[];
}
/** Throws OptionError for what has no groups with rates. */
function checkRated(where: string, optimizer: Rated): void {
  if (!Array.isArray(optimizer?.paramGroups)) throw new OptionError(`${where}: expected an optimizer`, "new AdamW(…)");
}

/** Applies a schedule to an optimizer's groups: call `step()` after each optimizer step, as in PyTorch. */
export class LRScheduler {
  readonly #optimizer: Rated;
  readonly #initial: number[];
  readonly #factor: (step: number) => number;
  lastStep = 0;

  /** Throws OptionError for what is no optimizer or no function, and a factor that is no number. */
  constructor(optimizer: Rated, factor: (step: number) => number) {
    checkRated("LRScheduler", optimizer);
    if (typeof factor !== "function")
      throw new OptionError(
        `LRScheduler: the factor is ${String(factor)}; expected a function`,
        "(step) => 0.95 ** step",
      );
    this.#optimizer = optimizer;
    this.#initial = optimizer.paramGroups.map((g) => g.lr);
    this.#factor = factor;
    this.#apply();
  }
  #apply(): void {
    const factor = this.#factor(this.lastStep);
    if (typeof factor !== "number" || !Number.isFinite(factor))
      throw new OptionError(`LRScheduler: the factor at step ${this.lastStep} is ${String(factor)}; expected a number`);
    this.#optimizer.paramGroups.forEach((group, i) => {
      // A group that was added since begins with the rate it came with.
      this.#initial[i] ??= group.lr;
      group.lr = this.#initial[i] * factor;
    });
  }
  step(): void {
    this.lastStep++;
    this.#apply();
  }
  /** The groups' rates as they are now. */
  getLastLr(): number[] {
    return this.#optimizer.paramGroups.map((g) => g.lr);
  }
  stateDict(): { lastStep: number; initial: number[] } {
    return { lastStep: this.lastStep, initial: [...this.#initial] };
  }
  /** Throws ShoshinError for a state that is damaged or of another number of groups; nothing is changed then. */
  loadStateDict(state: { lastStep: number; initial: number[] }): void {
    const { lastStep, initial } = state ?? {};
    const rates = Array.isArray(initial) && initial.every((lr) => typeof lr === "number" && lr >= 0);
    if (!Number.isSafeInteger(lastStep) || lastStep < 0 || !rates)
      throw new ShoshinError(
        "LRScheduler: the saved state is damaged",
        "It has lastStep, and initial: a rate for each group.",
      );
    if (initial.length !== this.#initial.length)
      throw new ShoshinError(
        `LRScheduler: the state is of ${initial.length} groups, the optimizer has ${this.#initial.length}`,
      );
    this.lastStep = state.lastStep;
    state.initial.forEach((lr, i) => {
      this.#initial[i] = lr;
    });
    this.#apply();
  }
}

/** A schedule by its name. Throws OptionError for an unknown name or option, or a number out of range. */
export function getScheduler(name: ScheduleName, optimizer: Rated, options: ScheduleOptions): LRScheduler {
  checkSchedule(name, options);
  if (options?.numTrainingSteps === undefined)
    throw new OptionError(
      `the schedule ${name}: numTrainingSteps is missing`,
      "getScheduler(name, optimizer, { numTrainingSteps })",
    );
  return new LRScheduler(optimizer, (step) => scheduleFactor(name, step, options));
}

export interface PlateauOptions {
  /** Whether the value is to fall (`min`) or to rise (`max`). */
  mode: "min" | "max";
  /** The rate is multiplied by it, below 1; 0.1. */
  factor: number;
  /** Steps without improvement that are waited; 10. */
  patience: number;
  /** A smaller change is no improvement; 1e-4. */
  threshold: number;
  /** `rel`: the threshold is a share of the best value; `abs`: a difference. */
  thresholdMode: "rel" | "abs";
  /** Steps after a change in which nothing is counted; 0. */
  cooldown: number;
  minLr: number;
  /** A smaller change of the rate is left out; 1e-8. */
  eps: number;
}
const PLATEAU: PlateauOptions = {
  mode: "min",
  factor: 0.1,
  patience: 10,
  threshold: 1e-4,
  thresholdMode: "rel",
  cooldown: 0,
  minLr: 0,
  eps: 1e-8,
};
const PLATEAU_KNOWN: Known<PlateauOptions> = {
  mode: true,
  factor: true,
  patience: true,
  threshold: true,
  thresholdMode: true,
  cooldown: true,
  minLr: true,
  eps: true,
};

/** Lowers the rate when a measured value stops improving, as PyTorch's ReduceLROnPlateau. */
export class ReduceLROnPlateau {
  readonly #optimizer: Rated;
  readonly #options: PlateauOptions;
  best: number;
  numBadEpochs = 0;
  cooldownCounter = 0;

  /** Throws OptionError for options that there are not or that are out of range. */
  constructor(optimizer: Rated, options: Partial<PlateauOptions> = {}) {
    checkRated("ReduceLROnPlateau", optimizer);
    checkOptions("ReduceLROnPlateau", options, PLATEAU_KNOWN, {
      verbose: "Read the rate from optimizer.paramGroups[0].lr.",
    });
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    const all: PlateauOptions = { ...PLATEAU, ...Object.fromEntries(given) };
    const wrong = (name: keyof PlateauOptions, expected: string) =>
      new OptionError(`ReduceLROnPlateau: ${name} is ${String(all[name])}; expected ${expected}`);
    if (all.mode !== "min" && all.mode !== "max") throw wrong("mode", "min or max");
    if (all.thresholdMode !== "rel" && all.thresholdMode !== "abs") throw wrong("thresholdMode", "rel or abs");
    if (!(all.factor >= 0 && all.factor < 1)) throw wrong("factor", "a number from 0 to below 1");
    for (const name of ["patience", "threshold", "cooldown", "minLr", "eps"] as const)
      if (!(typeof all[name] === "number" && all[name] >= 0)) throw wrong(name, "a number from 0");
    this.#optimizer = optimizer;
    this.#options = all;
    this.best = all.mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }
  /** Throws OptionError for what is no number. NaN is no improvement. */
  step(measured: number | Tensor): void {
    const value = measured instanceof Tensor ? measured.item() : measured;
    if (typeof value !== "number")
      throw new OptionError(`ReduceLROnPlateau.step: expected the measured value, found ${String(value)}`);
    const { mode, factor, patience, threshold, thresholdMode, cooldown, minLr, eps } = this.#options;
    const by = mode === "min" ? -threshold : threshold;
    const bound = thresholdMode === "rel" ? this.best * (1 + by) : this.best + by;
    const better = mode === "min" ? value < bound : value > bound;
    if (better) {
      this.best = value;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > patience) {
      for (const group of this.#optimizer.paramGroups) {
        const lr = Math.max(group.lr * factor, minLr);
        if (group.lr - lr > eps) group.lr = lr;
      }
      this.cooldownCounter = cooldown;
      this.numBadEpochs = 0;
    }
  }
  stateDict(): { best: number; numBadEpochs: number; cooldownCounter: number } {
    return { best: this.best, numBadEpochs: this.numBadEpochs, cooldownCounter: this.cooldownCounter };
  }
  /** Throws ShoshinError for a state that is damaged; nothing is changed then. */
  loadStateDict(state: { best: number; numBadEpochs: number; cooldownCounter: number }): void {
    const { best, numBadEpochs, cooldownCounter } = state ?? {};
    const counts = [numBadEpochs, cooldownCounter].every((n) => Number.isSafeInteger(n) && n >= 0);
    if (typeof best !== "number" || !counts) throw new ShoshinError("ReduceLROnPlateau: the saved state is damaged");
    Object.assign(this, { best, numBadEpochs, cooldownCounter });
  }
}
