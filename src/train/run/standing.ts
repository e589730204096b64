import type { TrainingArguments } from "../arguments/arguments.ts";
import type { BestState } from "../best.ts";
import type { TrainerState } from "./checkpoint.ts";

/** Where a run stands. */
export interface Standing extends BestState {
  globalStep: number;
  epoch: number;
  /** Steps of this epoch that are done. */
  batch: number;
  lossSum: number;
  lossCount: number;
  logSum: number;
  logCount: number;
}

/** At its beginning, or where a checkpoint left it. */
export const standingOf = (resumed: TrainerState | undefined): Standing => ({
  globalStep: resumed?.globalStep ?? 0,
  epoch: resumed?.epoch ?? 0,
  batch: resumed?.batch ?? 0,
  bestMetric: resumed?.bestMetric,
  bestLoss: resumed?.bestLoss,
  bestStep: resumed?.bestStep,
  evaluationsSinceBest: resumed?.evaluationsSinceBest ?? 0,
  lossSum: resumed?.lossSum ?? 0,
  lossCount: resumed?.lossCount ?? 0,
  logSum: resumed?.logSum ?? 0,
  logCount: resumed?.logCount ?? 0,
});

/** Steps between evaluations or checkpoints where their strategy is `steps` and nothing else is said, as in Transformers. */
const EVERY = 500;

/** Whether one of the steps after `before`, up to `step`, is one of every so many. */
const passes = (every: number, step: number, before: number): boolean =>
  Math.floor(step / every) > Math.floor(before / every);

function everySo(strategy: string | undefined, every: number, step: number, before: number): boolean {
  if (strategy !== undefined && strategy !== "steps") return false;
  const steps = every > 0 ? every : strategy === "steps" ? EVERY : 0;
  return steps > 0 && passes(steps, step, before);
}

/**
 * Whether held-out data is measured after this step.
 * @param ends whether an epoch, or training, ends with it
 * @param before steps that were done before it, where it counts for several
 */
export function evaluates(
  { evalStrategy, evalSteps }: TrainingArguments,
  step: number,
  ends: boolean,
  before = step - 1,
): boolean {
  if (ends && (evalStrategy === undefined || evalStrategy === "epoch")) return true;
  return everySo(evalStrategy, evalSteps, step, before);
}

/** Whether a checkpoint is written after this step, whatever held-out data says. @param stops whether training ends with it */
export function saves(
  { saveStrategy, saveSteps }: TrainingArguments,
  step: number,
  { ends, stops, before = step - 1 }: { ends: boolean; stops: boolean; before?: number },
): boolean {
  if (saveStrategy === "no") return false;
  if (stops) return true;
  if (ends && (saveStrategy === "epoch" || (saveStrategy === undefined && saveSteps === 0))) return true;
  return everySo(saveStrategy, saveSteps, step, before);
}

/** Whether the curve gets a point after this step. */
export function logs(
  { loggingStrategy, loggingSteps, loggingFirstStep }: TrainingArguments,
  step: number,
  ends: boolean,
  before = step - 1,
): boolean {
  if (loggingStrategy === "epoch") return ends;
  return loggingStrategy === "steps" && (passes(loggingSteps, step, before) || (before === 0 && loggingFirstStep));
}
