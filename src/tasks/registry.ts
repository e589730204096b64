import { nearestName } from "../backend/options.ts";
import { TaskError } from "./error.ts";
import { featureExtraction, sentenceSimilarity } from "./feature-extraction/index.ts";
import { fillMaskTask } from "./fill-mask/index.ts";
import { imageClassification } from "./image-classification/index.ts";
import { openTask } from "./open.ts";
import { runTask } from "./run.ts";
import { tabularClassification, tabularRegression } from "./tabular/index.ts";
import type { Declaration, Task } from "./task.ts";
import { guarded } from "./task-options.ts";
import { textClassification } from "./text-classification/index.ts";
import { textGeneration } from "./text-generation/index.ts";
import { tokenClassification } from "./token-classification/index.ts";
import { translation } from "./translation/index.ts";

/** A declaration in use. */
const declared = (task: Declaration): Task => ({
  name: task.name,
  presets: task.presets,
  defaultPreset: task.presets[0] ?? "",
  train: (options) => runTask(task, options),
  load: (folder) => openTask(task, folder),
});

export const TASKS: readonly Task[] = [
  textClassification,
  tokenClassification,
  tabularClassification,
  tabularRegression,
  imageClassification,
  textGeneration,
  fillMaskTask,
  translation,
  featureExtraction,
  sentenceSimilarity,
].map((task) => guarded(declared(task)));
const ALIASES: Record<string, string> = {
  sentiment: "text-classification",
  "sentiment-analysis": "text-classification",
  ner: "token-classification",
};

/** A task by Hugging Face's name or an alias. Throws {@link TaskError} that lists what there is. */
export function getTask(name: string): Task {
  // Transformers' pipelines for translation may name their languages.
  const plain = name.replace(/^translation_\w+_to_\w+$/, "translation");
  const task = TASKS.find((t) => t.name === (ALIASES[plain] ?? plain));
  if (task !== undefined) return task;
  const names = TASKS.map((t) => t.name);
  const near = nearestName(name, [...names, ...Object.keys(ALIASES)]);
  throw new TaskError(
    `unknown task ${name}`,
    `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${names.join(", ")}.`,
  );
}
