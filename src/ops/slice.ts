import { checkTensor } from "../tensor/dtype.ts";
import { denseStrides, describe, makeLoop, normalizeDim, ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { view } from "./raw.ts";
import { reshape } from "./reshape.ts";

const sliceOp = defineOp("slice", {
  forward(ctx, x: Tensor, d: number, start: number, length: number, step: number) {
    ctx.memo = [d, start, step];
    const shape = x.shape.map((s, i) => (i === d ? length : s));
    const strides = x.strides.map((s, i) => (i === d ? s * step : s));
    return view(x, shape, x.offset + start * x.strides[d], strides);
  },
  backward(ctx, dy) {
    const [d, start, step] = ctx.memo as [number, number, number];
    const { shape } = ctx.inputs[0];
    const g = dy as Tensor;
    const dx = empty(shape, g.dtype, g.backend);
    dx.backend.fill(dx, dx.numel, 0);
    const strides = denseStrides(shape);
    const hole = { storage: dx.storage, offset: dx.offset + start * strides[d] };
    const within = strides.map((s, i) => (i === d ? s * step : s));
    dx.backend.copy(hole, g, makeLoop(g.shape, [within, g.strides]), false);
    return [dx];
  },
});

/**
 * Elements `start` to `end` − 1 of dimension `dim`, every `step`-th, as a view. Negative positions count from the end; positions
 * outside are cut, as in Python. The gradient is 0 elsewhere.
 */
export function slice(x: Tensor, dim: number, start = 0, end?: number, step = 1): Tensor {
  checkTensor("slice", x);
  const d = normalizeDim(dim, x.ndim, "slice");
  if (!Number.isInteger(step) || step < 1) throw new ShapeError(`slice: step ${step}; whole numbers from 1 on`);
  const size = x.shape[d];
  const place = (i: number) => Math.min(size, Math.max(0, i < 0 ? i + size : i));
  const from = place(start);
  const to = place(end ?? size);
  return sliceOp(x, d, from, Math.max(0, Math.ceil((to - from) / step)), step);
}

/** Element `index` of dimension `dim`, which vanishes; negative counts from the end. Throws {@link ShapeError} outside. */
export function select(x: Tensor, dim: number, index: number): Tensor {
  checkTensor("select", x);
  const d = normalizeDim(dim, x.ndim, "select");
  const i = index < 0 ? index + x.shape[d] : index;
  if (!Number.isInteger(i) || i < 0 || i >= x.shape[d]) {
    throw new ShapeError(`select: ${index} is outside dimension ${d} of shape ${showShape(x.shape)}`);
  }
  return reshape(
    sliceOp(x, d, i, 1, 1),
    x.shape.filter((_, j) => j !== d),
  );
}

/**
 * Pieces of dimension `dim` one after another, as views: of `size` elements each (the last may be smaller), or of the sizes in
 * a list, which must make up the whole.
 * @throws ShapeError for sizes that do not
 */
export function split(x: Tensor, size: number | readonly number[], dim = 0): Tensor[] {
  checkTensor("split", x);
  const d = normalizeDim(dim, x.ndim, "split");
  const whole = x.shape[d];
  const each = (n: number) => Array.from({ length: Math.ceil(whole / n) }, (_, i) => Math.min(n, whole - i * n));
  if (typeof size === "number" && !(Number.isInteger(size) && size >= 1))
    throw new ShapeError(`split: pieces of ${size}; whole numbers from 1 on`);
  if (typeof size !== "number" && !Array.isArray(size)) {
    throw new ShapeError(`split: expected a size or an array of sizes, found ${describe(size)}`);
  }
  const sizes = typeof size === "number" ? each(size) : size;
  if (sizes.some((n) => !Number.isInteger(n) || n < 0) || sizes.reduce((a, b) => a + b, 0) !== whole) {
    throw new ShapeError(`split: sizes ${showShape(sizes)} do not make up dimension ${d} of ${showShape(x.shape)}`);
  }
  let at = 0;
  return sizes.map((n) => {
    at += n;
    return slice(x, d, at - n, at);
  });
}

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link slice}. */
    slice(dim: number, start?: number, end?: number, step?: number): Tensor;
    /** See {@link split}. */
    split(size: number | readonly number[], dim?: number): Tensor[];
    /** See {@link select}. */
    select(dim: number, index: number): Tensor;
  }
}
Tensor.prototype.slice = function (dim, start, end, step) {
  return slice(this, dim, start, end, step);
};
Tensor.prototype.select = function (dim, index) {
  return select(this, dim, index);
};
Tensor.prototype.split = function (size, dim) {
  return split(this, size, dim);
};
