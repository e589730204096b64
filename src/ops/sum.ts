import { normalizeDims, numel, type Shape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { contiguousCopy, Tensor } from "../tensor/tensor.ts";
import { reduceDims, reshaped, unary, view } from "./raw.ts";

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
 * $\partial x_i = \partial y$. Summed pairwise.
 */
export const sum = (x: Tensor, dim?: Dims, keepdim = false): Tensor => sumOp(x, dim, keepdim);

/** Mean over the dimensions `dim` (all if not given). $\partial x_i = \partial y / n$. NaN over no elements. */
export const mean = (x: Tensor, dim?: Dims, keepdim = false): Tensor => meanOp(x, dim, keepdim);

/**
 * Variance over the dimensions `dim` (all if not given): $\sum (x-\bar x)^2/(n - c)$.
 * @param correction $c$: 1 as in PyTorch, 0 for the population's.
 */
export function variance(x: Tensor, dim?: Dims, { correction = 1, keepdim = false } = {}): Tensor {
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
