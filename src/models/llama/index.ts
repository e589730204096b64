import { maximum, minimum } from "../../backend/arrays.ts";
import * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { LmState } from "../causal-lm.ts";
import { familyOf } from "../pretrained/auto.ts";
import { checkPositions, type DecoderInputs, nextLayers, readLayers } from "../pretrained/decoder.ts";
import { named } from "../pretrained/headed.ts";
import { decoderHeads } from "../pretrained/heads.ts";
import type { EncoderOutput } from "../pretrained/inputs.ts";
import { plainTable } from "../pretrained/layers.ts";
import { paddedPositions, paddingMask } from "../pretrained/masks.ts";
import { PreTrainedModel, runLayer } from "../pretrained/model.ts";
import {
  headSize,
  type LlamaConfig,
  llamaConfig,
  mistralConfig,
  qwen2Config,
  ropeFrequencies,
  windowOf,
} from "./config.ts";
import { type LlamaContext, LlamaDecoderLayer, windowMask } from "./decoder.ts";

export { type LlamaConfig, llamaConfig, mistralConfig, qwen2Config } from "./config.ts";

const LLAMA = {
  configKind: llamaConfig,
  baseModelPrefix: "model",
  ignored: [/rotary_emb\.inv_freq$/],
} as const;

/**
 * Llama (Touvron et al., 2023), bare: pre-norm layers with RMSNorm, rotary positions, grouped-query attention and SwiGLU.
 */
export class LlamaModel extends named(PreTrainedModel<LlamaConfig>, "LlamaModel", LLAMA) {
  readonly embed_tokens: nn.Embedding;
  readonly layers: LlamaDecoderLayer[];
  readonly norm: nn.RMSNorm;
  checkpoints = false;
  readonly #rotary: nn.RotaryEmbedding;

  constructor(config: LlamaConfig) {
    super(config);
    const { vocabSize, hiddenSize, padTokenId, maxPositionEmbeddings } = config;
    this.embed_tokens = plainTable(vocabSize, hiddenSize, config.initializerRange, padTokenId);
    this.layers = Array.from(
      { length: config.numHiddenLayers },
      (_, i) => new LlamaDecoderLayer(config, windowOf(config, i)),
    );
    this.norm = new nn.RMSNorm(hiddenSize, { eps: config.rmsNormEps });
    this.#rotary = new nn.RotaryEmbedding(headSize(config), maxPositionEmbeddings, {
      frequencies: ropeFrequencies(config),
    });
  }
  /** Throws ShapeError for more tokens than `maxPositionEmbeddings`, or a mask of another shape. */
  forward({ inputIds, attentionMask, positionIds }: DecoderInputs, { outputHiddenStates = false } = {}): EncoderOutput {
    const context = this.#context(inputIds, 0, attentionMask, positionIds);
    const run = (layer: LlamaDecoderLayer, x: Tensor) => runLayer(this, (h) => layer.forward(h, context).x, x);
    return readLayers(this.layers, this.norm, this.embed_tokens.forward(inputIds), run, outputHiddenStates);
  }
  next(ids: Tensor, past?: LmState, padding?: readonly number[]): { x: Tensor; past: Tensor[] } {
    const t = ids.shape[1];
    const before = past === undefined ? 0 : past[0].shape[2];
    const mask = padding && paddingMask(padding, before + t);
    const context = this.#context(ids, before, mask, padding && paddedPositions(padding, before, t), padding);
    const x = this.embed_tokens.forward(ids);
    return nextLayers(this.layers, this.norm, x, past, (layer, h, own) => layer.forward(h, context, own, true));
  }
  #context(
    ids: Tensor,
    before: number,
    mask: Tensor | undefined,
    positionIds: Tensor | undefined,
    padding: readonly number[] = [0],
  ): LlamaContext {
    const [batch, t] = ids.shape;
    checkPositions("LlamaModel", before + t - minimum(padding), this.config.maxPositionEmbeddings);
    const { cos, sin } =
      positionIds === undefined
        ? this.#rotary.angles(t, before)
        : this.#rotary.anglesAt(positionIds, 1 + maximum(positionIds.data(), 0));
    const grow = (a: Tensor) => a.reshape([a.ndim === 3 ? batch : 1, t, 1, -1]);
    const windows = new Set(this.layers.map((_, i) => windowOf(this.config, i)));
    const masks = [...windows].map((w) => [w, windowMask(mask, [batch, t, before + t], w)] as const);
    return { angles: { cos: grow(cos), sin: grow(sin) }, masks: new Map(masks) };
  }
}

const heads = decoderHeads("Llama", {
  ...LLAMA,
  base: (config: LlamaConfig) => new LlamaModel(config),
  width: (config) => config.hiddenSize,
  words: (model: LlamaModel) => model.embed_tokens.weight,
  positions: (config) => config.maxPositionEmbeddings,
});

export class LlamaForCausalLM extends heads.ForCausalLM {}

export class LlamaForSequenceClassification extends heads.ForSequenceClassification {}

export const llama = familyOf(llamaConfig, LlamaModel, LlamaForCausalLM, LlamaForSequenceClassification);

const QWEN2 = { configKind: qwen2Config };
/** Qwen2 (Yang et al., 2024): Llama with biases of queries, keys and values. */
export class Qwen2Model extends named(LlamaModel, "Qwen2Model", QWEN2) {}
export class Qwen2ForCausalLM extends named(LlamaForCausalLM, "Qwen2ForCausalLM", QWEN2) {}
export class Qwen2ForSequenceClassification extends named(
  LlamaForSequenceClassification,
  "Qwen2ForSequenceClassification",
  QWEN2,
) {}

export const qwen2 = familyOf(qwen2Config, Qwen2Model, Qwen2ForCausalLM, Qwen2ForSequenceClassification);

const MISTRAL = { configKind: mistralConfig };
/** Mistral (Jiang et al., 2023): Llama that looks back on a sliding window. */
export class MistralModel extends named(LlamaModel, "MistralModel", MISTRAL) {}
export class MistralForCausalLM extends named(LlamaForCausalLM, "MistralForCausalLM", MISTRAL) {}
export class MistralForSequenceClassification extends named(
  LlamaForSequenceClassification,
  "MistralForSequenceClassification",
  MISTRAL,
) {}

export const mistral = familyOf(mistralConfig, MistralModel, MistralForCausalLM, MistralForSequenceClassification);
