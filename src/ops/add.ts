import { ShapeError } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { unaryOp } from "./elementwise.ts";
import { neg } from "./magnitude.ts";
import { areFloats, checkOperands, isFloatTensor, type Value } from "./promote.ts";
import { binary, sumTo, unary } from "./raw.ts";
import { mixed } from "./whole.ts";

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

/**
 * $a + b$ with broadcasting; either may be a number. The result has the dtype that PyTorch's promotion gives; of two truth
 * values it is whether one holds. The gradients are $\partial y$, summed where an operand was broadcast.
 */
export function add(a: Value, b: Value): Tensor {
  if (typeof b === "number") {
    if (isFloatTensor(a)) return addScalar(a, b);
  } else if (areFloats(a, b)) return addTensors(a as Tensor, b as Tensor);
  return mixed("add", a, b, addTensors);
}

/** $a - b$ with broadcasting; either may be a number. Truth values are refused, as in PyTorch. */
export function sub(a: Value, b: Value): Tensor {
  if (typeof b === "number") {
    if (isFloatTensor(a)) return addScalar(a, -b);
  } else if (areFloats(a, b)) return subTensors(a as Tensor, b as Tensor);
  if (typeof a === "number" && isFloatTensor(b)) return addScalar(neg(b), a);
  checkOperands("sub", a, b);
  refuseTruth("sub", a, b);
  return mixed("sub", a, b, subTensors);
}

/** Throws as PyTorch does for truth values. */
export function refuseTruth(name: string, ...operands: readonly Value[]): void {
  if (operands.every((x) => typeof x !== "boolean" && !(x instanceof Tensor && x.dtype === "bool"))) return;
  throw new ShapeError(
    `${name}: subtraction, the \`-\` operator, with a bool tensor is not supported`,
    "Invert a mask with logicalNot(); of two, logicalXor() gives the difference.",
  );
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link add}. */
    add(other: Tensor | number | boolean): Tensor;
    /** See {@link sub}. */
    sub(other: Tensor | number | boolean): Tensor;
  }
}
Tensor.prototype.add = function (other) {
  return add(this, other);
};
Tensor.prototype.sub = function (other) {
  return sub(this, other);
};
