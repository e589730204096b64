import { loadWeights, saveWeights } from "../run/checkpoint.ts";
import type { At, Evaluated, TrainerCallbacks, TrainerControl } from "./callback.ts";

/** Keeps the weights of the best evaluation, and ends with them (`args.loadBestModelAtEnd`). */
export class BestWeightsCallback implements TrainerCallbacks {
  /** Where nothing is written. */
  #weights: Map<string, Float32Array> | undefined;

  onTrainBegin(): void {
    this.#weights = undefined;
  }
  onEvaluate({ best, step }: Evaluated, { folder, model, state }: TrainerControl): void {
    if (!best) return;
    const value = state.bestMetric as number;
    if (folder !== undefined)
      folder.noteBest({ step, metric: state.metricForBestModel, value }, (path) => saveWeights(model, path));
    else this.#weights = new Map([...model.stateDict()].map(([name, t]) => [name, t.data() as Float32Array]));
  }
  onLoopEnd({ step }: At, { folder, model, state, note }: TrainerControl): void {
    if (state.bestGlobalStep === undefined || state.bestGlobalStep === step) return;
    const best = folder?.bestWeights();
    if (best !== undefined) loadWeights(model, best);
    else if (folder !== undefined) note("warning: the best weights were changed since: the last ones stay");
    const own = model.stateDict();
    for (const [name, values] of this.#weights ?? []) own.get(name)?.detach().copy_(values);
  }
}
