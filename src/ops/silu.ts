import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";

/**
 * Sigmoid-weighted linear unit $x\\,\\sigma(x)$, elementwise, any shape (Elfwing et al. 2017; "swish").
 * $\\partial y/\\partial x = \\sigma(x)\\,(1 + x(1-\\sigma(x)))$.
 */
export const silu: (x: Tensor) => Tensor = unaryOp("silu", "input");

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link silu}. */
    silu(): Tensor;
  }
}
Tensor.prototype.silu = function () {
  return silu(this);
};
