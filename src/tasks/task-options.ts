import { checkEvaluate, checkTrain } from "./options/check.ts";
import type { Predictor, Task } from "./task.ts";

/** A task whose doors refuse what they do not know, and what would not be heard. */
export function guarded(task: Task): Task {
  return {
    ...task,
    async train(options) {
      checkTrain(task, options);
      return task.train(options);
    },
    async load(folder) {
      const predictor: Predictor = await task.load(folder);
      return {
        ...predictor,
        async evaluate(options) {
          checkEvaluate(task.name, options);
          return predictor.evaluate(options);
        },
      };
    },
  };
}
