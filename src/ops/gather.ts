import { HELD } from "../backend/dtypes.ts";
import { tensor } from "../tensor/create.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { denseStrides, ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, empty, type Tensor } from "../tensor/tensor.ts";
import { reshaped } from "./raw.ts";

const gatherOp = defineOp("gatherLast", {
  forward(ctx, input: Tensor, index: Tensor) {
    const x = dense(input);
    const cols = x.shape[x.ndim - 1];
    const rows = index.numel;
    const flat = index.data();
    const at = new Int32Array(rows);
    for (let r = 0; r < rows; r++) {
      if (flat[r] < 0 || flat[r] >= cols) {
        throw new ShapeError(`gatherLast: index ${flat[r]} at row ${r} is outside 0 to ${cols - 1}`);
      }
      at[r] = r * cols + flat[r];
    }
    const ids = tensor(at, [rows]);
    const out = empty(index.shape, x.dtype, x.backend);
    x.backend.gather(out, x, ids, rows, 1, x.numel);
    ctx.save(ids);
    return out;
  },
  backward(ctx, dy) {
    const [ids] = ctx.saved;
    const { shape } = ctx.inputs[0];
    const g = reshaped(dy as Tensor, [ids.numel]);
    const dx = empty(shape, g.dtype, g.backend);
    dx.backend.fill(dx, dx.numel, 0);
    dx.backend.scatterAdd(dx, g, ids, ids.numel, denseStrides(shape)[shape.length - 1], dx.numel, -1);
    return [dx, undefined];
  },
});

/** $y_r = x_{r, t_r}$: one element of the last dimension for each row. x [..., cols], index int64 or int32 [...]. */
export function gatherLast(x: Tensor, index: Tensor): Tensor {
  checkTensor("gatherLast", x);
  checkTensor("gatherLast", index, "a tensor of indices");
  if (index.ndim !== x.ndim - 1 || index.shape.some((s, d) => s !== x.shape[d]) || HELD[index.dtype] !== "int32") {
    throw new ShapeError(
      `gatherLast: expected int64 or int32 indices ${showShape(x.shape.slice(0, -1))}, found ${index.dtype} ${showShape(index.shape)}`,
    );
  }
  return gatherOp(x, index);
}
