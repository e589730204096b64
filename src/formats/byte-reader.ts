/** Bytes of a stream in order: ask for some with {@link fill}, then take them. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #buffer = new Uint8Array(0);
  #at = 0;
  #end = 0;
  #over = false;
  /** Bytes taken so far. */
  position = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Bytes that lie ready. */
  get ready(): number {
    return this.#end - this.#at;
  }

  /** Reads until `n` bytes lie ready; false when the stream ends before. Memory grows with what comes, not with `n`. */
  async fill(n: number): Promise<boolean> {
    while (this.ready < n && !this.#over) {
      const { value, done } = await this.#source.next();
      if (done) {
        this.#over = true;
        break;
      }
      if (this.#end + value.length > this.#buffer.length) {
        const kept = this.#buffer.subarray(this.#at, this.#end);
        const room = new Uint8Array(2 * (kept.length + value.length));
        room.set(kept);
        this.#buffer = room;
        this.#end -= this.#at;
        this.#at = 0;
      }
      this.#buffer.set(value, this.#end);
      this.#end += value.length;
    }
    return this.ready >= n;
  }

  /** The next `n` bytes, which must lie ready: a view that holds until the next {@link fill}. */
  take(n: number): Uint8Array {
    const view = this.peek(n);
    this.#at += view.length;
    this.position += view.length;
    return view;
  }
  /** The same without going on; fewer where fewer lie ready. */
  peek(n: number): Uint8Array {
    return this.#buffer.subarray(this.#at, Math.min(this.#end, this.#at + n));
  }

  /** Takes the bytes up to `byte`, and that one too without giving it; undefined if none comes within `most` bytes. */
  async until(byte: number, most: number): Promise<Uint8Array | undefined> {
    for (let looked = 0; ; ) {
      const at = this.#buffer.subarray(0, this.#end).indexOf(byte, this.#at + looked);
      if (at >= 0 && at - this.#at <= most) {
        const view = this.take(at - this.#at);
        this.take(1);
        return view;
      }
      looked = this.ready;
      if (at >= 0 || looked > most || !(await this.fill(looked + 1))) return undefined;
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
