import { isFloat } from "../backend/dtypes.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { describe, ShapeError } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { to } from "./cast.ts";
import { unaryOp, unaryStep } from "./elementwise.ts";
import { isFloatTensor, refuse, resultType } from "./promote.ts";
import { wholeMap } from "./whole.ts";

const clampBoth = unaryOp("clamp", "input");

/** As whole numbers of the same dtype; truth values are refused, as in PyTorch. */
function kept(name: string, f: (x: number) => number): (x: Tensor) => Tensor {
  return (x) => (x.dtype === "bool" ? refuse(name, x.dtype) : wholeMap(name, x, x.dtype, f));
}

/** $-x$, elementwise, any shape. */
export const neg: (x: Tensor) => Tensor = unaryOp(
  "neg",
  "input",
  kept("neg", (x) => 0 - x),
);
/** $|x|$. $\partial y/\partial x = \mathrm{sign}(x)$, 0 at 0. */
export const abs: (x: Tensor) => Tensor = unaryOp("abs", "input", kept("abs", Math.abs));
/** −1, 0 or 1 (0 of NaN, as in PyTorch); its derivative is 0. */
export const sign: (x: Tensor) => Tensor = unaryStep("sign", (x) => wholeMap("sign", x, x.dtype, Math.sign));
/** Heaviside step, 1 where $x \ge 0$, else 0; its derivative is 0 (the perceptron's activation, Rosenblatt 1958). */
export const step: (x: Tensor) => Tensor = unaryStep("step", (x) =>
  wholeMap("step", x, x.dtype, (v) => Number(v >= 0)),
);

/**
 * $\min(\max(x, lo), hi)$; of whole numbers between whole bounds whole. $\partial y/\partial x = 1$ where
 * $lo \le x \le hi$, else 0.
 */
export function clamp(x: Tensor, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY): Tensor {
  if (typeof min !== "number" || typeof max !== "number") {
    throw new ShapeError(`clamp: expected numbers as bounds, found ${describe(min)} and ${describe(max)}`);
  }
  if (isFloatTensor(x)) return clampBoth(x, min, max);
  checkTensor("clamp", x);
  const dtype = resultType(x, ...[min, max].filter((v) => Math.abs(v) !== Number.POSITIVE_INFINITY));
  if (isFloat(dtype)) return clampBoth(to(x, dtype), min, max);
  return wholeMap("clamp", x, dtype, (v) => Math.min(Math.max(v, min), max));
}

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
