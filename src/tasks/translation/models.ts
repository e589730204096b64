import {
  LstmAttentionForConditionalGeneration,
  lstmAttentionConfig,
  MarianMTModel,
  marianConfig,
} from "../../models/index.ts";
import type { PreTrainedTokenizer } from "../../text/index.ts";
import type { GivenArguments } from "../../train/index.ts";
import { TaskError } from "../error.ts";
import type { TaskOptions } from "../settings.ts";
import { givenArgs } from "../shared/recipes.ts";
import type { LearnedTranslator } from "./translator.ts";

export type Args = GivenArguments & { numTrainEpochs: number; perDeviceTrainBatchSize: number };

interface Recipe {
  hidden: number;
  layers: number;
  dropout: number;
  labelSmoothing: number;
  /** Epochs are added until there are so many steps, up to 60. */
  steps: number;
  args: Args;
}

/** Sizes and settings for which nothing else is said: for tens of thousands of sentences on two cores. */
export const RECIPES = {
  /** Bahdanau et al. (2015) with Luong et al.'s order (2015). */
  "lstm-attention": {
    hidden: 256,
    layers: 1,
    dropout: 0.3,
    labelSmoothing: 0.1,
    steps: 3000,
    args: {
      numTrainEpochs: 8,
      perDeviceTrainBatchSize: 64,
      learningRate: 2e-3,
      lrSchedulerType: "linear",
      maxGradNorm: 1,
      emaDecay: 0.998,
      groupByLength: true,
    },
  },
  /** Vaswani et al. (2017), small. */
  transformer: {
    hidden: 256,
    layers: 3,
    dropout: 0.1,
    labelSmoothing: 0.1,
    steps: 2500,
    args: {
      numTrainEpochs: 8,
      perDeviceTrainBatchSize: 128,
      learningRate: 1e-3,
      warmupSteps: 200,
      lrSchedulerType: "inverse_sqrt",
      adamBeta2: 0.98,
      maxGradNorm: 1,
      emaDecay: 0.998,
      groupByLength: true,
    },
  },
} satisfies Record<string, Recipe>;

export type Preset = keyof typeof RECIPES;
export const PRESETS = Object.keys(RECIPES) as readonly Preset[];

/** Settings of training, epochs counted for so many pairs. */
export function argsFor(preset: Preset, options: TaskOptions, pairs: number): Args {
  const recipe: Recipe = RECIPES[preset];
  const args: Args = { ...recipe.args, ...givenArgs(options) };
  if (options.args?.numTrainEpochs === undefined) {
    const perEpoch = Math.ceil(pairs / args.perDeviceTrainBatchSize);
    args.numTrainEpochs = Math.max(recipe.args.numTrainEpochs, Math.min(60, Math.ceil(recipe.steps / perEpoch)));
  }
  return args;
}

/**
 * A model that has learned nothing yet.
 * @throws TaskError for a tokenizer without padding or end, ConfigError for sizes that cannot be.
 */
export function freshModel(
  preset: Preset,
  options: TaskOptions,
  { vocabSize, padTokenId, eosTokenId }: PreTrainedTokenizer,
  maxLength: number,
): LearnedTranslator {
  if (padTokenId === undefined || eosTokenId === undefined)
    throw new TaskError(`--tokenizer ${options.tokenizer}: it has no padding or no end of text`);
  const recipe = RECIPES[preset];
  const [hidden, layers] = [options.hiddenSize ?? recipe.hidden, options.layers ?? recipe.layers];
  const dropout = options.dropout ?? recipe.dropout;
  const tokens = {
    vocab_size: vocabSize,
    ...{ pad_token_id: padTokenId, decoder_start_token_id: padTokenId, bad_words_ids: [[padTokenId]] },
    ...{ eos_token_id: eosTokenId, forced_eos_token_id: eosTokenId },
  };
  if (preset === "lstm-attention") {
    const embedding_size = options.embeddingSize ?? 256;
    const shape = { embedding_size, hidden_size: hidden, num_hidden_layers: layers, dropout };
    return new LstmAttentionForConditionalGeneration(lstmAttentionConfig.parse({ ...tokens, ...shape }));
  }
  const heads = options.heads ?? [4, 2, 1].find((n) => hidden % n === 0);
  const inner = options.intermediateSize ?? 2 * hidden;
  const config = marianConfig.parse({
    ...tokens,
    max_position_embeddings: Math.max(512, maxLength),
    d_model: hidden,
    ...{ encoder_layers: layers, encoder_ffn_dim: inner, encoder_attention_heads: heads },
    ...{ decoder_layers: layers, decoder_ffn_dim: inner, decoder_attention_heads: heads },
    activation_function: "relu",
    ...{ dropout, attention_dropout: 0, activation_dropout: 0 },
    // Two thirds of Glorot's deviation: on Multi30k it learned sooner than all of it.
    ...{ init_std: 0.64 * hidden ** -0.5, scale_embedding: true },
  });
  return new MarianMTModel(config);
}
