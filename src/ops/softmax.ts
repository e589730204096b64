import { normalizeDim } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, empty, Tensor } from "../tensor/tensor.ts";
import { checkFloats } from "./promote.ts";
import { transpose } from "./reshape.ts";

function alongRows(name: string, log: boolean): (x: Tensor) => Tensor {
  return defineOp(name, {
    forward(ctx, input: Tensor) {
      const x = dense(input);
      const cols = x.shape[x.ndim - 1];
      const y = empty(x.shape, x.dtype, x.backend);
      x.backend.softmax(y, x, cols === 0 ? 0 : x.numel / cols, cols, log);
      return ctx.save(y);
    },
    backward(ctx, dy) {
      const [y] = ctx.saved;
      const cols = y.shape[y.ndim - 1];
      const dx = empty(y.shape, y.dtype, y.backend);
      y.backend.softmaxBackward(dx, dense(dy as Tensor), y, cols === 0 ? 0 : y.numel / cols, cols, log);
      return [dx];
    },
  });
}

const softmaxRows = alongRows("softmax", false);
const logSoftmaxRows = alongRows("logSoftmax", true);

function along(rows: (x: Tensor) => Tensor, x: Tensor, dim: number, name: string): Tensor {
  checkFloats(name, x);
  const d = normalizeDim(dim, x.ndim, name);
  if (d === x.ndim - 1) return rows(x);
  return transpose(rows(transpose(x, d, -1)), d, -1);
}

/**
 * Softmax $y_i = e^{x_i} / \sum_j e^{x_j}$ along `dim`, the maximum subtracted first.
 * $\partial x_i = y_i(\partial y_i - \sum_j \partial y_j y_j)$.
 */
export const softmax = (x: Tensor, dim = -1): Tensor => along(softmaxRows, x, dim, "softmax");

/** $\ln\mathrm{softmax}(x) = x_i - \ln\sum_j e^{x_j}$ along `dim`. $\partial x_i = \partial y_i - e^{y_i}\sum_j\partial y_j$. */
export const logSoftmax = (x: Tensor, dim = -1): Tensor => along(logSoftmaxRows, x, dim, "logSoftmax");

declare module "../tensor/tensor.ts" {
  interface Tensor {
    /** See {@link softmax}. */
    softmax(dim?: number): Tensor;
    /** See {@link logSoftmax}. */
    logSoftmax(dim?: number): Tensor;
  }
}
Tensor.prototype.softmax = function (dim) {
  return softmax(this, dim);
};
Tensor.prototype.logSoftmax = function (dim) {
  return logSoftmax(this, dim);
};
