import { checkTensor } from "../tensor/dtype.ts";
import { denseStrides, describe, makeLoop, normalizeDim, ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { to } from "./cast.ts";
import { promoteTypes } from "./promote.ts";
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

/**
 * Tensors one behind the other along `dim`; the other sizes must agree, dtypes are promoted as in PyTorch. Throws
 * {@link ShapeError}. The gradient is cut up.
 */
export function concat(parts: readonly Tensor[], dim = 0): Tensor {
  checkParts("concat", parts);
  const d = normalizeDim(dim, parts[0].ndim, "concat");
  for (const part of parts) {
    const fits = part.ndim === parts[0].ndim && part.shape.every((s, i) => i === d || s === parts[0].shape[i]);
    if (!fits) {
      throw new ShapeError(`concat: ${showShape(parts[0].shape)} and ${showShape(part.shape)} along dimension ${d}`);
    }
  }
  if (parts.every((part) => part.dtype === parts[0].dtype)) return concatOp(parts, d);
  const dtype = parts.map((part) => part.dtype).reduce(promoteTypes);
  return concatOp(
    parts.map((part) => to(part, dtype)),
    d,
  );
}

function checkParts(name: string, parts: readonly Tensor[]): void {
  if (!Array.isArray(parts)) throw new ShapeError(`${name}: expected an array of tensors, found ${describe(parts)}`);
  if (parts.length === 0) throw new ShapeError(`${name}: no tensors`);
  for (const part of parts) checkTensor(name, part, "tensors");
}

/** Tensors of one shape along a new dimension `dim`. */
export function stack(parts: readonly Tensor[], dim = 0): Tensor {
  checkParts("stack", parts);
  return concat(
    parts.map((part) => unsqueeze(part, dim)),
    dim,
  );
}
