import type { Activation } from "../../backend/codes.ts";
import * as nn from "../../nn/index.ts";
import { affine, attentionPacked, scaledDotProductAttention } from "../../ops/index.ts";
import { arange, zeros } from "../../tensor/create.ts";
import { ShapeError } from "../../tensor/shape.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { CausalLm, LmState } from "../causal-lm.ts";
import { extend } from "../key-value-cache.ts";

/** The keys of Hugging Face's GPT2Config, in camelCase. */
export interface GptConfig {
  vocabSize: number;
  nPositions: number;
  nEmbd: number;
  nLayer: number;
  nHead: number;
  nInner: number;
  dropout: number;
}

/** GPT-2's linear layer: `weight` [in, out], `bias` [out]. */
class Conv1D extends nn.Module {
  readonly weight: nn.Parameter;
  readonly bias: nn.Parameter;
  constructor(input: number, output: number, std: number) {
    super();
    this.weight = new nn.Parameter(zeros([input, output]));
    nn.init.normal_(this.weight, 0, std);
    this.bias = new nn.Parameter(zeros([output]));
  }
  forward(x: Tensor, activation: Activation = "none"): Tensor {
    return affine(x, this.weight, this.bias, activation);
  }
}

class Attention extends nn.Module {
  readonly c_attn: Conv1D;
  readonly c_proj: Conv1D;
  readonly #heads: number;
  readonly #dropout: number;
  readonly #positions: number;
  constructor({ nEmbd, nHead, nLayer, nPositions, dropout }: GptConfig) {
    super();
    this.#positions = nPositions;
    this.c_attn = new Conv1D(nEmbd, 3 * nEmbd, 0.02);
    this.c_proj = new Conv1D(nEmbd, nEmbd, 0.02 / Math.sqrt(2 * nLayer));
    this.#heads = nHead;
    this.#dropout = dropout;
  }
  /** x [batch, T, d] */
  forward(x: Tensor): Tensor {
    const options = { isCausal: true, dropout: this.#dropout, training: this.training };
    return this.c_proj.forward(attentionPacked(this.c_attn.forward(x), this.#heads, this.#heads, options));
  }
  /** x [batch, T, d]; past: keys and values [batch, heads, S, d / heads] of what came before. */
  next(x: Tensor, past?: readonly [Tensor, Tensor]): { y: Tensor; past: [Tensor, Tensor] } {
    const [batch, t, width] = x.shape;
    const size = width / this.#heads;
    const all = this.c_attn.forward(x).reshape([batch, t, 3, this.#heads, size]);
    const [q, newK, newV] = [0, 1, 2].map((i) => all.select(2, i).transpose(1, 2));
    const [k, v] = [extend(past?.[0], newK, this.#positions), extend(past?.[1], newV, this.#positions)];
    const y = scaledDotProductAttention(q, k, v, { isCausal: true });
    return { y: this.c_proj.forward(y.transpose(1, 2).reshape([batch, t, width])), past: [k, v] };
  }
}

class Mlp extends nn.Module {
  readonly c_fc: Conv1D;
  readonly c_proj: Conv1D;
  constructor({ nEmbd, nInner, nLayer }: GptConfig) {
    super();
    this.c_fc = new Conv1D(nEmbd, nInner, 0.02);
    this.c_proj = new Conv1D(nInner, nEmbd, 0.02 / Math.sqrt(2 * nLayer));
  }
  forward(x: Tensor): Tensor {
    return this.c_proj.forward(this.c_fc.forward(x, "geluTanh"));
  }
}

class Block extends nn.Module {
  readonly ln_1: nn.LayerNorm;
  readonly attn: Attention;
  readonly ln_2: nn.LayerNorm;
  readonly mlp: Mlp;
  readonly dropout: nn.Dropout;
  constructor(config: GptConfig) {
    super();
    this.ln_1 = new nn.LayerNorm(config.nEmbd);
    this.attn = new Attention(config);
    this.ln_2 = new nn.LayerNorm(config.nEmbd);
    this.mlp = new Mlp(config);
    this.dropout = new nn.Dropout(config.dropout);
  }
  forward(x: Tensor): Tensor {
    return this.#rest(x, this.attn.forward(this.ln_1.forward(x)));
  }
  next(x: Tensor, past?: readonly [Tensor, Tensor]): { x: Tensor; past: [Tensor, Tensor] } {
    const attended = this.attn.next(this.ln_1.forward(x), past);
    return { x: this.#rest(x, attended.y), past: attended.past };
  }
  #rest(x: Tensor, attended: Tensor): Tensor {
    const h = x.add(this.dropout.forward(attended));
    return h.add(this.dropout.forward(this.mlp.forward(this.ln_2.forward(h))));
  }
}

class Transformer extends nn.Module {
  readonly wte: nn.Embedding;
  readonly wpe: nn.Embedding;
  readonly h: Block[];
  readonly ln_f: nn.LayerNorm;
  readonly drop: nn.Dropout;
  readonly #positions: Tensor;
  constructor(config: GptConfig) {
    super();
    this.#positions = arange(config.nPositions).keep();
    this.wte = new nn.Embedding(config.vocabSize, config.nEmbd);
    this.wpe = new nn.Embedding(config.nPositions, config.nEmbd);
    for (const { weight } of [this.wte, this.wpe]) nn.init.normal_(weight, 0, 0.02);
    this.h = Array.from({ length: config.nLayer }, () => new Block(config));
    this.ln_f = new nn.LayerNorm(config.nEmbd);
    this.drop = new nn.Dropout(config.dropout);
  }
  forward(ids: Tensor): Tensor {
    return this.ln_f.forward(this.h.reduce((x, block) => block.forward(x), this.#embed(ids, 0)));
  }
  next(ids: Tensor, past?: LmState): { x: Tensor; past: Tensor[] } {
    let x = this.#embed(ids, past === undefined ? 0 : past[0].shape[2]);
    const kept: Tensor[] = [];
    this.h.forEach((block, i) => {
      const out = block.next(x, past && [past[2 * i], past[2 * i + 1]]);
      x = out.x;
      kept.push(...out.past);
    });
    return { x: this.ln_f.forward(x), past: kept };
  }
  #embed(ids: Tensor, before: number): Tensor {
    const t = ids.shape[1];
    if (t < 1) throw new ShapeError("GptForCausalLM: there are no tokens");
    if (before + t > this.wpe.weight.shape[0]) {
      throw new ShapeError(
        `GptForCausalLM: ${before + t} tokens, but the model has ${this.wpe.weight.shape[0]} positions`,
        "Cut the text, or train with a larger --block-size.",
      );
    }
    const positions = this.#positions.slice(0, before, before + t);
    return this.drop.forward(this.wte.forward(ids).add(this.wpe.forward(positions)));
  }
}

/**
 * GPT-2 (Radford et al., 2019): learned positions, pre-norm blocks of causal attention and a GELU layer, the output layer tied
 * to the token table. Parameter names are Hugging Face's: `transformer.h.0.attn.c_attn.weight` …
 */
export class GptForCausalLM extends nn.Module implements CausalLm {
  readonly transformer: Transformer;
  readonly vocabSize: number;
  readonly maxPositions: number;
  readonly stateBatchDim = 0;

  /** Throws ShapeError unless the heads divide the width. */
  constructor(config: GptConfig) {
    super();
    if (config.nEmbd % config.nHead !== 0) {
      throw new ShapeError(`GptForCausalLM: ${config.nHead} heads do not divide a width of ${config.nEmbd}`);
    }
    this.vocabSize = config.vocabSize;
    this.maxPositions = config.nPositions;
    this.transformer = new Transformer(config);
  }
  #head(x: Tensor): Tensor {
    return x.matmul(this.transformer.wte.weight.transpose(0, 1));
  }
  /** ids int32 [batch, T] → logits [batch · T, vocab]. Throws ShapeError for more tokens than positions. */
  forward(ids: Tensor): Tensor {
    return this.#head(this.transformer.forward(ids).flatten(0, 1));
  }
  next(ids: Tensor, past?: LmState): { logits: Tensor; past: LmState } {
    const out = this.transformer.next(ids, past);
    return { logits: this.#head(out.x), past: out.past };
  }
}
