import { defineOp } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";
import { neg } from "./magnitude.ts";
import { binary, sumTo, unary } from "./raw.ts";

const addScalar = unaryOp("addScalar", "input");

const addTensors = defineOp("add", {
  forward(_ctx, a: Tensor, b: Tensor) {
    return binary("add", a, b);
  },
  backward(ctx, dy) {
    const [a, b] = ctx.inputs;
    const g = dy as Tensor;
    return [ctx.needs(0) ? sumTo(g, a.shape) : undefined, ctx.needs(1) ? sumTo(g, b.shape) : undefined];
  },
});

const subTensors = defineOp("sub", {
  forward(_ctx, a: Tensor, b: Tensor) {
    return binary("sub", a, b);
  },
  backward(ctx, dy) {
    const [a, b] = ctx.inputs;
    const g = dy as Tensor;
    return [ctx.needs(0) ? sumTo(g, a.shape) : undefined, ctx.needs(1) ? unary("neg", sumTo(g, b.shape)) : undefined];
  },
});

/** $a + b$ with broadcasting; $b$ may be a number. The gradients are $\partial y$, summed where an operand was broadcast. */
export const add = (a: Tensor, b: Tensor | number): Tensor =>
  typeof b === "number" ? addScalar(a, b) : addTensors(a, b);

/** $a - b$ with broadcasting; either may be a number. */
export function sub(a: Tensor | number, b: Tensor | number): Tensor {
  if (typeof a === "number") return add(neg(b as Tensor), a);
  return typeof b === "number" ? addScalar(a, -b) : subTensors(a, b);
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link add}. */
    add(other: Tensor | number): Tensor;
    /** See {@link sub}. */
    sub(other: Tensor | number): Tensor;
  }
}
Tensor.prototype.add = function (other) {
  return add(this, other);
};
Tensor.prototype.sub = function (other) {
  return sub(this, other);
};
