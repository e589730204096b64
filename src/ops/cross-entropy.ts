import { isFloat } from "../backend/dtypes.ts";
import { checkOptions, type Known, OptionError } from "../backend/options.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp, refuseGradient } from "../tensor/tape.ts";
import { dense, empty, type Tensor } from "../tensor/tensor.ts";
import { to } from "./cast.ts";
import { checkFloats } from "./promote.ts";
import "./reshape.ts";

export type Reduction = "mean" | "sum" | "none";

export interface CrossEntropyOptions {
  /** Weight of each class, [classes]. */
  weight?: Tensor;
  /** Targets of this value count for nothing; −100. */
  ignoreIndex?: number;
  /** $\varepsilon$ of label smoothing (Szegedy et al. 2016), 0 to 1. */
  labelSmoothing?: number;
  reduction?: Reduction;
}

const KNOWN: Known<CrossEntropyOptions> = { weight: true, ignoreIndex: true, labelSmoothing: true, reduction: true };

/** Throws OptionError for what is no reduction. */
function checkReduction(name: string, reduction: unknown): void {
  if (reduction === "mean" || reduction === "sum" || reduction === "none") return;
  throw new OptionError(`${name}: reduction ${JSON.stringify(reduction)}`, 'There are "mean", "sum" and "none".');
}

interface Settings {
  smoothing: number;
  ignoreIndex: number;
  reduction: Reduction;
}

const crossEntropyOp = defineOp("crossEntropy", {
  forward(ctx, input: Tensor, target: Tensor, weight: Tensor | undefined, settings: Settings) {
    const x = dense(input);
    const [rows, cols] = x.shape;
    const t = dense(target);
    const w = weight && dense(weight);
    const column = () => empty([rows], x.dtype, x.backend);
    const [loss, counted, lse] = [column(), column(), empty([rows, 2], x.dtype, x.backend)];
    x.backend.crossEntropy(loss, counted, lse, x, t, w, rows, cols, settings.smoothing, settings.ignoreIndex);
    ctx.save(x);
    ctx.save(t);
    ctx.save(lse);
    if (settings.reduction === "none") {
      ctx.memo = { settings, weight: ctx.save(w), divisor: undefined };
      return loss;
    }
    const y = empty([], x.dtype, x.backend);
    x.backend.reduce("sum", y, loss, 1, rows, 1, false);
    let divisor: Tensor | undefined;
    if (settings.reduction === "mean") {
      divisor = empty([], x.dtype, x.backend);
      x.backend.reduce("sum", divisor, counted, 1, rows, 1, false);
      const mean = empty([], x.dtype, x.backend);
      x.backend.binary("div", mean, y, divisor, { sizes: [], strides: [[], []] });
      ctx.memo = { settings, weight: ctx.save(w), divisor: ctx.save(divisor) };
      return mean;
    }
    ctx.memo = { settings, weight: ctx.save(w), divisor };
    return y;
  },
  backward(ctx, dy) {
    const [x, target, lse] = ctx.saved;
    const { settings, weight, divisor } = ctx.memo as { settings: Settings; weight?: Tensor; divisor?: Tensor };
    const [rows, cols] = x.shape;
    const dx = empty(x.shape, x.dtype, x.backend);
    const stride = settings.reduction === "none" ? 1 : 0;
    const { smoothing, ignoreIndex } = settings;
    const g = dense(dy as Tensor);
    x.backend.crossEntropyBackward(dx, g, stride, divisor, x, target, weight, lse, rows, cols, smoothing, ignoreIndex);
    return [dx, undefined, undefined];
  },
});

/**
 * Cross-entropy of logits and class indices, softmax included, in one pass:
 * $\ell_r = w_{t_r}\left(\ln\sum_j e^{x_{rj}} - x_{r t_r}\right)$, smoothed as PyTorch does; the mean divides by $\sum_r w_{t_r}$.
 * $\partial x_{rj} = w_{t_r}(\mathrm{softmax}(x_r)_j - [j = t_r])$, scaled.
 * @param x logits, [..., classes]
 * @param target class indices of int64 or int32, [...]
 * @returns a scalar, or [...] for reduction `"none"`. The mean over ignored targets alone is NaN, as in PyTorch.
 * @throws ShapeError for sizes that do not fit, BackendError for a target outside the classes.
 */
export function crossEntropy(x: Tensor, target: Tensor, options?: CrossEntropyOptions): Tensor {
  checkOptions("crossEntropy", options, KNOWN);
  const { weight, ignoreIndex = -100, labelSmoothing = 0, reduction = "mean" } = options ?? {};
  checkFloats("crossEntropy", x);
  checkTensor("crossEntropy", target, "targets");
  checkReduction("crossEntropy", reduction);
  const classes = x.shape[x.ndim - 1];
  if (x.ndim === 0 || x.ndim - 1 !== target.ndim || target.shape.some((s, d) => s !== x.shape[d])) {
    throw new ShapeError(
      `crossEntropy: expected logits [..., classes] and targets [...], found ${showShape(x.shape)} and ${showShape(target.shape)}`,
    );
  }
  if (isFloat(target.dtype) || target.dtype === "bool") {
    throw new ShapeError(
      `crossEntropy: expected targets of int64 or int32, found ${target.dtype}`,
      "tensor(labels, { dtype: 'int64' })",
    );
  }
  refuseGradient("crossEntropy", "the class weights", weight);
  if (weight !== undefined && (weight.ndim !== 1 || weight.shape[0] !== classes)) {
    throw new ShapeError(`crossEntropy: expected weights [${classes}], found ${showShape(weight.shape)}`);
  }
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ShapeError(`crossEntropy: label smoothing ${labelSmoothing} is outside 0 to 1`);
  }
  const classesOf = target.dtype === "uint8" ? to(target, "int32") : target;
  const rows = target.numel;
  const flat = x.ndim === 2 ? x : x.reshape([rows, classes]);
  const settings = { smoothing: labelSmoothing, ignoreIndex, reduction };
  const loss = crossEntropyOp(flat, target.ndim === 1 ? classesOf : classesOf.reshape([rows]), weight, settings);
  return reduction === "none" && target.ndim !== 1 ? loss.reshape(target.shape) : loss;
}
