import * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { CausalLm, LmState } from "../causal-lm.ts";
import { paddingMask } from "../key-value-cache.ts";
import type { Family } from "../pretrained/auto.ts";
import { labelsOf } from "../pretrained/config.ts";
import {
  checkPositions,
  type DecoderInputs,
  type LabelledDecoderInputs,
  lastTokens,
  nextTokenLoss,
  paddedPositions,
} from "../pretrained/decoder.ts";
import type { EncoderOutput, HeadOutput } from "../pretrained/inputs.ts";
import { LmHead, plainLinear, plainWeight } from "../pretrained/layers.ts";
import { classificationLoss } from "../pretrained/losses.ts";
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

abstract class LlamaPreTrainedModel extends PreTrainedModel<LlamaConfig> {
  static override readonly configKind = llamaConfig;
  static override readonly baseModelPrefix: string = "model";
  static override readonly ignored = [/rotary_emb\.inv_freq$/];
}

/**
 * Llama (Touvron et al., 2023), bare: pre-norm layers with RMSNorm, rotary positions, grouped-query attention and SwiGLU.
 */
export class LlamaModel extends LlamaPreTrainedModel {
  static override readonly architecture: string = "LlamaModel";
  readonly embed_tokens: nn.Embedding;
  readonly layers: LlamaDecoderLayer[];
  readonly norm: nn.RMSNorm;
  checkpoints = false;
  readonly #rotary: nn.RotaryEmbedding;

  constructor(config: LlamaConfig) {
    super(config);
    const { vocabSize, hiddenSize, padTokenId, maxPositionEmbeddings } = config;
    this.embed_tokens = new nn.Embedding(vocabSize, hiddenSize, { paddingIdx: padTokenId ?? undefined });
    nn.init.normal_(this.embed_tokens.weight, 0, config.initializerRange);
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
    let x = this.embed_tokens.forward(inputIds);
    const hiddenStates = outputHiddenStates ? [x] : undefined;
    this.layers.forEach((layer, i) => {
      x = runLayer(this, (h) => layer.forward(h, context).x, x);
      if (i < this.layers.length - 1) hiddenStates?.push(x);
    });
    const lastHiddenState = this.norm.forward(x);
    if (this.layers.length > 0) hiddenStates?.push(lastHiddenState);
    return { lastHiddenState, hiddenStates };
  }
  next(ids: Tensor, past?: LmState, padding?: readonly number[]): { x: Tensor; past: Tensor[] } {
    const t = ids.shape[1];
    const before = past === undefined ? 0 : past[0].shape[2];
    const mask = padding && paddingMask(padding, before + t).flatten(1);
    const context = this.#context(ids, before, mask, padding && paddedPositions(padding, before, t), padding);
    let x = this.embed_tokens.forward(ids);
    const kept: Tensor[] = [];
    this.layers.forEach((layer, i) => {
      const out = layer.forward(x, context, past && [past[2 * i], past[2 * i + 1]], true);
      x = out.x;
      kept.push(...out.past);
    });
    return { x: this.norm.forward(x), past: kept };
  }
  #context(
    ids: Tensor,
    before: number,
    mask: Tensor | undefined,
    positionIds: Tensor | undefined,
    padding: readonly number[] = [0],
  ): LlamaContext {
    const [batch, t] = ids.shape;
    checkPositions("LlamaModel", before + t - Math.min(...padding), this.config.maxPositionEmbeddings);
    const { cos, sin } =
      positionIds === undefined
        ? this.#rotary.angles(t, before)
        : this.#rotary.anglesAt(positionIds, 1 + Math.max(0, ...positionIds.data()));
    const grow = (a: Tensor) => a.reshape([a.ndim === 3 ? batch : 1, t, 1, -1]);
    const windows = new Set(this.layers.map((_, i) => windowOf(this.config, i)));
    const masks = [...windows].map((w) => [w, windowMask(mask, [batch, t, before + t], w)] as const);
    return { angles: { cos: grow(cos), sin: grow(sin) }, masks: new Map(masks) };
  }
}

