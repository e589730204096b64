import type { DType, TypedArray } from "../backend/backend.ts";
import { backend as defaultBackend } from "../backend/index.ts";
import { normal, uniform } from "./random.ts";
import { checkShape, numel, type Shape, ShapeError, showShape } from "./shape.ts";
import { empty as emptyTensor, type Nested, type Tensor } from "./tensor.ts";

export interface TensorOptions {
  dtype?: DType;
  requiresGrad?: boolean;
}

type Data = Nested | readonly number[] | readonly boolean[] | TypedArray | BigInt64Array;

const ARRAYS = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array };

function dtypeOf(data: Data): DType {
  if (data instanceof Int32Array || data instanceof BigInt64Array) return "int32";
  if (data instanceof Uint8Array) return "uint8";
  if (data instanceof Float64Array && defaultBackend().name === "reference") return "float64";
  return "float32";
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
      throw new ShapeError(`tensor: expected a number, found ${typeof data} ${String(data).slice(0, 40)}`);
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

function convert(data: Exclude<Data, number>, dtype: DType): TypedArray {
  const target = ARRAYS[dtype];
  if (data instanceof target) return data as TypedArray;
  const values: ArrayLike<number> =
    data instanceof BigInt64Array ? Array.from(data, Number) : (data as unknown as ArrayLike<number>);
  if (dtype === "int32" || dtype === "uint8") {
    const [lo, hi] = dtype === "int32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, 255];
    for (let i = 0; i < values.length; i++) {
      if (!Number.isInteger(Number(values[i])) || values[i] < lo || values[i] > hi) {
        throw new ShapeError(
          `tensor: ${values[i]} at position ${i} is no ${dtype} (whole numbers from ${lo} to ${hi})`,
        );
      }
    }
  }
  return target.from(values);
}

/**
 * A tensor from a number, nested arrays (their nesting is the shape) or a typed array with a shape.
 * Numbers become float32, Int32Array and BigInt64Array int32, Uint8Array uint8, unless `dtype` says otherwise.
 * @throws ShapeError for ragged data, a shape with another number of elements, or values outside the dtype.
 */
export function tensor(data: Data, shape?: Shape | TensorOptions, options: TensorOptions = {}): Tensor {
  if (shape !== undefined && !Array.isArray(shape)) return tensor(data, undefined, shape as TensorOptions);
  const dtype = options.dtype ?? dtypeOf(data);
  let natural = shapeOf(data);
  let values: TypedArray;
  if (ArrayBuffer.isView(data)) {
    values = convert(data, dtype);
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

/** Every element `value`. */
export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  checkShape(shape, "full");
  const out = emptyTensor(shape, options.dtype ?? "float32");
  out.backend.fill(out, out.numel, value);
  return options.requiresGrad ? out.requiresGrad_() : out;
}
export const zeros = (shape: Shape, options?: TensorOptions): Tensor => full(shape, 0, options);
export const ones = (shape: Shape, options?: TensorOptions): Tensor => full(shape, 1, options);
/** Contents undefined. */
export function empty(shape: Shape, options: TensorOptions = {}): Tensor {
  checkShape(shape, "empty");
  const out = emptyTensor(shape, options.dtype ?? "float32");
  return options.requiresGrad ? out.requiresGrad_() : out;
}
/** The identity matrix [n, m]. */
export function eye(n: number, m = n, options: TensorOptions = {}): Tensor {
  checkShape([n, m], "eye");
  const values = new Float64Array(n * m);
  for (let i = 0; i < Math.min(n, m); i++) values[i * m + i] = 1;
  return tensor(values, [n, m], { dtype: "float32", ...options });
}
/** start, start + step, … below end (above it for a negative step); int32 when all three are whole. */
export function arange(start: number, end?: number, step = 1, options: TensorOptions = {}): Tensor {
  const [from, to] = end === undefined ? [0, start] : [start, end];
  if (step === 0 || !Number.isFinite((to - from) / step))
    throw new ShapeError(`arange: from ${from} to ${to} by ${step}`);
  const length = Math.max(0, Math.ceil((to - from) / step));
  const whole = [from, to, step].every(Number.isInteger);
  const values = Float64Array.from({ length }, (_, i) => from + i * step);
  return tensor(values, [length], { dtype: whole ? "int32" : "float32", ...options });
}
/** `count` values evenly from start to end, both included. */
export function linspace(start: number, end: number, count: number, options: TensorOptions = {}): Tensor {
  const values = Float64Array.from({ length: count }, (_, i) =>
    count === 1 ? start : start + ((end - start) * i) / (count - 1),
  );
  return tensor(values, [count], { dtype: "float32", ...options });
}
/** Uniform on [0, 1). */
export const rand = (shape: Shape, options: TensorOptions = {}): Tensor =>
  tensor(uniform(numel(shape)), shape, { dtype: "float32", ...options });
/** Standard normal. */
export const randn = (shape: Shape, options: TensorOptions = {}): Tensor =>
  tensor(normal(numel(shape)), shape, { dtype: "float32", ...options });
/** Whole numbers from low to high − 1. */
export function randint(low: number, high: number, shape: Shape, options: TensorOptions = {}): Tensor {
  const values = uniform(numel(shape), low, high);
  return tensor(values.map(Math.floor), shape, { dtype: "int32", ...options });
}
