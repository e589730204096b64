import { existsSync, join, readFileSync } from "#platform";
import type { Module } from "../nn/index.ts";
import { loadWeights, modelAbout } from "../train/index.ts";
import { TaskError } from "./error.ts";
import type { TaskOptions } from "./settings.ts";

export interface ModelConfig {
  model_type: string;
  architectures: string[];
  id2label?: Record<string, string>;
  label2id?: Record<string, number>;
  [key: string]: unknown;
}

/** Whether `--model` names a pretrained model, a folder or one on the hub, and none of the presets. */
export const namesModel = (model: string, presets: readonly string[]): boolean =>
  /[\\/]|^hub:|^\./.test(model) || (!presets.includes(model) && existsSync(join(model, "config.json")));

export function readJson(path: string): unknown {
  if (!existsSync(path)) throw new TaskError(`${path}: no such file`, "Is this the folder of a trained model?");
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new TaskError(`${path}: not JSON: ${(error as Error).message}`, "The file is damaged.");
  }
}

/** What the options were that the model of a folder was trained with; nothing where it wasn't trained here. */
export const settingsOf = (folder: string): Partial<TaskOptions> => modelAbout(folder)?.settings ?? {};

/** The configuration of the model in a folder. Throws {@link TaskError} where there is none. */
export const readConfig = (folder: string): ModelConfig => readJson(join(folder, "config.json")) as ModelConfig;

/** A model with the weights of a folder, ready to be used. */
export function withWeights<M extends Module>(model: M, folder: string): M {
  loadWeights(model, join(folder, "model.safetensors"));
  return model.eval();
}

/** Sizes in a configuration under the names that models take them by; NaN for those that it lacks. */
export const sizesOf = (config: ModelConfig) => ({
  vocabSize: Number(config.vocab_size),
  numLabels: Object.keys(config.id2label ?? {}).length,
  embeddingSize: Number(config.embedding_size),
  hiddenSize: Number(config.hidden_size),
  numHiddenLayers: Number(config.num_hidden_layers),
  numAttentionHeads: Number(config.num_attention_heads),
  intermediateSize: Number(config.intermediate_size),
  maxPositionEmbeddings: Number(config.max_length),
  featureBuckets: Number(config.feature_buckets),
  featureSize: Number(config.feature_size),
  dropout: Number(config.dropout),
  padTokenId: Number(config.pad_token_id),
});

/** Labels of a configuration, by id. Throws TaskError if they are not 0 … n − 1. */
export function labelsOf(config: ModelConfig, path: string): string[] {
  const map = config.id2label;
  if (map === undefined) throw new TaskError(`${path}/config.json has no id2label`);
  return Object.keys(map).map((_, i) => {
    const label = map[String(i)];
    if (typeof label !== "string") throw new TaskError(`${path}/config.json: id2label has no entry ${i}`);
    return label;
  });
}
