import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";
import { refuse } from "./promote.ts";
import { wholeMap } from "./whole.ts";

/**
 * Rectified linear unit $\\max(0, x)$, elementwise, any shape (Nair & Hinton 2010).
 * $\\partial y/\\partial x = 1$ where $y > 0$, else 0.
 */
export const relu: (x: Tensor) => Tensor = unaryOp("relu", "output", (x) =>
  x.dtype === "bool" ? refuse("relu", x.dtype) : wholeMap("relu", x, x.dtype, (v) => Math.max(v, 0)),
);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link relu}. */
    relu(): Tensor;
  }
}
Tensor.prototype.relu = function () {
  return relu(this);
};
