import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";
import { whole } from "./whole.ts";

/** $x^2$, elementwise, any shape; of whole numbers whole. $\partial y/\partial x = 2x$. */
export const square: (x: Tensor) => Tensor = unaryOp("square", "input", (x) =>
  whole("pow", x, 2, x.dtype === "bool" ? "int64" : x.dtype),
);
/** $\sqrt x$; NaN below 0. $\partial y/\partial x = 1/(2y)$. */
export const sqrt: (x: Tensor) => Tensor = unaryOp("sqrt", "output", "float");
/** $1/\sqrt x$. $\partial y/\partial x = -y^3/2$. */
export const rsqrt: (x: Tensor) => Tensor = unaryOp("rsqrt", "output", "float");
/** $1/x$. $\partial y/\partial x = -y^2$. */
export const reciprocal: (x: Tensor) => Tensor = unaryOp("reciprocal", "output", "float");

/** $x^p$ for a number $p$. $\partial y/\partial x = p\,x^{p-1}$. */
export const powScalar: (x: Tensor, exponent?: number) => Tensor = unaryOp("powScalar", "input");

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link square}. */
    square(): Tensor;
    /** See {@link sqrt}. */
    sqrt(): Tensor;
    /** See {@link rsqrt}. */
    rsqrt(): Tensor;
    /** See {@link reciprocal}. */
    reciprocal(): Tensor;
  }
}
Tensor.prototype.square = function () {
  return square(this);
};
Tensor.prototype.sqrt = function () {
  return sqrt(this);
};
Tensor.prototype.rsqrt = function () {
  return rsqrt(this);
};
Tensor.prototype.reciprocal = function () {
  return reciprocal(this);
};
