import {
  RNN_CELLS,
  RnnForTokenClassification,
  type TaggerBatch,
  TransformerForTokenClassification,
} from "../../models/index.ts";
import type { Module } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { GivenArguments } from "../../train/index.ts";
import { type ModelConfig, sizesOf } from "../folder.ts";
import type { TaskOptions } from "../settings.ts";

/** A model of the task: logits [T, batch, numLabels] of a batch of sentences. */
export interface Tagger extends Module {
  forward(batch: TaggerBatch): Tensor;
}

export interface TaggerPreset {
  architecture: string;
  /** What config.json holds besides the vocabulary and the labels. */
  shape(options: TaskOptions): Record<string, unknown>;
  build(config: ModelConfig): Tagger;
  /** One recipe, whatever the data. */
  recipe: GivenArguments & { numTrainEpochs: number; perDeviceTrainBatchSize: number };
}

const recurrent = (modelType: (typeof RNN_CELLS)[number]): TaggerPreset => ({
  architecture: "RnnForTokenClassification",
  shape: (options) => ({
    embedding_size: options.embeddingSize ?? 100,
    feature_size: 100,
    hidden_size: options.hiddenSize ?? 128,
    num_hidden_layers: options.layers ?? 1,
    dropout: options.dropout ?? 0.5,
  }),
  build: (config) => new RnnForTokenClassification({ modelType, ...sizesOf(config) }),
  recipe: {
    numTrainEpochs: 6,
    learningRate: 4e-3,
    weightDecay: 0.01,
    perDeviceTrainBatchSize: 32,
    maxGradNorm: 1,
  },
});

const transformer: TaggerPreset = {
  architecture: "TransformerForTokenClassification",
  shape: (options) => {
    const width = options.hiddenSize ?? 128;
    return {
      embedding_size: options.embeddingSize ?? 100,
      feature_size: 100,
      hidden_size: width,
      num_hidden_layers: options.layers ?? 2,
      num_attention_heads: options.heads ?? [4, 2, 1].find((heads) => width % heads === 0),
      intermediate_size: options.intermediateSize ?? 4 * width,
      dropout: options.dropout ?? 0.3,
    };
  },
  build: (config) => new TransformerForTokenClassification(sizesOf(config)),
  recipe: {
    numTrainEpochs: 8,
    learningRate: 1e-3,
    weightDecay: 0.01,
    perDeviceTrainBatchSize: 32,
    maxGradNorm: 1,
    warmupSteps: 200,
  },
};

/** The presets by name, which is also the `model_type` in config.json. */
export const TAGGER_PRESETS: Readonly<Record<string, TaggerPreset>> = Object.fromEntries([
  ...["lstm" as const, ...RNN_CELLS.filter((cell) => cell !== "lstm")].map((cell) => [cell, recurrent(cell)] as const),
  ["transformer", transformer],
]);
