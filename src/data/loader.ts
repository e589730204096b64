import { nextTurn } from "#platform";
import { ShoshinError } from "../backend/errors.ts";
import { backendHere, onBackend } from "../backend/index.ts";
import { named, shownAs } from "../backend/inspect.ts";
import { checkOptions, type Known } from "../backend/options.ts";
import { Tensor } from "../tensor/tensor.ts";
import { defaultCollate } from "./collate.ts";
import type { AnyDataset, BatchOf, ExampleOf } from "./dataset.ts";
import { groupedByLength, shuffled } from "./split.ts";

export interface DataLoaderOptions<T, B> {
  batchSize?: number;
  shuffle?: boolean;
  /** Of every example: those of like length come together, in random order still. */
  lengths?: ArrayLike<number>;
  /** The order is a function of seed and epoch. */
  seed?: number;
  dropLast?: boolean;
  /** Batches asked for ahead of the one in use, where the data set makes them in the background. */
  prefetch?: number;
  /** Makes a batch of examples; tensors in it are freed when the next batch is asked for. Left out: `defaultCollate`. */
  collate?: (examples: T[]) => B;
}

const KNOWN: Known<DataLoaderOptions<unknown, unknown>> = {
  ...{ batchSize: true, shuffle: true, lengths: true, seed: true, dropLast: true, prefetch: true, collate: true },
};
/** What PyTorch's DataLoader has besides. */
const TORCH = {
  collateFn: "It is called collate.",
  sampler: "Give a data set in the wanted order: new ArrayDataset(indices.map((i) => rows[i])).",
  batchSampler: "lengths puts examples of like length together.",
  numWorkers: "WorkerDataset makes examples in the background.",
  prefetchFactor: "It is called prefetch.",
  persistentWorkers: "WorkerDataset keeps its workers.",
  pinMemory: "Everything is computed on the processor.",
  generator: "seed says the order.",
  timeout: "WorkerDataset tells of workers that fail.",
  workerInitFn: "WorkerDataset takes a module of yours.",
};

const tensorsOf = (batch: unknown): Tensor[] =>
  batch instanceof Tensor
    ? [batch]
    : batch !== null && typeof batch === "object"
      ? Object.values(batch).filter((v) => v instanceof Tensor)
      : [];

/** Milliseconds after which the event loop gets a turn. */
const TURN = 40;
let turn = 0;

/**
 * Batches of a data set: `for await (const batch of loader)`, as often as wanted. A batch is made when it is asked for, or,
 * where the data set makes them in the background (`WorkerDataset`), while the ones before it are in use. Every now and then
 * the event loop gets a turn, so that signals and finalizers run.
 */
export class DataLoader<D extends AnyDataset, B = BatchOf<D>> implements AsyncIterable<B> {
  readonly dataset: D;
  readonly #options: Required<Omit<DataLoaderOptions<ExampleOf<D>, B>, "collate" | "lengths">>;
  readonly #lengths: ArrayLike<number> | undefined;
  readonly #make: (indices: Int32Array) => B | Promise<B>;
  #epoch = 0;
  #skip = 0;

  /** Throws ShoshinError for a batch size or prefetch that is no whole number. */
  constructor(dataset: D, options: DataLoaderOptions<ExampleOf<D>, B> = {}) {
    checkOptions("DataLoader", options, KNOWN, TORCH);
    const { collate, lengths, ...rest } = options;
    this.dataset = dataset;
    this.#lengths = lengths;
    this.#options = { batchSize: 32, shuffle: false, seed: 0, dropLast: false, prefetch: 2, ...rest };
    const { batchSize, prefetch } = this.#options;
    if (!Number.isInteger(batchSize) || batchSize < 1) throw new ShoshinError(`a batch of ${batchSize} examples`);
    if (!Number.isInteger(prefetch) || prefetch < 0) throw new ShoshinError(`prefetch is ${prefetch}`);
    if (collate === undefined && "batch" in dataset) this.#make = (indices) => dataset.batch(indices);
    else if ("get" in dataset) {
      const join = collate ?? (defaultCollate as unknown as (examples: ExampleOf<D>[]) => B);
      this.#make = (indices) => join(Array.from(indices, (i) => dataset.get(i)));
    } else throw new ShoshinError("DataLoader: a data set of batches takes no collate");
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
    const { batchSize, shuffle, seed, prefetch } = this.#options;
    const n = this.dataset.length;
    let order: Int32Array;
    if (!shuffle) order = Int32Array.from({ length: n }, (_, i) => i);
    else if (this.#lengths !== undefined) order = groupedByLength(this.#lengths, batchSize, seed, this.#epoch);
    else order = shuffled(n, seed, this.#epoch);
    // Data sets that vary from epoch to epoch.
    (this.dataset as { setEpoch?(epoch: number): void }).setEpoch?.(this.#epoch);
    const count = this.length;
    const first = this.#skip;
    this.#epoch++;
    this.#skip = 0;
    const ahead: (B | Promise<B>)[] = [];
    let asked = first;
    // Where batches lie is decided when they begin to be asked for: while others are waited for it may be changed.
    const own = backendHere();
    const ask = () => {
      const made = onBackend(own, () => this.#make(order.slice(asked * batchSize, (asked + 1) * batchSize)));
      // A failure shows when its turn comes.
      if (made instanceof Promise) made.catch(() => {});
      ahead.push(made);
      asked++;
    };
    let open: Tensor[] = [];
    try {
      for (let b = first; b < count; b++) {
        if (performance.now() - turn > TURN) {
          await nextTurn();
          turn = performance.now();
        }
        if (asked === b) ask();
        const next = ahead.shift() as B | Promise<B>;
        if (next instanceof Promise) while (asked < count && asked <= b + prefetch) ask();
        const batch = await next;
        open = tensorsOf(batch);
        yield batch;
        for (const t of open) t.dispose();
        open = [];
      }
    } finally {
      for (const t of open) t.dispose();
      for (const left of ahead)
        Promise.resolve(left).then(
          (batch) => {
            for (const t of tensorsOf(batch)) t.dispose();
          },
          () => {},
        );
    }
  }
}

shownAs(DataLoader, (loader) => named("DataLoader", { batches: loader.length, examples: loader.dataset.length }));
