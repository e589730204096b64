import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";

/** $\sin x$, elementwise, radians. $\partial y/\partial x = \cos x$. */
export const sin: (x: Tensor) => Tensor = unaryOp("sin", "input", "float");
/** $\cos x$, elementwise, radians. $\partial y/\partial x = -\sin x$. */
export const cos: (x: Tensor) => Tensor = unaryOp("cos", "input", "float");

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link sin}. */
    sin(): Tensor;
    /** See {@link cos}. */
    cos(): Tensor;
  }
}
Tensor.prototype.sin = function () {
  return sin(this);
};
Tensor.prototype.cos = function () {
  return cos(this);
};
