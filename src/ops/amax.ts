import { normalizeDim, normalizeDims, numel, ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { contiguousCopy, dense, empty, Tensor } from "../tensor/tensor.ts";
import { castTo } from "./cast.ts";
import { binary, reduceDims, reshaped } from "./raw.ts";
import { spread, without } from "./sum.ts";

type Dims = number | readonly number[] | undefined;

function extreme(name: "amax" | "amin", op: "max" | "min") {
  return defineOp(name, {
    forward(ctx, x: Tensor, dim: Dims, keepdim: boolean) {
      const dims = normalizeDims(dim, x.ndim, name);
      if (numel(dims.map((d) => x.shape[d])) === 0) {
        throw new ShapeError(`${name}: no elements along [${dims}] of shape ${showShape(x.shape)}`);
      }
      ctx.memo = dims;
      const y = reduceDims(op, x, dims);
      const out = reshaped(y.storage === x.storage ? contiguousCopy(y) : y, without(x.shape, dims, keepdim));
      ctx.save(x);
      ctx.save(out);
      return out;
    },
    backward(ctx, dy) {
      const [x, y] = ctx.saved;
      const dims = ctx.memo as number[];
      // Equal maxima share the gradient, as in PyTorch.
      const hit = castTo(binary("eq", x, spread(y, x.shape, dims)), x.dtype);
      const count = reduceDims("sum", hit, dims);
      return [binary("div", binary("mul", hit, spread(dy as Tensor, x.shape, dims)), count)];
    },
  });
}

const amaxOp = extreme("amax", "max");
const aminOp = extreme("amin", "min");

/** Largest element along `dim` (all dimensions if not given); equal maxima share the gradient. Throws over no elements. */
export const amax = (x: Tensor, dim?: Dims, keepdim = false): Tensor => amaxOp(x, dim, keepdim);
/** Smallest element along `dim` (all dimensions if not given); equal minima share the gradient. Throws over no elements. */
export const amin = (x: Tensor, dim?: Dims, keepdim = false): Tensor => aminOp(x, dim, keepdim);

function position(name: string, op: "max" | "min") {
  return defineOp(name, {
    forward(_ctx, input: Tensor, dim: number | undefined, keepdim: boolean) {
      const x = dense(input);
      const d = dim === undefined ? undefined : normalizeDim(dim, x.ndim, name);
      const outer = d === undefined ? 1 : numel(x.shape.slice(0, d));
      const mid = d === undefined ? x.numel : x.shape[d];
      if (mid === 0) throw new ShapeError(`${name}: no elements along dimension ${d} of shape ${showShape(x.shape)}`);
      const shape = d === undefined ? [] : without(x.shape, [d], keepdim);
      const out = empty(shape, "int32", x.backend);
      x.backend.argReduce(op, out, x, outer, mid, out.numel / Math.max(1, outer));
      return out;
    },
  });
}

const argmaxOp = position("argmax", "max");
const argminOp = position("argmin", "min");

/** Index (int32) of the first largest element along `dim`; of the flattened tensor if not given. No gradient. */
export const argmax = (x: Tensor, dim?: number, keepdim = false): Tensor => argmaxOp(x, dim, keepdim);
/** Index (int32) of the first smallest element along `dim`; of the flattened tensor if not given. No gradient. */
export const argmin = (x: Tensor, dim?: number, keepdim = false): Tensor => argminOp(x, dim, keepdim);

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link amax}. */
    amax(dim?: number | readonly number[], keepdim?: boolean): Tensor;
    /** See {@link amin}. */
    amin(dim?: number | readonly number[], keepdim?: boolean): Tensor;
    /** See {@link argmax}. */
    argmax(dim?: number, keepdim?: boolean): Tensor;
    /** See {@link argmin}. */
    argmin(dim?: number, keepdim?: boolean): Tensor;
  }
}
Tensor.prototype.amax = function (dim, keepdim) {
  return amax(this, dim, keepdim);
};
Tensor.prototype.amin = function (dim, keepdim) {
  return amin(this, dim, keepdim);
};
Tensor.prototype.argmax = function (dim, keepdim) {
  return argmax(this, dim, keepdim);
};
Tensor.prototype.argmin = function (dim, keepdim) {
  return argmin(this, dim, keepdim);
};
