import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";

const exact = unaryOp("gelu", "input");
const tanhForm = unaryOp("geluTanh", "input");

/**
 * Gaussian error linear unit $x\,\Phi(x)$, elementwise, any shape (Hendrycks & Gimpel 2016).
 * $\partial y/\partial x = \Phi(x) + x\,\varphi(x)$.
 * @param approximate `"none"`: $\Phi(x) = \tfrac12(1+\mathrm{erf}(x/\sqrt2))$; `"tanh"`:
 *   $\tfrac12 x(1+\tanh(\sqrt{2/\pi}(x+0.044715x^3)))$, as GPT-2 computes it.
 */
export const gelu = (x: Tensor, approximate: "none" | "tanh" = "none"): Tensor =>
  approximate === "tanh" ? tanhForm(x) : exact(x);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link gelu}. */
    gelu(approximate?: "none" | "tanh"): Tensor;
  }
}
Tensor.prototype.gelu = function (approximate) {
  return gelu(this, approximate);
};
