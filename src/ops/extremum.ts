import { defineOp } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { castTo } from "./cast.ts";
import { binary, sumTo, unary } from "./raw.ts";

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

/** Larger of two, elementwise with broadcasting; NaN wins. The gradient goes to the larger, half to each where equal. */
export const maximum: (a: Tensor, b: Tensor) => Tensor = pairwise("maximum", "gt");
/** Smaller of two, elementwise with broadcasting; NaN wins. The gradient goes to the smaller, half to each where equal. */
export const minimum: (a: Tensor, b: Tensor) => Tensor = pairwise("minimum", "lt");

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link maximum}. */
    maximum(other: Tensor): Tensor;
    /** See {@link minimum}. */
    minimum(other: Tensor): Tensor;
  }
}
Tensor.prototype.maximum = function (other) {
  return maximum(this, other);
};
Tensor.prototype.minimum = function (other) {
  return minimum(this, other);
};
