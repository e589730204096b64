import type { TrainerCallbacks } from "../train/index.ts";
import type { Cancel } from "./cancel.ts";
import type { Listener, TrainEvent } from "./events.ts";

/** Tells what happens in a training, ends it with a call that is aborted, and after the step in which somebody stops it. */
export function watching(cancel: Cancel, tell: Listener<TrainEvent>, stopping: () => boolean): TrainerCallbacks {
  const told = (event: TrainEvent) => {
    cancel.check();
    tell(event);
    // The listener may have had enough.
    cancel.check();
    return stopping() ? "stop" : undefined;
  };
  return {
    onStepEnd: (info) => told({ type: "step", ...info }),
    onEvaluate: (info) => told({ type: "evaluate", ...info }),
    onEpochEnd: (info) => told({ type: "epoch", ...info }),
  };
}
