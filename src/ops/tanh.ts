import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";

/**
 * Hyperbolic tangent $\\tanh x$, elementwise, any shape. $\\partial y/\\partial x = 1 - y^2$.
 */
export const tanh: (x: Tensor) => Tensor = unaryOp("tanh", "output", "float");

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link tanh}. */
    tanh(): Tensor;
  }
}
Tensor.prototype.tanh = function () {
  return tanh(this);
};
