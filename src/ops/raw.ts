import type { DType } from "../backend/backend.ts";
import type { BinaryOp, ReduceOp, UnaryOp } from "../backend/codes.ts";
import { broadcastShapes, broadcastStrides, makeLoop, type Shape, ShapeError, sameShape } from "../tensor/shape.ts";
import { dense, empty, Tensor } from "../tensor/tensor.ts";

/** Kernels with shapes, for use inside operations: nothing here is recorded. */

const COMPARISONS = new Set<BinaryOp>(["eq", "ne", "lt", "le", "gt", "ge"]);

/** a ∘ b with broadcasting. */
export function binary(op: BinaryOp, a: Tensor, b: Tensor): Tensor {
  if (a.dtype !== b.dtype) {
    throw new ShapeError(`${op}: ${a.dtype} against ${b.dtype}`, "Convert one of them: t.to(dtype).");
  }
  const dtype: DType = COMPARISONS.has(op) ? "bool" : a.dtype;
  if (a.isContiguous && b.isContiguous && sameShape(a.shape, b.shape)) {
    const out = empty(a.shape, dtype, a.backend);
    a.backend.binary(op, out, a, b, { sizes: [a.numel], strides: [[1], [1]] });
    return out;
  }
  const shape = broadcastShapes(a.shape, b.shape, op);
  const out = empty(shape, dtype, a.backend);
  const strides = [broadcastStrides(a.shape, a.strides, shape), broadcastStrides(b.shape, b.strides, shape)];
  a.backend.binary(op, out, a, b, makeLoop(shape, strides));
  return out;
}

export function unary(op: UnaryOp, input: Tensor, p0 = 0, p1 = 0): Tensor {
  const x = dense(input);
  const out = empty(x.shape, x.dtype, x.backend);
  x.backend.unary(op, out, x, x.numel, p0, p1);
  return out;
}

/** Reduces the sorted dimensions `dims`, one run of neighbours after another; they are kept with size 1. */
export function reduceDims(op: ReduceOp, input: Tensor, dims: readonly number[]): Tensor {
  if (dims.length === 0 && op !== "sumSquares") return input;
  let x = dense(input);
  let last = dims.length - 1;
  let first = true;
  if (dims.length === 0) return unary("square", x);
  while (last >= 0) {
    let begin = last;
    while (begin > 0 && dims[begin - 1] === dims[begin] - 1) begin--;
    const product = (from: number, to: number) => x.shape.slice(from, to).reduce((n, s) => n * s, 1);
    const outer = product(0, dims[begin]);
    const mid = product(dims[begin], dims[last] + 1);
    const inner = product(dims[last] + 1, x.shape.length);
    const shape = x.shape.map((s, d) => (d >= dims[begin] && d <= dims[last] ? 1 : s));
    const out = empty(shape, x.dtype, x.backend);
    // After the first run, squares have been taken already.
    x.backend.reduce(op === "sumSquares" && !first ? "sum" : op, out, x, outer, mid, inner, false);
    x = out;
    first = false;
    last = begin - 1;
  }
  return x;
}

/** Sums a gradient over the dimensions along which its tensor was broadcast. */
export function sumTo(g: Tensor, shape: Shape): Tensor {
  if (sameShape(g.shape, shape)) return g;
  const lead = g.shape.length - shape.length;
  const dims: number[] = [];
  for (let d = 0; d < g.shape.length; d++) {
    if (d < lead || (shape[d - lead] === 1 && g.shape[d] !== 1)) dims.push(d);
  }
  return reshaped(reduceDims("sum", g, dims), shape);
}

/** The strides under another shape that differs in dimensions of size 1 alone; undefined for another. */
function stridesBesideOnes(x: Tensor, shape: Shape): number[] | undefined {
  const strides = new Array<number>(shape.length).fill(1);
  let d = 0;
  for (let i = 0; i < shape.length; i++) {
    if (shape[i] === 1) continue;
    while (x.shape[d] === 1) d++;
    if (x.shape[d] !== shape[i]) return undefined;
    strides[i] = x.strides[d++];
  }
  return strides;
}

/** The same elements under another shape of equal size: a view of a dense tensor, and where dimensions of size 1 come or go. */
export function reshaped(x: Tensor, shape: Shape): Tensor {
  const strides = x.isContiguous ? undefined : stridesBesideOnes(x, shape);
  if (strides !== undefined) return view(x, shape, x.offset, strides);
  const whole = dense(x);
  return view(whole, shape, whole.offset);
}

export function view(x: Tensor, shape: Shape, offset: number, strides?: readonly number[]): Tensor {
  return new Tensor(x.storage, shape, offset, strides);
}
