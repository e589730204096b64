import { nearestName } from "../backend/options.ts";
import { DECLARATIONS } from "./declarations.ts";
import { TaskError } from "./error.ts";
import { openTask } from "./open.ts";
import { checkEvaluate } from "./options/check.ts";
import { runTask } from "./run.ts";
import type { Declaration, Task } from "./task.ts";

/** A declaration in use: its doors refuse what they do not know, and what would not be heard. */
function declared(task: Declaration): Task {
  const presets = Object.keys(task.presets);
  return {
    name: task.name,
    presets,
    defaultPreset: presets[0] ?? "",
    train: (options) => runTask(task, options),
    async load(folder) {
      const predictor = await openTask(task, folder);
      return {
        ...predictor,
        async evaluate(options) {
          checkEvaluate(task, options);
          return predictor.evaluate(options);
        },
      };
    },
  };
}

export const TASKS: readonly Task[] = DECLARATIONS.map(declared);

/** A task by Hugging Face's name or an alias. Throws {@link TaskError} that lists what there is. */
export function getTask(name: string): Task {
  // Transformers' pipelines for translation may name their languages.
  const plain = name.replace(/^translation_\w+_to_\w+$/, "translation");
  const at = DECLARATIONS.findIndex((task) => task.name === plain || task.aliases?.includes(plain));
  if (at >= 0) return TASKS[at];
  const names = TASKS.map((task) => task.name);
  const near = nearestName(name, [...names, ...DECLARATIONS.flatMap((task) => task.aliases ?? [])]);
  throw new TaskError(
    `unknown task ${name}`,
    `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${names.join(", ")}.`,
  );
}
