import { castTo } from "../tensor/dtype.ts";
import { defineOp } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { areFloats, type Value } from "./promote.ts";
import { binary, sumTo, unary } from "./raw.ts";
import { mixed } from "./whole.ts";

function pairwise(op: "maximum" | "minimum", wins: "gt" | "lt") {
  return defineOp(op, {
    forward(ctx, a: Tensor, b: Tensor) {
      ctx.save(a);
      ctx.save(b);
      return binary(op, a, b);
    },
    backward(ctx, dy) {
      const [a, b] = ctx.saved;
      const g = dy as Tensor;
      // Where both are equal each gets half, as in PyTorch.
      const half = unary("mulScalar", castTo(binary("eq", a, b), g.dtype), 0.5);
      const share = (x: Tensor, y: Tensor) => {
        const weight = binary("add", castTo(binary(wins, x, y), g.dtype), half);
        return sumTo(binary("mul", g, weight), x.shape);
      };
      return [ctx.needs(0) ? share(a, b) : undefined, ctx.needs(1) ? share(b, a) : undefined];
    },
  });
}

const maximumOp = pairwise("maximum", "gt");
const minimumOp = pairwise("minimum", "lt");

/**
 * Larger of two, elementwise with broadcasting; NaN wins. Either may be a number; dtypes are promoted as in PyTorch. The gradient
 * goes to the larger, half to each where equal.
 */
export const maximum = (a: Value, b: Value): Tensor =>
  areFloats(a, b) ? maximumOp(a as Tensor, b as Tensor) : mixed("maximum", a, b, maximumOp);
/** Smaller of two, elementwise with broadcasting; as {@link maximum}. */
export const minimum = (a: Value, b: Value): Tensor =>
  areFloats(a, b) ? minimumOp(a as Tensor, b as Tensor) : mixed("minimum", a, b, minimumOp);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link maximum}. */
    maximum(other: Tensor | number): Tensor;
    /** See {@link minimum}. */
    minimum(other: Tensor | number): Tensor;
  }
}
Tensor.prototype.maximum = function (other) {
  return maximum(this, other);
};
Tensor.prototype.minimum = function (other) {
  return minimum(this, other);
};
