import { checkTensor } from "../tensor/dtype.ts";
import { ShapeError, sameShape, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { to } from "./cast.ts";
import { checkFloats } from "./promote.ts";
import { binary, unary } from "./raw.ts";

const lossOp = defineOp("binaryCrossEntropyWithLogits", {
  forward(ctx, x: Tensor, target: Tensor) {
    if (!sameShape(x.shape, target.shape)) {
      throw new ShapeError(
        `binaryCrossEntropyWithLogits: logits ${showShape(x.shape)}, targets ${showShape(target.shape)}`,
      );
    }
    ctx.save(x);
    ctx.save(target);
    const linear = binary("sub", unary("relu", x), binary("mul", x, target));
    return binary("add", linear, unary("log1p", unary("exp", unary("neg", unary("abs", x)))));
  },
  backward(ctx, dy) {
    const [x, target] = ctx.saved;
    const g = dy as Tensor;
    return [
      ctx.needs(0) ? binary("mul", g, binary("sub", unary("sigmoid", x), target)) : undefined,
      ctx.needs(1) ? binary("mul", g, unary("neg", x)) : undefined,
    ];
  },
});

/**
 * Binary cross-entropy with logits, element by element: $\max(x,0) - xt + \ln(1+e^{-|x|})$, which never overflows.
 * $\partial x = \sigma(x) - t$; $\partial t = -x$.
 * @param x logits, any shape
 * @param target 0 to 1, same shape; whole numbers and truth values count as floats
 */
export function binaryCrossEntropyWithLogits(x: Tensor, target: Tensor): Tensor {
  checkFloats("binaryCrossEntropyWithLogits", x);
  checkTensor("binaryCrossEntropyWithLogits", target, "targets");
  return lossOp(x, to(target, x.dtype));
}
