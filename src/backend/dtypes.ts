import type { DType, TypedArray } from "./backend.ts";
import { BackendError } from "./errors.ts";

/** Every dtype, in the order of promotion: of two the later holds what both hold, as far as PyTorch goes. */
export const DTYPES = ["bool", "uint8", "int32", "int64", "float32", "float64"] as const satisfies readonly DType[];

/** The array that a dtype's elements are read into. */
export const ARRAYS = {
  bool: Uint8Array,
  uint8: Uint8Array,
  int32: Int32Array,
  int64: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const satisfies Record<DType, unknown>;

/** What lies in memory: truth values are bytes 0 and 1; int64 is held in 32 bits and wide only in files. */
export const HELD = {
  bool: "uint8",
  uint8: "uint8",
  int32: "int32",
  int64: "int32",
  float32: "float32",
  float64: "float64",
} as const satisfies Record<DType, DType>;

export const isFloat = (dtype: DType): boolean => dtype === "float32" || dtype === "float64";

export const INT_MIN = -(2 ** 31);
export const INT_MAX = 2 ** 31 - 1;

/** Whole numbers for int64, cut towards 0. Throws {@link BackendError} for what 32 bits do not hold. */
function wide(values: ArrayLike<number>): Int32Array {
  const out = new Int32Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const v = Math.trunc(values[i]);
    if (!(v >= INT_MIN && v <= INT_MAX)) {
      throw new BackendError(
        `${values[i]} at position ${i} does not fit int64, which is held in 32 bits`,
        `int64 holds whole numbers from ${INT_MIN} to ${INT_MAX} here; compute with float32 beyond them.`,
      );
    }
    out[i] = v;
  }
  return out;
}

/**
 * Numbers as another dtype holds them, as PyTorch casts: fractions are cut towards 0, int32 and uint8 wrap around, whatever is
 * not 0 is true. Throws {@link BackendError} for what int64 cannot hold.
 */
export function converted(values: ArrayLike<number>, dtype: DType): TypedArray {
  if (dtype === "bool") return Uint8Array.from(values, (v) => (v !== 0 ? 1 : 0));
  if (dtype === "int64") return wide(values);
  return ARRAYS[dtype].from(values);
}
