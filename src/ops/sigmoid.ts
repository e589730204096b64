import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";

/**
 * Logistic sigmoid $\\sigma(x) = 1 / (1 + e^{-x})$, elementwise, any shape.
 * $\\partial\\sigma/\\partial x = \\sigma(1-\\sigma)$, so the output is all that the backward pass needs.
 */
export const sigmoid: (x: Tensor) => Tensor = unaryOp("sigmoid", "output", "float");

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link sigmoid}. */
    sigmoid(): Tensor;
  }
}
Tensor.prototype.sigmoid = function () {
  return sigmoid(this);
};
