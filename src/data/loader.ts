import { ShoshinError } from "../backend/errors.ts";
import { Tensor } from "../tensor/tensor.ts";
import { shuffled } from "./split.ts";

/** Examples by position. */
export interface Dataset<T> {
  readonly length: number;
  get(index: number): T;
}

/** Examples in an array. */
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
}

export interface DataLoaderOptions<T, B> {
  batchSize?: number;
  shuffle?: boolean;
  /** The order is a function of seed and epoch. */
  seed?: number;
  dropLast?: boolean;
  /** Makes a batch of examples; tensors in it are freed when the next batch is asked for. */
  collate: (examples: T[]) => B;
}

const tensorsOf = (batch: unknown): Tensor[] =>
  batch instanceof Tensor
    ? [batch]
    : batch !== null && typeof batch === "object"
      ? Object.values(batch).filter((v) => v instanceof Tensor)
      : [];

/**
 * Batches of a data set: `for await (const batch of loader)`, as often as wanted; each is made when it is asked for. Every now
 * and then the event loop gets a turn, so that signals and finalizers run.
 */
export class DataLoader<T, B> implements AsyncIterable<B> {
  readonly dataset: Dataset<T>;
  readonly #options: Required<DataLoaderOptions<T, B>>;
  #epoch = 0;
  #skip = 0;

  constructor(dataset: Dataset<T>, options: DataLoaderOptions<T, B>) {
    this.dataset = dataset;
    this.#options = { batchSize: 32, shuffle: false, seed: 0, dropLast: false, ...options };
    const { batchSize } = this.#options;
    if (!Number.isInteger(batchSize) || batchSize < 1) throw new ShoshinError(`a batch of ${batchSize} examples`);
  }

  /** Batches in an epoch. */
  get length(): number {
    const { batchSize, dropLast } = this.#options;
    return dropLast ? Math.floor(this.dataset.length / batchSize) : Math.ceil(this.dataset.length / batchSize);
  }
  /** The next iteration takes this epoch's order, and leaves out its first `skip` batches. */
  setEpoch(epoch: number, skip = 0): void {
    this.#epoch = epoch;
    this.#skip = skip;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<B> {
    const { batchSize, shuffle, seed, collate } = this.#options;
    const n = this.dataset.length;
    const order = shuffle ? shuffled(n, seed, this.#epoch) : Int32Array.from({ length: n }, (_, i) => i);
    const make = (batch: number) =>
      collate(Array.from(order.subarray(batch * batchSize, (batch + 1) * batchSize), (i) => this.dataset.get(i)));
    const first = this.#skip;
    this.#epoch++;
    this.#skip = 0;
    let open: Tensor[] = [];
    try {
      for (let b = first; b < this.length; b++) {
        if (b % 32 === 31) await new Promise((resolve) => setImmediate(resolve));
        const batch = make(b);
        open = tensorsOf(batch);
        yield batch;
        for (const t of open) t.dispose();
        open = [];
      }
    } finally {
      for (const t of open) t.dispose();
    }
  }
}
