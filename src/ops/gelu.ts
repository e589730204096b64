import { OptionError } from "../backend/options.ts";
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
export function gelu(x: Tensor, approximate: "none" | "tanh" = "none"): Tensor {
  if (approximate === "none") return exact(x);
  if (approximate === "tanh") return tanhForm(x);
  throw new OptionError(`gelu: approximate ${JSON.stringify(approximate)}`, 'There are "none" and "tanh".');
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link gelu}. */
    gelu(approximate?: "none" | "tanh"): Tensor;
  }
}
Tensor.prototype.gelu = function (approximate) {
  return gelu(this, approximate);
};