export class LlamaForCausalLM extends LlamaPreTrainedModel implements CausalLm {
  static override readonly architecture: string = "LlamaForCausalLM";
  readonly model: LlamaModel;
  readonly lm_head: LmHead;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly stateBatchDim = 0;
  readonly stateTimeDim = 2;
  readonly takesPadding = true;

  constructor(config: LlamaConfig) {
    super(config);
    const { vocabSize, hiddenSize, maxPositionEmbeddings, initializerRange } = config;
    this.vocabSize = vocabSize;
    this.maxPositions = maxPositionEmbeddings;
    this.model = new LlamaModel(config);
    const words = this.model.embed_tokens.weight;
    this.lm_head = new LmHead(config.tieWordEmbeddings ? words : plainWeight(vocabSize, hiddenSize, initializerRange));
  }
  /**
   * labels int32 [batch, T], most often the ids themselves: the token at t is the answer at t − 1; −100 does not count. logits
   * [batch, T, vocab]. Throws ShapeError for more tokens than positions.
   */
  forward({ labels, ...inputs }: LabelledDecoderInputs): HeadOutput {
    const logits = this.lm_head.forward(this.model.forward(inputs).lastHiddenState);
    return { logits, loss: labels && nextTokenLoss(logits, labels) };
  }
  next(ids: Tensor, past?: LmState, padding?: readonly number[]): { logits: Tensor; past: LmState } {
    const out = this.model.next(ids, past, padding);
    return { logits: this.lm_head.forward(out.x), past: out.past };
  }
}

/** The last token that is no padding decides. */
export class LlamaForSequenceClassification extends LlamaPreTrainedModel {
  static override readonly architecture: string = "LlamaForSequenceClassification";
  readonly model: LlamaModel;
  readonly score: nn.Linear;
  constructor(config: LlamaConfig) {
    super(config);
    this.model = new LlamaModel(config);
    this.score = plainLinear(config.hiddenSize, labelsOf(config).length, config.initializerRange);
  }
  /** labels: see {@link classificationLoss}; logits [batch, labels]. */
  forward({ labels, ...inputs }: LabelledDecoderInputs): HeadOutput {
    const x = this.model.forward(inputs).lastHiddenState;
    const logits = this.score.forward(lastTokens(x, inputs, this.config));
    return { logits, loss: labels && classificationLoss(this.config, logits, labels) };
  }
}

/** Qwen2 (Yang et al., 2024): Llama with biases of queries, keys and values. */
export class Qwen2Model extends LlamaModel {
  static override readonly architecture = "Qwen2Model";
  static override readonly configKind = qwen2Config;
}
export class Qwen2ForCausalLM extends LlamaForCausalLM {
  static override readonly architecture = "Qwen2ForCausalLM";
  static override readonly configKind = qwen2Config;
}
export class Qwen2ForSequenceClassification extends LlamaForSequenceClassification {
  static override readonly architecture = "Qwen2ForSequenceClassification";
  static override readonly configKind = qwen2Config;
}

/** Mistral (Jiang et al., 2023): Llama that looks back on a sliding window. */
export class MistralModel extends LlamaModel {
  static override readonly architecture = "MistralModel";
  static override readonly configKind = mistralConfig;
}
export class MistralForCausalLM extends LlamaForCausalLM {
  static override readonly architecture = "MistralForCausalLM";
  static override readonly configKind = mistralConfig;
}
export class MistralForSequenceClassification extends LlamaForSequenceClassification {
  static override readonly architecture = "MistralForSequenceClassification";
  static override readonly configKind = mistralConfig;
}

export const llama: Family = {
  config: llamaConfig,
  heads: {
    base: LlamaModel,
    causalLm: LlamaForCausalLM,
    sequenceClassification: LlamaForSequenceClassification,
  },
};
export const qwen2: Family = {
  config: qwen2Config,
  heads: {
    base: Qwen2Model,
    causalLm: Qwen2ForCausalLM,
    sequenceClassification: Qwen2ForSequenceClassification,
  },
};
export const mistral: Family = {
  config: mistralConfig,
  heads: {
    base: MistralModel,
    causalLm: MistralForCausalLM,
    sequenceClassification: MistralForSequenceClassification,
  },
};
