import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";

/** $e^x$, elementwise, any shape. $\partial y/\partial x = y$. */
export const exp: (x: Tensor) => Tensor = unaryOp("exp", "output", "float");
/** $e^x - 1$, exact near 0. $\partial y/\partial x = y + 1$. */
export const expm1: (x: Tensor) => Tensor = unaryOp("expm1", "output", "float");
/** $\ln x$, elementwise; NaN below 0. $\partial y/\partial x = 1/x$. */
export const log: (x: Tensor) => Tensor = unaryOp("log", "input", "float");
/** $\ln(1 + x)$, exact near 0. $\partial y/\partial x = 1/(1+x)$. */
export const log1p: (x: Tensor) => Tensor = unaryOp("log1p", "input", "float");

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link exp}. */
    exp(): Tensor;
    /** See {@link expm1}. */
    expm1(): Tensor;
    /** See {@link log}. */
    log(): Tensor;
    /** See {@link log1p}. */
    log1p(): Tensor;
  }
}
Tensor.prototype.exp = function () {
  return exp(this);
};
Tensor.prototype.expm1 = function () {
  return expm1(this);
};
Tensor.prototype.log = function () {
  return log(this);
};
Tensor.prototype.log1p = function () {
  return log1p(this);
};
