import type { Backend, DType } from "../backend/backend.ts";
import { ARRAYS, INT_MAX, INT_MIN, isFloat } from "../backend/dtypes.ts";
import { castTo } from "../tensor/dtype.ts";
import { state } from "../tensor/memory.ts";
import { broadcastShapes, broadcastStrides, type Shape, ShapeError } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, empty, Tensor } from "../tensor/tensor.ts";
import { checkOperands, lifted, resultType, type Value } from "./promote.ts";
import { binary, view } from "./raw.ts";

/**
 * Whole numbers and truth values: exact, on every backend alike, in loops; kernels serve where they compute the same. int32 and
 * uint8 wrap around as PyTorch's do; what int64 cannot hold in 32 bits is an error.
 */

export type WholeOp = "add" | "sub" | "mul" | "pow" | "maximum" | "minimum" | "floorDivide" | "remainder";

/** $x^y$ by squaring, modulo 2³² where `mul` is. Below 0 what is left of a fraction. */
function power(x: number, y: number, mul: (a: number, b: number) => number): number {
  if (y < 0) return x === 1 ? 1 : x === -1 ? (y % 2 === 0 ? 1 : -1) : 0;
  let [result, base, rest] = [1, x, y];
  for (; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = mul(result, base);
    base = mul(base, base);
  }
  return Number.isNaN(result) ? 0 : result;
}
const times = (a: number, b: number) => (a === 0 || b === 0 ? 0 : a * b);

function functionOf(op: WholeOp, dtype: DType): (x: number, y: number) => number {
  const mul = dtype === "int64" ? times : Math.imul;
  const divisor = (y: number) => {
    if (y === 0) throw new ShapeError(`${op}: division of a whole number by zero (ZeroDivisionError)`);
    return y;
  };
  switch (op) {
    case "add":
      return (x, y) => x + y;
    case "sub":
      return (x, y) => x - y;
    case "mul":
      return mul;
    case "pow":
      return (x, y) => power(x, y, mul);
    case "maximum":
      return Math.max;
    case "minimum":
      return Math.min;
    case "floorDivide":
      return (x, y) => Math.floor(x / divisor(y));
    case "remainder":
      return (x, y) => x - divisor(y) * Math.floor(x / y);
  }
}

/** A new tensor of the values `at` gives, as the dtype holds them. */
export function fill(name: string, backend: Backend, shape: Shape, dtype: DType, at: (i: number) => number): Tensor {
  const out = empty(shape, dtype, backend);
  const values = new ARRAYS[dtype](out.numel);
  for (let i = 0; i < values.length; i++) {
    const v = at(i);
    if (dtype === "int64" && !(v >= INT_MIN && v <= INT_MAX)) {
      throw new ShapeError(
        `${name}: a result of ${v} does not fit int64, which is held in 32 bits`,
        "Compute with floats: t.float().",
      );
    }
    // Bytes and 32 bits wrap by themselves.
    values[i] = dtype === "bool" ? Number(v !== 0) : v;
  }
  backend.write(out, values);
  return out;
}

/** How to read an operand at every place of the result. */
function reader(x: Value, shape: Shape, dtype: DType): (i: number) => number {
  if (!(x instanceof Tensor)) {
    // A number takes the dtype of the whole: bytes wrap.
    const value = dtype === "uint8" ? Number(x) & 255 : dtype === "bool" ? Number(Number(x) !== 0) : Number(x);
    return () => value;
  }
  if (x.numel === 1) {
    const value = x.data()[0];
    return () => (dtype === "uint8" ? value & 255 : value);
  }
  const data = view(x, shape, x.offset, broadcastStrides(x.shape, x.strides, shape)).data();
  return (i) => data[i];
}

const shapeOf = (x: Value): Shape => (x instanceof Tensor ? x.shape : []);

/** Functions of two operands, the result of dtype `dtype`, with broadcasting. Never recorded. */
export const whole = defineOp("whole", {
  forward(_ctx, op: WholeOp, a: Value, b: Value, dtype: DType) {
    const backend = (a instanceof Tensor ? a : (b as Tensor)).backend;
    if (a instanceof Tensor && b instanceof Tensor) {
      const wraps = dtype === "int32" && (op === "add" || op === "sub" || op === "mul");
      if (wraps || ((dtype === "int32" || dtype === "int64") && (op === "maximum" || op === "minimum"))) {
        return binary(op, a.dtype === dtype ? a : castTo(a, dtype), b.dtype === dtype ? b : castTo(b, dtype));
      }
    }
    const shape = broadcastShapes(shapeOf(a), shapeOf(b), op);
    const [x, y, f] = [reader(a, shape, dtype), reader(b, shape, dtype), functionOf(op, dtype)];
    return fill(op, backend, shape, dtype, (i) => f(x(i), y(i)));
  },
});

