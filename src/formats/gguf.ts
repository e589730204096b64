/// <reference lib="esnext.disposable" preserve="true" />
import "../backend/dispose.ts";
import { ShoshinError } from "../backend/errors.ts";
import { writeFileAtomic } from "./atomic.ts";
import { FileSource, type Refuse, readBytes } from "./bytes.ts";
import { Cursor } from "./cursor.ts";
import { decode, dtypeOf, encode, floatPieces, type TakeFloats, type TensorData, type TensorSource } from "./dtype.ts";
import {
  ARRAY,
  GGML_TYPES,
  type GgmlType,
  type GgufValue,
  numberOf,
  OTHER_TYPES,
  SCALAR_BYTES,
  type Scalar,
  scalarOf,
} from "./gguf-types.ts";
import type { WeightsFile } from "./weights-file.ts";

/** A GGUF file is damaged, or of a type or version that is not supported. */
export class GgufError extends ShoshinError {}

const MAGIC = 0x46554747;
const ALIGNMENT = 32;
/** Entries of either list; a model has a few thousand. */
const MAX_ENTRIES = 1_000_000;
/** As in ggml. */
const [MAX_NAME, MAX_DIMS] = [63, 4];
/** Elements of a piece, whole blocks of every type. */
const PIECE = 1 << 18;

interface Entry {
  /** A type that is not read has a name alone. */
  type: GgmlType | { name: string; block?: undefined };
  shape: readonly number[];
  numel: number;
  position: number;
}
type Readable = Entry & { type: GgmlType };

/**
 * A GGUF file (version 2 or 3, little-endian), as llama.cpp reads. Tensors keep llama.cpp's names; shapes are in row-major order,
 * which is the reverse of the file's. Reads F32, F16, BF16, F64, whole numbers, and Q8_0 and Q4_0 as float32.
 */
export class GgufFile implements WeightsFile {
  readonly path: string;
  /** The header's values. */
  readonly values: ReadonlyMap<string, GgufValue>;
  /** Those that are texts. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly #source: FileSource;
  readonly #entries = new Map<string, Entry>();
  readonly #refuse: Refuse;

  /** Throws {@link GgufError}; errors of the file system pass through. */
  static open(path: string): GgufFile {
    return new GgufFile(path);
  }

