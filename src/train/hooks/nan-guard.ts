import { ShoshinError } from "../../backend/errors.ts";
import type { At, PreOptimizerStep, TrainerCallbacks } from "./callback.ts";

/** Training cannot go on: the loss is no number. The last good checkpoint is kept. */
export class TrainingError extends ShoshinError {}

/** Ends training at a loss that is NaN or infinite, before the weights are. */
export class TerminateOnNaNCallback implements TrainerCallbacks {
  onPreOptimizerStep({ loss, learningRate, ...at }: PreOptimizerStep): void {
    this.check(loss, at, `Lower the learning rate (now ${learningRate}), or clip gradients: --max-grad-norm 1.`);
  }
  /** Throws {@link TrainingError} for a step's loss that is no number; undefined where nothing counted. */
  check(loss: number | undefined, { step, epoch }: At, hint = "Are there such numbers in the data?"): void {
    if (loss === undefined || Number.isFinite(loss)) return;
    throw new TrainingError(
      `the loss is ${loss} at step ${step + 1} (epoch ${epoch + 1})`,
      `${hint} The last good checkpoint is kept.`,
    );
  }
}
