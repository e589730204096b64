import { type GivenArguments, resolveArguments } from "../arguments/arguments.ts";
import { WeightAveragingCallback } from "./averaging.ts";
import { BestWeightsCallback } from "./best-weights.ts";
import type { TrainerCallbacks } from "./callback.ts";
import { CheckpointCallback } from "./checkpoints.ts";
import { CurvesCallback } from "./curves.ts";
import { EarlyStoppingCallback } from "./early-stopping.ts";
import { TerminateOnNaNCallback } from "./nan-guard.ts";
import { ProgressCallback } from "./progress.ts";

/**
 * The hooks of a training by its settings, in the order in which they are told; a caller's own come after them. To replace one:
 * `defaultCallbacks: false`, and of these those that are to stay.
 * @throws OptionError as {@link resolveArguments} does.
 */
export function defaultCallbacks(given: GivenArguments = {}): TrainerCallbacks[] {
  const args = resolveArguments(given);
  const { earlyStoppingPatience } = args;
  return [
    new TerminateOnNaNCallback(),
    ...(args.emaDecay > 0 ? [new WeightAveragingCallback({ decay: args.emaDecay })] : []),
    ...(args.quiet ? [] : [new ProgressCallback()]),
    ...(args.loadBestModelAtEnd ? [new BestWeightsCallback()] : []),
    ...(earlyStoppingPatience > 0 ? [new EarlyStoppingCallback({ earlyStoppingPatience })] : []),
    ...(args.outputDir === undefined ? [] : [new CheckpointCallback(), new CurvesCallback()]),
  ];
}
