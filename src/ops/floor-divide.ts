import { isFloat } from "../backend/dtypes.ts";
import { broadcastShapes, broadcastStrides, ShapeError } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { checkOperands, resultType, type Value } from "./promote.ts";
import { binary, sumTo, unary, view } from "./raw.ts";
import { fill, mixed } from "./whole.ts";

/** What is left of x / y, with y's sign. */
function rest(x: number, y: number): number {
  const r = x % y;
  return r !== 0 && r < 0 !== y < 0 ? r + y : r;
}
function floors(x: number, y: number): number {
  if (y === 0) return x / y;
  const r = x % y;
  const quotient = (x - r) / y - (r !== 0 && r < 0 !== y < 0 ? 1 : 0);
  return quotient === 0 ? (x / y) * 0 : Math.round(quotient);
}

/** f of two tensors of one floating dtype, in float64 arithmetic. */
function loop(name: string, a: Tensor, b: Tensor, f: (x: number, y: number) => number): Tensor {
  const shape = broadcastShapes(a.shape, b.shape, name);
  const read = (x: Tensor) => view(x, shape, x.offset, broadcastStrides(x.shape, x.strides, shape)).data();
  const [x, y] = [read(a), read(b)];
  return fill(name, a.backend, shape, a.dtype, (i) => f(x[i], y[i]));
}

const floorOp = defineOp("floorDivide", {
  forward: (_ctx, a: Tensor, b: Tensor) => loop("floorDivide", a, b, floors),
});
const remainderOp = defineOp("remainder", {
  forward(ctx, a: Tensor, b: Tensor) {
    ctx.save(a);
    ctx.save(b);
    return loop("remainder", a, b, rest);
  },
  backward(ctx, dy) {
    const [a, b] = ctx.saved;
    const g = dy as Tensor;
    const db = () => unary("neg", binary("mul", g, loop("remainder", a, b, floors)));
    return [ctx.needs(0) ? sumTo(g, a.shape) : undefined, ctx.needs(1) ? sumTo(db(), b.shape) : undefined];
  },
});

function checked(name: string, a: Value, b: Value): void {
  checkOperands(name, a, b);
  const dtype = resultType(a, b);
  if (dtype === "bool") throw new ShapeError(`${name}: not implemented for bool`);
  if (b === 0 && !isFloat(dtype))
    throw new ShapeError(`${name}: division of a whole number by zero (ZeroDivisionError)`);
}

/** $\lfloor a / b\rfloor$ with broadcasting, towards −∞; either may be a number. Whole numbers stay whole. No gradient. */
export function floorDivide(a: Value, b: Value): Tensor {
  checked("floorDivide", a, b);
  return mixed("floorDivide", a, b, floorOp);
}
/**
 * $a - b\lfloor a / b\rfloor$ with broadcasting, of $b$'s sign, as Python's `%`; either may be a number. Whole numbers stay whole.
 * $\partial a = \partial y$, $\partial b = -\lfloor a/b\rfloor\,\partial y$.
 */
export function remainder(a: Value, b: Value): Tensor {
  checked("remainder", a, b);
  return mixed("remainder", a, b, remainderOp);
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link floorDivide}. */
    floorDivide(other: Tensor | number | boolean): Tensor;
    /** See {@link remainder}. */
    remainder(other: Tensor | number | boolean): Tensor;
  }
}
Tensor.prototype.floorDivide = function (other) {
  return floorDivide(this, other);
};
Tensor.prototype.remainder = function (other) {
  return remainder(this, other);
};
