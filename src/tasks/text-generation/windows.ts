import { philox } from "../../backend/philox.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface StreamBatch {
  /** int32 [T, batch]; of {@link BlockWindows} [batch, T] */
  x: Tensor;
  /** The tokens that follow, int32 [T · batch]; −100 where there is none. */
  y: Tensor;
  /** Predictions that count. */
  count: number;
  /** Of a stream: which of its columns the first one is. */
  column?: number;
}

/**
 * A stream cut into `streams` parts that lie side by side, read in windows of `block` steps: column b of window w goes on
 * where column b of window w − 1 ended, so that state can be carried. Every token is predicted once, the first from `start`.
 */
export class StreamWindows {
  readonly length: number;
  readonly windows: number;
  readonly #ids: Int32Array;
  readonly #per: number;
  readonly #streams: number;
  readonly #block: number;
  readonly #start: number;

  constructor(ids: Int32Array, { streams, block, start }: { streams: number; block: number; start: number }) {
    this.#ids = ids;
    this.#streams = streams;
    this.#block = block;
    this.#start = start;
    this.#per = Math.ceil(ids.length / streams);
    this.windows = Math.ceil(this.#per / block);
    this.length = this.windows * streams;
  }

  /** These examples, one after another; each is one column of one window. */
  batch(indices: Int32Array): StreamBatch {
    return this.window(Math.floor(indices[0] / this.#streams), indices[0] % this.#streams, indices.length);
  }
  /** @param first the first of so many columns; all of them */
  window(w: number, first = 0, streams = this.#streams): StreamBatch {
    const per = this.#per;
    const from = w * this.#block;
    const steps = Math.min(this.#block, per - from);
    const x = new Int32Array(steps * streams).fill(this.#start);
    const y = new Int32Array(steps * streams).fill(-100);
    let count = 0;
    for (let b = 0; b < streams; b++) {
      for (let t = 0; t < steps; t++) {
        const at = (first + b) * per + from + t;
        if (at >= Math.min(this.#ids.length, (first + b + 1) * per)) break;
        x[t * streams + b] = at === 0 ? this.#start : this.#ids[at - 1];
        y[t * streams + b] = this.#ids[at];
        count++;
      }
    }
    return { x: tensor(x, [steps, streams]), y: tensor(y, [steps * streams]), count, column: first };
  }
}

const SHIFT = 0xb10c;

/** Blocks of a stream without state between them, for models that look back; where they begin changes from epoch to epoch. */
export class BlockWindows {
  readonly length: number;
  readonly #ids: Int32Array;
  readonly #block: number;
  readonly #seed: number;
  #shift = 0;

  /** @param ids at least block + 1 of them */
  constructor(ids: Int32Array, { block, seed }: { block: number; seed: number }) {
    this.#ids = ids;
    this.#block = block;
    this.#seed = seed;
    this.length = Math.max(1, Math.floor(ids.length / block) - 1);
  }
  setEpoch(epoch: number): void {
    const words = new Uint32Array(4);
    philox(epoch, 0, this.#seed >>> 0, SHIFT, words, 0);
    const room = this.#ids.length - 1 - this.length * this.#block;
    this.#shift = words[0] % (Math.min(this.#block, room) + 1);
  }
  batch(indices: Int32Array): StreamBatch {
    const [block, n] = [this.#block, indices.length];
    const [x, y] = [new Int32Array(n * block), new Int32Array(n * block)];
    indices.forEach((index, i) => {
      const from = this.#shift + index * block;
      x.set(this.#ids.subarray(from, from + block), i * block);
      y.set(this.#ids.subarray(from + 1, from + 1 + block), i * block);
    });
    return { x: tensor(x, [n, block]), y: tensor(y), count: n * block };
  }
}

/**
 * The whole stream in blocks side by side, every token predicted once, the first from `start`; the last block is filled up.
 * x is [batch, T].
 */
export function* blocksOf(
  ids: Int32Array,
  { block, start, batch }: { block: number; start: number; batch: number },
): Generator<StreamBatch> {
  const total = Math.ceil(ids.length / block);
  for (let b = 0; b < total; b += batch) {
    const n = Math.min(batch, total - b);
    const x = new Int32Array(n * block).fill(start);
    const y = new Int32Array(n * block).fill(-100);
    const from = b * block;
    const part = ids.subarray(from, Math.min(ids.length, from + n * block));
    y.set(part);
    x[0] = from === 0 ? start : ids[from - 1];
    x.set(part.subarray(0, Math.min(part.length, n * block - 1)), 1);
    yield { x: tensor(x, [n, block]), y: tensor(y), count: part.length };
  }
}
