import { type AttentionOptions, scaledDotProductAttention } from "../../ops/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** Attention of `heads` heads that lie side by side: q [batch, T, size], k and v [batch, S, size] → [batch, T, size]. */
export function multiHead(q: Tensor, k: Tensor, v: Tensor, heads: number, options: AttentionOptions): Tensor {
  const [batch, t, size] = q.shape;
  const split = (y: Tensor) => y.reshape([batch, y.shape[1], heads, size / heads]).transpose(1, 2);
  return scaledDotProductAttention(split(q), split(k), split(v), options).transpose(1, 2).reshape([batch, t, size]);
}
