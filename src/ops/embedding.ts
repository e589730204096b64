import { HELD } from "../backend/dtypes.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, empty, type Tensor } from "../tensor/tensor.ts";

const embeddingOp = defineOp("embedding", {
  forward(ctx, index: Tensor, table: Tensor, paddingIdx: number) {
    const ids = dense(index);
    const t = dense(table);
    const [vocabulary, dim] = t.shape;
    const out = empty([...index.shape, dim], t.dtype, t.backend);
    t.backend.gather(out, t, ids, ids.numel, dim, vocabulary);
    ctx.save(ids);
    ctx.memo = paddingIdx;
    return out;
  },
  backward(ctx, dy) {
    const [ids] = ctx.saved;
    const g = dense(dy as Tensor);
    const dtable = ctx.into(1, (out, add) => {
      const [vocabulary, dim] = out.shape;
      if (!add) out.backend.fill(out, out.numel, 0);
      out.backend.scatterAdd(out, g, ids, ids.numel, dim, vocabulary, ctx.memo as number);
    });
    return [undefined, dtable];
  },
});

/**
 * Rows of a table by index: $y_i = E_{t_i}$. $\partial E_v = \sum_{i: t_i = v}\partial y_i$.
 * @param index int64 or int32, any shape, 0 to rows − 1
 * @param table $E$, [rows, dim]
 * @param paddingIdx the row whose gradient stays 0.
 * @returns [...index, dim]
 * @throws BackendError naming an index outside the table and its position.
 */
export function embedding(index: Tensor, table: Tensor, paddingIdx = -1): Tensor {
  checkTable("embedding", index, table);
  return embeddingOp(index, table, paddingIdx < 0 && paddingIdx !== -1 ? paddingIdx + table.shape[0] : paddingIdx);
}

export function checkTable(name: string, index: Tensor, table: Tensor): void {
  checkTensor(name, index, "a tensor of indices");
  checkTensor(name, table, "a table [rows, dim]");
  if (table.ndim !== 2) throw new ShapeError(`${name}: expected a table [rows, dim], found ${showShape(table.shape)}`);
  if (HELD[index.dtype] !== "int32") {
    throw new ShapeError(`${name}: expected int64 or int32 indices, found ${index.dtype}`, "ids.long()");
  }
}
