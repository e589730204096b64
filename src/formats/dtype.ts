import type { TypedArray } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import type { ByteSource } from "./bytes.ts";

/**
 * Bytes of an element by the names of safetensors, in the order in which its reference implementation lays out a file. C64 are
 * complex numbers of two float32; F4 and F6 are packed without gaps.
 */
export const DTYPE_BYTES = {
  U64: 8,
  I64: 8,
  F64: 8,
  C64: 8,
  F32: 4,
  U32: 4,
  I32: 4,
  BF16: 2,
  F16: 2,
  U16: 2,
  I16: 2,
  F8_E5M2FNUZ: 1,
  F8_E4M3FNUZ: 1,
  F8_E8M0: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I8: 1,
  U8: 1,
  F6_E3M2: 0.75,
  F6_E2M3: 0.75,
  F4: 0.5,
  BOOL: 1,
} as const;
export type SafetensorsDType = keyof typeof DTYPE_BYTES;

/**
 * A tensor read from a file: float16 and bfloat16 become float32; bool, float8 and the packed F4 and F6 are their bytes, complex
 * numbers pairs of real and imaginary parts (twice as many numbers as elements); others stay as they are.
 */
export interface TensorData {
  dtype: SafetensorsDType;
  shape: readonly number[];
  data: TypedArray | BigInt64Array | BigUint64Array | Int8Array | Int16Array | Uint16Array | Uint32Array;
}

/** A tensor to write. A function is called when its turn comes, so that one tensor is held at a time. */
export interface TensorSource {
  shape: readonly number[];
  data: TensorData["data"] | (() => TensorData["data"]);
  /** What the file holds; left out: what the array is. Floats can be written as F32, F16 (rounded to nearest even) or BF16. */
  dtype?: SafetensorsDType;
}

/** Numbers that a file's type cannot hold, or an array of no known kind. */
export class DTypeError extends ShoshinError {}

let halves: Uint32Array | undefined;
/** The float32 bits of every float16. */
function halfTable(): Uint32Array {
  if (halves !== undefined) return halves;
  halves = new Uint32Array(65536);
  const floats = new Float32Array(halves.buffer);
  for (let h = 0; h < 65536; h++) {
    const [exponent, fraction] = [(h >> 10) & 31, h & 1023];
    if (exponent === 31) halves[h] = 0x7f800000 | (fraction << 13);
    else floats[h] = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
    halves[h] |= (h & 0x8000) << 16;
  }
  return halves;
}

/** Widens `n` float16 words. */
export function halfToFloat(words: Uint16Array, into: Float32Array, n = words.length): void {
  const table = halfTable();
  const bits = new Uint32Array(into.buffer, into.byteOffset, n);
  for (let i = 0; i < n; i++) bits[i] = table[words[i]];
}
function bfloatToFloat(words: Uint16Array, into: Float32Array, n: number): void {
  const bits = new Uint32Array(into.buffer, into.byteOffset, n);
  for (let i = 0; i < n; i++) bits[i] = words[i] << 16;
}

/** float16 words, rounded to nearest, ties to even; beyond 65504 infinite. */
export function floatToHalf(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const b = bits[i];
    const magnitude = b & 0x7fffffff;
    let half: number;
    if (magnitude >= 0x47800000) half = magnitude > 0x7f800000 ? 0x7e00 : 0x7c00;
    else if (magnitude >= 0x38800000) {
      // The exponent moves from bias 127 to 15; what rounding carries over raises it, up to infinity.
      half = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
    } else {
      const steps = Math.abs(values[i]) * 2 ** 24;
      const low = Math.floor(steps);
      const rest = steps - low;
      half = low + (rest > 0.5 || (rest === 0.5 && (low & 1) === 1) ? 1 : 0);
    }
    out[i] = ((b >>> 16) & 0x8000) | half;
  }
  return out;
}
/** bfloat16 words, rounded to nearest, ties to even. */
function floatToBfloat(values: Float32Array): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const b = bits[i];
    out[i] = (b & 0x7fffffff) > 0x7f800000 ? (b >>> 16) | 0x40 : (b + 0x7fff + ((b >>> 16) & 1)) >>> 16;
  }
  return out;
}

