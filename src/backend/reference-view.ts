import type { DType, Operand, TypedArray } from "./backend.ts";
import { HELD } from "./dtypes.ts";
import { BackendError } from "./errors.ts";

/**
 * The elements of an operand from its offset on, checked. Loops over it compute in float64 whatever the dtype, because
 * JavaScript does; float32 rounds once, on the final store.
 */
export function view(x: Operand, n: number, ...dtypes: DType[]): TypedArray {
  x.storage.check();
  const data = x.storage.data;
  if (data === undefined)
    throw new BackendError(`a tensor of the ${x.storage.backend.name} backend met the reference one`);
  if (dtypes.length > 0 && !dtypes.includes(HELD[x.storage.dtype])) {
    throw new BackendError(`expected ${dtypes.join(" or ")}, found ${x.storage.dtype}`);
  }
  if (
    !Number.isSafeInteger(n) ||
    !Number.isSafeInteger(x.offset) ||
    n < 0 ||
    x.offset < 0 ||
    x.offset + n > data.length
  ) {
    throw new BackendError(`elements ${x.offset} to ${x.offset + n} lie outside a storage of ${data.length}`);
  }
  return data.subarray(x.offset, x.offset + n);
}

export const float = (x: Operand, n: number) => view(x, n, "float32", "float64");
export const maybe = (x: Operand | undefined, n: number) => (x === undefined ? undefined : float(x, n));
export const ints = (x: Operand, n: number) => view(x, n, "int32") as Int32Array;
