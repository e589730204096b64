import { join } from "#platform";
import { checkOptions } from "../backend/options.ts";
import { type HubOptions, resolveModel } from "../hub/index.ts";
import { HUB_OPTIONS, HUB_REFUSED } from "../hub/settings.ts";
import type { Head } from "../models/index.ts";
import { headOfArchitecture } from "../models/pretrained/head-of.ts";
import { modelAbout } from "../train/index.ts";
import { TaskError } from "./error.ts";
import { readJson } from "./folder.ts";
import { getTask, TASKS } from "./registry.ts";
import type { Predictor } from "./task.ts";
import type { Generator } from "./text-generation/writing.ts";

export { downloads } from "./downloads.ts";
export { TaskError } from "./error.ts";
export { type EmbeddingOptions, POOLINGS, type Pooling, sentenceEmbeddings } from "./feature-extraction/embeddings.ts";
export { type FilledMask, fillMask } from "./fill-mask/filling.ts";
export { namesModel } from "./folder.ts";
export {
  type FeatureExtractionPipeline,
  type FillMaskPipeline,
  type GeneratedText,
  type ListPipeline,
  type OnePerText,
  type PipelineOptions,
  type Pipelines,
  type PipelineTask,
  type PooledFeaturesPipeline,
  pipeline,
  type TaskNamed,
  type TextClassificationPipeline,
  type TextGenerationPipeline,
  type TokenClassificationPipeline,
  type TopClassesPipeline,
  type TranslatedText,
  type TranslationPipeline,
} from "./pipeline.ts";
export type {
  FeatureExtractionOptions,
  FillMaskOptions,
  PredictOptions,
  ScoreFunction,
  TextClassificationOptions,
  TextGenerationOptions,
  TokenClassificationOptions,
  TranslationOptions,
} from "./predict-options.ts";
export { getTask, TASKS } from "./registry.ts";
export type { EvaluateOptions, EvaluateReport, TaskOptions, TaskReport } from "./settings.ts";
export type { ClassScore } from "./shared/classes.ts";
export type { Predictor, Task } from "./task.ts";
export type { Generator, Writing } from "./text-generation/writing.ts";
export type { Entity, TaggedWord } from "./token-classification/predictor.ts";

/** The tasks of models of Hugging Face's. */
const BY_HEAD: Partial<Record<Head, string>> = {
  sequenceClassification: "text-classification",
  tokenClassification: "token-classification",
  causalLm: "text-generation",
  maskedLm: "fill-mask",
  seq2seqLm: "translation",
  base: "feature-extraction",
};

/** The task of a folder that was not written here. Throws {@link TaskError}. */
function taskOf(folder: string): string {
  const { architectures } = readJson(join(folder, "config.json")) as { architectures?: string[] };
  const name = architectures?.[0] ?? "";
  const head = headOfArchitecture(name);
  const task = head && BY_HEAD[head];
  if (task !== undefined && TASKS.some((t) => t.name === task)) return task;
  throw new TaskError(
    `${folder}/config.json: ${name === "" ? "no architectures" : name}: no task here uses such a model`,
    "Fine-tune it: shoshin train TASK --model FOLDER.",
  );
}

/**
 * Opens the folder of a trained model, whatever its task: one that was trained here, or one of Hugging Face's with a head;
 * `hub:OWNER/NAME` comes from the hub or its cache.
 * @param task another than the folder's own, for models that serve several
 */
export async function loadModel(model: string, task?: string, options: HubOptions = {}): Promise<Predictor> {
  checkOptions("loadModel", options, HUB_OPTIONS, HUB_REFUSED);
  const folder = model.startsWith("hub:") ? await resolveModel(model, options) : model;
  if (task !== undefined) return getTask(task).load(folder);
  return getTask(modelAbout(folder)?.task ?? taskOf(folder)).load(folder);
}

/** Opens the folder of a trained language model. Throws {@link TaskError} for a model of another task. */
export async function loadGenerator(name: string, options: HubOptions = {}): Promise<Generator> {
  const model = await loadModel(name, undefined, options);
  if (!("generate" in model)) throw new TaskError(`${name}: a model of ${model.task} does not write`, "Use predict.");
  return model as Generator;
}
