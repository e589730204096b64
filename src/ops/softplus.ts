import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";

const run = unaryOp("softplus", "input");

/**
 * Softplus $\tfrac1\beta\ln(1+e^{\beta x})$, elementwise, any shape; $x$ itself where $\beta x >$ threshold.
 * $\partial y/\partial x = \sigma(\beta x)$.
 */
export const softplus = (x: Tensor, beta = 1, threshold = 20): Tensor => run(x, beta, threshold);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link softplus}. */
    softplus(beta?: number, threshold?: number): Tensor;
  }
}
Tensor.prototype.softplus = function (beta, threshold) {
  return softplus(this, beta, threshold);
};
