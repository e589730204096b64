import type { DType, TypedArray } from "../backend/backend.ts";
import { ARRAYS, converted, HELD, INT_MAX, INT_MIN, isFloat } from "../backend/dtypes.ts";
import { backend as defaultBackend } from "../backend/index.ts";
import { checkOptions, type Known, OptionError } from "../backend/options.ts";
import { checkDType, scalarFor } from "./dtype.ts";
import { normal, uniform } from "./random.ts";
import { checkShape, describe, numel, type Shape, ShapeError, showShape } from "./shape.ts";
import { empty as emptyTensor, type Nested, Tensor } from "./tensor.ts";

export interface TensorOptions {
  dtype?: DType;
  requiresGrad?: boolean;
}
const KNOWN: Known<TensorOptions> = { dtype: true, requiresGrad: true };
const REFUSED = {
  device: "Choose the backend before: setBackend(name).",
  layout: "Tensors are strided; leave it out.",
  out: "Write into a tensor with out.copy_(made).",
};

const NONE: TensorOptions = {};

/** Settings that are given, checked; nothing is done where there are none. */
function checked(where: string, options: TensorOptions | undefined): TensorOptions {
  if (options === undefined || options === NONE) return NONE;
  checkOptions(where, options, KNOWN, REFUSED);
  const { dtype, requiresGrad } = options;
  if (dtype !== undefined) checkDType(where, dtype);
  if (requiresGrad !== undefined && typeof requiresGrad !== "boolean")
    throw new OptionError(`${where}: requiresGrad: expected true or false, found ${describe(requiresGrad)}`);
  return options;
}

type WholeArray =
  | Int8Array
  | Int16Array
  | Uint16Array
  | Uint32Array
  | Uint8ClampedArray
  | BigInt64Array
  | BigUint64Array;
type Data = Nested | readonly number[] | readonly boolean[] | TypedArray | WholeArray;

function dtypeOf(data: Data): DType {
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) return "uint8";
  if (data instanceof BigInt64Array || data instanceof BigUint64Array || data instanceof Uint32Array) return "int64";
  if (data instanceof Float64Array && defaultBackend().name === "reference") return "float64";
  if (!ArrayBuffer.isView(data)) return allTruth(data) ? "bool" : "float32";
  return data instanceof Float32Array || data instanceof Float64Array || !(data[Symbol.toStringTag] in WHOLE)
    ? "float32"
    : "int32";
}
const WHOLE: Record<string, true> = { Int8Array: true, Int16Array: true, Int32Array: true, Uint16Array: true };

/** Only true and false, and at least one of them. */
function allTruth(data: unknown): boolean {
  if (typeof data === "boolean") return true;
  return Array.isArray(data) && data.length > 0 && data.every(allTruth);
}

function shapeOf(data: Data): number[] {
  const shape: number[] = [];
  let level: unknown = data;
  while (Array.isArray(level) || ArrayBuffer.isView(level)) {
    shape.push((level as unknown[]).length);
    level = (level as unknown[])[0];
  }
  return shape;
}

function flatten(data: unknown, shape: number[], depth: number, out: number[]): void {
  if (depth === shape.length) {
    if (typeof data !== "number" && typeof data !== "boolean") {
      throw new ShapeError(
        `tensor: expected a number, found ${describe(data)}`,
        data instanceof Tensor ? "Tensors are joined by stack or concat." : undefined,
      );
    }
    out.push(Number(data));
    return;
  }
  if (!Array.isArray(data) || data.length !== shape[depth]) {
    const found = Array.isArray(data) ? `${data.length} entries` : String(data).slice(0, 40);
    throw new ShapeError(`tensor: ragged data: expected ${shape[depth]} entries at depth ${depth}, found ${found}`);
  }
  for (const part of data) flatten(part, shape, depth + 1, out);
}

function convert(data: TypedArray | WholeArray | number[], dtype: DType): TypedArray {
  const target = ARRAYS[dtype];
  if (data instanceof target && dtype !== "bool") return data as TypedArray;
  const values = (typeof data[0] === "bigint" ? Array.from(data as BigInt64Array, Number) : data) as ArrayLike<number>;
  if (HELD[dtype] === "int32" || dtype === "uint8") {
    const [lo, hi] = dtype === "uint8" ? [0, 255] : [INT_MIN, INT_MAX];
    for (let i = 0; i < values.length; i++) {
      if (!Number.isInteger(values[i]) || values[i] < lo || values[i] > hi) {
        throw new ShapeError(
          `tensor: ${values[i]} at position ${i} is no ${dtype} (whole numbers from ${lo} to ${hi})`,
          dtype === "int64"
            ? "int64 is held in 32 bits here; keep larger numbers as float32 or in an array."
            : undefined,
        );
      }
    }
  }
  return converted(values, dtype);
}

/**
 * A tensor from a number, nested arrays (their nesting is the shape) or a typed array with a shape.
 * Numbers become float32, true and false bool, Int8Array to Int32Array int32, BigInt64Array int64, Uint8Array uint8, unless
 * `dtype` says otherwise.
 * @throws ShapeError for ragged data, a shape with another number of elements, or values outside the dtype.
 */
