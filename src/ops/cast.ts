import type { DType } from "../backend/backend.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, empty, Tensor } from "../tensor/tensor.ts";

/** The elements as another dtype, not recorded; float to int truncates towards 0, to uint8 gives 1 where not 0. */
export function castTo(input: Tensor, dtype: DType): Tensor {
  const x = dense(input);
  const out = empty(x.shape, dtype, x.backend);
  x.backend.cast(out, x, x.numel);
  return out;
}

const cast = defineOp("to", {
  forward: (_ctx, x: Tensor, dtype: DType) => castTo(x, dtype),
  backward: (ctx, dy) => [castTo(dy as Tensor, ctx.inputs[0].dtype)],
});

/**
 * The tensor with elements of another dtype; itself if it has that dtype. Float to int truncates towards 0, to uint8 gives
 * 1 where not 0. The gradient is cast back.
 */
export const to = (x: Tensor, dtype: DType): Tensor => (x.dtype === dtype ? x : cast(x, dtype));

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link to}. */
    to(dtype: DType): Tensor;
  }
}
Tensor.prototype.to = function (dtype) {
  return to(this, dtype);
};
