import { ShoshinError } from "../backend/errors.ts";
import { named, shownAs } from "../backend/inspect.ts";
import { tensor } from "../tensor/create.ts";
import { numel, ShapeError, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Collated } from "./collate.ts";

/** Examples by position, as PyTorch's map-style `Dataset`. */
export interface Dataset<T> {
  readonly length: number;
  get(index: number): T;
}

/** A data set that makes whole batches itself, at once or later (then the loader asks ahead). */
export interface BatchDataset<B> {
  readonly length: number;
  batch(indices: Int32Array): B | Promise<B>;
}

// biome-ignore lint/suspicious/noExplicitAny: whatever the examples are
export type AnyDataset = Dataset<any> | BatchDataset<any>;
/** The examples of a data set that has them one by one. */
export type ExampleOf<D> = D extends Dataset<infer T> ? T : never;

/** What a data set of T gives without a `collate` of one's own. */
export type BatchOf<D> = D extends BatchDataset<infer B> ? B : D extends Dataset<infer T> ? Collated<T> : never;

/** Examples in an array; `map` and `filter` give new data sets, as in Hugging Face's `datasets`. */
export class ArrayDataset<T> implements Dataset<T> {
  readonly #items: readonly T[];
  constructor(items: readonly T[]) {
    this.#items = items;
  }
  get length(): number {
    return this.#items.length;
  }
  get(index: number): T {
    return this.#items[index];
  }
  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]();
  }
  map<U>(fn: (item: T, index: number) => U): ArrayDataset<U> {
    return new ArrayDataset(this.#items.map((item, i) => fn(item, i)));
  }
  filter(keep: (item: T, index: number) => boolean): ArrayDataset<T> {
    return new ArrayDataset(this.#items.filter((item, i) => keep(item, i)));
  }
}

/** Inputs and targets with the same first dimension, as PyTorch's `TensorDataset`; batches are `{ x, y }`. */
export class TensorDataset implements BatchDataset<{ x: Tensor; y: Tensor }> {
  readonly x: Tensor;
  readonly y: Tensor;

  /**
   * @param x [n, …] @param y [n, …]
   * @throws ShapeError when the first dimensions differ.
   */
  constructor(x: Tensor, y: Tensor) {
    if (x.ndim < 1 || y.ndim < 1 || x.shape[0] !== y.shape[0]) {
      throw new ShapeError(
        `TensorDataset: expected as many inputs as targets, found ${showShape(x.shape)} and ${showShape(y.shape)}`,
      );
    }
    this.x = x;
    this.y = y;
  }
  get length(): number {
    return this.x.shape[0];
  }

  // Read once: rows are picked from typed arrays, which costs less than a kernel call for each.
  #values = new Map<Tensor, ReturnType<Tensor["data"]>>();
  #rows(t: Tensor, indices: Int32Array): Tensor {
    let values = this.#values.get(t);
    if (values === undefined) {
      values = t.data();
      this.#values.set(t, values);
    }
    const rest = t.shape.slice(1);
    const width = numel(rest);
    const out = new (values.constructor as Float32ArrayConstructor)(indices.length * width);
    indices.forEach((index, i) => {
      if (index < 0 || index >= this.length) throw new ShoshinError(`TensorDataset: no example ${index}`);
      out.set((values as Float32Array).subarray(index * width, (index + 1) * width), i * width);
    });
    return tensor(out, [indices.length, ...rest]);
  }

  batch(indices: Int32Array): { x: Tensor; y: Tensor } {
    return { x: this.#rows(this.x, indices), y: this.#rows(this.y, indices) };
  }
}

shownAs(ArrayDataset, (data) =>
  named("ArrayDataset", { length: data.length, columns: columnsOf(data.length > 0 ? data.get(0) : undefined) }),
);
shownAs(TensorDataset, ({ length, x, y }) => named("TensorDataset", { length, x: x.shape, y: y.shape }));

function columnsOf(row: unknown): string[] | undefined {
  return row !== null && typeof row === "object" && !Array.isArray(row) ? Object.keys(row) : undefined;
}
