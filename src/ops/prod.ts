import { checkTensor } from "../tensor/dtype.ts";
import { normalizeDim } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { concat } from "./concat.ts";
import { isFloatTensor } from "./promote.ts";
import { wholeReduce } from "./sum.ts";

/**
 * Product over a dimension, or of all elements; 1 of none. Halves are multiplied with one another, so that the gradient is
 * right where elements are 0: each gets the product of the others. Of whole numbers and truth values the result is int64.
 * @throws ShapeError for a dimension that is not there
 */
export function prod(x: Tensor, dim?: number, keepdim = false): Tensor {
  if (!isFloatTensor(x)) {
    checkTensor("prod", x);
    return wholeReduce("prod", x, dim, keepdim, "int64", 1, (a, b) => (a === 0 || b === 0 ? 0 : a * b));
  }
  const d = dim === undefined ? 0 : normalizeDim(dim, x.ndim, "prod");
  let y = dim === undefined ? x.reshape([-1]) : x;
  // A neutral element: nothing has the product 1, and the shape is kept.
  if (y.shape[d] === 0) {
    const shape = y.shape.map((s, i) => (i === d ? 1 : s));
    y = y.sum(d, true).add(1).reshape(shape);
  }
  while (y.shape[d] > 1) {
    const half = y.shape[d] >> 1;
    const pairs = y.slice(d, 0, half).mul(y.slice(d, half, 2 * half));
    y = y.shape[d] % 2 === 0 ? pairs : concat([pairs, y.slice(d, 2 * half)], d);
  }
  if (dim === undefined) return y.reshape(keepdim ? x.shape.map(() => 1) : []);
  return keepdim ? y : y.reshape(y.shape.filter((_, i) => i !== d));
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link prod}. */
    prod(dim?: number, keepdim?: boolean): Tensor;
  }
}
Tensor.prototype.prod = function (dim, keepdim) {
  return prod(this, dim, keepdim);
};
