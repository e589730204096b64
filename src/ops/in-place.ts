import type { DType } from "../backend/backend.ts";
import { isFloat } from "../backend/dtypes.ts";
import { assign, checkEdit, overlap } from "../tensor/in-place.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { broadcastShapes, ShapeError, sameShape, showShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { add, refuseTruth, sub } from "./add.ts";
import { clamp } from "./magnitude.ts";
import { div, mul } from "./mul.ts";
import { areFloats, checkOperands, resultType, type Value } from "./promote.ts";
import { maskedFill } from "./where.ts";
import { whole } from "./whole.ts";

/**
 * Arithmetic that overwrites its left operand. Not recorded: see {@link Tensor.copy_} for what is refused. As in PyTorch the
 * result must fit the shape and the dtype, and the other operand may not lie partly over the one that is written.
 */
declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** Adds a number, or a tensor that broadcasts to this shape. */
    add_(other: Tensor | number | boolean): this;
    /** Takes a number away, or a tensor that broadcasts to this shape. */
    sub_(other: Tensor | number | boolean): this;
    /** Multiplies by a number, or a tensor that broadcasts to this shape. */
    mul_(other: Tensor | number | boolean): this;
    /** Divides by a number, or a tensor that broadcasts to this shape; floats only. */
    div_(other: Tensor | number | boolean): this;
    /** See {@link clamp}. */
    clamp_(min?: number, max?: number): this;
    /** See {@link maskedFill}. */
    maskedFill_(mask: Tensor, value: number | boolean | Tensor): this;
  }
}

const kind = (dtype: DType): number => (dtype === "bool" ? 0 : isFloat(dtype) ? 2 : 1);

function checkResult(x: Tensor, name: string, dtype: DType): void {
  if (kind(dtype) > kind(x.dtype)) {
    throw new ShapeError(
      `${name}: result type ${dtype} can't be cast to the desired output type ${x.dtype}`,
      `Convert the tensor first, or use the operation that makes a new one.`,
    );
  }
}

function checkOther(x: Tensor, name: string, other: unknown): void {
  if (!(other instanceof Tensor)) return;
  if (!sameShape(broadcastShapes(x.shape, other.shape, name), x.shape))
    throw new ShapeError(`${name}: shape ${showShape(other.shape)} does not fit into ${showShape(x.shape)}`);
  if (overlap(x, other) === "partial") {
    throw new ShapeError(
      `${name}: unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. Please clone() the tensor before performing the operation.`,
      "Both lie over the same memory: give other.contiguous(), or a copy of it.",
    );
  }
}

/** Computes beside and writes back, so that it does not matter how the operands lie. */
function replace(x: Tensor, name: string, compute: () => Tensor): void {
  noGrad(() => {
    assign(x, compute(), name, false);
  });
}

type Arithmetic = (a: Value, b: Value) => Tensor;
const operations: Record<"add_" | "sub_" | "mul_" | "div_", Arithmetic> = {
  add_: add,
  sub_: sub,
  mul_: mul,
  div_: div,
};
for (const [name, f] of Object.entries(operations) as [keyof typeof operations, Arithmetic][]) {
  Tensor.prototype[name] = function (other) {
    checkOperands(name, other, this);
    checkEdit(this, name, other);
    checkOther(this, name, other);
    if (name === "add_" && areFloats(this, other) && overlap(this, other as Tensor) === "none") {
      assign(this, other as Tensor, name, true);
      return this;
    }
    const dtype = resultType(this, other);
    checkResult(this, name, name === "div_" && !isFloat(dtype) ? "float32" : dtype);
    if (name === "sub_") refuseTruth("sub_", this, other);
    // Whole numbers in the dtype that is written: sums and products wrap the same.
    if (kind(this.dtype) === 1) replace(this, name, () => whole(name.slice(0, 3) as "add", this, other, this.dtype));
    else replace(this, name, () => f(this, other));
    return this;
  };
}
Tensor.prototype.clamp_ = function (min, max) {
  checkEdit(this, "clamp_");
  const bounds = [min, max].filter((v): v is number => typeof v === "number" && Number.isFinite(v));
  checkResult(this, "clamp_", resultType(this, ...bounds));
  replace(this, "clamp_", () => clamp(this, min, max));
  return this;
};
Tensor.prototype.maskedFill_ = function (mask, value) {
  checkEdit(this, "maskedFill_", value);
  checkOther(this, "maskedFill_", mask);
  replace(this, "maskedFill_", () => maskedFill(this, mask, value));
  return this;
};
