import * as nn from "../../nn/index.ts";
import { rotary, scaledDotProductAttention } from "../../ops/index.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { extend } from "../key-value-cache.ts";
import { activated } from "../pretrained/activations.ts";
import { plainLinear } from "../pretrained/layers.ts";
import { keyMask } from "../pretrained/masks.ts";
import { joinHeads } from "../pretrained/multi-head.ts";
import { headSize, keyValueHeads, type LlamaConfig } from "./config.ts";

/** What every layer needs to know of the tokens. */
export interface LlamaContext {
  /** [1 or batch, T, 1, head / 2] */
  angles: nn.Angles;
  /** By sliding window: uint8 [1 or batch, 1, 1 or T, S]. */
  masks: Map<number | undefined, Tensor | undefined>;
}

/**
 * Where queries may look besides what is causal: uint8 [1 or batch, 1, 1 or T, S]; with a window, at the last `window` tokens up
 * to their own.
 * @param mask [batch, S]
 */
export function windowMask(
  mask: Tensor | undefined,
  [batch, t, keys]: readonly [number, number, number],
  window: number | undefined,
): Tensor | undefined {
  const padding = keyMask(mask, batch, keys);
  if (window === undefined || keys <= window) return padding;
  const rows = mask === undefined ? 1 : batch;
  const shown = mask?.data();
  const values = new Uint8Array(rows * t * keys);
  for (let b = 0; b < rows; b++) {
    for (let i = 0; i < t; i++) {
      const own = i + keys - t;
      for (let j = Math.max(0, own - window + 1); j <= own; j++)
        values[(b * t + i) * keys + j] = shown === undefined || shown[b * keys + j] !== 0 ? 1 : 0;
    }
  }
  return tensor(values, [rows, 1, t, keys]);
}

class LlamaAttention extends nn.Module {
  readonly q_proj: nn.Linear;
  readonly k_proj: nn.Linear;
  readonly v_proj: nn.Linear;
  readonly o_proj: nn.Linear;
  readonly #config: LlamaConfig;
  readonly #window: number | undefined;
  constructor(config: LlamaConfig, window: number | undefined) {
    super();
    const { hiddenSize, numAttentionHeads, initializerRange } = config;
    const [wide, narrow] = [numAttentionHeads, keyValueHeads(config)].map((n) => n * headSize(config));
    const outBias = config.modelType === "llama" && config.attentionBias;
    const bias = outBias || config.modelType === "qwen2";
    this.q_proj = plainLinear(hiddenSize, wide, initializerRange, { bias });
    this.k_proj = plainLinear(hiddenSize, narrow, initializerRange, { bias });
    this.v_proj = plainLinear(hiddenSize, narrow, initializerRange, { bias });
    this.o_proj = plainLinear(wide, hiddenSize, initializerRange, { bias: outBias });
    this.#config = config;
    this.#window = window;
  }
  /** x [batch, T, width]; past: keys and values [batch, groups, S, d]. `keeps`: what is remembered is given back. */
  forward(
    x: Tensor,
    { angles, masks }: LlamaContext,
    past?: readonly [Tensor, Tensor],
    keeps = false,
  ): { y: Tensor; past: [Tensor, Tensor] } {
    const [batch, t] = x.shape;
    const size = headSize(this.#config);
    const split = (y: Tensor) => y.reshape([batch, t, -1, size]);
    const turn = (y: Tensor) => rotary(split(y), angles.cos, angles.sin).transpose(1, 2);
    const q = turn(this.q_proj.forward(x));
    let k = turn(this.k_proj.forward(x));
    let v = split(this.v_proj.forward(x)).transpose(1, 2);
    if (keeps) {
      k = extend(past?.[0], k, this.#config.maxPositionEmbeddings);
      v = extend(past?.[1], v, this.#config.maxPositionEmbeddings);
    }
    const attnMask = masks.get(this.#window);
    const { training } = this;
    const dropout = this.#config.attentionDropout;
    const y = scaledDotProductAttention(q, k, v, { isCausal: true, attnMask, dropout, training });
    return { y: this.o_proj.forward(joinHeads(y)), past: [k, v] };
  }
}

/** {@link nn.SwiGLU} with any activation in SiLU's place. */
class LlamaMLP extends nn.SwiGLU {
  readonly #activation: string;
  constructor(config: LlamaConfig) {
    super(config.hiddenSize, config.intermediateSize, { bias: config.modelType === "llama" && config.mlpBias });
    this.#activation = config.hiddenAct;
  }
  override forward(x: Tensor): Tensor {
    return this.down_proj.forward(activated(this.gate_proj, x, this.#activation).mul(this.up_proj.forward(x)));
  }
}

export class LlamaDecoderLayer extends nn.Module {
  readonly self_attn: LlamaAttention;
  readonly mlp: LlamaMLP;
  readonly input_layernorm: nn.RMSNorm;
  readonly post_attention_layernorm: nn.RMSNorm;
  constructor(config: LlamaConfig, window: number | undefined) {
    super();
    const { hiddenSize, initializerRange, rmsNormEps } = config;
    this.self_attn = new LlamaAttention(config, window);
    this.mlp = new LlamaMLP(config);
    for (const { weight, bias } of [this.mlp.gate_proj, this.mlp.up_proj, this.mlp.down_proj]) {
      nn.init.normal_(weight, 0, initializerRange);
      if (bias) nn.init.zeros_(bias);
    }
    this.input_layernorm = new nn.RMSNorm(hiddenSize, { eps: rmsNormEps });
    this.post_attention_layernorm = new nn.RMSNorm(hiddenSize, { eps: rmsNormEps });
  }
  forward(
    x: Tensor,
    context: LlamaContext,
    past?: readonly [Tensor, Tensor],
    keeps = false,
  ): { x: Tensor; past: [Tensor, Tensor] } {
    const attended = this.self_attn.forward(this.input_layernorm.forward(x), context, past, keeps);
    const h = x.add(attended.y);
    return { x: h.add(this.mlp.forward(this.post_attention_layernorm.forward(h))), past: attended.past };
  }
}
