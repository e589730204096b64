import { type AttentionOptions, scaledDotProductAttention } from "../../ops/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";

/** [batch, n, heads · d] → [batch, heads, n, d] */
export const splitHeads = (x: Tensor, heads: number): Tensor =>
  x.reshape([x.shape[0], x.shape[1], heads, -1]).transpose(1, 2);
/** [batch, heads, n, d] → [batch, n, heads · d] */
export const joinHeads = (y: Tensor): Tensor => y.transpose(1, 2).reshape([y.shape[0], y.shape[2], -1]);

/** Attention of `heads` heads that lie side by side: q [batch, T, size], k and v [batch, S, size] → [batch, T, size]. */
export function multiHead(q: Tensor, k: Tensor, v: Tensor, heads: number, options: AttentionOptions): Tensor {
  const [queries, keys, values] = [q, k, v].map((x) => splitHeads(x, heads));
  return joinHeads(scaledDotProductAttention(queries, keys, values, options));
}
