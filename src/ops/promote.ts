import type { DType } from "../backend/backend.ts";
import { DTYPES, isFloat } from "../backend/dtypes.ts";
import { full } from "../tensor/create.ts";

import { describe, ShapeError } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { to } from "./cast.ts";

/** What operations of two operands take beside a tensor. A whole number counts as PyTorch's int, another as its float. */
export type Value = Tensor | number | boolean;

type FloatTensor = Tensor & { readonly dtype: "float32" | "float64" };
/** A tensor of float32 or float64, which most operations of one operand take as it is. */
export const isFloatTensor = (x: unknown): x is FloatTensor => x instanceof Tensor && isFloat(x.dtype);
/** Two tensors of one floating type: nothing to promote. */
export function areFloats(a: unknown, b: unknown): boolean {
  if (!(a instanceof Tensor && b instanceof Tensor)) return false;
  const { dtype } = a.storage;
  return dtype === b.storage.dtype && (dtype === "float32" || dtype === "float64");
}

/** The later of two in the order bool, uint8, int32, int64, float32, float64. */
export const promoteTypes = (a: DType, b: DType): DType => (DTYPES.indexOf(a) < DTYPES.indexOf(b) ? b : a);

/** 0 truth values, 1 whole numbers, 2 floats. */
const kind = (dtype: DType): number => (dtype === "bool" ? 0 : isFloat(dtype) ? 2 : 1);

function dtypeOf(x: Value): DType {
  if (typeof x === "boolean") return "bool";
  if (typeof x === "number") return Number.isInteger(x) ? "int64" : "float32";
  return x.dtype;
}

/**
 * The dtype of a result, as PyTorch's `result_type`: that of the tensors with dimensions; a tensor without any, and after it a
 * number, counts only where it is of a higher kind (truth values, whole numbers, floats).
 */
export function resultType(...operands: readonly Value[]): DType {
  const levels: (DType | undefined)[] = [undefined, undefined, undefined];
  for (const x of operands) {
    const level = !(x instanceof Tensor) ? 2 : x.ndim === 0 ? 1 : 0;
    const known = levels[level];
    levels[level] = known === undefined ? dtypeOf(x) : promoteTypes(known, dtypeOf(x));
  }
  let result: DType | undefined;
  for (const next of levels) {
    if (next === undefined) continue;
    if (result === undefined) result = next;
    else if (kind(next) > kind(result)) result = promoteTypes(result, next);
  }
  return result as DType;
}

/** Throws {@link ShapeError} unless both are tensors, numbers or truth values, and one at least a tensor. */
export function checkOperands(name: string, ...operands: readonly unknown[]): void {
  for (const x of operands) {
    if (x instanceof Tensor || typeof x === "number" || typeof x === "boolean") continue;
    const isData = Array.isArray(x) || ArrayBuffer.isView(x);
    throw new ShapeError(
      `${name}: expected a tensor or a number, found ${describe(x)}`,
      isData ? "Make it one first: tensor(data)." : undefined,
    );
  }
  if (!operands.some((x) => x instanceof Tensor)) {
    throw new ShapeError(`${name}: expected a tensor, found ${describe(operands[0])}`, "tensor(x) makes one.");
  }
}

/** An operand as a tensor of a dtype; recorded. */
export const lifted = (x: Value, dtype: DType): Tensor =>
  x instanceof Tensor ? to(x, dtype) : full([], Number(x), { dtype });

/** Throws as PyTorch does where an operation is not made for whole numbers. */
export function refuse(name: string, dtype: DType): never {
  throw new ShapeError(`${name}: not implemented for ${dtype}; floats are expected`, "Convert it first: t.float().");
}

/** Throws {@link ShapeError} unless it is a tensor of floats. */
export function checkFloats(name: string, x: unknown): asserts x is Tensor {
  if (isFloatTensor(x)) return;
  checkOperands(name, x);
  if (!(x instanceof Tensor) || !isFloat(x.dtype)) refuse(name, (x as Tensor).dtype);
}
