import { startThread } from "#platform";
import type { Thread } from "../platform/platform.ts";
import { tensor } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BatchDataset } from "./dataset.ts";
import { DataError } from "./lines.ts";

/** Numbers on their way from the worker: they become a tensor of this shape. */
export interface RawTensor {
  data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;
  shape: number[];
}
/** What the worker's module makes of the `data` it is given. */
export interface WorkerSource {
  readonly length: number;
  batch(indices: Int32Array): Record<string, unknown> | Promise<Record<string, unknown>>;
}

// Plain text: a file beside this one would need another path in every bundle.
const CODE = `
const say = (error) => ({ name: error?.name, message: String(error?.message ?? error), hint: error?.hint });
(async () => {
  let source;
  try {
    const module = await import(data.module);
    source = await (module.default ?? module)(data.data);
    if (!Number.isInteger(source?.length) || typeof source.batch !== "function")
      throw new Error("the default export must return { length, batch(indices) }");
  } catch (error) {
    send({ id: -1, error: say(error) });
    return;
  }
  receive(async ({ id, indices }) => {
    try {
      const value = await source.batch(indices);
      const moved = new Set();
      for (const part of Object.values(value)) if (part?.data?.buffer instanceof ArrayBuffer) moved.add(part.data.buffer);
      send({ id, value }, [...moved]);
    } catch (error) {
      send({ id, error: say(error) });
    }
  });
  send({ id: -1, value: source.length });
})();
`;

type Waiting = { resolve: (value: unknown) => void; reject: (error: Error) => void };

/**
 * A data set whose batches a worker thread prepares while this thread trains: decoding, tokenising, augmenting.
 *
 * The module's default export is called once in the worker with `data` and returns a {@link WorkerSource}; what its `batch`
 * returns is copied here, a {@link RawTensor} becoming a tensor (its buffer moves, so it must be new for every batch).
 * The order of batches is the loader's, so results are the same as without a worker.
 */
export class WorkerDataset<B = Record<string, Tensor>> implements BatchDataset<B> {
  readonly #worker: Thread;
  readonly #module: string;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #length = 0;
  #ended: DataError | undefined;

  private constructor(module: string, data: unknown) {
    this.#module = module;
    const receive = (message: unknown) => {
      const { id, value, error } = message as {
        id: number;
        value: unknown;
        error?: { message: string; hint?: string };
      };
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) return;
      this.#settle(id);
      if (error === undefined) waiting.resolve(value);
      else waiting.reject(new DataError(`${module}, in the worker: ${error.message}`, error.hint));
    };
    this.#worker = startThread(CODE, { module, data }, receive, (why) => this.#end(why));
  }

  /**
   * Starts the worker. `close()` it, or let it end with the process.
   * @param module a JavaScript module: a file URL, or anything that `import()` takes
   * @param data given to the module's default export; must be cloneable
   * @throws DataError when the module cannot be loaded or does not return a source.
   */
  static async open<B = Record<string, Tensor>>(module: URL | string, data?: unknown): Promise<WorkerDataset<B>> {
    const out = new WorkerDataset<B>(String(module), data);
    try {
      out.#length = (await out.#wait(-1)) as number;
    } catch (error) {
      await out.close();
      throw error;
    }
    return out;
  }

  get length(): number {
    return this.#length;
  }

  async batch(indices: Int32Array): Promise<B> {
    const id = this.#next++;
    const answer = this.#wait(id);
    if (this.#ended === undefined) this.#worker.post({ id, indices });
    const value = (await answer) as Record<string, unknown>;
    for (const [name, part] of Object.entries(value)) {
      const raw = part as Partial<RawTensor> | null;
      if (ArrayBuffer.isView(raw?.data) && Array.isArray(raw.shape)) value[name] = tensor(raw.data, raw.shape);
    }
    return value as B;
  }

  /** Ends the worker; batches that are under way fail. */
  async close(): Promise<void> {
    this.#end("the data set was closed");
    await this.#worker.end();
  }

  // A worker that nobody waits for must not keep the process alive, one that somebody waits for must.
  #wait(id: number): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#worker.hold(true);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }
  #settle(id: number): void {
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#worker.hold(false);
  }
  #end(why: string): void {
    this.#ended ??= new DataError(`${this.#module}: the worker that prepares batches has stopped: ${why}`);
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}
