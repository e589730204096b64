import { type ByteSource, PartSource, type Refuse, readBytes } from "./bytes.ts";
import {
  asFloats,
  DTYPE_BYTES,
  DTypeError,
  decode,
  floatPieces,
  notFloats,
  type SafetensorsDType,
  type TakeFloats,
  type TensorData,
} from "./dtype.ts";

/** Elements that a view may have beyond its storage (by strides of 0) before it is refused as a bomb. */
const MAX_REPEATED = 1 << 24;

/** A buffer of a PyTorch file that tensors are views of. */
export interface TorchStorage {
  readonly key: string;
  /** Undefined for untyped ones, whose tensors say the type. */
  readonly dtype: SafetensorsDType | undefined;
  /** Bytes of an element where the type is none of ours. */
  readonly elementBytes?: number;
  /** What it holds where that cannot be read: `complex128`, say. */
  readonly foreign?: string;
  /** In bytes. */
  readonly size: number;
  /** Whether numbers have their most significant byte first. */
  bigEndian?: boolean;
  /** Its bytes; set once their place is known. */
  open: (() => ByteSource) | undefined;
}

/** A shape for a message. */
export const shownShape = (list: readonly number[]): string =>
  `[${list.slice(0, 16)}${list.length > 16 ? `, … (${list.length})` : ""}]`;

/** A tensor of a kind that is not read, beside others that are: sparse, quantised, without data. */
export class UnreadableTensor {
  /** What it is, in words. */
  readonly what: string;
  readonly dtype: string;
  readonly shape: readonly number[];

  constructor(what: string, dtype: string, shape: readonly number[]) {
    this.what = what;
    this.dtype = dtype;
    this.shape = shape;
  }
}

/** PyTorch's lazy views: what is read is negated, or the conjugate of what lies in the file. */
export interface LazyBits {
  neg: boolean;
  conj: boolean;
}

/** Carries out the bits in an array that is ours. */
function resolve(dtype: SafetensorsDType, data: TensorData["data"], { neg, conj }: LazyBits): void {
  if (neg && (dtype === "F8_E4M3" || dtype === "F8_E5M2"))
    for (let i = 0; i < data.length; i++) data[i] = Number(data[i]) ^ 0x80;
  else if (neg && (dtype === "BOOL" || (DTYPE_BYTES[dtype] <= 1 && dtype !== "I8" && dtype !== "U8")))
    throw new DTypeError(`a negated view of ${dtype}`);
  else if (neg && (data instanceof BigInt64Array || data instanceof BigUint64Array))
    for (let i = 0; i < data.length; i++) data[i] = -data[i];
  else if (neg) for (let i = 0; i < data.length; i++) data[i] = -Number(data[i]);
  if (conj && dtype === "C64") for (let i = 1; i < data.length; i += 2) data[i] = -Number(data[i]);
}

/** Turns the bytes of every number round. */
function swapBytes(bytes: Uint8Array, width: number): void {
  for (let at = 0; width > 1 && at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
}

/** A tensor in a PyTorch file: a view (shape, strides, offset) of a storage; the elements are read when asked for. */
export class TorchTensor {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  /** Position of the first element in the storage, in elements. */
  readonly offset: number;
  readonly storage: TorchStorage;
  readonly requiresGrad: boolean;
  readonly bits: LazyBits;
  readonly #refuse: Refuse;

  constructor(
    storage: TorchStorage,
    view: {
      dtype: SafetensorsDType;
      shape: number[];
      strides: number[];
      offset: number;
      requiresGrad: boolean;
      bits?: LazyBits;
    },
    refuse: Refuse,
  ) {
    const { dtype, shape, strides, offset } = view;
    const valid = (list: number[]) => list.every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!valid(shape) || !valid(strides) || !valid([offset]) || shape.length !== strides.length || shape.length > 64)
      refuse(`a tensor has shape ${shownShape(shape)}, strides ${shownShape(strides)} and offset ${offset}`);
    const numel = shape.reduce((n, s) => n * s, 1);
    const held = Math.floor(storage.size / DTYPE_BYTES[dtype]);
    const last = numel === 0 ? 0 : shape.reduce((at, s, i) => at + (s - 1) * strides[i], offset + 1);
    if (!(last <= held))
      refuse(
        `a tensor ${shownShape(shape)} with strides ${shownShape(strides)} at ${offset} goes beyond its storage of ${held} elements`,
      );
    if (numel > Math.max(held, MAX_REPEATED))
      refuse(`a tensor ${shownShape(shape)} repeats a storage of ${held} elements: a bomb`);
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
    this.storage = storage;
    this.requiresGrad = view.requiresGrad;
    this.bits = view.bits ?? { neg: false, conj: false };
    this.#refuse = refuse;
  }

  get numel(): number {
    return this.shape.reduce((n, s) => n * s, 1);
  }
  get #dense(): boolean {
    let stride = 1;
    for (let i = this.shape.length - 1; i >= 0; i--) {
      if (this.shape[i] !== 1 && this.strides[i] !== stride) return false;
      stride *= this.shape[i];
    }
    return true;
  }
  /** The storage's bytes from the tensor's first element to its last. */
  #span(): ByteSource {
    const { shape, strides, offset, numel, dtype, storage } = this;
    const n = numel === 0 ? 0 : shape.reduce((at, s, i) => at + (s - 1) * strides[i], 1);
    const bytes = DTYPE_BYTES[dtype];
    const source = storage.open?.() ?? this.#refuse(`storage ${storage.key} is not in the file`);
    return new PartSource(source, numel === 0 ? 0 : offset * bytes, n * bytes, this.#refuse);
  }

  /** The elements, row-major. */
  read(): TensorData {
    const { dtype, shape } = this;
    const span = this.#span();
    const bytes = readBytes(span, 0, span.size, this.#refuse);
    if (this.storage.bigEndian) swapBytes(bytes, dtype === "C64" ? 4 : DTYPE_BYTES[dtype]);
    const data = decode(dtype, this.numel === 0 || this.#dense ? bytes : this.#gather(bytes));
    resolve(dtype, data, this.bits);
    return { dtype, shape, data };
  }
  /** As WeightsFile's. */
  readFloats(take: TakeFloats): void {
    const why = notFloats(this.dtype);
    if (why !== undefined) throw new DTypeError(`the tensor holds ${why}`);
    if (this.numel === 0) return;
    const plain = !this.storage.bigEndian && !this.bits.neg;
    if (this.#dense && plain) floatPieces(this.#span(), 0, this.dtype, this.numel, take);
    else take(asFloats(this.read()), 0);
  }
  #gather(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const types: Readonly<Record<number, unknown>> = {
      1: Uint8Array,
      2: Uint16Array,
      4: Uint32Array,
      8: BigUint64Array,
    };
    const type = types[DTYPE_BYTES[this.dtype]] as Uint32ArrayConstructor;
    const from = new type(bytes.buffer);
    const to = new type(this.numel);
    const { shape, strides } = this;
    const index = shape.map(() => 0);
    for (let i = 0, at = 0; i < to.length; i++) {
      to[i] = from[at];
      for (let d = shape.length - 1; d >= 0; d--) {
        at += strides[d];
        if (++index[d] < shape[d]) break;
        at -= strides[d] * shape[d];
        index[d] = 0;
      }
    }
    return new Uint8Array(to.buffer);
  }
}
