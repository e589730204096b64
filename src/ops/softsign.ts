import { checkTensor } from "../tensor/dtype.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Softsign $x / (1 + |x|)$, elementwise, any shape; between −1 and 1. */
export function softsign(x: Tensor): Tensor {
  checkTensor("softsign", x);
  return x.div(x.abs().add(1));
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link softsign}. */
    softsign(): Tensor;
  }
}
Tensor.prototype.softsign = function () {
  return softsign(this);
};
