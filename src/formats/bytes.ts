import { closeSync, fstatSync, openSync, readSync, statSync } from "#platform";
import { ShoshinError } from "../backend/errors.ts";

/** A file is not there, may not be read, or is no file. */
export class FileError extends ShoshinError {}

/** A descriptor of a file that is open for reading. Throws {@link FileError}: the file system's errors in words. */
export function openFile(path: string): number {
  try {
    // A pipe would be waited for without end.
    if (statSync(path).isFile()) return openSync(path, "r");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new FileError(`${path}: no such file`, "Check the path.", { cause: error });
    throw new FileError(`${path}: ${message}`, "Is it yours to read?", { cause: error });
  }
  throw new FileError(`${path}: no regular file`, "Name the file itself, no folder or pipe.");
}

/** Ends reading with the error of a format; `what` is wrong in the file. */
export type Refuse = (what: string) => never;

/** Bytes that are read where they are asked for: a part of an open file, or memory. */
export interface ByteSource {
  /** In bytes. */
  readonly size: number;
  /** Fills `into` with the bytes from `position` on. */
  readInto(position: number, into: Uint8Array): void;
}

function checkRange(source: ByteSource, position: number, length: number, refuse: Refuse): void {
  if (!Number.isSafeInteger(position) || position < 0 || length < 0 || position + length > source.size)
    refuse(`${length} bytes from byte ${position} on are outside the file's ${source.size} (it is cut off or damaged)`);
}

/** An open file as a source. */
export class FileSource implements ByteSource {
  readonly size: number;
  readonly #fd: number;
  readonly #refuse: Refuse;
  #open = true;

  /** Throws {@link FileError} for what is no file that can be read. */
  constructor(path: string, refuse: Refuse) {
    this.#fd = openFile(path);
    this.#refuse = refuse;
    try {
      this.size = fstatSync(this.#fd).size;
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }
  readInto(position: number, into: Uint8Array): void {
    if (!this.#open) this.#refuse("the file has been closed");
    checkRange(this, position, into.byteLength, this.#refuse);
    for (let at = 0; at < into.byteLength; ) {
      const n = readSync(this.#fd, into, at, into.byteLength - at, position + at);
      if (n === 0) this.#refuse(`the file ends at byte ${position + at} (it changed while being read)`);
      at += n;
    }
  }
  close(): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }
}

export class MemorySource implements ByteSource {
  readonly size: number;
  readonly #bytes: Uint8Array;
  readonly #refuse: Refuse;

  constructor(bytes: Uint8Array, refuse: Refuse) {
    this.#bytes = bytes;
    this.size = bytes.byteLength;
    this.#refuse = refuse;
  }
  readInto(position: number, into: Uint8Array): void {
    checkRange(this, position, into.byteLength, this.#refuse);
    into.set(this.#bytes.subarray(position, position + into.byteLength));
  }
}

/** The `size` bytes of a source from `start` on as a source of their own. */
export class PartSource implements ByteSource {
  readonly size: number;
  readonly #whole: ByteSource;
  readonly #start: number;
  readonly #refuse: Refuse;

  constructor(whole: ByteSource, start: number, size: number, refuse: Refuse) {
    checkRange(whole, start, size, refuse);
    this.#whole = whole;
    this.#start = start;
    this.size = size;
    this.#refuse = refuse;
  }
  readInto(position: number, into: Uint8Array): void {
    checkRange(this, position, into.byteLength, this.#refuse);
    this.#whole.readInto(this.#start + position, into);
  }
}

/** A copy of `length` bytes in a buffer of their own. The range is checked before anything is allocated. */
export function readBytes(
  source: ByteSource,
  position: number,
  length: number,
  refuse: Refuse,
): Uint8Array<ArrayBuffer> {
  checkRange(source, position, length, refuse);
  const bytes = new Uint8Array(length);
  source.readInto(position, bytes);
  return bytes;
}
