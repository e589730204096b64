import { maximum } from "../backend/arrays.ts";
import type { TypedArray } from "../backend/backend.ts";
import { checkOptions } from "../backend/options.ts";
import { stack } from "../ops/concat.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { ShapeError } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
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

const PADDING = { padId: true, maxLength: true, multipleOf: true } as const;

/** Sequences of ids as one tensor [batch, longest], filled up with padId. */
export function padSequences(
  sequences: readonly ArrayLike<number>[],
  options: { padId?: number; maxLength?: number; multipleOf?: number } = {},
): Tensor {
  checkOptions("padSequences", options, PADDING);
  const { padId = 0, maxLength = Number.POSITIVE_INFINITY, multipleOf = 1 } = options;
  const longest = Math.min(
    maxLength,
    maximum(
      sequences.map((s) => s.length),
      0,
    ),
  );
  const width = Math.ceil(longest / multipleOf) * multipleOf;
  const out = new Int32Array(sequences.length * width).fill(padId);
  sequences.forEach((s, i) => {
    for (let j = 0; j < Math.min(s.length, longest); j++) out[i * width + j] = s[j];
  });
  return tensor(out, [sequences.length, width]);
}

type Numbers = number | boolean | TypedArray | readonly Numbers[];
/** What {@link defaultCollate} makes of examples T. */
export type Collated<T> = T extends Tensor | Numbers
  ? Tensor
  : T extends string
    ? string[]
    : T extends object
      ? { [K in keyof T]: Collated<T[K]> }
      : T[];

/**
 * A batch of equal examples, as PyTorch's `default_collate`: numbers become a float32 tensor [batch], arrays and tensors one
 * with a dimension more (Int32Array stays int32, as class labels must be), strings a list, objects an object of batches.
 * @throws ShapeError when shapes differ; pad sequences with `padSequences` in a `collate` of your own.
 */
export function defaultCollate<T>(examples: readonly T[]): Collated<T> {
  const first: unknown = examples[0];
  const made = (() => {
    if (first instanceof Tensor) return noGrad(() => stack(examples as unknown as Tensor[]));
    if (typeof first === "number" || typeof first === "boolean" || Array.isArray(first))
      return tensor(examples as unknown as number[]);
    if (ArrayBuffer.isView(first)) {
      const rows = examples as unknown as Float32Array[];
      const odd = rows.find((row) => row.length !== rows[0].length);
      if (odd !== undefined)
        throw new ShapeError(`defaultCollate: rows of ${rows[0].length} and of ${odd.length} numbers`);
      const out = new (rows[0].constructor as Float32ArrayConstructor)(rows.length * rows[0].length);
      rows.forEach((row, i) => {
        out.set(row, i * row.length);
      });
      return tensor(out, [rows.length, rows[0].length]);
    }
    if (first !== null && typeof first === "object") {
      return Object.fromEntries(
        Object.keys(first).map((key) => [
          key,
          defaultCollate(examples.map((e) => (e as Record<string, unknown>)[key])),
        ]),
      );
    }
    return [...examples];
  })();
  return made as Collated<T>;
}
