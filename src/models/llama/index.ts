import { minimum } from "../../backend/arrays.ts";
import * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { LmState } from "../causal-lm.ts";
import { familyOf } from "../pretrained/auto.ts";
import { checkInputs, checkOutputs, DECODER_INPUTS } from "../pretrained/check-inputs.ts";
import { checkPositions, type DecoderInputs, nextLayers, pastTokens, readLayers } from "../pretrained/decoder.ts";
import { named } from "../pretrained/headed.ts";
import { decoderHeads } from "../pretrained/heads.ts";
import type { EncoderOutput } from "../pretrained/inputs.ts";
import { plainTable } from "../pretrained/layers.ts";
import { paddedPositions, paddingMask } from "../pretrained/masks.ts";
import { PreTrainedModel, runLayer } from "../pretrained/model.ts";
import {
  type LlamaConfig,
  llamaConfig,
  longestText,
  mistralConfig,
  paddingRow,
  qwen2Config,
  ropeConfig,
  windowOf,
} from "./config.ts";
import { type LlamaContext, LlamaDecoderLayer, windowMask } from "./decoder.ts";
import { RotaryTables } from "./rope.ts";

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
  static readonly inputNames = DECODER_INPUTS;
  readonly embed_tokens: nn.Embedding;
  readonly layers: LlamaDecoderLayer[];
  readonly norm: nn.RMSNorm;
  checkpoints = false;
  readonly #rotary: RotaryTables;
  /** Those that occur. */
  readonly #windows: readonly (number | undefined)[];

  constructor(config: LlamaConfig) {
    super(config);
    const { vocabSize, hiddenSize } = config;
    this.embed_tokens = plainTable(vocabSize, hiddenSize, config.initializerRange, paddingRow(config));
    this.layers = Array.from(
      { length: config.numHiddenLayers },
      (_, i) => new LlamaDecoderLayer(config, windowOf(config, i)),
    );
    this.norm = new nn.RMSNorm(hiddenSize, { eps: config.rmsNormEps });
    this.#rotary = new RotaryTables(ropeConfig(config));
    this.#windows = [...new Set(this.layers.map((_, i) => windowOf(config, i)))];
  }
  /**
   * Throws ShapeError for a mask of another shape, or more tokens than the model is made for: `maxPositionEmbeddings`, as often as
   * the scaling of its positions stretches them; there is no end with `dynamic`.
   */
  forward(inputs: DecoderInputs, options: { outputHiddenStates?: boolean } = {}): EncoderOutput {
    checkInputs(this, inputs, DECODER_INPUTS);
    checkOutputs(this, options);
    const { inputIds, attentionMask, positionIds } = inputs;
    const context = this.#context(inputIds, 0, attentionMask, positionIds);
    const run = (layer: LlamaDecoderLayer, x: Tensor) => runLayer(this, (h) => layer.forward(h, context).x, x);
    return readLayers(
      this.layers,
      this.norm,
      this.embed_tokens.forward(inputIds),
      run,
      options.outputHiddenStates === true,
    );
  }
  next(ids: Tensor, past?: LmState, padding?: readonly number[]): { x: Tensor; past: Tensor[] } {
    const t = ids.shape[1];
    const before = pastTokens(past);
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
    checkPositions("LlamaModel", before + t - minimum(padding), longestText(this.config));
    const { cos, sin } =
      positionIds === undefined ? this.#rotary.angles(t, before) : this.#rotary.anglesAt(positionIds);
    const grow = (a: Tensor) => a.reshape([a.ndim === 3 ? batch : 1, t, 1, -1]);
    const masks = this.#windows.map((w) => [w, windowMask(mask, [batch, t, before + t], w)] as const);
    return { angles: { cos: grow(cos), sin: grow(sin) }, masks: new Map(masks) };
  }
}

const heads = decoderHeads("Llama", {
  ...LLAMA,
  base: (config: LlamaConfig) => new LlamaModel(config),
  width: (config) => config.hiddenSize,
  words: (model: LlamaModel) => model.embed_tokens.weight,
  positions: longestText,
});

export class LlamaForCausalLM extends heads.ForCausalLM {}

export class LlamaForSequenceClassification extends heads.ForSequenceClassification {}

export class LlamaForTokenClassification extends heads.ForTokenClassification {}

export const llama = familyOf(
  llamaConfig,
  LlamaModel,
  LlamaForCausalLM,
  LlamaForSequenceClassification,
  LlamaForTokenClassification,
);

const QWEN2 = { configKind: qwen2Config };
/** Qwen2 (Yang et al., 2024): Llama with biases of queries, keys and values. */
export class Qwen2Model extends named(LlamaModel, "Qwen2Model", QWEN2) {}
export class Qwen2ForCausalLM extends named(LlamaForCausalLM, "Qwen2ForCausalLM", QWEN2) {}
export class Qwen2ForSequenceClassification extends named(
  LlamaForSequenceClassification,
  "Qwen2ForSequenceClassification",
  QWEN2,
) {}
export class Qwen2ForTokenClassification extends named(
  LlamaForTokenClassification,
  "Qwen2ForTokenClassification",
  QWEN2,
) {}

export const qwen2 = familyOf(
  qwen2Config,
  Qwen2Model,
  Qwen2ForCausalLM,
  Qwen2ForSequenceClassification,
  Qwen2ForTokenClassification,
);

const MISTRAL = { configKind: mistralConfig };
/** Mistral (Jiang et al., 2023): Llama that looks back on a sliding window. */
export class MistralModel extends named(LlamaModel, "MistralModel", MISTRAL) {}
export class MistralForCausalLM extends named(LlamaForCausalLM, "MistralForCausalLM", MISTRAL) {}
export class MistralForSequenceClassification extends named(
  LlamaForSequenceClassification,
  "MistralForSequenceClassification",
  MISTRAL,
) {}
export class MistralForTokenClassification extends named(
  LlamaForTokenClassification,
  "MistralForTokenClassification",
  MISTRAL,
) {}

export const mistral = familyOf(
  mistralConfig,
  MistralModel,
  MistralForCausalLM,
  MistralForSequenceClassification,
  MistralForTokenClassification,
);
