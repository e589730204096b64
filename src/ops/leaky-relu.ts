import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";

const run = unaryOp("leakyRelu", "input");

/**
 * Leaky ReLU $x$ where $x > 0$, else $\alpha x$, elementwise, any shape (Maas et al. 2013).
 * $\partial y/\partial x = 1$ or $\alpha$.
 * @param negativeSlope $\alpha$; 0.01 as in PyTorch.
 */
export const leakyRelu = (x: Tensor, negativeSlope = 0.01): Tensor => run(x, negativeSlope);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link leakyRelu}. */
    leakyRelu(negativeSlope?: number): Tensor;
  }
}
Tensor.prototype.leakyRelu = function (negativeSlope) {
  return leakyRelu(this, negativeSlope);
};
