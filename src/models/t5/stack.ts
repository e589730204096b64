import * as nn from "../../nn/index.ts";
import { embedding, scaledDotProductAttention } from "../../ops/index.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { extend } from "../key-value-cache.ts";
import { activated } from "../pretrained/activations.ts";
import { plainLinear } from "../pretrained/layers.ts";
import { keyMask } from "../pretrained/masks.ts";
import { runLayer } from "../pretrained/model.ts";
import { joinHeads, splitHeads } from "../pretrained/multi-head.ts";
import { type DecoderContext, decodeLayers } from "../pretrained/seq2seq.ts";
import { feedForward, type T5Config } from "./config.ts";

/**
 * Which of the learned distances a key at `distance` from its query has (Raffel et al., 2020, section 2.1): near ones have one
 * each, further ones share them, by the logarithm.
 */
export function relativePositionBucket(
  distance: number,
  bidirectional: boolean,
  buckets: number,
  maxDistance: number,
): number {
  const count = bidirectional ? Math.floor(buckets / 2) : buckets;
  const side = bidirectional && distance > 0 ? count : 0;
  const far = bidirectional ? Math.abs(distance) : Math.max(0, -distance);
  const exact = Math.floor(count / 2);
  if (far < exact) return side + far;
  // In float32, as Transformers computes it: on a boundary the last bit decides.
  const log = Math.fround(Math.log(Math.fround(far / exact)));
  const share = Math.fround(Math.fround(log / Math.fround(Math.log(maxDistance / exact))) * (count - exact));
  return side + Math.min(count - 1, exact + Math.floor(share));
}

/** 0 where a mask shows a key, −∞ where it hides it: [batch, 1, 1, S]. Throws ShapeError unless it is [batch, S]. */
export function hidingBias(mask: Tensor | undefined, batch: number, keys: number): Tensor | undefined {
  const shown = keyMask(mask, batch, keys);
  const values = shown && Float32Array.from(shown.data(), (m) => (m === 0 ? Number.NEGATIVE_INFINITY : 0));
  return values && tensor(values, [batch, 1, 1, keys]);
}

function scaleNorm({ dModel, layerNormEpsilon, initializerFactor }: T5Config): nn.RMSNorm {
  const norm = new nn.RMSNorm(dModel, { eps: layerNormEpsilon });
  nn.init.constant_(norm.weight as nn.Parameter, initializerFactor);
  return norm;
}

