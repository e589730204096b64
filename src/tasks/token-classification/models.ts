import {
  RNN_CELLS,
  RnnForTokenClassification,
  type TaggerBatch,
  TransformerForTokenClassification,
} from "../../models/index.ts";
import type { Module } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type ModelConfig, sizesOf } from "../folder.ts";
import type { TaskOptions } from "../settings.ts";
import { PRESETS } from "./options.ts";

/** A model of the task: logits [T, batch, numLabels] of a batch of sentences. */
export interface Tagger extends Module {
  forward(batch: TaggerBatch): Tensor;
}

type Preset = keyof typeof PRESETS;
interface TaggerPreset {
  architecture: string;
  /** What config.json holds besides the vocabulary and the labels. */
  shape(options: TaskOptions): Record<string, unknown>;
  build(config: ModelConfig): Tagger;
  defaults: (typeof PRESETS)[Preset]["defaults"];
}

/** Sizes that every tagger has. */
const sizesFor = (preset: Preset, options: TaskOptions) => {
  const { defaults } = PRESETS[preset];
  return {
    embedding_size: options.embeddingSize ?? defaults.embeddingSize,
    feature_size: 100,
    hidden_size: options.hiddenSize ?? defaults.hiddenSize,
    num_hidden_layers: options.layers ?? defaults.layers,
    dropout: options.dropout ?? defaults.dropout,
  };
};

const recurrent = (modelType: (typeof RNN_CELLS)[number]): TaggerPreset => ({
  architecture: "RnnForTokenClassification",
  shape: (options) => sizesFor(modelType, options),
  build: (config) => new RnnForTokenClassification({ modelType, ...sizesOf(config) }),
  defaults: PRESETS[modelType].defaults,
});

const transformer: TaggerPreset = {
  architecture: "TransformerForTokenClassification",
  shape: (options) => {
    const { dropout, ...sizes } = sizesFor("transformer", options);
    const width = sizes.hidden_size;
    return {
      ...sizes,
      num_attention_heads: options.heads ?? [4, 2, 1].find((heads) => width % heads === 0),
      intermediate_size: options.intermediateSize ?? 4 * width,
      dropout,
    };
  },
  build: (config) => new TransformerForTokenClassification(sizesOf(config)),
  defaults: PRESETS.transformer.defaults,
};

/** The presets by name, which is also the `model_type` in config.json. */
export const TAGGER_PRESETS: Readonly<Record<string, TaggerPreset>> = {
  ...Object.fromEntries(RNN_CELLS.map((cell) => [cell, recurrent(cell)])),
  transformer,
};
