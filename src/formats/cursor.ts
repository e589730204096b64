import { type ByteSource, type Refuse, readBytes } from "./bytes.ts";

/** Characters of a line, against files that never end one. */
const MAX_LINE = 4096;

/** Reads forward through a source, by windows. */
export class Cursor {
  position: number;
  readonly source: ByteSource;
  readonly #refuse: Refuse;
  #window: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #start = 0;

  constructor(source: ByteSource, position: number, refuse: Refuse) {
    this.source = source;
    this.position = position;
    this.#refuse = refuse;
  }
  /** The next n bytes, valid until the next call. */
  take(n: number): Uint8Array<ArrayBuffer> {
    const at = this.position;
    if (n > this.source.size - at) this.#refuse(`${n} bytes are wanted at byte ${at}: the file is cut off or damaged`);
    this.position += n;
    const begin = at - this.#start;
    if (begin >= 0 && begin + n <= this.#window.length) return this.#window.subarray(begin, begin + n);
    this.#start = at;
    this.#window = readBytes(this.source, at, Math.max(n, Math.min(1 << 16, this.source.size - at)), this.#refuse);
    return this.#window.subarray(0, n);
  }
  byte(): number {
    return this.take(1)[0];
  }
  view(n: number): DataView {
    const bytes = this.take(n);
    return new DataView(bytes.buffer, bytes.byteOffset, n);
  }
  uint32(): number {
    return this.view(4).getUint32(0, true);
  }
  /** A length of 8 bytes. */
  long(): number {
    const value = this.view(8).getBigUint64(0, true);
    return value > BigInt(this.source.size)
      ? this.#refuse(`a length of ${value} bytes: the file is damaged`)
      : Number(value);
  }
  line(): string {
    let text = "";
    for (let c = this.byte(); c !== 10; c = this.byte()) {
      if (text.length >= MAX_LINE) this.#refuse("a line without end");
      text += String.fromCharCode(c);
    }
    return text;
  }
}
