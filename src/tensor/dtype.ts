import type { DType } from "../backend/backend.ts";
import { DTYPES, INT_MAX, INT_MIN } from "../backend/dtypes.ts";
import { nearestName } from "../backend/options.ts";
import { describe, ShapeError } from "./shape.ts";
import { dense, empty, Tensor } from "./tensor.ts";

/** Names of PyTorch's for what is here under another, or not at all. */
const ELSEWHERE: Record<string, DType> = {
  ...{ float: "float32", double: "float64", int: "int32", long: "int64", byte: "uint8", boolean: "bool" },
  ...{ float16: "float32", half: "float32", bfloat16: "float32", int8: "int32", int16: "int32", short: "int32" },
};

/** Throws {@link ShapeError} for what is no dtype, with the nearest that is. */
export function checkDType(where: string, dtype: unknown): asserts dtype is DType {
  if (DTYPES.includes(dtype as DType)) return;
  const name = String(dtype);
  const near = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : nearestName(name, DTYPES);
  throw new ShapeError(
    `${where}: ${typeof dtype === "string" ? `"${name}"` : name} is no dtype`,
    `${near === undefined ? "" : `Did you mean "${near}"? `}There are ${DTYPES.join(", ")}.`,
  );
}

/**
 * A number as a dtype holds it, for filling: cut towards 0 where that takes whole numbers, 0 or 1 where truth values.
 * @throws ShapeError where it does not fit, as PyTorch
 */
export function scalarFor(where: string, value: number | boolean, dtype: DType): number {
  if (typeof value !== "number" && typeof value !== "boolean") {
    throw new ShapeError(`${where}: expected a number, found ${describe(value)}`);
  }
  if (dtype === "bool") return Number(Number(value) !== 0);
  if (dtype === "float32" || dtype === "float64") return Number(value);
  const whole = Math.trunc(Number(value));
  // Below 0 a byte wraps around, as in PyTorch.
  const [low, high] = dtype === "uint8" ? [-255, 255] : [INT_MIN, INT_MAX];
  if (!(whole >= low && whole <= high)) {
    throw new ShapeError(
      `${where}: ${value} does not fit ${dtype}`,
      `${dtype} holds whole numbers from ${dtype === "uint8" ? 0 : low} to ${high}.`,
    );
  }
  return dtype === "uint8" ? whole & 255 : whole;
}

/** Throws {@link ShapeError} unless the argument is a tensor. */
export function checkTensor(where: string, x: unknown, what = "a tensor"): asserts x is Tensor {
  if (x instanceof Tensor) return;
  const isData = typeof x === "number" || Array.isArray(x) || ArrayBuffer.isView(x);
  throw new ShapeError(
    `${where}: expected ${what}, found ${describe(x)}`,
    isData ? "Make it one first: tensor(data)." : undefined,
  );
}

/** The elements as another dtype, not recorded; the operation in progress owns them. */
export function castTo(input: Tensor, dtype: DType): Tensor {
  const x = dense(input);
  const out = empty(x.shape, dtype, x.backend);
  x.backend.cast(out, x, x.numel);
  return out;
}
