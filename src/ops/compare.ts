import type { BinaryOp } from "../backend/codes.ts";
import { HELD, INT_MAX, INT_MIN, isFloat } from "../backend/dtypes.ts";
import { full } from "../tensor/create.ts";
import { castTo } from "../tensor/dtype.ts";
import { defineOp } from "../tensor/tape.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { to } from "./cast.ts";
import { areFloats, checkOperands, isFloatTensor, lifted, resultType, type Value } from "./promote.ts";
import { binary } from "./raw.ts";

type Comparison = Extract<BinaryOp, "eq" | "ne" | "lt" | "le" | "gt" | "ge">;

/** Kernels compare 32-bit whole numbers. */
const whole32 = (x: Tensor): Tensor => (HELD[x.dtype] === "int32" ? x : castTo(x, "int32"));

function constant(x: Tensor, value: boolean): Tensor {
  const out = empty(x.shape, "bool", x.backend);
  out.backend.fill(out, out.numel, Number(value));
  return out;
}

/** Whole numbers against any number, without rounding either: a bound that is no whole number lies between two. */
function againstNumber(op: Comparison, x: Tensor, b: number): Tensor {
  if (Number.isNaN(b)) return constant(x, op === "ne");
  const up = op === "lt" || op === "ge";
  const bound = up ? Math.ceil(b) : Math.floor(b);
  if (bound !== b && (op === "eq" || op === "ne")) return constant(x, op === "ne");
  if (bound > INT_MAX) return constant(x, op === "ne" || op === "lt" || op === "le");
  if (bound < INT_MIN) return constant(x, op === "ne" || op === "gt" || op === "ge");
  return compared(op, whole32(x), full([], bound, { dtype: "int32" }));
}

/** Of one kind: floats of one dtype, or anything held in 32 bits. */
function compared(op: Comparison, a: Tensor, b: Tensor): Tensor {
  if (a.dtype === b.dtype) return binary(op, a, b);
  const like = (x: Tensor) => (x.dtype === "int32" ? x : castTo(x, "int32"));
  return binary(op, like(a), like(b));
}

function comparison(op: Comparison): (a: Tensor, b: Value) => Tensor {
  return defineOp(op, {
    forward(_ctx, a: Tensor, b: Value) {
      if (areFloats(a, b)) return binary(op, a, b as Tensor);
      checkOperands(op, a, b);
      if (!(a instanceof Tensor)) return checkOperands(op, undefined) as never;
      if (!(b instanceof Tensor))
        return isFloatTensor(a)
          ? binary(op, a, full([], Number(b), { dtype: a.dtype }))
          : againstNumber(op, a, Number(b));
      const dtype = resultType(a, b);
      return isFloat(dtype) ? binary(op, lifted(a, dtype), lifted(b, dtype)) : compared(op, whole32(a), whole32(b));
    },
  });
}

type Compare = (a: Tensor, b: Value) => Tensor;
/**
 * $a = b$ elementwise with broadcasting: bool. Likewise the others. $b$ may be a number, a fraction also beside whole numbers:
 * neither is rounded. Two tensors of different dtypes are promoted first, as in PyTorch. No gradient.
 */
export const eq: Compare = comparison("eq");
export const ne: Compare = comparison("ne");
export const lt: Compare = comparison("lt");
export const le: Compare = comparison("le");
export const gt: Compare = comparison("gt");
export const ge: Compare = comparison("ge");

/** Truth values as numbers, which kernels compare. */
function truth(name: string, x: Value): Tensor {
  checkOperands(name, x);
  return to(to(lifted(x, "bool"), "bool"), "int32");
}
function joined(name: string, op: Comparison, join: (a: Tensor, b: Tensor) => [Tensor, Tensor]) {
  return defineOp(name, {
    forward(_ctx, a: Tensor, b: Value) {
      checkOperands(name, a, b);
      return binary(op, ...join(truth(name, a), truth(name, b)));
    },
  });
}
const count = (a: Tensor, b: Tensor, bound: number): [Tensor, Tensor] => [
  binary("add", a, b),
  full([], bound, { dtype: "int32" }),
];

/** bool, true where the tensor is 0. No gradient; likewise the others. */
export const logicalNot: (x: Tensor) => Tensor = defineOp("logicalNot", {
  forward: (_ctx, x: Tensor) => binary("eq", truth("logicalNot", x), full([], 0, { dtype: "int32" })),
});
/** bool, true where both are other than 0, with broadcasting. */
export const logicalAnd = joined("logicalAnd", "gt", (a, b) => count(a, b, 1));
/** bool, true where one of them is other than 0, with broadcasting. */
export const logicalOr = joined("logicalOr", "gt", (a, b) => count(a, b, 0));
/** bool, true where exactly one of them is other than 0, with broadcasting. */
export const logicalXor = joined("logicalXor", "ne", (a, b) => [a, b]);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link eq}. */
    eq(other: Tensor | number | boolean): Tensor;
    ne(other: Tensor | number | boolean): Tensor;
    lt(other: Tensor | number | boolean): Tensor;
    le(other: Tensor | number | boolean): Tensor;
    gt(other: Tensor | number | boolean): Tensor;
    ge(other: Tensor | number | boolean): Tensor;
    /** See {@link logicalNot}. */
    logicalNot(): Tensor;
    logicalAnd(other: Tensor | number | boolean): Tensor;
    logicalOr(other: Tensor | number | boolean): Tensor;
    logicalXor(other: Tensor | number | boolean): Tensor;
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
for (const [name, op] of Object.entries(joins) as [keyof typeof joins, Compare][]) {
  Tensor.prototype[name] = function (other) {
    return op(this, other);
  };
}
