import { HELD } from "../backend/dtypes.ts";
import { full } from "../tensor/create.ts";
import { castTo, checkTensor, scalarFor } from "../tensor/dtype.ts";
import { broadcastShapes, broadcastStrides, makeLoop, ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { to } from "./cast.ts";
import { areFloats, resultType, type Value } from "./promote.ts";
import { sumTo } from "./raw.ts";

function choose(cond: Tensor, a: Tensor, b: Tensor): Tensor {
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

/** Truth values and bytes, by the kernels that choose among four bytes. */
const whereBytes = defineOp("where", {
  forward: (_ctx, cond: Tensor, a: Tensor, b: Tensor) =>
    castTo(choose(cond, castTo(a, "int32"), castTo(b, "int32")), a.dtype),
});

/** Both as tensors of the dtype that promotion gives; two numbers are float32, like the data of `tensor`. */
function branches(a: Value, b: Value): [Tensor, Tensor] {
  const numbers = !(a instanceof Tensor) && !(b instanceof Tensor);
  const dtype = numbers && !(typeof a === "boolean" && typeof b === "boolean") ? "float32" : resultType(a, b);
  const lift = (x: Value) => (x instanceof Tensor ? to(x, dtype) : full([], scalarFor("where", x, dtype), { dtype }));
  return [lift(a), lift(b)];
}

/**
 * a where cond (bool; uint8: not 0) holds, else b, with broadcasting; a and b may be numbers, and are promoted to one dtype as in
 * PyTorch. The gradient goes where it was taken from. Throws {@link ShapeError} for another kind of condition, or shapes that
 * do not broadcast.
 */
export function where(cond: Tensor, a: Value, b: Value): Tensor {
  checkMask("where", cond);
  for (const x of [a, b])
    if (typeof x !== "number" && typeof x !== "boolean") checkTensor("where", x, "a tensor or a number");
  const [x, y] = areFloats(a, b) ? [a as Tensor, b as Tensor] : branches(a, b);
  return HELD[x.dtype] === "uint8" ? whereBytes(cond, x, y) : whereOp(cond, x, y);
}

function checkMask(where: string, mask: Tensor): void {
  checkTensor(where, mask, "a condition");
  if (HELD[mask.dtype] !== "uint8") {
    throw new ShapeError(`${where}: expected a condition of bool, found ${mask.dtype}`, "Compare it, or: mask.bool().");
  }
}

/** x with `value`, as x's dtype holds it, where mask (bool; uint8: not 0) holds. See {@link where}. */
export function maskedFill(x: Tensor, mask: Tensor, value: number | boolean | Tensor): Tensor {
  checkTensor("maskedFill", x);
  checkMask("maskedFill", mask);
  if (!(value instanceof Tensor))
    return where(mask, full([], scalarFor("maskedFill", value, x.dtype), { dtype: x.dtype }), x);
  if (value.ndim !== 0) {
    throw new ShapeError(
      `maskedFill: expected a number or a tensor without dimensions, found ${showShape(value.shape)}`,
    );
  }
  return where(mask, to(value, x.dtype), x);
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link maskedFill}. */
    maskedFill(mask: Tensor, value: number | boolean | Tensor): Tensor;
  }
}
Tensor.prototype.maskedFill = function (mask, value) {
  return maskedFill(this, mask, value);
};
