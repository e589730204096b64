import type { Loop } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";

export type Shape = readonly number[];

/** Shapes or dtypes that do not fit an operation. */
export class ShapeError extends ShoshinError {}

/** Dimensions that kernels loop over, after neighbours that lie one behind the other have been merged. */
const MAX_DIMS = 8;

/** What a wrong argument is, in a few words. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "number" || typeof value === "boolean") return `the ${typeof value} ${value}`;
  if (typeof value === "string") return `the string ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === "function") return "a function";
  return `an object of ${(value as object).constructor?.name ?? "no class"}`;
}

export function numel(shape: Shape): number {
  let n = 1;
  for (let i = 0; i < shape.length; i++) n *= shape[i];
  return n;
}

/** Row-major strides, in elements. */
export function denseStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = step;
    step *= shape[d];
  }
  return strides;
}

/** True when the strides visit elements one behind the other; the strides of dimensions of size 1 do not matter. */
export function isDense(shape: Shape, strides: readonly number[]): boolean {
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== step) return numel(shape) === 0;
    step *= shape[d];
  }
  return true;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export const showShape = (shape: Shape): string => `[${shape.join(", ")}]`;

/** Sizes must be non-negative safe integers with a product that is one too. Throws {@link ShapeError}. */
export function checkShape(shape: Shape, what: string): void {
  if (!Array.isArray(shape)) {
    throw new ShapeError(`${what}: expected a shape, found ${String(shape)}`, "A shape is an array of sizes: [2, 3].");
  }
  let n = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new ShapeError(
        `${what}: ${size} in shape ${showShape(shape)} is no size`,
        "Sizes are whole numbers from 0 on.",
      );
    }
    n *= size;
  }
  if (!Number.isSafeInteger(n)) throw new ShapeError(`${what}: shape ${showShape(shape)} has too many elements`);
}

/** The shape that both broadcast to (NumPy's rule). Throws {@link ShapeError} naming both. */
export function broadcastShapes(a: Shape, b: Shape, what: string): Shape {
  if (sameShape(a, b)) return a;
  const n = Math.max(a.length, b.length);
  const out = new Array<number>(n);
  for (let i = 1; i <= n; i++) {
    const x = i <= a.length ? a[a.length - i] : 1;
    const y = i <= b.length ? b[b.length - i] : 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(
        `${what}: shapes ${showShape(a)} and ${showShape(b)} do not broadcast: ${x} against ${y} in dimension ${n - i}`,
        "Sizes must be equal, or one of them 1, counted from the last dimension.",
      );
    }
    out[n - i] = x === 1 ? y : x;
  }
  return out;
}

/** Strides with which a tensor is read as the larger `to`: 0 where it is repeated. */
export function broadcastStrides(shape: Shape, strides: readonly number[], to: Shape): number[] {
  const lead = to.length - shape.length;
  const out = new Array<number>(to.length).fill(0);
  for (let d = 0; d < shape.length; d++) out[lead + d] = shape[d] === 1 ? 0 : strides[d];
  return out;
}

/** A loop nest with neighbouring dimensions merged wherever every operand allows it. Throws beyond 8 dimensions. */
export function makeLoop(shape: Shape, operands: readonly (readonly number[])[]): Loop {
  const sizes: number[] = [];
  const strides: number[][] = operands.map(() => []);
  for (let d = 0; d < shape.length; d++) {
    if (shape[d] === 1) continue;
    const last = sizes.length - 1;
    let merges = last >= 0;
    for (let o = 0; merges && o < operands.length; o++) merges = strides[o][last] === operands[o][d] * shape[d];
    if (merges) {
      sizes[last] *= shape[d];
      for (let o = 0; o < operands.length; o++) strides[o][last] = operands[o][d];
    } else {
      sizes.push(shape[d]);
      for (let o = 0; o < operands.length; o++) strides[o].push(operands[o][d]);
    }
  }
  if (sizes.length > MAX_DIMS) {
    throw new ShapeError(
      `shape ${showShape(shape)} needs ${sizes.length} nested loops, ${MAX_DIMS} at most are possible`,
    );
  }
  return { sizes, strides };
}

/** −1 is the last dimension. Throws {@link ShapeError}. */
export function normalizeDim(dim: number, ndim: number, what: string): number {
  const d = dim < 0 ? dim + ndim : dim;
  if (typeof dim !== "number") throw new ShapeError(`${what}: expected a dimension, found ${describe(dim)}`);
  if (!Number.isInteger(d) || d < 0 || d >= ndim) {
    throw new ShapeError(`${what}: dimension ${dim} does not exist in a tensor of ${ndim} dimensions`);
  }
  return d;
}

/** Sorted and without repeats; undefined stands for all dimensions. */
export function normalizeDims(dims: number | readonly number[] | undefined, ndim: number, what: string): number[] {
  if (dims === undefined) return Array.from({ length: ndim }, (_, d) => d);
  if (typeof dims !== "number" && !Array.isArray(dims)) {
    throw new ShapeError(`${what}: expected a dimension or an array of them, found ${describe(dims)}`);
  }
  const list = (typeof dims === "number" ? [dims] : dims).map((d) => normalizeDim(d, ndim, what));
  if (new Set(list).size !== list.length) throw new ShapeError(`${what}: a dimension is named twice in [${dims}]`);
  return list.sort((a, b) => a - b);
}