type Binary = (a: Tensor, b: Tensor) => Tensor;
const promoted = (a: Value, b: Value, dtype: DType, f: Binary) => f(lifted(a, dtype), lifted(b, dtype));
/** Likewise where no gradient is asked for: what was made on the way goes at its end. */
const promotedHere = defineOp("promote", {
  forward: (_ctx, ...args: Parameters<typeof promoted>) => promoted(...args),
});
const learns = (x: Value): boolean => x instanceof Tensor && x.requiresGrad;

/** `f` of two operands as tensors of one floating dtype; recorded. */
export const inFloats = (a: Value, b: Value, dtype: DType, f: Binary): Tensor =>
  (state.gradEnabled && (learns(a) || learns(b)) ? promoted : promotedHere)(a, b, dtype, f);

/** Two operands of any dtypes, at least one of them a tensor: floats by `floats`, all else exactly. Throws {@link ShapeError}. */
export function mixed(op: WholeOp, a: Value, b: Value, floats: Binary): Tensor {
  checkOperands(op, a, b);
  const dtype = resultType(a, b);
  return isFloat(dtype) ? inFloats(a, b, dtype, floats) : whole(op, a, b, dtype);
}

/** A function of one operand, element by element. Never recorded. */
export const wholeMap = defineOp("whole", {
  forward(_ctx, name: string, input: Tensor, dtype: DType, f: (x: number) => number) {
    const data = dense(input).data();
    return fill(name, input.backend, input.shape, dtype, (i) => f(data[i]));
  },
});

/** Takes what has been gathered and the next element. */
type Fold = (gathered: number, x: number) => number;

/** Gathers the elements along the sorted dimensions `dims`, which vanish, from `start` on. Never recorded. */
export const wholeFold = defineOp("whole", {
  forward(_ctx, name: string, input: Tensor, dims: readonly number[], dtype: DType, start: number, f: Fold) {
    const data = dense(input).data();
    const kept = input.shape.filter((_, d) => !dims.includes(d));
    const results = new Float64Array(kept.reduce((n, s) => n * s, 1)).fill(start);
    // The step of every dimension in the results, 0 where it vanishes.
    const steps = new Array<number>(input.ndim).fill(0);
    let step = 1;
    for (let d = input.ndim - 1; d >= 0; d--) {
      if (dims.includes(d)) continue;
      steps[d] = step;
      step *= input.shape[d];
    }
    const last = input.ndim === 0 ? 1 : input.shape[input.ndim - 1];
    const along = input.ndim === 0 ? 0 : steps[input.ndim - 1];
    for (let row = 0; row * last < data.length; row++) {
      let at = 0;
      for (let d = input.ndim - 2, rest = row; d >= 0; d--) {
        at += (rest % input.shape[d]) * steps[d];
        rest = Math.floor(rest / input.shape[d]);
      }
      const from = row * last;
      if (along === 0) {
        let gathered = results[at];
        for (let i = 0; i < last; i++) gathered = f(gathered, data[from + i]);
        results[at] = gathered;
      } else for (let i = 0; i < last; i++) results[at + i * along] = f(results[at + i * along], data[from + i]);
    }
    return fill(name, input.backend, kept, dtype, (i) => results[i]);
  },
});

/** Product of stacks of matrices [batch, m, k] and [batch, k, n], both written out. Never recorded. */
export const wholeMatmul = defineOp("matmul", {
  forward(_ctx, a: Tensor, b: Tensor, dtype: DType) {
    const [m, k] = a.shape.slice(-2);
    const n = b.shape[b.ndim - 1];
    const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2), "matmul");
    const spread = (x: Tensor) => {
      const shape = [...batch, ...x.shape.slice(-2)];
      return view(x, shape, x.offset, broadcastStrides(x.shape, x.strides, shape)).data();
    };
    const [x, y] = [spread(a), spread(b)];
    const mul = dtype === "int64" ? times : Math.imul;
    return fill("matmul", a.backend, [...batch, m, n], dtype, (i) => {
      const [which, row, col] = [Math.floor(i / (m * n)), Math.floor(i / n) % m, i % n];
      let sum = 0;
      for (let p = 0; p < k; p++) sum += mul(x[(which * m + row) * k + p], y[(which * k + p) * n + col]);
      return sum;
    });
  },
});
