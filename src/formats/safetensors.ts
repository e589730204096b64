import { closeSync, fstatSync, openSync, readSync } from "#platform";
import type { TypedArray } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import { writeFileAtomic } from "./atomic.ts";
import { parseHeader, type TensorEntry } from "./safetensors-header.ts";

/** A safetensors file is damaged, hostile or of an unknown kind. The message names the file and what is wrong. */
export class SafetensorsError extends ShoshinError {}

export const DTYPE_BYTES = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;
export type SafetensorsDType = keyof typeof DTYPE_BYTES;

/** The reference implementation's limit on the header. */
const MAX_HEADER = 100_000_000;

/** What a tensor of a file becomes: float16 and bfloat16 as float32, 64-bit integers as int32 where they fit. */
export interface TensorData {
  dtype: SafetensorsDType;
  shape: readonly number[];
  data: TypedArray | BigInt64Array | BigUint64Array | Int8Array | Int16Array | Uint16Array | Uint32Array;
}

function halfToFloat(h: number): number {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function decode(dtype: SafetensorsDType, bytes: Uint8Array): TensorData["data"] {
  const { buffer, byteOffset, byteLength } = bytes;
  const n = byteLength / DTYPE_BYTES[dtype];
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, n);
    case "F64":
      return new Float64Array(buffer, byteOffset, n);
    case "I32":
      return new Int32Array(buffer, byteOffset, n);
    case "U32":
      return new Uint32Array(buffer, byteOffset, n);
    case "I16":
      return new Int16Array(buffer, byteOffset, n);
    case "U16":
      return new Uint16Array(buffer, byteOffset, n);
    case "I8":
      return new Int8Array(buffer, byteOffset, n);
    case "I64":
      return new BigInt64Array(buffer, byteOffset, n);
    case "U64":
      return new BigUint64Array(buffer, byteOffset, n);
    case "BF16": {
      const words = new Uint16Array(buffer, byteOffset, n);
      const out = new Uint32Array(n);
      for (let i = 0; i < n; i++) out[i] = words[i] << 16;
      return new Float32Array(out.buffer);
    }
    case "F16":
      return Float32Array.from(new Uint16Array(buffer, byteOffset, n), halfToFloat);
    default:
      return new Uint8Array(buffer, byteOffset, n);
  }
}

/**
 * An open safetensors file. The header is validated as a whole on opening; tensors are read one by one, so memory grows only
 * with what is asked for. `using file = SafetensorsFile.open(path)` closes it.
 */
export class SafetensorsFile implements Disposable {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly #fd: number;
  readonly #entries: Map<string, TensorEntry>;
  readonly #start: number;
  #open = true;

  private constructor(
    path: string,
    fd: number,
    entries: Map<string, TensorEntry>,
    metadata: Record<string, string>,
    start: number,
  ) {
    this.path = path;
    this.metadata = metadata;
    this.#fd = fd;
    this.#entries = entries;
    this.#start = start;
  }

  /** Throws {@link SafetensorsError}; errors of the file system pass through. */
  static open(path: string): SafetensorsFile {
    const fd = openSync(path, "r");
    try {
      const { size } = fstatSync(fd);
      const refuse = (what: string): never => {
        throw new SafetensorsError(
          `${path}: ${what}`,
          "The file is damaged or no safetensors file: copy or download it again.",
        );
      };
      if (size < 8) refuse(`${size} bytes are too few for a safetensors file`);
      const head = readBytes(fd, 0, 8, path);
      const length = new DataView(head.buffer).getBigUint64(0, true);
      if (length > BigInt(MAX_HEADER)) refuse(`the header claims ${length} bytes; the limit is ${MAX_HEADER}`);
      const headerBytes = Number(length);
      if (8 + headerBytes > size) refuse(`the header claims ${headerBytes} bytes, the file has ${size - 8} left`);
      let text: string;
      try {
        text = new TextDecoder("utf-8", { fatal: true }).decode(readBytes(fd, 8, headerBytes, path));
      } catch (error) {
        if (error instanceof SafetensorsError) throw error;
        text = refuse("the header is not UTF-8");
      }
      const { entries, metadata } = parseHeader(text, size - 8 - headerBytes, DTYPE_BYTES, refuse);
      return new SafetensorsFile(path, fd, entries, metadata, 8 + headerBytes);
    } catch (error) {
      closeSync(fd);
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
    if (!this.#open) throw new SafetensorsError(`${this.path} has been closed`);
    const { dtype, shape, begin, end } = this.#entry(name);
    const bytes = readBytes(this.#fd, this.#start + begin, end - begin, this.path);
    return { dtype: dtype as SafetensorsDType, shape, data: decode(dtype as SafetensorsDType, bytes) };
  }
  close(): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

function readBytes(fd: number, position: number, length: number, path: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const n = readSync(fd, bytes, at, length - at, position + at);
    if (n === 0)
      throw new SafetensorsError(`${path}: the file ends at byte ${position + at} (it changed while being read)`);
    at += n;
  }
  return bytes;
}

function dtypeOf(data: TensorData["data"]): SafetensorsDType {
  if (data instanceof Float32Array) return "F32";
  if (data instanceof Float64Array) return "F64";
  if (data instanceof Int32Array) return "I32";
  if (data instanceof BigInt64Array) return "I64";
  if (data instanceof Uint8Array) return "U8";
  throw new SafetensorsError(`cannot write ${data.constructor.name}`);
}

/** The reference implementation's order of types; the last come first in a file. */
const ORDER = ["U8", "I32", "F32", "F64", "I64"];

/**
 * Writes tensors atomically, laid out as the reference implementation does: types in its order, then by name, the header
 * padded to 8 bytes.
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, { shape: readonly number[]; data: TensorData["data"] }>,
  metadata?: Readonly<Record<string, string>>,
): void {
  const list = [...tensors].map(([name, { shape, data }]) => ({ name, shape, data, dtype: dtypeOf(data) }));
  const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  list.sort((a, b) => ORDER.indexOf(b.dtype) - ORDER.indexOf(a.dtype) || byName(a.name, b.name));
  const header: Record<string, unknown> = metadata === undefined ? {} : { __metadata__: metadata };
  let at = 0;
  for (const { name, shape, data, dtype } of list) {
    const elements = shape.reduce((n, s) => n * s, 1);
    if (elements !== data.length)
      throw new SafetensorsError(`${name}: shape [${shape}] does not hold ${data.length} elements`);
    header[name] = { dtype, shape, data_offsets: [at, at + data.byteLength] };
    at += data.byteLength;
  }
  let text = JSON.stringify(header);
  const encoder = new TextEncoder();
  text += " ".repeat((8 - (encoder.encode(text).length % 8)) % 8);
  const headerBytes = encoder.encode(text);
  const size = new Uint8Array(8);
  new DataView(size.buffer).setBigUint64(0, BigInt(headerBytes.length), true);
  const views = list.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  writeFileAtomic(path, [size, headerBytes, ...views]);
}
