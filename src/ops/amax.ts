import { castTo, checkTensor } from "../tensor/dtype.ts";
import { normalizeDim, normalizeDims, numel, ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { contiguousCopy, dense, empty, Tensor } from "../tensor/tensor.ts";
import { isFloatTensor } from "./promote.ts";
import { binary, reduceDims, reshaped } from "./raw.ts";
import { spread, wholeReduce, without } from "./sum.ts";
import { fill } from "./whole.ts";

type Dims = number | readonly number[] | undefined;

function extreme(name: "amax" | "amin", op: "max" | "min") {
  return defineOp(name, {
    forward(ctx, x: Tensor, dim: Dims, keepdim: boolean) {
      const dims = normalizeDims(dim, x.ndim, name);
      checkSome(name, x, dims);
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
export const amax = (x: Tensor, dim?: Dims, keepdim = false): Tensor =>
  isFloatTensor(x) ? amaxOp(x, dim, keepdim) : wholeExtreme("amax", x, dim, keepdim, Math.max);
/** Smallest element along `dim` (all dimensions if not given); equal minima share the gradient. Throws over no elements. */
export const amin = (x: Tensor, dim?: Dims, keepdim = false): Tensor =>
  isFloatTensor(x) ? aminOp(x, dim, keepdim) : wholeExtreme("amin", x, dim, keepdim, Math.min);

function wholeExtreme(
  name: string,
  x: Tensor,
  dim: Dims,
  keepdim: boolean,
  f: (a: number, b: number) => number,
): Tensor {
  checkTensor(name, x);
  checkSome(name, x, normalizeDims(dim, x.ndim, name));
  return wholeReduce(name, x, dim, keepdim, x.dtype, name === "amax" ? -Infinity : Infinity, f);
}
function checkSome(name: string, x: Tensor, dims: readonly number[]): void {
  if (numel(dims.map((d) => x.shape[d])) === 0)
    throw new ShapeError(`${name}: no elements along [${dims}] of shape ${showShape(x.shape)}`);
}

function position(name: string, op: "max" | "min") {
  return defineOp(name, {
    forward(_ctx, input: Tensor, dim: number | undefined, keepdim: boolean) {
      checkTensor(name, input);
      if (input.dtype === "bool") throw new ShapeError(`${name}: does not support bool input`, "t.int() has numbers.");
      const x = dense(input);
      const d = dim === undefined ? undefined : normalizeDim(dim, x.ndim, name);
      const outer = d === undefined ? 1 : numel(x.shape.slice(0, d));
      const mid = d === undefined ? x.numel : x.shape[d];
      if (mid === 0) throw new ShapeError(`${name}: no elements along dimension ${d} of shape ${showShape(x.shape)}`);
      const shape = d === undefined ? [] : without(x.shape, [d], keepdim);
      const inner = numel(shape) / Math.max(1, outer);
      if (!isFloatTensor(x)) {
        const data = x.data();
        return fill(name, x.backend, shape, "int64", (i) => {
          const from = Math.floor(i / inner) * mid * inner + (i % inner);
          let best = 0;
          for (let m = 1; m < mid; m++) {
            const [v, b] = [data[from + m * inner], data[from + best * inner]];
            if (op === "max" ? v > b : v < b) best = m;
          }
          return best;
        });
      }
      const out = empty(shape, "int64", x.backend);
      x.backend.argReduce(op, out, x, outer, mid, inner);
      return out;
    },
  });
}

const argmaxOp = position("argmax", "max");
const argminOp = position("argmin", "min");

/** Index (int64) of the first largest element along `dim`; of the flattened tensor if not given. No gradient. */
export const argmax = (x: Tensor, dim?: number, keepdim = false): Tensor => argmaxOp(x, dim, keepdim);
/** Index (int64) of the first smallest element along `dim`; of the flattened tensor if not given. No gradient. */
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