type Float8 = "F8_E4M3" | "F8_E5M2" | "F8_E4M3FNUZ" | "F8_E5M2FNUZ" | "F8_E8M0";
const isFloat8 = (dtype: string): dtype is Float8 => dtype.startsWith("F8_");
/** Bits of the fraction and the exponent's bias. */
const FLOAT8: Readonly<Record<Float8, readonly [number, number]>> = {
  F8_E4M3: [3, 7],
  F8_E5M2: [2, 15],
  F8_E4M3FNUZ: [3, 8],
  F8_E5M2FNUZ: [2, 16],
  F8_E8M0: [0, 127],
};

/**
 * float8: e5m2 is the upper half of a float16; e4m3 has no infinities; of the fnuz kinds the one NaN is what would be −0; e8m0 is
 * a power of two without sign.
 */
function eighth(dtype: Float8, byte: number): number {
  const [bits, bias] = FLOAT8[dtype];
  if (dtype === "F8_E8M0") return byte === 255 ? Number.NaN : 2 ** (byte - bias);
  const sign = byte & 0x80 ? -1 : 1;
  const fraction = (byte & (2 ** bits - 1)) / 2 ** bits;
  const exponent = (byte & 0x7f) >> bits;
  if (dtype === "F8_E5M2" && exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (dtype === "F8_E4M3" ? (byte & 0x7f) === 0x7f : dtype.endsWith("FNUZ") && byte === 0x80) return Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias));
}

/** Why elements of a type cannot be had as float32; undefined where they can. */
export function notFloats(dtype: string): string | undefined {
  if (dtype === "C64") return "complex numbers, which tensors here cannot hold";
  if (/^(F4|F6_\w+)$/.test(dtype))
    return `packed numbers of the type ${dtype}, which mean nothing without their scales`;
  return undefined;
}

/** Length of the array that holds so many elements. */
const arrayLength = (dtype: SafetensorsDType, elements: number): number =>
  dtype === "C64" ? 2 * elements : Math.min(1, DTYPE_BYTES[dtype]) * elements;

