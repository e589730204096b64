import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";

/**
 * Rectified linear unit $\\max(0, x)$, elementwise, any shape (Nair & Hinton 2010).
 * $\\partial y/\\partial x = 1$ where $y > 0$, else 0.
 */
export const relu: (x: Tensor) => Tensor = unaryOp("relu", "output");

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link relu}. */
    relu(): Tensor;
  }
}
Tensor.prototype.relu = function () {
  return relu(this);
};
