import type { BinaryOp } from "../backend/codes.ts";
import { full } from "../tensor/create.ts";
import { defineOp } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
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

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link eq}. */
    eq(other: Tensor | number): Tensor;
    ne(other: Tensor | number): Tensor;
    lt(other: Tensor | number): Tensor;
    le(other: Tensor | number): Tensor;
    gt(other: Tensor | number): Tensor;
    ge(other: Tensor | number): Tensor;
  }
}
const methods = { eq, ne, lt, le, gt, ge };
for (const [name, op] of Object.entries(methods) as [keyof typeof methods, Compare][]) {
  Tensor.prototype[name] = function (other) {
    return op(this, other);
  };
}
