import type { DType } from "../backend/backend.ts";
import { checkOptions, type Known } from "../backend/options.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { normalizeDims, numel, type Shape, ShapeError } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { contiguousCopy, Tensor } from "../tensor/tensor.ts";
import { checkFloats, isFloatTensor } from "./promote.ts";
import { reduceDims, reshaped, unary, view } from "./raw.ts";
import { wholeFold } from "./whole.ts";

type Dims = number | readonly number[] | undefined;

/** Shape after reducing the sorted `dims`. */
export const without = (shape: Shape, dims: readonly number[], keepdim: boolean): number[] =>
  keepdim ? shape.map((s, d) => (dims.includes(d) ? 1 : s)) : shape.filter((_, d) => !dims.includes(d));

/** A tensor of the reduced shape, repeated along the reduced dimensions: a view. */
export function spread(g: Tensor, shape: Shape, dims: readonly number[]): Tensor {
  const kept = reshaped(g, without(shape, dims, true));
  return view(
    kept,
    shape,
    kept.offset,
    kept.strides.map((s, d) => (dims.includes(d) ? 0 : s)),
  );
}

function reduction(op: "sum" | "mean") {
  return defineOp(op, {
    forward(ctx, x: Tensor, dim: Dims, keepdim: boolean) {
      const dims = normalizeDims(dim, x.ndim, op);
      ctx.memo = dims;
      const y = reduceDims(op, x, dims);
      return reshaped(y.storage === x.storage ? contiguousCopy(y) : y, without(x.shape, dims, keepdim));
    },
    backward(ctx, dy) {
      const dims = ctx.memo as number[];
      const { shape } = ctx.inputs[0];
      const count = numel(dims.map((d) => shape[d]));
      const g = op === "mean" ? unary("mulScalar", dy as Tensor, 1 / count) : (dy as Tensor);
      return [spread(g, shape, dims)];
    },
  });
}

const sumOp = reduction("sum");
const meanOp = reduction("mean");

/**
 * $\sum x$ over the dimensions `dim` (all if not given); they vanish, or stay with size 1 if `keepdim`.
 * $\partial x_i = \partial y$. Summed pairwise; whole numbers and truth values exactly, to int64.
 */
export function sum(x: Tensor, dim?: Dims, keepdim = false): Tensor {
  if (isFloatTensor(x)) return sumOp(x, dim, keepdim);
  checkTensor("sum", x);
  return wholeReduce("sum", x, dim, keepdim, "int64", 0, (a, b) => a + b);
}

/**
 * Mean over the dimensions `dim` (all if not given). $\partial x_i = \partial y / n$. NaN over no elements; whole numbers are
 * refused, as in PyTorch.
 */
export function mean(x: Tensor, dim?: Dims, keepdim = false): Tensor {
  if (isFloatTensor(x)) return meanOp(x, dim, keepdim);
  checkTensor("mean", x);
  throw new ShapeError(
    `mean: could not infer output dtype: input dtype must be a floating point one, found ${x.dtype}`,
    "Convert it first: t.float().mean().",
  );
}

/** Gathers whole numbers or truth values along dimensions, exactly; without a gradient. */
export function wholeReduce(
  name: string,
  x: Tensor,
  dim: Dims,
  keepdim: boolean,
  dtype: DType,
  start: number,
  f: (gathered: number, x: number) => number,
): Tensor {
  const dims = normalizeDims(dim, x.ndim, name);
  const y = wholeFold(name, x, dims, dtype, start, f);
  return keepdim ? y.reshape(without(x.shape, dims, true)) : y;
}

interface VarianceOptions {
  correction?: number;
  keepdim?: boolean;
}
const VARIANCE: Known<VarianceOptions> = { correction: true, keepdim: true };

/**
 * Variance over the dimensions `dim` (all if not given): $\sum (x-\bar x)^2/(n - c)$.
 * @param correction $c$: 1 as in PyTorch, 0 for the population's.
 */
export function variance(x: Tensor, dim?: Dims, options: VarianceOptions = {}): Tensor {
  checkOptions("variance", options, VARIANCE, { unbiased: "correction: 1 (unbiased) or 0." });
  const { correction = 1, keepdim = false } = options;
  checkFloats("variance", x);
  const dims = normalizeDims(dim, x.ndim, "variance");
  const count = numel(dims.map((d) => x.shape[d]));
  const centred = x.sub(mean(x, dims, true));
  return sum(centred.square(), dims, keepdim).div(Math.max(0, count - correction));
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link sum}. */
    sum(dim?: number | readonly number[], keepdim?: boolean): Tensor;
    /** See {@link mean}. */
    mean(dim?: number | readonly number[], keepdim?: boolean): Tensor;
    /** See {@link variance}. */
    variance(dim?: number | readonly number[], options?: { correction?: number; keepdim?: boolean }): Tensor;
  }
}
Tensor.prototype.sum = function (dim, keepdim) {
  return sum(this, dim, keepdim);
};
Tensor.prototype.mean = function (dim, keepdim) {
  return mean(this, dim, keepdim);
};
Tensor.prototype.variance = function (dim, options) {
  return variance(this, dim, options);
};
