/// <reference lib="esnext.disposable" preserve="true" />
import "../backend/dispose.ts";
import { ShoshinError } from "../backend/errors.ts";
import { writeFileAtomic } from "./atomic.ts";
import { FileSource, type Refuse, readBytes } from "./bytes.ts";
import {
  DTYPE_BYTES,
  decode,
  dtypeOf,
  encode,
  floatPieces,
  notFloats,
  type SafetensorsDType,
  type TakeFloats,
  type TensorData,
  type TensorSource,
} from "./dtype.ts";
import { parseHeader, type TensorEntry } from "./safetensors-header.ts";
import type { WeightsFile } from "./weights-file.ts";

/** A safetensors file is damaged, hostile or of an unknown kind. The message names the file and what is wrong. */
export class SafetensorsError extends ShoshinError {}

/** The reference implementation's limit on the header. */
const MAX_HEADER = 100_000_000;

/**
 * An open safetensors file. The header is validated as a whole on opening; tensors are read one by one, so memory grows only
 * with what is asked for. `using file = SafetensorsFile.open(path)` closes it.
 */
export class SafetensorsFile implements WeightsFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #source: FileSource;
  readonly #entries: Map<string, TensorEntry>;
  readonly #start: number;
  readonly #refuse: Refuse;

  /** Throws {@link SafetensorsError}; FileError for what cannot be opened. */
  static open(path: string): SafetensorsFile {
    return new SafetensorsFile(path);
  }

  private constructor(path: string) {
    const refuse = (what: string): never => {
      throw new SafetensorsError(
        `${path}: ${what}`,
        "The file is damaged or no safetensors file: copy or download it again.",
      );
    };
    const source = new FileSource(path, refuse);
    try {
      const { size } = source;
      if (size < 8) refuse(`${size} bytes are too few for a safetensors file`);
      const length = new DataView(readBytes(source, 0, 8, refuse).buffer).getBigUint64(0, true);
      if (length > BigInt(MAX_HEADER)) refuse(`the header claims ${length} bytes; the limit is ${MAX_HEADER}`);
      const headerBytes = Number(length);
      if (8 + headerBytes > size) refuse(`the header claims ${headerBytes} bytes, the file has ${size - 8} left`);
      const header = readBytes(source, 8, headerBytes, refuse);
      let text: string;
      try {
        text = new TextDecoder("utf-8", { fatal: true }).decode(header);
      } catch {
        text = refuse("the header is not UTF-8");
      }
      const { entries, metadata } = parseHeader(text, size - 8 - headerBytes, DTYPE_BYTES, refuse);
      this.path = path;
      this.metadata = metadata;
      this.#source = source;
      this.#entries = entries;
      this.#start = 8 + headerBytes;
      this.#refuse = refuse;
    } catch (error) {
      source.close();
      throw error;
    }
  }

  names(): string[] {
    return [...this.#entries.keys()];
  }
  has(name: string): boolean {
    return this.#entries.has(name);
  }
  info(name: string): { dtype: SafetensorsDType; shape: readonly number[] } {
    const { dtype, shape } = this.#entry(name);
    return { dtype: dtype as SafetensorsDType, shape };
  }
  #entry(name: string): TensorEntry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new SafetensorsError(`${this.path}: no tensor ${name}`);
    return entry;
  }
  /** Reads one tensor into memory of its own. */
  read(name: string): TensorData {
    const { begin, end } = this.#entry(name);
    const bytes = readBytes(this.#source, this.#start + begin, end - begin, this.#refuse);
    const { dtype, shape } = this.info(name);
    return { dtype, shape, data: decode(dtype, bytes) };
  }
  readFloats(name: string, take: TakeFloats): void {
    const { dtype, shape } = this.info(name);
    const why = notFloats(dtype);
    if (why !== undefined) throw new SafetensorsError(`${this.path}: ${name} holds ${why}`);
    const position = this.#start + this.#entry(name).begin;
    floatPieces(
      this.#source,
      position,
      dtype,
      shape.reduce((n, s) => n * s, 1),
      take,
    );
  }
  close(): void {
    this.#source.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The reference implementation's order of types. */
const ORDER = Object.keys(DTYPE_BYTES);

/**
 * Writes tensors atomically, laid out as the reference implementation does: types in its order, then by name, the header
 * padded to 8 bytes. Throws {@link SafetensorsError} for what the format cannot hold, WriteError of the file system.
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorSource>,
  metadata?: Readonly<Record<string, string>>,
): void {
  const list = [...tensors].map(([name, source]) => ({ name, source, dtype: dtypeOf(source) }));
  const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  list.sort((a, b) => ORDER.indexOf(a.dtype) - ORDER.indexOf(b.dtype) || byName(a.name, b.name));
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  let at = 0;
  for (const { name, source, dtype } of list) {
    const end = at + source.shape.reduce((n, s) => n * s, DTYPE_BYTES[dtype] as number);
    header[name] = { dtype, shape: source.shape, data_offsets: [at, end] };
    at = end;
  }
  let text = JSON.stringify(header);
  const encoder = new TextEncoder();
  text += " ".repeat((8 - (encoder.encode(text).length % 8)) % 8);
  const headerBytes = encoder.encode(text);
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(headerBytes.length), true);
  function* chunks(): Generator<Uint8Array> {
    yield size;
    yield headerBytes;
    for (const { name, source } of list) yield encode(name, source);
  }
  writeFileAtomic(path, chunks());
}
