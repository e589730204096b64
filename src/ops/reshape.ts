import { checkTensor } from "../tensor/dtype.ts";
import {
  broadcastShapes,
  broadcastStrides,
  describe,
  normalizeDim,
  numel,
  type Shape,
  ShapeError,
  sameShape,
  showShape,
} from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { contiguousCopy, Tensor } from "../tensor/tensor.ts";
import { reshaped, sumTo, view } from "./raw.ts";

const reshapeOp = defineOp("reshape", {
  forward: (_ctx, x: Tensor, shape: Shape) => reshaped(x, shape),
  backward: (ctx, dy) => [reshaped(dy as Tensor, ctx.inputs[0].shape)],
});

const expandOp = defineOp("expand", {
  forward: (_ctx, x: Tensor, shape: Shape) => view(x, shape, x.offset, broadcastStrides(x.shape, x.strides, shape)),
  backward: (ctx, dy) => [sumTo(dy as Tensor, ctx.inputs[0].shape)],
});

const permuteOp = defineOp("permute", {
  forward(ctx, x: Tensor, dims: readonly number[]) {
    ctx.memo = dims;
    return permuted(x, dims);
  },
  backward(ctx, dy) {
    const dims = ctx.memo as readonly number[];
    const inverse = dims.map((_, d) => dims.indexOf(d));
    return [permuted(dy as Tensor, inverse)];
  },
});

const permuted = (x: Tensor, dims: readonly number[]): Tensor =>
  view(
    x,
    dims.map((d) => x.shape[d]),
    x.offset,
    dims.map((d) => x.strides[d]),
  );

const contiguousOp = defineOp("contiguous", {
  forward: (_ctx, x: Tensor) => contiguousCopy(x),
  backward: (_ctx, dy) => [dy as Tensor],
});

function checkList(name: string, list: unknown): void {
  if (Array.isArray(list)) return;
  throw new ShapeError(`${name}: expected an array of whole numbers, found ${describe(list)}`, "x.reshape([2, 3])");
}

/**
 * The same elements, in the same order, under another shape: a view of a contiguous tensor, else a copy.
 * One size may be −1: it follows from the others. Throws {@link ShapeError}.
 */
export function reshape(x: Tensor, shape: Shape): Tensor {
  checkTensor("reshape", x);
  checkList("reshape", shape);
  const rest = numel(shape.filter((s) => s !== -1));
  const holes = shape.filter((s) => s === -1).length;
  const filled = holes === 1 && rest > 0 ? shape.map((s) => (s === -1 ? x.numel / rest : s)) : [...shape];
  if (!filled.every((s) => Number.isInteger(s) && s >= 0) || numel(filled) !== x.numel) {
    throw new ShapeError(
      `reshape: ${showShape(x.shape)} has ${x.numel} elements and cannot become ${showShape(shape)}`,
    );
  }
  return reshapeOp(x, filled);
}

/** Merges dimensions from `start` to `end` into one. */
export function flatten(x: Tensor, start = 0, end = -1): Tensor {
  checkTensor("flatten", x);
  if (x.ndim === 0) return reshape(x, [1]);
  const [from, to] = [normalizeDim(start, x.ndim, "flatten"), normalizeDim(end, x.ndim, "flatten")];
  if (from > to) throw new ShapeError(`flatten: dimension ${start} comes after ${end}`);
  return reshape(x, [...x.shape.slice(0, from), numel(x.shape.slice(from, to + 1)), ...x.shape.slice(to + 1)]);
}

/** Repeats dimensions of size 1, as a view. −1 keeps a size. Throws {@link ShapeError}. */
export function expand(x: Tensor, shape: Shape): Tensor {
  checkTensor("expand", x);
  checkList("expand", shape);
  const lead = shape.length - x.ndim;
  const filled = shape.map((s, d) => (s === -1 && d >= lead ? x.shape[d - lead] : s));
  if (!sameShape(broadcastShapes(x.shape, filled, "expand"), filled)) {
    throw new ShapeError(`expand: ${showShape(x.shape)} cannot become ${showShape(shape)}`);
  }
  return expandOp(x, filled);
}

/** Dimensions in another order, as a view. */
export function permute(x: Tensor, dims: readonly number[]): Tensor {
  checkTensor("permute", x);
  checkList("permute", dims);
  const order = dims.map((d) => normalizeDim(d, x.ndim, "permute"));
  if (order.length !== x.ndim || new Set(order).size !== x.ndim) {
    throw new ShapeError(`permute: [${dims}] is no order of ${x.ndim} dimensions`);
  }
  return permuteOp(x, order);
}

/** Two dimensions exchanged, as a view. */
export function transpose(x: Tensor, a = -2, b = -1): Tensor {
  checkTensor("transpose", x);
  const [i, j] = [normalizeDim(a, x.ndim, "transpose"), normalizeDim(b, x.ndim, "transpose")];
  const order = x.shape.map((_, d) => (d === i ? j : d === j ? i : d));
  return permuteOp(x, order);
}

/** A dimension of size 1 inserted before `dim`. */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  checkTensor("unsqueeze", x);
  const d = normalizeDim(dim, x.ndim + 1, "unsqueeze");
  return reshape(x, [...x.shape.slice(0, d), 1, ...x.shape.slice(d)]);
}

/** Dimension `dim` removed if its size is 1; all such if not given. */
export function squeeze(x: Tensor, dim?: number): Tensor {
  checkTensor("squeeze", x);
  const d = dim === undefined ? undefined : normalizeDim(dim, x.ndim, "squeeze");
  return reshape(
    x,
    x.shape.filter((s, i) => s !== 1 || (d !== undefined && i !== d)),
  );
}

/** Itself if row-major without gaps, else such a copy. */
export function contiguous(x: Tensor): Tensor {
  checkTensor("contiguous", x);
  return x.isContiguous && x.storage.alive ? x : contiguousOp(x);
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link reshape}. */
    reshape(shape: readonly number[]): Tensor;
    /** See {@link flatten}. */
    flatten(start?: number, end?: number): Tensor;
    /** See {@link expand}. */
    expand(shape: readonly number[]): Tensor;
    /** See {@link permute}. */
    permute(dims: readonly number[]): Tensor;
    /** See {@link transpose}. */
    transpose(a?: number, b?: number): Tensor;
    /** See {@link unsqueeze}. */
    unsqueeze(dim: number): Tensor;
    /** See {@link squeeze}. */
    squeeze(dim?: number): Tensor;
    /** See {@link contiguous}. */
    contiguous(): Tensor;
  }
}
Tensor.prototype.reshape = function (shape) {
  return reshape(this, shape);
};
Tensor.prototype.flatten = function (start, end) {
  return flatten(this, start, end);
};
Tensor.prototype.expand = function (shape) {
  return expand(this, shape);
};
Tensor.prototype.permute = function (dims) {
  return permute(this, dims);
};
Tensor.prototype.transpose = function (a, b) {
  return transpose(this, a, b);
};
Tensor.prototype.unsqueeze = function (dim) {
  return unsqueeze(this, dim);
};
Tensor.prototype.squeeze = function (dim) {
  return squeeze(this, dim);
};
Tensor.prototype.contiguous = function () {
  return contiguous(this);
};