/** Attention without scaling and biases; the first of a stack holds the learned distances of all. */
class T5Attention extends nn.Module {
  readonly q: nn.Linear;
  readonly k: nn.Linear;
  readonly v: nn.Linear;
  readonly o: nn.Linear;
  readonly relative_attention_bias: nn.Embedding | undefined;
  readonly #config: T5Config;
  constructor(config: T5Config, hasRelativeAttentionBias: boolean) {
    super();
    const { dModel, dKv, numHeads, initializerFactor: f, relativeAttentionNumBuckets } = config;
    const inner = dKv * numHeads;
    this.q = plainLinear(dModel, inner, f * (dModel * dKv) ** -0.5);
    this.k = plainLinear(dModel, inner, f * dModel ** -0.5);
    this.v = plainLinear(dModel, inner, f * dModel ** -0.5);
    this.o = plainLinear(inner, dModel, f * inner ** -0.5);
    if (hasRelativeAttentionBias) {
      this.relative_attention_bias = new nn.Embedding(relativeAttentionNumBuckets, numHeads);
      nn.init.normal_(this.relative_attention_bias.weight, 0, f * dModel ** -0.5);
    }
    this.#config = config;
  }
  /** Added to the scores of t queries after `before` others: [1, heads, t, before + t]. */
  bias(t: number, before: number, bidirectional: boolean): Tensor {
    const { relativeAttentionNumBuckets, relativeAttentionMaxDistance } = this.#config;
    const keys = before + t;
    const buckets = Int32Array.from({ length: t * keys }, (_, n) =>
      relativePositionBucket(
        (n % keys) - before - Math.floor(n / keys),
        bidirectional,
        relativeAttentionNumBuckets,
        relativeAttentionMaxDistance,
      ),
    );
    const table = (this.relative_attention_bias as nn.Embedding).weight;
    return embedding(tensor(buckets, [t, keys]), table)
      .permute([2, 0, 1])
      .unsqueeze(0);
  }
  keysAndValues(memory: Tensor): [Tensor, Tensor] {
    const heads = this.#config.numHeads;
    return [splitHeads(this.k.forward(memory), heads), splitHeads(this.v.forward(memory), heads)];
  }
  /** x [batch, T, width]; k, v [batch, heads, S, d]. */
  forward(x: Tensor, k: Tensor, v: Tensor, options: { attnMask?: Tensor; isCausal?: boolean }): Tensor {
    const q = splitHeads(this.q.forward(x), this.#config.numHeads);
    const dropout = this.#config.dropoutRate;
    const y = scaledDotProductAttention(q, k, v, { ...options, scale: 1, dropout, training: this.training });
    return this.o.forward(joinHeads(y));
  }
}

class T5LayerSelfAttention extends nn.Module {
  readonly SelfAttention: T5Attention;
  readonly layer_norm: nn.RMSNorm;
  readonly dropout: nn.Dropout;
  constructor(config: T5Config, hasRelativeAttentionBias: boolean) {
    super();
    this.SelfAttention = new T5Attention(config, hasRelativeAttentionBias);
    this.layer_norm = scaleNorm(config);
    this.dropout = new nn.Dropout(config.dropoutRate);
  }
  /** `cache` turns the new keys and values into all of them. */
  forward(
    x: Tensor,
    options: { attnMask?: Tensor; isCausal?: boolean },
    cache = (k: Tensor, v: Tensor): [Tensor, Tensor] => [k, v],
  ): Tensor {
    const normed = this.layer_norm.forward(x);
    const [k, v] = cache(...this.SelfAttention.keysAndValues(normed));
    return x.add(this.dropout.forward(this.SelfAttention.forward(normed, k, v, options)));
  }
}

class T5LayerCrossAttention extends nn.Module {
  readonly EncDecAttention: T5Attention;
  readonly layer_norm: nn.RMSNorm;
  readonly dropout: nn.Dropout;
  constructor(config: T5Config) {
    super();
    this.EncDecAttention = new T5Attention(config, false);
    this.layer_norm = scaleNorm(config);
    this.dropout = new nn.Dropout(config.dropoutRate);
  }
  forward(x: Tensor, k: Tensor, v: Tensor, attnMask: Tensor | undefined): Tensor {
    return x.add(this.dropout.forward(this.EncDecAttention.forward(this.layer_norm.forward(x), k, v, { attnMask })));
  }
}

class T5Dense extends nn.Module {
  readonly wi: nn.Linear | undefined;
  readonly wi_0: nn.Linear | undefined;
  readonly wi_1: nn.Linear | undefined;
  readonly wo: nn.Linear;
  readonly dropout: nn.Dropout;
  readonly #activation: string;
  constructor(config: T5Config) {
    super();
    const { dModel, dFf, initializerFactor: f } = config;
    const { activation, gated } = feedForward(config);
    const inner = () => plainLinear(dModel, dFf, f * dModel ** -0.5);
    if (gated) {
      this.wi_0 = inner();
      this.wi_1 = inner();
    } else this.wi = inner();
    this.wo = plainLinear(dFf, dModel, f * dFf ** -0.5);
    this.dropout = new nn.Dropout(config.dropoutRate);
    this.#activation = activation;
  }
  forward(x: Tensor): Tensor {
    const first = activated((this.wi ?? this.wi_0) as nn.Linear, x, this.#activation);
    const h = this.wi_1 === undefined ? first : first.mul(this.wi_1.forward(x));
    return this.wo.forward(this.dropout.forward(h));
  }
}

class T5LayerFF extends nn.Module {
  readonly DenseReluDense: T5Dense;
  readonly layer_norm: nn.RMSNorm;
  readonly dropout: nn.Dropout;
  constructor(config: T5Config) {
    super();
    this.DenseReluDense = new T5Dense(config);
    this.layer_norm = scaleNorm(config);
    this.dropout = new nn.Dropout(config.dropoutRate);
  }
  forward(x: Tensor): Tensor {
    return x.add(this.dropout.forward(this.DenseReluDense.forward(this.layer_norm.forward(x))));
  }
}

class T5Block extends nn.Module {
  /** Attention to itself, in decoders attention to the read text, and the feed-forward part. */
  readonly layer: nn.Module[];
  constructor(config: T5Config, isDecoder: boolean, index: number) {
    super();
    const cross = isDecoder ? [new T5LayerCrossAttention(config)] : [];
    this.layer = [new T5LayerSelfAttention(config, index === 0), ...cross, new T5LayerFF(config)];
  }
  get attention(): T5LayerSelfAttention {
    return this.layer[0] as T5LayerSelfAttention;
  }
  get cross(): T5LayerCrossAttention {
    return this.layer[1] as T5LayerCrossAttention;
  }
  encode(x: Tensor, attnMask: Tensor): Tensor {
    return (this.layer[1] as T5LayerFF).forward(this.attention.forward(x, { attnMask }));
  }
  decode(x: Tensor, { selfMask, crossMask, cross, past, kept }: DecoderContext, index: number): Tensor {
    const grow = (k: Tensor, v: Tensor): [Tensor, Tensor] => {
      const all = [k, v].map((t, i) => extend(past?.[2 * index + i], t, Number.POSITIVE_INFINITY));
      kept?.push(...all);
      return all as [Tensor, Tensor];
    };
    const options = { attnMask: selfMask, isCausal: true };
    const attended = this.attention.forward(x, options, kept && grow);
    const both = this.cross.forward(attended, cross[2 * index], cross[2 * index + 1], crossMask);
    return (this.layer[2] as T5LayerFF).forward(both);
  }
  forward(x: Tensor, attnMask: Tensor): Tensor {
    return this.encode(x, attnMask);
  }
}

/** T5's encoder or decoder: pre-norm layers, learned distances, no positions. */
export class T5Stack extends nn.Module {
  readonly embed_tokens: nn.Embedding;
  readonly block: T5Block[];
  readonly final_layer_norm: nn.RMSNorm;
  readonly dropout: nn.Dropout;
  checkpoints = false;
  constructor(config: T5Config, words: nn.Embedding, isDecoder: boolean) {
    super();
    this.embed_tokens = words;
    const layers = isDecoder ? (config.numDecoderLayers ?? config.numLayers) : config.numLayers;
    this.block = Array.from({ length: layers }, (_, i) => new T5Block(config, isDecoder, i));
    this.final_layer_norm = scaleNorm(config);
    this.dropout = new nn.Dropout(config.dropoutRate);
  }
  /** What is added to the scores; undefined where there are no layers. */
  #bias(hiding: Tensor | undefined, t: number, before: number, bidirectional: boolean): Tensor | undefined {
    const bias = this.block[0]?.attention.SelfAttention.bias(t, before, bidirectional);
    return hiding === undefined ? bias : bias?.add(hiding);
  }
  #finish(x: Tensor): Tensor {
    return this.dropout.forward(this.final_layer_norm.forward(x));
  }
  /** ids [batch, S] → [batch, S, width]; `each` sees the embeddings, every layer's output but the last, and the result. */
  forward(ids: Tensor, mask: Tensor | undefined, each?: (x: Tensor) => void): Tensor {
    const [batch, t] = ids.shape;
    let x = this.dropout.forward(this.embed_tokens.forward(ids));
    const attnMask = this.#bias(hidingBias(mask, batch, t), t, 0, true);
    for (const block of this.block) {
      each?.(x);
      x = runLayer(this, (h, m) => block.encode(h, m), x, attnMask as Tensor);
    }
    x = this.#finish(x);
    each?.(x);
    return x;
  }
  /** Keys and values of the read text, of every layer in turn. */
  crossKeysAndValues(memory: Tensor): Tensor[] {
    return this.block.flatMap((block) => block.cross.EncDecAttention.keysAndValues(memory));
  }
  /** ids [batch, T] after those of `past`; mask [batch, T], only without a past. */
  decode(ids: Tensor, context: DecoderContext, mask?: Tensor): Tensor {
    const [batch, t] = ids.shape;
    const before = context.past?.[0]?.shape[2] ?? 0;
    let x = this.dropout.forward(this.embed_tokens.forward(ids));
    const selfMask = this.#bias(hidingBias(mask, batch, t), t, before, false);
    x = decodeLayers(this, this.block, x, { ...context, selfMask }, (block, h, own, i) => block.decode(h, own, i));
    return this.#finish(x);
  }
}
