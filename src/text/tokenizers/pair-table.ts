/** Numbers pairs of ids 0, 1, 2 … in the order of their first `add`: open addressing over typed arrays, no object per pair. */
export class PairTable {
  size = 0;
  first = new Int32Array(1024);
  second = new Int32Array(1024);
  #slots = new Int32Array(4096).fill(-1);

  #find(a: number, b: number): number {
    const mask = this.#slots.length - 1;
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
    hash ^= hash >>> 15;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const at = this.#slots[slot];
      if (at < 0 || (this.first[at] === a && this.second[at] === b)) return slot;
    }
  }

  /** The pair's number; -1 if it was never added. */
  get(a: number, b: number): number {
    return this.#slots[this.#find(a, b)];
  }

  /** The pair's number, new if it has none. */
  add(a: number, b: number): number {
    const slot = this.#find(a, b);
    if (this.#slots[slot] >= 0) return this.#slots[slot];
    const at = this.size++;
    if (at === this.first.length) {
      this.first = grown(this.first);
      this.second = grown(this.second);
    }
    this.first[at] = a;
    this.second[at] = b;
    this.#slots[slot] = at;
    if (this.size * 2 > this.#slots.length) {
      this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
      for (let i = 0; i < this.size; i++) this.#slots[this.#find(this.first[i], this.second[i])] = i;
    }
    return at;
  }
}

/** A copy with twice the room. */
export function grown<T extends Int32Array | Float64Array>(array: T): T {
  const bigger = new (array.constructor as new (n: number) => T)(array.length * 2);
  bigger.set(array);
  return bigger;
}
