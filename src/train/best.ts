import { ShoshinError } from "../backend/errors.ts";
import type { TrainingArguments } from "./arguments/arguments.ts";
import type { Metrics } from "./metrics/metric.ts";

/** What is remembered of the best evaluation so far. */
export interface BestState {
  bestMetric: number | undefined;
  bestLoss: number | undefined;
  bestStep: number | undefined;
  evaluationsSinceBest: number;
}

/** Which of a run's evaluations is the best. */
export class BestMetric {
  readonly name: string;
  /** Whether more of it is better. */
  readonly greater: boolean;
  /** Whether anything hangs on it. */
  readonly #needed: boolean;

  constructor(a: TrainingArguments) {
    this.name = a.metricForBestModel ?? "loss";
    this.greater = a.greaterIsBetter ?? !this.name.endsWith("loss");
    this.#needed =
      a.metricForBestModel !== undefined ||
      a.loadBestModelAtEnd ||
      a.earlyStoppingPatience > 0 ||
      a.saveStrategy === "best";
  }

  /** The metric's value; undefined where there is none of its name and nobody needs it. Throws {@link ShoshinError}. */
  valueOf(metrics: Metrics): number | undefined {
    const names = [this.name, this.name.replace(/^eval_/, ""), `eval_${this.name}`];
    const found = names.find((name) => Object.hasOwn(metrics, name));
    if (found !== undefined) return metrics[found];
    if (!this.#needed) return undefined;
    throw new ShoshinError(
      `metricForBestModel: held-out data has no ${this.name}`,
      `There are: ${Object.keys(metrics).join(", ")}.`,
    );
  }

  /**
   * Notes an evaluation; whether it is the best so far. What is no finite number never is. Among equal ones the lower loss is
   * better: small validation sets tie often.
   */
  update(state: BestState, metrics: Metrics, step: number): boolean {
    const value = this.valueOf(metrics);
    if (value === undefined) return false;
    const best = state.bestMetric;
    const bestLoss = state.bestLoss ?? Number.POSITIVE_INFINITY;
    const better =
      Number.isFinite(value) &&
      (!Number.isFinite(best ?? Number.NaN) ||
        (this.greater ? value > (best as number) : value < (best as number)) ||
        (value === best && metrics.loss < bestLoss));
    if (better)
      Object.assign(state, { bestMetric: value, bestLoss: metrics.loss, bestStep: step, evaluationsSinceBest: 0 });
    else state.evaluationsSinceBest++;
    return better;
  }
}
