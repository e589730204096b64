import { checkOptions, type Known, OptionError } from "../../backend/options.ts";
import type { Module } from "../../nn/index.ts";
import { AveragedWeights } from "../../optim/index.ts";
import type { TrainerCallbacks } from "./callback.ts";

export interface WeightAveragingOptions {
  /** Per step, from 0 to below 1; 0.999. */
  decay?: number;
}
const KNOWN: Known<WeightAveragingOptions> = { decay: true };

/** A moving average of the weights: it is measured and kept in their place, and the model ends with it (`args.emaDecay`). */
export class WeightAveragingCallback implements TrainerCallbacks {
  readonly decay: number;
  #average: AveragedWeights | undefined;

  constructor(options: WeightAveragingOptions = {}) {
    checkOptions("WeightAveragingCallback", options, KNOWN);
    const { decay = 0.999 } = options;
    if (!(typeof decay === "number" && decay >= 0 && decay < 1))
      throw new OptionError(`WeightAveragingCallback: decay is ${String(decay)}; expected a number from 0 to below 1`);
    this.decay = decay;
  }

  /** A training begins: the average does, with the weights as they are. */
  begin(model: Module): AveragedWeights {
    this.#average = new AveragedWeights(
      model.parameters().filter((p) => p.requiresGrad),
      this.decay,
    );
    return this.#average;
  }
  onStepEnd(): void {
    this.#average?.update();
  }
  onEvaluateBegin(): void {
    this.#average?.swap();
  }
  onEvaluateEnd(): void {
    this.#average?.swap();
  }
  onLoopEnd(): void {
    this.#average?.swap();
  }
}
