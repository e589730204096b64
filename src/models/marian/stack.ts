import * as nn from "../../nn/index.ts";
import { dropout, scaledDotProductAttention } from "../../ops/index.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { extend } from "../key-value-cache.ts";
import { activated } from "../pretrained/activations.ts";
import { checkPositions } from "../pretrained/decoder.ts";
import { plainLinear } from "../pretrained/layers.ts";
import { keyMask } from "../pretrained/masks.ts";
import { runLayer } from "../pretrained/model.ts";
import { joinHeads, splitHeads } from "../pretrained/multi-head.ts";
import { type DecoderContext, decodeLayers } from "../pretrained/seq2seq.ts";
import type { MarianConfig } from "./config.ts";

/** Sinusoidal positions as Marian keeps them: all sines, then all cosines. [length, size] */
export function marianPositions(length: number, size: number): Tensor {
  const values = nn.sinusoidalPositions(length, size).data();
  const half = Math.ceil(size / 2);
  const apart = Float32Array.from(values, (_, n) => {
    const [row, c] = [n - (n % size), n % size];
    return values[row + (c < half ? 2 * c : 2 * (c - half) + 1)];
  });
  return tensor(apart, [length, size]);
}

class MarianAttention extends nn.Module {
  readonly k_proj: nn.Linear;
  readonly v_proj: nn.Linear;
  readonly q_proj: nn.Linear;
  readonly out_proj: nn.Linear;
  readonly #heads: number;
  readonly #dropout: number;
  constructor(config: MarianConfig, heads: number) {
    super();
    const layer = () => plainLinear(config.dModel, config.dModel, config.initStd, { bias: true });
    this.k_proj = layer();
    this.v_proj = layer();
    this.q_proj = layer();
    this.out_proj = layer();
    this.#heads = heads;
    this.#dropout = config.attentionDropout;
  }
  keysAndValues(memory: Tensor): [Tensor, Tensor] {
    return [splitHeads(this.k_proj.forward(memory), this.#heads), splitHeads(this.v_proj.forward(memory), this.#heads)];
  }
  /** x [batch, T, width]; k, v [batch, heads, S, d]. */
  forward(x: Tensor, k: Tensor, v: Tensor, options: { attnMask?: Tensor; isCausal?: boolean }): Tensor {
    const q = splitHeads(this.q_proj.forward(x), this.#heads);
    const y = scaledDotProductAttention(q, k, v, { ...options, dropout: this.#dropout, training: this.training });
    return this.out_proj.forward(joinHeads(y));
  }
}

/** Post-norm: every part is normalised together with what came in. */
class MarianLayer extends nn.Module {
  readonly self_attn: MarianAttention;
  readonly self_attn_layer_norm: nn.LayerNorm;
  readonly encoder_attn: MarianAttention | undefined;
  readonly encoder_attn_layer_norm: nn.LayerNorm | undefined;
  readonly fc1: nn.Linear;
  readonly fc2: nn.Linear;
  readonly final_layer_norm: nn.LayerNorm;
  readonly #config: MarianConfig;
  constructor(config: MarianConfig, isDecoder: boolean) {
    super();
    const { dModel, initStd } = config;
    const heads = isDecoder ? config.decoderAttentionHeads : config.encoderAttentionHeads;
    const inner = isDecoder ? config.decoderFfnDim : config.encoderFfnDim;
    this.self_attn = new MarianAttention(config, heads);
    this.self_attn_layer_norm = new nn.LayerNorm(dModel);
    if (isDecoder) {
      this.encoder_attn = new MarianAttention(config, heads);
      this.encoder_attn_layer_norm = new nn.LayerNorm(dModel);
    }
    this.fc1 = plainLinear(dModel, inner, initStd, { bias: true });
    this.fc2 = plainLinear(inner, dModel, initStd, { bias: true });
    this.final_layer_norm = new nn.LayerNorm(dModel);
    this.#config = config;
  }
  #drop(x: Tensor, p = this.#config.dropout): Tensor {
    return dropout(x, p, this.training);
  }
  #feedForward(x: Tensor): Tensor {
    const { activationFunction, activationDropout } = this.#config;
    const h = this.#drop(activated(this.fc1, x, activationFunction), activationDropout);
    return this.final_layer_norm.forward(x.add(this.#drop(this.fc2.forward(h))));
  }
  forward(x: Tensor, attnMask: Tensor | undefined): Tensor {
    const attended = this.self_attn.forward(x, ...this.self_attn.keysAndValues(x), { attnMask });
    return this.#feedForward(this.self_attn_layer_norm.forward(x.add(this.#drop(attended))));
  }
  decode(x: Tensor, { selfMask, crossMask, cross, past, kept }: DecoderContext, index: number, most: number): Tensor {
    let [k, v] = this.self_attn.keysAndValues(x);
    if (kept !== undefined) {
      [k, v] = [k, v].map((t, i) => extend(past?.[2 * index + i], t, most));
      kept.push(k, v);
    }
    const attended = this.self_attn.forward(x, k, v, { attnMask: selfMask, isCausal: true });
    const h = this.self_attn_layer_norm.forward(x.add(this.#drop(attended)));
    const attention = this.encoder_attn as MarianAttention;
    const seen = attention.forward(h, cross[2 * index], cross[2 * index + 1], { attnMask: crossMask });
    return this.#feedForward((this.encoder_attn_layer_norm as nn.LayerNorm).forward(h.add(this.#drop(seen))));
  }
}

/** Marian's encoder or decoder. */
export class MarianStack extends nn.Module {
  readonly embed_tokens: nn.Embedding;
  readonly layers: MarianLayer[];
  readonly dropout: nn.Dropout;
  readonly #config: MarianConfig;
  checkpoints = false;
  readonly #positions: Tensor;
  constructor(config: MarianConfig, words: nn.Embedding, isDecoder: boolean) {
    super();
    this.embed_tokens = words;
    const count = isDecoder ? config.decoderLayers : config.encoderLayers;
    this.layers = Array.from({ length: count }, () => new MarianLayer(config, isDecoder));
    this.dropout = new nn.Dropout(config.dropout);
    this.#config = config;
    this.#positions = marianPositions(config.maxPositionEmbeddings, config.dModel).keep();
  }
  #embed(ids: Tensor, before: number): Tensor {
    const t = ids.shape[1];
    checkPositions("MarianMTModel", before + t, this.#config.maxPositionEmbeddings);
    const words = this.embed_tokens.forward(ids);
    const scaled = this.#config.scaleEmbedding ? words.mul(Math.sqrt(this.#config.dModel)) : words;
    return this.dropout.forward(scaled.add(this.#positions.slice(0, before, before + t)));
  }
  /** ids [batch, S] → [batch, S, width]; `each` sees the embeddings and every layer's output. */
  forward(ids: Tensor, mask: Tensor | undefined, each?: (x: Tensor) => void): Tensor {
    const attnMask = keyMask(mask, ids.shape[0], ids.shape[1]);
    let x = this.#embed(ids, 0);
    each?.(x);
    for (const layer of this.layers) {
      x = runLayer(this, (h) => layer.forward(h, attnMask), x);
      each?.(x);
    }
    return x;
  }
  /** Keys and values of the read text, of every layer in turn. */
  crossKeysAndValues(memory: Tensor): Tensor[] {
    return this.layers.flatMap((layer) => (layer.encoder_attn as MarianAttention).keysAndValues(memory));
  }
  /** ids [batch, T] after those of `past`; mask [batch, T], only without a past. */
  decode(ids: Tensor, context: DecoderContext, mask?: Tensor): Tensor {
    const selfMask = keyMask(mask, ids.shape[0], ids.shape[1]);
    const x = this.#embed(ids, context.past?.[0]?.shape[2] ?? 0);
    const most = this.#config.maxPositionEmbeddings;
    return decodeLayers(this, this.layers, x, { ...context, selfMask }, (layer, h, own, i) =>
      layer.decode(h, own, i, most),
    );
  }
}
