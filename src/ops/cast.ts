import type { DType } from "../backend/backend.ts";
import { castTo, checkDType, checkTensor } from "../tensor/dtype.ts";
import { defineOp } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

const cast = defineOp("to", {
  forward: (_ctx, x: Tensor, dtype: DType) => castTo(x, dtype),
  backward: (ctx, dy) => [castTo(dy as Tensor, ctx.inputs[0].dtype)],
});

/**
 * The tensor with elements of another dtype; itself if it has that dtype. As in PyTorch: fractions are cut towards 0, int32 and
 * uint8 wrap around, bool is whether an element is not 0. The gradient is cast back.
 * @throws ShapeError for what is no dtype, BackendError for numbers that int64, held in 32 bits, cannot hold.
 */
export function to(x: Tensor, dtype: DType): Tensor {
  checkTensor("to", x);
  if (x.dtype === dtype && x.storage.alive) return x;
  checkDType("to", dtype);
  return cast(x, dtype);
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link to}. */
    to(dtype: DType): Tensor;
    /** As float32; see {@link to}, likewise the others. */
    float(): Tensor;
    /** As float64, which the reference backend alone has. */
    double(): Tensor;
    /** As int32. */
    int(): Tensor;
    /** As int64. */
    long(): Tensor;
    /** As uint8. */
    byte(): Tensor;
    /** As bool: whether an element is not 0. */
    bool(): Tensor;
  }
}
Tensor.prototype.to = function (dtype) {
  return to(this, dtype);
};
const casts = {
  float: "float32",
  double: "float64",
  int: "int32",
  long: "int64",
  byte: "uint8",
  bool: "bool",
} as const;
for (const [name, dtype] of Object.entries(casts) as [keyof typeof casts, DType][]) {
  Tensor.prototype[name] = function () {
    return to(this, dtype);
  };
}
