import { checkOptions, type Known } from "../backend/options.ts";
import { attentionPacked, attentionWeights, linear, scaledDotProductAttention, softmax } from "../ops/index.ts";
import { zeros } from "../tensor/create.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkProbability, checkSize, checkWord, ELSEWHERE } from "./check.ts";
import { constant_, xavierUniform_ } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module, Parameter } from "./module.ts";

export interface AttentionMasks {
  /** uint8 [batch, S]: 1 hides a key (padding), as PyTorch's `key_padding_mask`. */
  keyPaddingMask?: Tensor;
  /** [T, S] or [batch, 1 or heads, T, S]: uint8, where 1 hides, or float, added to the scores, as PyTorch's `attn_mask`. */
  attnMask?: Tensor;
  /** Query i sees keys up to i + S − T. */
  isCausal?: boolean;
}

/** uint8, 1 where 0 was and 0 elsewhere. */
const turned = (mask: Tensor): Tensor => mask.to("float32").mul(-1).add(1).to("uint8");

/** The mask of `scaledDotProductAttention`, where 1 shows. */
function joined({ keyPaddingMask, attnMask }: AttentionMasks): Tensor | undefined {
  if (keyPaddingMask === undefined) return attnMask?.dtype === "uint8" ? turned(attnMask) : attnMask;
  const [batch, keys] = keyPaddingMask.shape;
  const padding = keyPaddingMask.reshape([batch, 1, 1, keys]);
  if (attnMask === undefined) return turned(padding);
  if (attnMask.dtype !== "uint8") return attnMask.add(padding.to(attnMask.dtype).mul(-1e38));
  return turned(padding.to("float32").maximum(attnMask.to("float32")).to("uint8"));
}

export interface MultiheadAttentionOptions {
  /** Probability of dropout on the weights; 0. */
  dropout?: number;
  bias?: boolean;
  /** Inputs and output [batch, T, E] instead of [T, batch, E]; false. */
  batchFirst?: boolean;
  /** Width of keys, embedDim by default. */
  kdim?: number;
  /** Width of values, embedDim by default. */
  vdim?: number;
}
const KNOWN: Known<MultiheadAttentionOptions> = {
  dropout: true,
  bias: true,
  batchFirst: true,
  kdim: true,
  vdim: true,
};
const REFUSED = {
  ...ELSEWHERE,
  addBiasKv: "Append a learned row to key and value yourself: concat([key, row], 0).",
  addZeroAttn: "Append a row of zeros to key and value yourself: concat([key, zeros], 0).",
};
const MASKS: Known<AttentionMasks> = { keyPaddingMask: true, attnMask: true, isCausal: true };
const FORWARD = { ...MASKS, needWeights: true as const };
const FORWARD_REFUSED = { averageAttnWeights: "The weights come for each head: weights.mean(1)." };

/** Refuses names of masks that are none. */
export const checkMasks = (where: string, masks: AttentionMasks): void => checkOptions(where, masks, MASKS);

