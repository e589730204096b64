import { isFloat } from "../backend/dtypes.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { Tensor } from "../tensor/tensor.ts";
import { to } from "./cast.ts";
import { wholeReduce } from "./sum.ts";

type Dims = number | readonly number[] | undefined;

function gathered(name: string, x: Tensor, dim: Dims, keepdim: boolean, all: boolean): Tensor {
  checkTensor(name, x);
  // Bytes stay bytes, as in PyTorch; a NaN is true.
  const dtype = x.dtype === "uint8" ? "uint8" : "bool";
  const truth = isFloat(x.dtype) ? to(x, "bool") : x;
  return all
    ? wholeReduce(name, truth, dim, keepdim, dtype, 1, (a, b) => (a !== 0 && b !== 0 ? 1 : 0))
    : wholeReduce(name, truth, dim, keepdim, dtype, 0, (a, b) => (a !== 0 || b !== 0 ? 1 : 0));
}

/** Whether an element along `dim` (all dimensions if not given) is not 0: bool, of uint8 uint8. Of none: false. No gradient. */
export const any = (x: Tensor, dim?: Dims, keepdim = false): Tensor => gathered("any", x, dim, keepdim, false);
/** Whether every element along `dim` (all dimensions if not given) is not 0: bool, of uint8 uint8. Of none: true. No gradient. */
export const all = (x: Tensor, dim?: Dims, keepdim = false): Tensor => gathered("all", x, dim, keepdim, true);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link any}. */
    any(dim?: number | readonly number[], keepdim?: boolean): Tensor;
    /** See {@link all}. */
    all(dim?: number | readonly number[], keepdim?: boolean): Tensor;
  }
}
Tensor.prototype.any = function (dim, keepdim) {
  return any(this, dim, keepdim);
};
Tensor.prototype.all = function (dim, keepdim) {
  return all(this, dim, keepdim);
};
