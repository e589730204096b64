import { Tensor } from "../tensor/tensor.ts";
import { unaryOp, unaryStep } from "./elementwise.ts";

const clampBoth = unaryOp("clamp", "input");

/** $-x$, elementwise, any shape. */
export const neg: (x: Tensor) => Tensor = unaryOp("neg", "input");
/** $|x|$. $\partial y/\partial x = \mathrm{sign}(x)$, 0 at 0. */
export const abs: (x: Tensor) => Tensor = unaryOp("abs", "input");
/** −1, 0 or 1; its derivative is 0. */
export const sign: (x: Tensor) => Tensor = unaryStep("sign");
/** Heaviside step, 1 where $x \ge 0$, else 0; its derivative is 0 (the perceptron's activation, Rosenblatt 1958). */
export const step: (x: Tensor) => Tensor = unaryStep("step");
/** $\min(\max(x, lo), hi)$. $\partial y/\partial x = 1$ where $lo \le x \le hi$, else 0. */
export const clamp = (x: Tensor, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY): Tensor =>
  clampBoth(x, min, max);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link neg}. */
    neg(): Tensor;
    /** See {@link abs}. */
    abs(): Tensor;
    /** See {@link sign}. */
    sign(): Tensor;
    /** See {@link step}. */
    step(): Tensor;
    /** See {@link clamp}. */
    clamp(min?: number, max?: number): Tensor;
  }
}
Tensor.prototype.neg = function () {
  return neg(this);
};
Tensor.prototype.abs = function () {
  return abs(this);
};
Tensor.prototype.sign = function () {
  return sign(this);
};
Tensor.prototype.step = function () {
  return step(this);
};
Tensor.prototype.clamp = function (min, max) {
  return clamp(this, min, max);
};