/**
 * Multi-head attention (Vaswani et al., 2017, section 3.2.2) with PyTorch's parameters: `in_proj_weight` [3·E, E] and
 * `in_proj_bias` [3·E] (queries, keys, values), `out_proj`; where keys or values have another width, `q_proj_weight` [E, E],
 * `k_proj_weight` [E, kdim] and `v_proj_weight` [E, vdim]. The weights are never stored unless asked for.
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly kdim: number;
  readonly vdim: number;
  /** Undefined where keys or values have a width of their own. */
  in_proj_weight: Parameter | undefined;
  q_proj_weight: Parameter | undefined;
  k_proj_weight: Parameter | undefined;
  v_proj_weight: Parameter | undefined;
  in_proj_bias: Parameter | undefined;
  out_proj: Linear;

  /** Throws ShapeError unless the heads divide the width, OptionError for unknown options. */
  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const name = "MultiheadAttention";
    checkOptions(name, options, KNOWN, REFUSED);
    const { dropout = 0, bias = true, batchFirst = false, kdim = embedDim, vdim = embedDim } = options;
    checkSize(name, "embedDim", embedDim, 1);
    checkSize(name, "numHeads", numHeads, 1);
    checkSize(name, "kdim", kdim, 1);
    checkSize(name, "vdim", vdim, 1);
    checkProbability(name, "dropout", dropout);
    if (embedDim % numHeads !== 0) {
      throw new ShapeError(`MultiheadAttention: ${numHeads} heads do not divide a width of ${embedDim}`);
    }
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    this.kdim = kdim;
    this.vdim = vdim;
    const weight = (rows: number, columns: number) => {
      const made = new Parameter(zeros([rows, columns]));
      xavierUniform_(made);
      return made;
    };
    if (kdim === embedDim && vdim === embedDim) this.in_proj_weight = weight(3 * embedDim, embedDim);
    else {
      this.q_proj_weight = weight(embedDim, embedDim);
      this.k_proj_weight = weight(embedDim, kdim);
      this.v_proj_weight = weight(embedDim, vdim);
    }
    if (bias) this.in_proj_bias = new Parameter(zeros([3 * embedDim]));
    this.out_proj = new Linear(embedDim, embedDim, { bias });
    if (this.out_proj.bias !== undefined) constant_(this.out_proj.bias, 0);
  }

  /**
   * @param query [T, batch, E]; with `batchFirst` [batch, T, E]. @param key [S, batch, kdim] @param value [S, batch, vdim]
   * @returns `output` of query's shape; with `needWeights` also `weights` [batch, heads, T, S], without a gradient.
   * @throws ShapeError unless the sizes agree.
   */
  forward(
    query: Tensor,
    key: Tensor = query,
    value: Tensor = key,
    options: AttentionMasks & { needWeights?: boolean } = {},
  ): { output: Tensor; weights?: Tensor } {
    checkOptions("MultiheadAttention.forward", options, FORWARD, FORWARD_REFUSED);
    const widths = [this.embedDim, this.kdim, this.vdim];
    for (const [i, x] of [query, key, value].entries()) {
      if (x.ndim !== 3 || x.shape[2] !== widths[i]) {
        throw new ShapeError(
          `MultiheadAttention: expected [${this.batchFirst ? "batch, T" : "T, batch"}, ${widths[i]}], found ${showShape(x.shape)}`,
        );
      }
    }
    const first = (x: Tensor) => (this.batchFirst ? x : x.transpose(0, 1).contiguous());
    const { isCausal = false, needWeights = false } = options;
    const settings = {
      isCausal,
      attnMask: joined(options),
      dropout: this.dropout,
      training: this.training,
    };
    let y: Tensor;
    let weights: Tensor | undefined;
    if (key === query && value === query && !needWeights && this.in_proj_weight !== undefined) {
      const qkv = linear(first(query), this.in_proj_weight, this.in_proj_bias);
      y = attentionPacked(qkv, this.numHeads, this.numHeads, settings);
    } else {
      const [q, k, v] = [query, key, value].map((x, i) => this.#heads(first(x), i));
      if (needWeights) weights = attentionWeights(q, k, settings);
      const heads = scaledDotProductAttention(q, k, v, settings).transpose(1, 2);
      y = heads.reshape([heads.shape[0], heads.shape[1], this.embedDim]);
    }
    const output = this.out_proj.forward(y);
    return { output: this.batchFirst ? output : output.transpose(0, 1), weights };
  }
  /** [batch, n, E] → [batch, heads, n, E / heads] with the i-th projection. */
  #heads(x: Tensor, i: number): Tensor {
    const e = this.embedDim;
    const part = (p: Tensor | undefined) => p?.slice(0, i * e, (i + 1) * e);
    const own = [this.q_proj_weight, this.k_proj_weight, this.v_proj_weight][i];
    const y = linear(x, (part(this.in_proj_weight) ?? own) as Tensor, part(this.in_proj_bias));
    return y.reshape([x.shape[0], x.shape[1], this.numHeads, e / this.numHeads]).transpose(1, 2);
  }
  /** Nothing, as in PyTorch: its layer says the width. */
  override printRepr(): string {
    return "";
  }
  override extraRepr(): string {
    return `${this.embedDim}, heads ${this.numHeads}`;
  }
}

