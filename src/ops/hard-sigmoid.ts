import { checkTensor } from "../tensor/dtype.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Hard sigmoid $\min(1, \max(0, x/6 + 1/2))$, elementwise, any shape. The gradient is 1/6 between −3 and 3, else 0. */
export function hardsigmoid(x: Tensor): Tensor {
  checkTensor("hardsigmoid", x);
  return x.div(6).add(0.5).clamp(0, 1);
}

/** Hard swish $x \cdot \mathrm{hardsigmoid}(x)$, elementwise, any shape (Howard et al. 2019). */
export function hardswish(x: Tensor): Tensor {
  checkTensor("hardswish", x);
  return x.mul(hardsigmoid(x));
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link hardsigmoid}. */
    hardsigmoid(): Tensor;
    /** See {@link hardswish}. */
    hardswish(): Tensor;
  }
}
Tensor.prototype.hardsigmoid = function () {
  return hardsigmoid(this);
};
Tensor.prototype.hardswish = function () {
  return hardswish(this);
};
