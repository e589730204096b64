import { ShoshinError } from "../backend/errors.ts";

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

const anneal = (from: number, to: number, share: number) => to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));

/**
 * The factor on the learning rate at a step (from 0), as Transformers (`get_linear_schedule_with_warmup` …) and PyTorch
 * (StepLR, ExponentialLR, OneCycleLR with cosine annealing) give it.
 * @throws ShoshinError for an unknown name.
 */
export function scheduleFactor(name: ScheduleName, step: number, options: ScheduleOptions): number {
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

/** Applies a schedule to an optimizer's groups: call `step()` after each optimizer step, as in PyTorch. */
export class LRScheduler {
  readonly #optimizer: Rated;
  readonly #initial: number[];
  readonly #factor: (step: number) => number;
  lastStep = 0;

  constructor(optimizer: Rated, factor: (step: number) => number) {
    this.#optimizer = optimizer;
    this.#initial = optimizer.paramGroups.map((g) => g.lr);
    this.#factor = factor;
    this.#apply();
  }
  #apply(): void {
    this.#optimizer.paramGroups.forEach((group, i) => {
      group.lr = this.#initial[i] * this.#factor(this.lastStep);
    });
  }
  step(): void {
    this.lastStep++;
    this.#apply();
  }
  stateDict(): { lastStep: number; initial: number[] } {
    return { lastStep: this.lastStep, initial: [...this.#initial] };
  }
  loadStateDict(state: { lastStep: number; initial: number[] }): void {
    this.lastStep = state.lastStep;
    state.initial.forEach((lr, i) => {
      this.#initial[i] = lr;
    });
    this.#apply();
  }
}

/** A schedule by its name. */
export const getScheduler = (name: ScheduleName, optimizer: Rated, options: ScheduleOptions): LRScheduler =>
  new LRScheduler(optimizer, (step) => scheduleFactor(name, step, options));

/** Lowers the rate when a measured value stops improving, as PyTorch's ReduceLROnPlateau. */
export class ReduceLROnPlateau {
  readonly #optimizer: Rated;
  readonly #options: {
    mode: "min" | "max";
    factor: number;
    patience: number;
    threshold: number;
    cooldown: number;
    minLr: number;
  };
  best: number;
  numBadEpochs = 0;
  cooldownCounter = 0;

  constructor(
    optimizer: Rated,
    options: Partial<{
      mode: "min" | "max";
      factor: number;
      patience: number;
      threshold: number;
      cooldown: number;
      minLr: number;
    }> = {},
  ) {
    this.#optimizer = optimizer;
    this.#options = { mode: "min", factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, minLr: 0, ...options };
    this.best = this.#options.mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }
  step(value: number): void {
    const { mode, factor, patience, threshold, cooldown, minLr } = this.#options;
    const better = mode === "min" ? value < this.best * (1 - threshold) : value > this.best * (1 + threshold);
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
        if (group.lr - lr > 1e-8) group.lr = lr;
      }
      this.cooldownCounter = cooldown;
      this.numBadEpochs = 0;
    }
  }
}
