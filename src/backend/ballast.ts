import type { Storage } from "./storage.ts";

const UNIT = 2 ** 20;
/** Kept for reuse, in bytes; the rest is left to the engine. */
const SPARE = 2 ** 28;

/**
 * Weights for an engine that sees nothing of WebAssembly's memory: an untouched ArrayBuffer (addresses, no memory) hangs on
 * a storage, so that collections come in time. Small storages share one: who crosses the next megabyte carries it.
 */
export class Ballast {
  /** By power of two. */
  readonly #spare: ArrayBuffer[][] = [];
  #spareBytes = 0;
  #due = 0;

  tie(storage: Storage, bytes: number): void {
    this.#due += bytes;
    if (this.#due < UNIT) return;
    const power = Math.floor(Math.log2(this.#due));
    const size = 2 ** power;
    this.#due -= size;
    const spare = this.#spare[power]?.pop();
    if (spare !== undefined) this.#spareBytes -= size;
    try {
      storage.ballast = spare ?? new ArrayBuffer(size);
    } catch {
      // No addresses left: it goes without.
    }
  }

  /** The storage was freed; its ballast serves the next one. */
  untie(storage: Storage): void {
    const { ballast } = storage;
    if (ballast === undefined) return;
    storage.ballast = undefined;
    if (this.#spareBytes + ballast.byteLength > SPARE) return;
    this.#spareBytes += ballast.byteLength;
    const power = Math.log2(ballast.byteLength);
    this.#spare[power] ??= [];
    this.#spare[power].push(ballast);
  }
}
