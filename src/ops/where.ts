import { full } from "../tensor/create.ts";
import { broadcastShapes, broadcastStrides, makeLoop, ShapeError } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { to } from "./cast.ts";
import { sumTo } from "./raw.ts";

function choose(cond: Tensor, a: Tensor, b: Tensor): Tensor {
  if (cond.dtype !== "uint8") throw new ShapeError(`where: expected a uint8 condition, found ${cond.dtype}`);
  const shape = broadcastShapes(cond.shape, broadcastShapes(a.shape, b.shape, "where"), "where");
  const strides = [cond, a, b].map((t) => broadcastStrides(t.shape, t.strides, shape));
  const out = empty(shape, a.dtype, a.backend);
  a.backend.where(out, cond, a, b, makeLoop(shape, strides));
  return out;
}

const whereOp = defineOp("where", {
  forward(ctx, cond: Tensor, a: Tensor, b: Tensor) {
    ctx.save(cond);
    return choose(cond, a, b);
  },
  backward(ctx, dy) {
    const [cond] = ctx.saved;
    const g = dy as Tensor;
    const zero = empty([], g.dtype, g.backend);
    g.backend.fill(zero, 1, 0);
    return [
      undefined,
      ctx.needs(1) ? sumTo(choose(cond, g, zero), ctx.inputs[1].shape) : undefined,
      ctx.needs(2) ? sumTo(choose(cond, zero, g), ctx.inputs[2].shape) : undefined,
    ];
  },
});

/**
 * a where cond (uint8) is not 0, else b, with broadcasting; a and b, of one kind, may be numbers; of uint8 the result is
 * truth values, 0 and 1. The gradient goes where it was taken from. Throws {@link ShapeError} for another kind of condition, two
 * kinds of operands, or shapes that do not broadcast.
 */
export function where(cond: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  const dtype = a instanceof Tensor ? a.dtype : b instanceof Tensor ? b.dtype : "float32";
  const lift = (x: Tensor | number) => (typeof x === "number" ? full([], x, { dtype }) : x);
  const [x, y] = [lift(a), lift(b)];
  if (x.dtype !== y.dtype)
    throw new ShapeError(`where: ${x.dtype} against ${y.dtype}`, "Convert one of them: t.to(dtype).");
  // Kernels choose among four bytes.
  if (dtype === "uint8") return to(whereOp(cond, to(x, "int32"), to(y, "int32")), "uint8");
  return whereOp(cond, x, y);
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** This tensor with `value` where mask (uint8) is not 0. See {@link where}. */
    maskedFill(mask: Tensor, value: number): Tensor;
  }
}
Tensor.prototype.maskedFill = function (mask, value) {
  return where(mask, value, this);
};
