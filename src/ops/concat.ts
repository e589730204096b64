import { denseStrides, makeLoop, normalizeDim, ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { view } from "./raw.ts";
import { unsqueeze } from "./reshape.ts";

const concatOp = defineOp("concat", {
  forward(ctx, parts: readonly Tensor[], d: number) {
    ctx.memo = d;
    const shape = parts[0].shape.map((s, i) => (i === d ? parts.reduce((n, p) => n + p.shape[d], 0) : s));
    const out = empty(shape, parts[0].dtype, parts[0].backend);
    const strides = denseStrides(shape);
    let at = 0;
    for (const part of parts) {
      const place = { storage: out.storage, offset: out.offset + at * strides[d] };
      out.backend.copy(place, part, makeLoop(part.shape, [strides, part.strides]), false);
      at += part.shape[d];
    }
    return out;
  },
  backward(ctx, dy) {
    const d = ctx.memo as number;
    const g = dy as Tensor;
    let at = 0;
    return ctx.inputs.map((part) => {
      const piece = view(g, part.shape, g.offset + at * g.strides[d], g.strides);
      at += part.shape[d];
      return piece;
    });
  },
});

/** Tensors one behind the other along `dim`; the other sizes must agree. Throws {@link ShapeError}. The gradient is cut up. */
export function concat(parts: readonly Tensor[], dim = 0): Tensor {
  if (parts.length === 0) throw new ShapeError("concat: no tensors");
  const d = normalizeDim(dim, parts[0].ndim, "concat");
  for (const part of parts) {
    const fits = part.ndim === parts[0].ndim && part.shape.every((s, i) => i === d || s === parts[0].shape[i]);
    if (!fits || part.dtype !== parts[0].dtype) {
      throw new ShapeError(
        `concat: ${showShape(parts[0].shape)} ${parts[0].dtype} and ${showShape(part.shape)} ${part.dtype} along dimension ${d}`,
      );
    }
  }
  return concatOp(parts, d);
}

/** Tensors of one shape along a new dimension `dim`. */
export const stack = (parts: readonly Tensor[], dim = 0): Tensor =>
  concat(
    parts.map((part) => unsqueeze(part, dim)),
    dim,
  );
