/// <reference lib="esnext.disposable" preserve="true" />
import { ShoshinError } from "../backend/errors.ts";
import { writeFileAtomic } from "./atomic.ts";
import { type ByteSource, FileSource, PartSource, type Refuse, readBytes } from "./bytes.ts";
import {
  dtypeOf,
  encode,
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

const DESCR: Readonly<Record<string, SafetensorsDType>> = {
  "<f8": "F64",
  "<f4": "F32",
  "<f2": "F16",
  "<i8": "I64",
  "<i4": "I32",
  "<i2": "I16",
  "|i1": "I8",
  "<u8": "U64",
  "<u4": "U32",
  "<u2": "U16",
  "|u1": "U8",
  "|b1": "BOOL",
};
const MAX_HEADER = 1 << 20;
const HEADER =
  /^\s*\{\s*'descr'\s*:\s*'([^']{1,16})'\s*,\s*'fortran_order'\s*:\s*(True|False)\s*,\s*'shape'\s*:\s*\(([\d\s,L]*)\)\s*,?\s*\}\s*$/;

/** The array of a source as a strided view of what follows its header (numpy/lib/format.py, versions 1 to 3). */
function parse(source: ByteSource, refuse: Refuse): TorchTensor {
  const head = readBytes(source, 0, Math.min(12, source.size), refuse);
  const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
  if (head.length < 12 || magic.some((byte, i) => head[i] !== byte)) refuse("no .npy file");
  const view = new DataView(head.buffer);
  if (head[6] < 1 || head[6] > 3) refuse(`version ${head[6]} of the format is not known`);
  const wide = head[6] > 1;
  const [at, length] = wide ? [12, view.getUint32(8, true)] : [10, view.getUint16(8, true)];
  if (length > MAX_HEADER) refuse(`the header claims ${length} bytes; the limit is ${MAX_HEADER}`);
  const text = new TextDecoder().decode(readBytes(source, at, length, refuse));
  const [, descr, fortran, dims] = HEADER.exec(text) ?? refuse("the header is damaged, or the array is of records");
  const dtype = DESCR[descr] ?? refuse(`elements of type ${descr} are not read; nothing of the file is run`);
  const shape = dims
    .split(",")
    .filter((part) => part.trim() !== "")
    .map((part) => Number(part.replace("L", "")));
  const size = source.size - at - length;
  const part = new PartSource(source, at + length, size, refuse);
  const storage = { key: "", dtype, size, open: () => part };
  const dense = (sizes: number[]) => sizes.map((_, i) => sizes.slice(i + 1).reduce((n, s) => n * s, 1));
  const strides = fortran === "True" ? dense([...shape].reverse()).reverse() : dense(shape);
  return new TorchTensor(storage, { dtype, shape, strides, offset: 0, requiresGrad: false }, refuse);
}

/** Reads one array, row-major. Throws {@link NpyError}; errors of the file system pass through. */
export function readNpy(path: string): TensorData {
  const refuse = refuser(path);
  const source = new FileSource(path, refuse);
  try {
    return parse(source, refuse).read();
  } finally {
    source.close();
  }
}

/** The arrays of a `.npz` file by name; those that are not packed are read where they are asked for. */
export class NpzFile implements WeightsFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>> = {};
  readonly #source: FileSource;
  readonly #zip: ZipReader;
  readonly #refuse: Refuse;

  /** Throws {@link NpyError}; errors of the file system pass through. */
  static open(path: string): NpzFile {
    return new NpzFile(path);
  }
  private constructor(path: string) {
    this.path = path;
    this.#refuse = refuser(path);
    this.#source = new FileSource(path, this.#refuse);
    try {
      this.#zip = new ZipReader(this.#source, this.#refuse);
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
  #array(name: string): TorchTensor {
    if (!this.has(name)) throw new NpyError(`${this.path}: no array ${name}`);
    return parse(this.#zip.open(`${name}.npy`), this.#refuse);
  }
  info(name: string): { dtype: string; shape: readonly number[] } {
    const { dtype, shape } = this.#array(name);
    return { dtype, shape };
  }
  read(name: string): TensorData {
    return this.#array(name).read();
  }
  readFloats(name: string, take: TakeFloats): void {
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
  const descr = Object.keys(DESCR).find((key) => DESCR[key] === dtype);
  if (descr === undefined) throw new NpyError(`${name}: numpy has no type ${dtype}`, "Write it as F32 or F16.");
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
