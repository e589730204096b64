import { defineOp } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";
import { powScalar, reciprocal } from "./power.ts";
import { binary, sumTo, unary } from "./raw.ts";

const mulScalar = unaryOp("mulScalar", "input");

const mulTensors = defineOp("mul", {
  forward(ctx, a: Tensor, b: Tensor) {
    ctx.save(a);
    ctx.save(b);
    return binary("mul", a, b);
  },
  backward(ctx, dy) {
    const [a, b] = ctx.saved;
    const g = dy as Tensor;
    return [
      ctx.needs(0) ? sumTo(binary("mul", g, b), a.shape) : undefined,
      ctx.needs(1) ? sumTo(binary("mul", g, a), b.shape) : undefined,
    ];
  },
});

const divTensors = defineOp("div", {
  forward(ctx, a: Tensor, b: Tensor) {
    ctx.save(b);
    return ctx.save(binary("div", a, b));
  },
  backward(ctx, dy) {
    const [b, y] = ctx.saved;
    const da = binary("div", dy as Tensor, b);
    return [
      ctx.needs(0) ? sumTo(da, ctx.inputs[0].shape) : undefined,
      ctx.needs(1) ? unary("neg", sumTo(binary("mul", da, y), b.shape)) : undefined,
    ];
  },
});

const powTensors = defineOp("pow", {
  forward(ctx, a: Tensor, b: Tensor) {
    ctx.save(a);
    ctx.save(b);
    return ctx.save(binary("pow", a, b));
  },
  backward(ctx, dy) {
    const [a, b, y] = ctx.saved;
    const g = dy as Tensor;
    let da: Tensor | undefined;
    let db: Tensor | undefined;
    if (ctx.needs(0)) {
      const slope = binary("mul", b, binary("pow", a, unary("addScalar", b, -1)));
      da = sumTo(binary("mul", g, slope), a.shape);
    }
    if (ctx.needs(1)) db = sumTo(binary("mul", g, binary("mul", y, unary("log", a))), b.shape);
    return [da, db];
  },
});

/** $a\,b$ with broadcasting; $b$ may be a number. $\partial a = b\,\partial y$, $\partial b = a\,\partial y$. */
export const mul = (a: Tensor, b: Tensor | number): Tensor =>
  typeof b === "number" ? mulScalar(a, b) : mulTensors(a, b);

/** $a / b$ with broadcasting; either may be a number. $\partial a = \partial y/b$, $\partial b = -y\,\partial y/b$. */
export function div(a: Tensor | number, b: Tensor | number): Tensor {
  if (typeof a === "number") return mul(reciprocal(b as Tensor), a);
  return typeof b === "number" ? mulScalar(a, 1 / b) : divTensors(a, b);
}

/** $a^b$ with broadcasting; $b$ may be a number. $\partial a = b\,a^{b-1}\partial y$, $\partial b = y\ln a\,\partial y$. */
export const pow = (a: Tensor, b: Tensor | number): Tensor =>
  typeof b === "number" ? powScalar(a, b) : powTensors(a, b);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link mul}. */
    mul(other: Tensor | number): Tensor;
    /** See {@link div}. */
    div(other: Tensor | number): Tensor;
    /** See {@link pow}. */
    pow(exponent: Tensor | number): Tensor;
  }
}
Tensor.prototype.mul = function (other) {
  return mul(this, other);
};
Tensor.prototype.div = function (other) {
  return div(this, other);
};
Tensor.prototype.pow = function (exponent) {
  return pow(this, exponent);
};
