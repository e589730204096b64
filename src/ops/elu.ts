import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";

const run = unaryOp("elu", "output");

/**
 * Exponential linear unit $x$ where $x > 0$, else $\alpha(e^x-1)$, elementwise, any shape (Clevert et al. 2015).
 * $\partial y/\partial x = 1$ or $y + \alpha$.
 */
export const elu = (x: Tensor, alpha = 1): Tensor => run(x, alpha);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link elu}. */
    elu(alpha?: number): Tensor;
  }
}
Tensor.prototype.elu = function (alpha) {
  return elu(this, alpha);
};