  private constructor(path: string) {
    this.path = path;
    this.#refuse = (what) => {
      throw new GgufError(
        `${path}: ${what}`,
        "The file is damaged or no GGUF file of version 2 or 3: download it again.",
      );
    };
    this.#source = new FileSource(path, this.#refuse);
    try {
      const cursor = new Cursor(this.#source, 0, this.#refuse);
      if (this.#source.size < 24 || cursor.uint32() !== MAGIC) this.#refuse("no GGUF file");
      const version = cursor.uint32();
      if (version >= 2 ** 16) this.#refuse("written for big-endian machines, which is not supported");
      if (version !== 2 && version !== 3) this.#refuse(`version ${version} is not supported`);
      const [tensors, pairs] = [this.#count(cursor, "tensors"), this.#count(cursor, "values")];
      this.values = this.#readValues(cursor, pairs);
      this.metadata = Object.fromEntries(
        [...this.values].flatMap(([key, { type, value }]) => (type === "string" ? [[key, value]] : [])),
      );
      this.#readEntries(cursor, tensors);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #count(cursor: Cursor, what: string): number {
    const n = cursor.long();
    return n > MAX_ENTRIES ? this.#refuse(`claims ${n} ${what}; the limit is ${MAX_ENTRIES}`) : n;
  }
  #text(cursor: Cursor): string {
    return new TextDecoder().decode(cursor.take(cursor.long()));
  }
  #readValues(cursor: Cursor, count: number): Map<string, GgufValue> {
    const values = new Map<string, GgufValue>();
    for (let i = 0; i < count; i++) {
      const key = this.#text(cursor);
      if (values.has(key)) this.#refuse(`${key} is there twice`);
      const kind = cursor.uint32();
      if (kind !== ARRAY) {
        const type = this.#scalar(kind, key);
        values.set(key, { type, value: this.#scalarValue(cursor, type, key) } as GgufValue);
        continue;
      }
      const type = this.#scalar(cursor.uint32(), key);
      const length = cursor.long();
      if (length * SCALAR_BYTES[type] > this.#source.size - cursor.position)
        this.#refuse(`${key} claims ${length} elements, more than the file holds`);
      const list: unknown[] = [];
      for (let j = 0; j < length; j++) list.push(this.#scalarValue(cursor, type, key));
      values.set(key, { type: `${type}[]`, value: list } as unknown as GgufValue);
    }
    return values;
  }
  #scalar(kind: number, key: string): Scalar {
    const type = scalarOf(kind);
    return type === undefined || type === "array" ? this.#refuse(`${key} is of the unknown kind ${kind}`) : type;
  }
  #scalarValue(cursor: Cursor, type: Scalar, key: string): string | boolean | number | bigint {
    if (type === "string") return this.#text(cursor);
    const view = cursor.view(SCALAR_BYTES[type]);
    const small = (value: bigint) => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
    switch (type) {
      case "bool":
        return view.getUint8(0) > 1 ? this.#refuse(`${key} is neither true nor false`) : view.getUint8(0) === 1;
      case "uint8":
        return view.getUint8(0);
      case "int8":
        return view.getInt8(0);
      case "uint16":
        return view.getUint16(0, true);
      case "int16":
        return view.getInt16(0, true);
      case "uint32":
        return view.getUint32(0, true);
      case "int32":
        return view.getInt32(0, true);
      case "float32":
        return view.getFloat32(0, true);
      case "float64":
        return view.getFloat64(0, true);
      case "uint64":
        return small(view.getBigUint64(0, true));
      case "int64":
        return small(view.getBigInt64(0, true));
    }
  }

  #readEntries(cursor: Cursor, count: number): void {
    const alignment = this.values.get("general.alignment")?.value ?? ALIGNMENT;
    if (typeof alignment !== "number" || !(alignment >= 1) || alignment > 2 ** 20 || alignment % 1 !== 0)
      this.#refuse(`general.alignment is ${String(alignment)}`);
    for (let i = 0; i < count; i++) {
      const name = this.#text(cursor);
      if (name.length > MAX_NAME) this.#refuse(`the name ${name.slice(0, 80)} is longer than ${MAX_NAME} bytes`);
      if (this.#entries.has(name)) this.#refuse(`${name} is there twice`);
      const dims = cursor.uint32();
      if (dims > MAX_DIMS) this.#refuse(`${name} claims ${dims} dimensions; the limit is ${MAX_DIMS}`);
      const shape = Array.from({ length: dims }, () => Number(cursor.view(8).getBigUint64(0, true))).reverse();
      const numel = shape.reduce((n, s) => n * s, 1);
      if (!Number.isSafeInteger(numel)) this.#refuse(`${name}: shape [${shape}] overflows`);
      const kind = cursor.uint32();
      const type: Entry["type"] = GGML_TYPES.get(kind) ?? { name: OTHER_TYPES[kind] ?? `type ${kind}` };
      if (type.block !== undefined && (shape.at(-1) ?? 1) % type.block !== 0)
        this.#refuse(`${name}: rows of ${shape.at(-1)} are no whole blocks of ${type.name}`);
      const position = Number(cursor.view(8).getBigUint64(0, true));
      if (position % (alignment as number) !== 0) this.#refuse(`${name} begins at ${position}, which is not aligned`);
      this.#entries.set(name, { type, shape, numel, position });
    }
    const start = Math.ceil(cursor.position / (alignment as number)) * (alignment as number);
    let end = start;
    const ordered = [...this.#entries].sort(([, a], [, b]) => a.position - b.position);
    for (const [name, entry] of ordered) {
      entry.position += start;
      if (entry.position < end) this.#refuse(`${name} overlaps another tensor`);
      const { type, numel } = entry;
      end = entry.position + (type.block === undefined ? 0 : (numel / type.block) * type.bytes);
      if (!(end <= this.#source.size))
        this.#refuse(`${name} ends at byte ${end}, the file at ${this.#source.size} (cut off)`);
    }
  }

  names(): string[] {
    return [...this.#entries.keys()];
  }
  has(name: string): boolean {
    return this.#entries.has(name);
  }
  info(name: string): { dtype: string; shape: readonly number[] } {
    const { type, shape } = this.#entry(name);
    return { dtype: type.name, shape };
  }
  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new GgufError(`${this.path}: no tensor ${name}`);
    return entry;
  }
  /** The size of other kinds of tensor is not known, and so not checked. */
  #readable(name: string): Readable {
    const entry = this.#entry(name);
    if (entry.type.block !== undefined) return entry as Readable;
    throw new GgufError(
      `${this.path}: ${name} is quantized as ${entry.type.name}, which is not read`,
      "Take a file in F32, F16, BF16, Q8_0 or Q4_0.",
    );
  }
  read(name: string): TensorData {
    const { type, shape, numel, position } = this.#readable(name);
    if (type.dtype !== undefined) {
      const bytes = readBytes(this.#source, position, numel * type.bytes, this.#refuse);
      return { dtype: type.dtype, shape, data: decode(type.dtype, bytes) };
    }
    const data = new Float32Array(numel);
    this.readFloats(name, (piece, at) => data.set(piece, at));
    return { dtype: "F32", shape, data };
  }
  readFloats(name: string, take: TakeFloats): void {
    const { type, numel, position } = this.#readable(name);
    if (type.dtype !== undefined) {
      floatPieces(this.#source, position, type.dtype, numel, take);
      return;
    }
    const out = new Float32Array(Math.min(PIECE, numel));
    for (let at = 0; at < numel; at += PIECE) {
      const n = Math.min(PIECE, numel - at);
      const blocks = n / type.block;
      const begin = position + (at / type.block) * type.bytes;
      type.dequantize?.(readBytes(this.#source, begin, blocks * type.bytes, this.#refuse), out, blocks);
      take(out.subarray(0, n), at);
    }
  }
  close(): void {
    this.#source.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The header's bytes, written as they come. */
class Writer {
  #bytes = new Uint8Array(1 << 16);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  #room(n: number): number {
    if (this.length + n > this.#bytes.length) {
      const grown = new Uint8Array(2 * (this.length + n));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.length += n;
    return this.length - n;
  }
  number(type: Exclude<Scalar, "string">, value: number | bigint | boolean): this {
    const at = this.#room(SCALAR_BYTES[type]);
    const n = Number(value);
    if (type === "float32") this.#view.setFloat32(at, n, true);
    else if (type === "float64") this.#view.setFloat64(at, n, true);
    else if (type === "bool") this.#view.setUint8(at, n);
    else {
      const bits = 8 * SCALAR_BYTES[type];
      const [low, high] = type.startsWith("u") ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
      if (n < low || n > high || !Number.isInteger(n)) throw new GgufError(`${value} is no ${type}`);
      for (let i = 0, rest = BigInt(value); i < bits / 8; i++, rest >>= 8n)
        this.#view.setUint8(at + i, Number(rest & 255n));
    }
    return this;
  }
  text(value: string): this {
    const bytes = new TextEncoder().encode(value);
    this.number("uint64", bytes.length);
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }
  value({ type, value }: GgufValue): void {
    const one = (scalar: Scalar, v: unknown): unknown =>
      scalar === "string" ? this.text(v as string) : this.number(scalar, v as number);
    if (!type.endsWith("[]")) {
      this.number("uint32", numberOf(type));
      one(type as Scalar, value);
      return;
    }
    const scalar = type.slice(0, -2) as Scalar;
    const list = value as readonly unknown[];
    this.number("uint32", ARRAY).number("uint32", numberOf(scalar)).number("uint64", list.length);
    for (const v of list) one(scalar, v);
  }
  pad(): void {
    this.#room((ALIGNMENT - (this.length % ALIGNMENT)) % ALIGNMENT);
  }
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}

/**
 * Writes a GGUF file of version 3 atomically: the header's values in the order given (`general.architecture` belongs first),
 * tensors in the order given as their `dtype` says.
 * @throws GgufError for names of over 63 bytes, over 4 dimensions, types that the format lacks or numbers outside theirs.
 */
export function writeGguf(
  path: string,
  values: ReadonlyMap<string, GgufValue>,
  tensors: ReadonlyMap<string, TensorSource>,
): void {
  const header = new Writer();
  header.number("uint32", MAGIC).number("uint32", 3).number("uint64", tensors.size).number("uint64", values.size);
  for (const [key, value] of values) header.text(key).value(value);
  let at = 0;
  const padded = (n: number) => Math.ceil(n / ALIGNMENT) * ALIGNMENT;
  for (const [name, source] of tensors) {
    const dtype = dtypeOf(source);
    const type = [...GGML_TYPES].find(([, t]) => t.dtype === dtype);
    if (type === undefined) throw new GgufError(`${name}: GGUF has no type ${dtype}`);
    if (new TextEncoder().encode(name).length > MAX_NAME) throw new GgufError(`${name}: longer than ${MAX_NAME} bytes`);
    if (source.shape.length > MAX_DIMS)
      throw new GgufError(`${name}: [${source.shape}] has over ${MAX_DIMS} dimensions`);
    header.text(name).number("uint32", source.shape.length);
    for (const s of [...source.shape].reverse()) header.number("uint64", s);
    header.number("uint32", type[0]).number("uint64", at);
    at += padded(source.shape.reduce((n, s) => n * s, type[1].bytes));
  }
  header.pad();
  function* chunks(): Generator<Uint8Array> {
    yield header.bytes();
    for (const [name, source] of tensors) {
      const bytes = encode(name, source);
      yield bytes;
      yield new Uint8Array(padded(bytes.length) - bytes.length);
    }
  }
  writeFileAtomic(path, chunks());
}