/** The array that a file's bytes are, without a conversion. */
function view(dtype: SafetensorsDType, { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>) {
  const n = byteLength / DTYPE_BYTES[dtype];
  switch (dtype) {
    case "C64":
      return new Float32Array(buffer, byteOffset, 2 * n);
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
    case "BF16":
    case "F16":
      return new Uint16Array(buffer, byteOffset, n);
    case "I8":
      return new Int8Array(buffer, byteOffset, n);
    case "I64":
      return new BigInt64Array(buffer, byteOffset, n);
    case "U64":
      return new BigUint64Array(buffer, byteOffset, n);
    default:
      return new Uint8Array(buffer, byteOffset, byteLength);
  }
}

/** What {@link TensorData} holds, of a file's little-endian bytes, which become part of it or are no longer needed. */
export function decode(dtype: SafetensorsDType, bytes: Uint8Array<ArrayBuffer>): TensorData["data"] {
  const words = view(dtype, bytes);
  if (dtype !== "F16" && dtype !== "BF16") return words;
  const out = new Float32Array(words.length);
  (dtype === "F16" ? halfToFloat : bfloatToFloat)(words as Uint16Array, out, out.length);
  return out;
}

/** Elements of a piece: large enough to read fast, small enough to stay in the cache on the way. */
const PIECE = 1 << 18;

/** Takes the elements from `at` on as float32; the piece is valid only during the call. */
export type TakeFloats = (piece: Float32Array, at: number) => void;

/** Gives `count` elements that begin at byte `position` as float32, piece by piece, in order. Not for what {@link notFloats} names. */
export function floatPieces(
  source: ByteSource,
  position: number,
  dtype: SafetensorsDType,
  count: number,
  take: TakeFloats,
): void {
  const bytes = DTYPE_BYTES[dtype];
  const raw = new Uint8Array(Math.min(count, PIECE) * bytes);
  const values = view(dtype, raw);
  const out = values instanceof Float32Array ? values : new Float32Array(values.length);
  for (let at = 0; at < count; at += PIECE) {
    const n = Math.min(PIECE, count - at);
    source.readInto(position + at * bytes, raw.subarray(0, n * bytes));
    if (dtype === "F16") halfToFloat(values as Uint16Array, out, n);
    else if (dtype === "BF16") bfloatToFloat(values as Uint16Array, out, n);
    else if (values !== out) toFloats(dtype, values, out, n);
    take(n === out.length ? out : out.subarray(0, n), at);
  }
}

function toFloats(dtype: SafetensorsDType, values: TensorData["data"], out: Float32Array, n: number): void {
  const why = notFloats(dtype);
  if (why !== undefined) throw new DTypeError(`the tensor holds ${why}`);
  if (isFloat8(dtype)) {
    const table = Float32Array.from({ length: 256 }, (_, byte) => eighth(dtype, byte));
    for (let i = 0; i < n; i++) out[i] = table[Number(values[i])];
  } else for (let i = 0; i < n; i++) out[i] = Number(values[i]);
}

/** The elements of a tensor read from a file as float32: the array itself where it is that already. */
export function asFloats({ dtype, data }: TensorData): Float32Array {
  if (data instanceof Float32Array && dtype !== "C64") return data;
  const out = new Float32Array(data.length);
  toFloats(dtype, data, out, out.length);
  return out;
}

const KINDS = [
  [Float32Array, "F32"],
  [Float64Array, "F64"],
  [Int32Array, "I32"],
  [Uint32Array, "U32"],
  [Int16Array, "I16"],
  [Uint16Array, "U16"],
  [Int8Array, "I8"],
  [Uint8Array, "U8"],
  [BigInt64Array, "I64"],
  [BigUint64Array, "U64"],
] as const;

/** The type that a file gives an array; throws {@link DTypeError} for an array of another kind. */
export function dtypeOf({ data, dtype }: TensorSource): SafetensorsDType {
  if (dtype !== undefined) return dtype;
  const kind = KINDS.find(([type]) => data instanceof type);
  if (kind === undefined)
    throw new DTypeError(
      typeof data === "function"
        ? "a tensor whose data is a function must say its dtype"
        : `cannot write ${data.constructor.name}`,
    );
  return kind[1];
}

/** A tensor's bytes in a file, little-endian. Throws {@link DTypeError} where the array does not fit the shape or the type. */
export function encode(name: string, source: TensorSource): Uint8Array {
  const dtype = dtypeOf(source);
  let data = typeof source.data === "function" ? source.data() : source.data;
  const elements = source.shape.reduce((n, s) => n * s, 1);
  if (arrayLength(dtype, elements) !== data.length)
    throw new DTypeError(`${name}: shape [${source.shape}] of ${dtype} does not hold ${data.length} numbers`);
  if (data instanceof Float64Array && (dtype === "F32" || dtype === "F16" || dtype === "BF16"))
    data = Float32Array.from(data);
  if (data instanceof Float32Array && dtype !== "F32" && dtype !== "C64") {
    if (dtype === "F16") data = floatToHalf(data);
    else if (dtype === "BF16") data = floatToBfloat(data);
    else if (dtype === "F64") data = Float64Array.from(data);
  }
  const kind = view(dtype, new Uint8Array(0));
  if (!(data instanceof (kind.constructor as new () => TensorData["data"])))
    throw new DTypeError(`${name}: ${data.constructor.name} cannot be written as ${dtype}`);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
