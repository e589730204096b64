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
import { givenArgs, recipeOf } from "../shared/recipes.ts";
import { PRESETS } from "./options.ts";
import type { LearnedTranslator } from "./translator.ts";

export type Preset = keyof typeof PRESETS;

/** Epochs are added until there are so many steps, up to 60. */
const STEPS: Readonly<Record<Preset, number>> = { "lstm-attention": 3000, transformer: 2500 };

/** Settings of training, epochs counted for so many pairs. */
export function argsFor(preset: Preset, options: TaskOptions, pairs: number) {
  const recipe: GivenArguments & Counted = recipeOf(PRESETS[preset].defaults);
  const args = { ...recipe, ...givenArgs(options) } as GivenArguments & Counted;
  if (options.args?.numTrainEpochs === undefined) {
    const perEpoch = Math.ceil(pairs / args.perDeviceTrainBatchSize);
    args.numTrainEpochs = Math.max(recipe.numTrainEpochs, Math.min(60, Math.ceil(STEPS[preset] / perEpoch)));
  }
  return args;
}
type Counted = { numTrainEpochs: number; perDeviceTrainBatchSize: number };

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
  const { defaults } = PRESETS[preset];
  const [hidden, layers] = [options.hiddenSize ?? defaults.hiddenSize, options.layers ?? defaults.layers];
  const dropout = options.dropout ?? defaults.dropout;
  const tokens = {
    vocab_size: vocabSize,
    ...{ pad_token_id: padTokenId, decoder_start_token_id: padTokenId, bad_words_ids: [[padTokenId]] },
    ...{ eos_token_id: eosTokenId, forced_eos_token_id: eosTokenId },
  };
  if (preset === "lstm-attention") {
    const embedding_size = options.embeddingSize ?? PRESETS[preset].defaults.embeddingSize;
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
