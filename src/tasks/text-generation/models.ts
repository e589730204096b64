import { GPT2LMHeadModel, gpt2Config, RNN_CELLS, RnnForCausalLM } from "../../models/index.ts";
import { TaskError } from "../error.ts";
import { type ModelConfig, sizesOf } from "../folder.ts";
import type { TaskOptions } from "../settings.ts";
import { type WordVectors, widthOf } from "../shared/word-vectors.ts";
import { PRESETS, type Preset, type Recipe } from "./options.ts";

export type Model = RnnForCausalLM | GPT2LMHeadModel;

export function buildModel(config: ModelConfig): Model {
  if (config.model_type === "gpt2") {
    return new GPT2LMHeadModel(gpt2Config.parse(config));
  }
  const modelType = RNN_CELLS.find((cell) => cell === config.model_type);
  if (modelType === undefined) {
    throw new TaskError(`unknown model type ${config.model_type}`, `Known: ${Object.keys(PRESETS).join(", ")}.`);
  }
  const { vocabSize, embeddingSize, hiddenSize, numHiddenLayers, dropout } = sizesOf(config);
  return new RnnForCausalLM({
    modelType,
    ...{ vocabSize, embeddingSize, hiddenSize, numHiddenLayers, dropout },
    tieWordEmbeddings: config.tie_word_embeddings === true,
    regularization:
      config.dropouti === undefined
        ? undefined
        : {
            inputDropout: Number(config.dropouti),
            hiddenDropout: Number(config.dropouth),
            embeddingDropout: Number(config.dropoute),
            weightDropout: Number(config.wdrop),
          },
  });
}

/** The AWD-LSTM's dropouts, by the names that its authors' code gives them. */
function dropouts(preset: Preset, o: TaskOptions): Record<string, number> {
  if (preset !== "awd-lstm") return {};
  const { defaults: d } = PRESETS[preset];
  return {
    dropouti: o.inputDropout ?? d.inputDropout,
    dropouth: o.hiddenDropout ?? d.hiddenDropout,
    dropoute: o.embeddingDropout ?? d.embeddingDropout,
    wdrop: o.weightDropout ?? d.weightDropout,
  };
}

/** What the shape of a model depends on, beside the options. */
export interface Shape {
  recipe: Recipe;
  vocabSize: number;
  /** The token before a text. */
  start: number;
  block: number;
  vectors: WordVectors | undefined;
}

/** What config.json says of a preset. */
export function configOf(preset: Preset, options: TaskOptions, shape: Shape): ModelConfig {
  const { recipe, vocabSize, start, block, vectors } = shape;
  const tied = options.tieWeights ?? recipe.tieWeights ?? false;
  const layers = options.layers ?? recipe.layers;
  const dropout = options.dropout ?? recipe.dropout;
  if (preset === "gpt") {
    const width = widthOf(options, vectors, recipe.hiddenSize);
    return {
      model_type: "gpt2",
      architectures: ["GPT2LMHeadModel"],
      vocab_size: vocabSize,
      n_positions: block,
      n_embd: width,
      n_layer: layers,
      n_head: options.heads ?? [4, 2, 1].find((heads) => width % heads === 0),
      n_inner: options.intermediateSize ?? 4 * width,
      activation_function: "gelu_new",
      resid_pdrop: dropout,
      embd_pdrop: dropout,
      attn_pdrop: dropout,
      bos_token_id: start,
      eos_token_id: null,
      tie_word_embeddings: true,
      block_size: block,
    };
  }
  // A shared table is as wide as the layer that it reads from.
  const hidden = tied ? widthOf(options, vectors, recipe.hiddenSize) : (options.hiddenSize ?? recipe.hiddenSize);
  return {
    model_type: preset === "awd-lstm" ? "lstm" : preset,
    architectures: ["RnnForCausalLM"],
    vocab_size: vocabSize,
    embedding_size: vectors?.size ?? options.embeddingSize ?? (tied ? hidden : recipe.embeddingSize),
    hidden_size: hidden,
    num_hidden_layers: layers,
    dropout,
    ...dropouts(preset, options),
    tie_word_embeddings: tied,
    block_size: block,
  };
}

/** The table of a preset's words. */
export const tableOf = (preset: Preset): string => (preset === "gpt" ? "transformer.wte.weight" : "encoder.weight");