export function tensor(data: Data, shape?: Shape | TensorOptions, options: TensorOptions = NONE): Tensor {
  if (shape !== undefined && !Array.isArray(shape)) return tensor(data, undefined, shape as TensorOptions);
  checked("tensor", options);
  const dtype = options.dtype ?? dtypeOf(data);
  let natural = shapeOf(data);
  let values: TypedArray;
  if (ArrayBuffer.isView(data)) {
    values = convert(data as TypedArray, dtype);
  } else {
    const flat: number[] = [];
    flatten(data, natural, 0, flat);
    values = convert(flat, dtype);
  }
  if (shape !== undefined) {
    checkShape(shape as Shape, "tensor");
    if (numel(shape as Shape) !== values.length) {
      throw new ShapeError(
        `tensor: shape ${showShape(shape as Shape)} has ${numel(shape as Shape)} elements, the data ${values.length}`,
      );
    }
    natural = [...(shape as Shape)];
  }
  const out = emptyTensor(natural, dtype);
  out.backend.write(out, values);
  return options.requiresGrad ? out.requiresGrad_() : out;
}

/** Every element `value`: float32, of true or false bool, unless `dtype` says otherwise. */
export function full(shape: Shape, value: number | boolean, options?: TensorOptions): Tensor {
  return filled("full", shape, value, options);
}
function filled(where: string, shape: Shape, value: number | boolean, options: TensorOptions = NONE): Tensor {
  checkShape(shape, where);
  const { dtype = typeof value === "boolean" ? "bool" : "float32" } = checked(where, options);
  const out = emptyTensor(shape, dtype);
  out.backend.fill(out, out.numel, scalarFor(where, value, dtype));
  return options.requiresGrad ? out.requiresGrad_() : out;
}
export const zeros = (shape: Shape, options?: TensorOptions): Tensor => filled("zeros", shape, 0, options);
export const ones = (shape: Shape, options?: TensorOptions): Tensor => filled("ones", shape, 1, options);
/** Contents undefined. */
export function empty(shape: Shape, options: TensorOptions = NONE): Tensor {
  checkShape(shape, "empty");
  const out = emptyTensor(shape, checked("empty", options).dtype ?? "float32");
  return options.requiresGrad ? out.requiresGrad_() : out;
}
/** The identity matrix [n, m]. */
export function eye(n: number, m = n, options: TensorOptions = NONE): Tensor {
  checkShape([n, m], "eye");
  checked("eye", options);
  const values = new Float64Array(n * m);
  for (let i = 0; i < Math.min(n, m); i++) values[i * m + i] = 1;
  return tensor(values, [n, m], { dtype: "float32", ...options });
}
/** start, start + step, … below end (above it for a negative step); int64 when all three are whole, as in PyTorch. */
export function arange(start: number, end?: number, step = 1, options: TensorOptions = NONE): Tensor {
  checked("arange", options);
  const [from, to] = end === undefined ? [0, start] : [start, end];
  if (step === 0 || !Number.isFinite((to - from) / step))
    throw new ShapeError(`arange: from ${from} to ${to} by ${step}`);
  const length = Math.max(0, Math.ceil((to - from) / step));
  const whole = [from, to, step].every(Number.isInteger);
  const values = Float64Array.from({ length }, (_, i) => from + i * step);
  return tensor(values, [length], { dtype: whole ? "int64" : "float32", ...options });
}
/** `count` values evenly from start to end, both included. */
export function linspace(start: number, end: number, count: number, options: TensorOptions = NONE): Tensor {
  checkShape([count], "linspace");
  checked("linspace", options);
  const values = Float64Array.from({ length: count }, (_, i) =>
    count === 1 ? start : start + ((end - start) * i) / (count - 1),
  );
  return tensor(values, [count], { dtype: "float32", ...options });
}
/** Uniform on [0, 1). */
export const rand = (shape: Shape, options: TensorOptions = NONE): Tensor => random("rand", uniform, shape, options);
/** Standard normal. */
export const randn = (shape: Shape, options: TensorOptions = NONE): Tensor => random("randn", normal, shape, options);
function random(where: string, draw: (n: number) => Float64Array, shape: Shape, options: TensorOptions): Tensor {
  checkShape(shape, where);
  const { dtype = "float32" } = checked(where, options);
  if (!isFloat(dtype))
    throw new ShapeError(`${where}: no ${dtype}`, "Draw whole numbers with randint(low, high, shape).");
  return tensor(draw(numel(shape)), shape, { ...options, dtype });
}
/** Whole numbers from low to high − 1: int64, as in PyTorch, unless `dtype` says otherwise. */
export function randint(low: number, high: number, shape: Shape, options: TensorOptions = NONE): Tensor {
  checkShape(shape, "randint");
  checked("randint", options);
  if (!(Number.isInteger(low) && Number.isInteger(high) && low < high)) {
    throw new ShapeError(
      `randint: from ${low} to ${high}`,
      "Whole numbers, low below high; high itself is never drawn.",
    );
  }
  const values = uniform(numel(shape), low, high);
  return tensor(values.map(Math.floor), shape, { dtype: "int64", ...options });
}
