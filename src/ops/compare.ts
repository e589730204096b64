import type { BinaryOp } from "../backend/codes.ts";
import { full } from "../tensor/create.ts";
import { defineOp } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { to } from "./cast.ts";
import { binary } from "./raw.ts";

function comparison(op: BinaryOp): (a: Tensor, b: Tensor | number) => Tensor {
  return defineOp(op, {
    forward(_ctx, a: Tensor, b: Tensor | number) {
      return binary(op, a, typeof b === "number" ? full([], b, { dtype: a.dtype }) : b);
    },
  });
}

type Compare = (a: Tensor, b: Tensor | number) => Tensor;
/** $a = b$ elementwise with broadcasting: uint8, 1 where true. Likewise the others. No gradient. */
export const eq: Compare = comparison("eq");
export const ne: Compare = comparison("ne");
export const lt: Compare = comparison("lt");
export const le: Compare = comparison("le");
export const gt: Compare = comparison("gt");
export const ge: Compare = comparison("ge");

/** The kernels compare numbers. */
const numbers = (x: Tensor): Tensor => (x.dtype === "uint8" ? to(x, "int32") : x);
const isTrue = (x: Tensor): Tensor => to(ne(numbers(x), 0), "int32");
/** uint8, 1 where the tensor is 0. No gradient; likewise the others. */
export const logicalNot = (x: Tensor): Tensor => eq(numbers(x), 0);
/** uint8, 1 where both are other than 0, with broadcasting. */
export const logicalAnd = (a: Tensor, b: Tensor): Tensor => gt(isTrue(a).add(isTrue(b)), 1);
/** uint8, 1 where one of them is other than 0, with broadcasting. */
export const logicalOr = (a: Tensor, b: Tensor): Tensor => gt(isTrue(a).add(isTrue(b)), 0);
/** uint8, 1 where exactly one of them is other than 0, with broadcasting. */
export const logicalXor = (a: Tensor, b: Tensor): Tensor => ne(isTrue(a), isTrue(b));

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link eq}. */
    eq(other: Tensor | number): Tensor;
    ne(other: Tensor | number): Tensor;
    lt(other: Tensor | number): Tensor;
    le(other: Tensor | number): Tensor;
    gt(other: Tensor | number): Tensor;
    ge(other: Tensor | number): Tensor;
    /** See {@link logicalNot}. */
    logicalNot(): Tensor;
    logicalAnd(other: Tensor): Tensor;
    logicalOr(other: Tensor): Tensor;
    logicalXor(other: Tensor): Tensor;
  }
}
const methods = { eq, ne, lt, le, gt, ge };
for (const [name, op] of Object.entries(methods) as [keyof typeof methods, Compare][]) {
  Tensor.prototype[name] = function (other) {
    return op(this, other);
  };
}
Tensor.prototype.logicalNot = function () {
  return logicalNot(this);
};
const joins = { logicalAnd, logicalOr, logicalXor };
for (const [name, op] of Object.entries(joins) as [keyof typeof joins, (a: Tensor, b: Tensor) => Tensor][]) {
  Tensor.prototype[name] = function (other) {
    return op(this, other);
  };
}
