/// <reference lib="esnext.disposable" preserve="true" />
import "../backend/dispose.ts";
import { ShoshinError } from "../backend/errors.ts";
import { checkOptions } from "../backend/options.ts";
import { writeFileAtomic } from "./atomic.ts";
import { type ByteSource, FileSource, PartSource, type Refuse, readBytes } from "./bytes.ts";
import {
  DTYPE_BYTES,
  dtypeOf,
  encode,
  notFloats,
  type SafetensorsDType,
  type TakeFloats,
  type TensorData,
  type TensorSource,
} from "./dtype.ts";
import { TorchTensor } from "./torch-tensor.ts";
import type { WeightsFile } from "./weights-file.ts";
import { ZipReader, zipChunks } from "./zip.ts";

/** A `.npy` or `.npz` file is damaged, or holds something else than numbers. */
export class NpyError extends ShoshinError {}

const refuser = (path: string): Refuse => {
  return (what) => {
    throw new NpyError(`${path}: ${what}`, "Arrays of numbers and truth values are read, as numpy.save writes them.");
  };
};

/** Types by numpy's names without the order of bytes. */
const DESCR: Readonly<Record<string, SafetensorsDType>> = {
  f8: "F64",
  f4: "F32",
  f2: "F16",
  i8: "I64",
  i4: "I32",
  i2: "I16",
  i1: "I8",
  u8: "U64",
  u4: "U32",
  u2: "U16",
  u1: "U8",
  b1: "BOOL",
  c8: "C64",
};
const MAX_HEADER = 1 << 20;
/** The longest header's place and length. */
const MAX_HEAD = 12 + MAX_HEADER;
const FIELDS = {
  descr: /["']descr["']\s*:\s*(?:["']([^"']{1,32})["']|(\[))/,
  fortran: /["']fortran_order["']\s*:\s*(True|False)/,
  shape: /["']shape["']\s*:\s*\(([\d\s,L]*)\)/,
};

interface Head {
  dtype: SafetensorsDType;
  shape: number[];
  fortran: boolean;
  bigEndian: boolean;
  /** Where the elements begin. */
  start: number;
}

/** What an array says of itself (numpy/lib/format.py, versions 1 to 3); `head` are its first bytes. */
function parseHead(head: Uint8Array, refuse: Refuse): Head {
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (head.length < 12 || magic.some((byte, i) => head[i] !== byte)) refuse("no .npy file");
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head[6] < 1 || head[6] > 3) refuse(`version ${head[6]} of the format is not known`);
  const wide = head[6] > 1;
  const [at, length] = wide ? [12, view.getUint32(8, true)] : [10, view.getUint16(8, true)];
  if (length > MAX_HEADER) refuse(`the header claims ${length} bytes; the limit is ${MAX_HEADER}`);
  if (at + length > head.length) refuse("the header is cut off");
  const text = new TextDecoder().decode(head.subarray(at, at + length)).trim();
  const [descr, fortran, dims] = [FIELDS.descr, FIELDS.fortran, FIELDS.shape].map((field) => field.exec(text));
  if (!text.startsWith("{") || !text.endsWith("}") || descr === null || fortran === null || dims === null)
    return refuse("the header is damaged");
  if (descr[2] !== undefined) refuse("an array of records, which is not read");
  const [order, type] = [descr[1][0], descr[1].slice(1)];
  const dtype = Object.hasOwn(DESCR, type) && "<>|=".includes(order) ? DESCR[type] : undefined;
  if (dtype === undefined) return refuse(`elements of type ${descr[1]} are not read; nothing of the file is run`);
  const shape = dims[1]
    .split(",")
    .filter((part) => part.trim() !== "")
    .map((part) => Number(part.replace("L", "")));
  return { dtype, shape, fortran: fortran[1] === "True", bigEndian: order === ">", start: at + length };
}

/** The array of a source as a strided view of what follows its header. */
function parse(source: ByteSource, refuse: Refuse): TorchTensor {
  const head = readBytes(source, 0, Math.min(12, source.size), refuse);
  const wide = head[6] > 1 && head.length === 12;
  const length = wide ? new DataView(head.buffer).getUint32(8, true) : 1 << 16;
  const most = Math.min(MAX_HEAD, 12 + length, source.size);
  const { dtype, shape, fortran, bigEndian, start } = parseHead(readBytes(source, 0, most, refuse), refuse);
  const size = source.size - start;
  const part = new PartSource(source, start, size, refuse);
  const storage = { key: "", dtype, size, bigEndian, open: () => part };
  const dense = (sizes: number[]) => sizes.map((_, i) => sizes.slice(i + 1).reduce((n, s) => n * s, 1));
  const strides = fortran ? dense([...shape].reverse()).reverse() : dense(shape);
  return new TorchTensor(storage, { dtype, shape, strides, offset: 0, requiresGrad: false }, refuse);
}

/** Reads one array, row-major. Throws {@link NpyError}; FileError for what cannot be opened. */
export function readNpy(path: string): TensorData {
  const refuse = refuser(path);
  const source = new FileSource(path, refuse);
  try {
    return parse(source, refuse).read();
  } finally {
    source.close();
  }
}

/**
 * The arrays of a `.npz` file by name; those that are not packed are read where they are asked for. An array is held against its
 * checksum when it is first read.
 */
export class NpzFile implements WeightsFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>> = {};
  readonly #source: FileSource;
  readonly #zip: ZipReader;
  readonly #refuse: Refuse;

  /**
   * Throws {@link NpyError}; FileError for what cannot be opened.
   * @param options.maxUnpacked bytes that a packed array may unpack to; default 256 MiB, or 200 times the file's size
   */
  static open(path: string, options: { maxUnpacked?: number } = {}): NpzFile {
    checkOptions("NpzFile.open", options, { maxUnpacked: true });
    return new NpzFile(path, options.maxUnpacked);
  }
  private constructor(path: string, maxUnpacked?: number) {
    this.path = path;
    this.#refuse = refuser(path);
    this.#source = new FileSource(path, this.#refuse);
    try {
      this.#zip = new ZipReader(this.#source, this.#refuse, maxUnpacked);
    } catch (error) {
      this.close();
      throw error;
    }
  }
  names(): string[] {
    return this.#zip.names().flatMap((name) => (name.endsWith(".npy") ? [name.slice(0, -4)] : []));
  }
  has(name: string): boolean {
    return this.#zip.has(`${name}.npy`);
  }
  /** Refuses with the array's name. */
  #refuser(name: string): Refuse {
    if (!this.has(name)) throw new NpyError(`${this.path}: no array ${name}`);
    return (what) => this.#refuse(`${name}: ${what}`);
  }
  #array(name: string): TorchTensor {
    const refuse = this.#refuser(name);
    return parse(this.#zip.check(`${name}.npy`), refuse);
  }
  info(name: string): { dtype: string; shape: readonly number[] } {
    const refuse = this.#refuser(name);
    const { dtype, shape } = parseHead(this.#zip.head(`${name}.npy`, MAX_HEAD), refuse);
    return { dtype, shape };
  }
  read(name: string): TensorData {
    return this.#array(name).read();
  }
  readFloats(name: string, take: TakeFloats): void {
    const why = notFloats(this.info(name).dtype);
    if (why !== undefined) this.#refuser(name)(`the array holds ${why}`);
    this.#array(name).readFloats(take);
  }
  close(): void {
    this.#source.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Header and elements, laid out as numpy does: the elements begin at a multiple of 64 bytes. */
function npyBytes(name: string, source: TensorSource): [Uint8Array, Uint8Array] {
  const dtype = dtypeOf(source);
  const type = Object.keys(DESCR).find((key) => DESCR[key] === dtype);
  const descr = `${DTYPE_BYTES[dtype] === 1 ? "|" : "<"}${type}`;
  if (type === undefined) throw new NpyError(`${name}: numpy has no type ${dtype}`, "Write it as F32 or F16.");
  const shape = source.shape.length === 1 ? `${source.shape[0]},` : source.shape.join(", ");
  let text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  text += `${" ".repeat((64 - ((11 + text.length) % 64)) % 64)}\n`;
  const head = new Uint8Array(10 + text.length);
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8]);
  head.set(new TextEncoder().encode(text), 10);
  return [head, encode(name, source)];
}

/** Writes one array atomically, as numpy.save. Throws {@link NpyError} for a type that numpy lacks (BF16, float8). */
export function writeNpy(path: string, source: TensorSource): void {
  writeFileAtomic(path, npyBytes(path, source));
}

/** Writes arrays by name atomically, as numpy.savez; see {@link writeNpy}. */
export function writeNpz(path: string, arrays: ReadonlyMap<string, TensorSource>): void {
  const members = [...arrays].map(([name, source]): [string, () => Uint8Array] => [
    `${name}.npy`,
    () => {
      const [head, data] = npyBytes(name, source);
      const whole = new Uint8Array(head.length + data.length);
      whole.set(head);
      whole.set(data, head.length);
      return whole;
    },
  ]);
  writeFileAtomic(path, zipChunks(members));
}
