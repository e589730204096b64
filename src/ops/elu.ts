import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";

const run = unaryOp("elu", "output");

/**
 * Exponential linear unit $x$ where $x > 0$, else $\alpha(e^x-1)$, elementwise, any shape (Clevert et al. 2015).
 * $\partial y/\partial x = 1$ or $y + \alpha$.
 */
export const elu = (x: Tensor, alpha = 1): Tensor => run(x, alpha);

/**
 * Scaled exponential linear unit: γ · elu with α = 1.67326… and γ = 1.05070…, elementwise, any shape (Klambauer et al. 2017).
 */
export const selu = (x: Tensor): Tensor => elu(x, 1.6732632423543772).mul(1.0507009873554805);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link elu}. */
    elu(alpha?: number): Tensor;
    /** See {@link selu}. */
    selu(): Tensor;
  }
}
Tensor.prototype.elu = function (alpha) {
  return elu(this, alpha);
};
Tensor.prototype.selu = function () {
  return selu(this);
};
