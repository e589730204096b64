import { join } from "#platform";
import { type Predictor, readJson, type Task, TaskError } from "./common.ts";
import { imageClassification } from "./image-classification.ts";
import { tabularClassification, tabularRegression } from "./tabular.ts";
import { textClassification } from "./text-classification.ts";
import { type Generator, textGeneration } from "./text-generation.ts";
import { tokenClassification } from "./token-classification.ts";

export {
  type EvaluateReport,
  type Predictor,
  type Task,
  TaskError,
  type TaskOptions,
  type TaskReport,
} from "./common.ts";
export type { Generator } from "./text-generation.ts";

export const TASKS: readonly Task[] = [
  textClassification,
  tokenClassification,
  tabularClassification,
  tabularRegression,
  imageClassification,
  textGeneration,
];
const ALIASES: Record<string, string> = {
  sentiment: "text-classification",
  "sentiment-analysis": "text-classification",
  ner: "token-classification",
};

/** A task by Hugging Face's name or an alias. Throws {@link TaskError} that lists what there is. */
export function getTask(name: string): Task {
  const task = TASKS.find((t) => t.name === (ALIASES[name] ?? name));
  if (task === undefined)
    throw new TaskError(`unknown task ${name}`, `There are: ${TASKS.map((t) => t.name).join(", ")}.`);
  return task;
}

/** Opens the folder of a trained model, whatever its task. */
export async function loadModel(folder: string): Promise<Predictor> {
  const about = readJson(join(folder, "shoshin.json")) as { task?: string };
  if (typeof about.task !== "string") throw new TaskError(`${folder}/shoshin.json names no task`);
  return getTask(about.task).load(folder);
}

/** Opens the folder of a trained language model. Throws {@link TaskError} for a model of another task. */
export async function loadGenerator(folder: string): Promise<Generator> {
  const model = await loadModel(folder);
  if (!("generate" in model)) throw new TaskError(`${folder}: a model of ${model.task} does not write`, "Use predict.");
  return model as Generator;
}

/**
 * A function that predicts with a trained model, as Transformers' `pipeline`: one text gives a list of one result, several
 * give one result each.
 */
export async function pipeline(
  task: string,
  folder: string,
): Promise<(input: string | readonly string[]) => Promise<unknown[]>> {
  const predictor = await getTask(task).load(folder);
  return (input) => predictor.predict(typeof input === "string" ? [input] : input);
}
