import { tensor } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { SparseVector } from "../text/bag-of-words.ts";

/** Sparse vectors as the arguments of an embedding bag: ids [n], offsets [batch], weights [n]. */
export function collateSparse(vectors: readonly SparseVector[]): { ids: Tensor; offsets: Tensor; weights: Tensor } {
  const total = vectors.reduce((n, v) => n + v.ids.length, 0);
  const ids = new Int32Array(total);
  const weights = new Float32Array(total);
  const offsets = new Int32Array(vectors.length);
  let at = 0;
  vectors.forEach((v, i) => {
    offsets[i] = at;
    ids.set(v.ids, at);
    weights.set(v.weights, at);
    at += v.ids.length;
  });
  return { ids: tensor(ids, [total]), offsets: tensor(offsets, [vectors.length]), weights: tensor(weights, [total]) };
}

/** Rows of equal length as one tensor [batch, width]. */
export function collateRows(rows: readonly Float32Array[]): Tensor {
  const width = rows[0]?.length ?? 0;
  const out = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    out.set(row, i * width);
  });
  return tensor(out, [rows.length, width]);
}

/** Sequences of ids as one tensor [batch, longest], filled up with padId. */
export function padSequences(
  sequences: readonly ArrayLike<number>[],
  { padId = 0, maxLength = Number.POSITIVE_INFINITY, multipleOf = 1 } = {},
): Tensor {
  const longest = Math.min(maxLength, Math.max(0, ...sequences.map((s) => s.length)));
  const width = Math.ceil(longest / multipleOf) * multipleOf;
  const out = new Int32Array(sequences.length * width).fill(padId);
  sequences.forEach((s, i) => {
    for (let j = 0; j < Math.min(s.length, longest); j++) out[i * width + j] = s[j];
  });
  return tensor(out, [sequences.length, width]);
}