/** A query's weighted view of a memory, and the weights. */
export interface Attended {
  /** [batch, T, keySize] */
  context: Tensor;
  /** [batch, T, S] */
  weights: Tensor;
}

/** scores [batch, T, S]; mask uint8 [batch, S], 1 hides. A query that sees nothing gives 0. */
function attend(scores: Tensor, memory: Tensor, mask: Tensor | undefined): Attended {
  if (mask === undefined) {
    const weights = softmax(scores, -1);
    return { context: weights.matmul(memory), weights };
  }
  const hidden = mask.to(scores.dtype).reshape([mask.shape[0], 1, mask.shape[1]]);
  const weights = softmax(scores.add(hidden.mul(-1e30)), -1).mul(hidden.mul(-1).add(1));
  return { context: weights.matmul(memory), weights };
}

/**
 * Additive attention (Bahdanau, Cho & Bengio, 2015): $e_{ij} = v^\top\tanh(W q_i + U k_j)$, weights the softmax of $e_i$,
 * context $\sum_j a_{ij}k_j$.
 */
export class BahdanauAttention extends Module {
  W: Linear;
  U: Linear;
  v: Linear;
  constructor(querySize: number, keySize: number, hiddenSize: number) {
    super();
    checkSize("BahdanauAttention", "querySize", querySize, 1);
    checkSize("BahdanauAttention", "keySize", keySize, 1);
    checkSize("BahdanauAttention", "hiddenSize", hiddenSize, 1);
    this.W = new Linear(querySize, hiddenSize, { bias: false });
    this.U = new Linear(keySize, hiddenSize, { bias: false });
    this.v = new Linear(hiddenSize, 1, { bias: false });
  }
  /** query [batch, T, querySize], keys [batch, S, keySize], keyPaddingMask uint8 [batch, S] (1 hides). */
  forward(query: Tensor, keys: Tensor, keyPaddingMask?: Tensor): Attended {
    const [batch, t] = query.shape;
    const s = keys.shape[1];
    const q = this.W.forward(query).reshape([batch, t, 1, -1]);
    const k = this.U.forward(keys).reshape([batch, 1, s, -1]);
    const scores = this.v.forward(q.add(k).tanh()).reshape([batch, t, s]);
    return attend(scores, keys, keyPaddingMask);
  }
}

/**
 * Multiplicative attention (Luong, Pham & Manning, 2015): $e_{ij} = q_i^\top k_j$ ("dot", equal sizes) or
 * $q_i^\top W k_j$ ("general").
 */
export class LuongAttention extends Module {
  W: Linear | undefined;
  constructor(querySize: number, keySize: number, method: "dot" | "general" = "general") {
    super();
    checkSize("LuongAttention", "querySize", querySize, 1);
    checkSize("LuongAttention", "keySize", keySize, 1);
    checkWord("LuongAttention", "method", method, ["dot", "general"]);
    if (method === "dot" && querySize !== keySize) {
      throw new ShapeError(
        `LuongAttention: "dot" needs equal sizes, found ${querySize} and ${keySize}`,
        'Use "general".',
      );
    }
    if (method === "general") this.W = new Linear(keySize, querySize, { bias: false });
  }
  /** query [batch, T, querySize], keys [batch, S, keySize], keyPaddingMask uint8 [batch, S] (1 hides). */
  forward(query: Tensor, keys: Tensor, keyPaddingMask?: Tensor): Attended {
    const turnedKeys = (this.W?.forward(keys) ?? keys).transpose(-1, -2);
    return attend(query.matmul(turnedKeys), keys, keyPaddingMask);
  }
}
