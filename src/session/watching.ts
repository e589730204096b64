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
  // Field by field: what hooks are told may hold more than can be sent to another thread.
  return {
    onTrainBegin: ({ step, maxSteps, numTrainEpochs, resumed }) =>
      told({ type: "begin", step, maxSteps, numTrainEpochs, resumed }),
    onStepEnd: ({ step, epoch, loss, learningRate }) => told({ type: "step", step, epoch, loss, learningRate }),
    onLog: ({ step, epoch, logs }) => told({ type: "log", step, epoch, logs: { ...logs } }),
    onEvaluate: ({ step, metrics }) => told({ type: "evaluate", step, metrics: { ...metrics } }),
    onSave: ({ step, path }) => told({ type: "save", step, path }),
    onEpochEnd: ({ step, epoch }) => told({ type: "epoch", step, epoch }),
  };
}
