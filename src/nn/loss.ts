import { checkOptions, type Known } from "../backend/options.ts";
import {
  binaryCrossEntropyWithLogits,
  type CrossEntropyOptions,
  crossEntropy as crossEntropyOp,
  gatherLast,
  type Reduction,
  where,
} from "../ops/index.ts";
import { tensor } from "../tensor/create.ts";
import { ShapeError, sameShape, showShape } from "../tensor/shape.ts";
import { refuseGradient } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkNumber, checkWord } from "./check.ts";

/** Losses, with PyTorch's names (camelCase), defaults and reductions. */

export interface LossOptions {
  reduction?: Reduction;
}

const KNOWN: Known<LossOptions> = { reduction: true };
const REDUCTIONS: readonly string[] = ["mean", "sum", "none"];
const OLD = 'Use reduction: "mean", "sum" or "none".';
const REFUSED = { sizeAverage: OLD, reduce: OLD };
const UNWEIGHTED = { ...REFUSED, weight: 'Take reduction: "none", multiply and reduce yourself.' };

/** Only where options were given: a loss without any costs nothing more. */
function checkLoss(
  where: string,
  options: LossOptions | undefined,
  known: Readonly<Record<string, true>>,
  refused: Readonly<Record<string, string>> = REFUSED,
  reductions = REDUCTIONS,
): void {
  if (options === undefined) return;
  checkOptions(where, options, known, refused);
  if (options.reduction !== undefined) checkWord(where, "reduction", options.reduction, reductions);
}

function reduce(x: Tensor, reduction: Reduction = "mean"): Tensor {
  if (reduction === "none") return x;
  return reduction === "sum" ? x.sum() : x.mean();
}

function same(name: string, input: Tensor, target: Tensor): void {
  if (!sameShape(input.shape, target.shape)) {
    throw new ShapeError(
      `${name}: input ${showShape(input.shape)} and target ${showShape(target.shape)} differ`,
      "Broadcasting here hides mistakes: reshape one of them.",
    );
  }
}

/** Mean squared error $\overline{(x-t)^2}$; equal shapes. */
export function mseLoss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  checkLoss("mseLoss", options, KNOWN, UNWEIGHTED);
  same("mseLoss", input, target);
  return reduce(input.sub(target).square(), options?.reduction);
}

/** Mean absolute error $\overline{|x-t|}$; equal shapes. */
export function l1Loss(input: Tensor, target: Tensor, options?: LossOptions): Tensor {
  checkLoss("l1Loss", options, KNOWN, UNWEIGHTED);
  same("l1Loss", input, target);
  return reduce(input.sub(target).abs(), options?.reduction);
}

/** Huber 1964: $\tfrac12 d^2$ where $|d| \le \delta$, else $\delta(|d| - \tfrac12\delta)$, with $d = x - t$. */
export function huberLoss(input: Tensor, target: Tensor, options?: LossOptions & { delta?: number }): Tensor {
  checkLoss("huberLoss", options, { ...KNOWN, delta: true }, UNWEIGHTED);
  const { reduction, delta = 1 } = options ?? {};
  checkNumber("huberLoss", "delta", delta);
  same("huberLoss", input, target);
  const size = input.sub(target).abs();
  // clamp(|d|, δ)·(|d| − ½·clamp(|d|, δ)) is both branches at once.
  const inner = size.clamp(0, delta);
  return reduce(inner.mul(size.sub(inner.mul(0.5))), reduction);
}

/** Huber loss divided by β, as PyTorch's smooth L1. */
export function smoothL1Loss(input: Tensor, target: Tensor, options?: LossOptions & { beta?: number }): Tensor {
  checkLoss("smoothL1Loss", options, { ...KNOWN, beta: true }, REFUSED);
  const { reduction, beta = 1 } = options ?? {};
  checkNumber("smoothL1Loss", "beta", beta);
  if (beta === 0) return l1Loss(input, target, { reduction });
  return huberLoss(input, target, { reduction, delta: beta }).div(beta);
}

/**
 * Cross-entropy of logits [n, classes] (or [..., classes]) and int32 classes [n]; see the operation for weights, smoothing and
 * the ignored index.
 */
export function crossEntropy(input: Tensor, target: Tensor, options?: CrossEntropyOptions): Tensor {
  checkLoss("crossEntropy", options, CROSS_ENTROPY);
  return crossEntropyOp(input, target, options);
}
const CROSS_ENTROPY: Known<CrossEntropyOptions> = {
  weight: true,
  ignoreIndex: true,
  labelSmoothing: true,
  reduction: true,
};

/** Binary cross-entropy of logits and targets 0 to 1; posWeight [classes] scales the positive part, weight every element. */
export function bceWithLogitsLoss(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor; posWeight?: Tensor },
): Tensor {
  checkLoss("bceWithLogitsLoss", options, { ...KNOWN, weight: true, posWeight: true });
  const { reduction, weight, posWeight } = options ?? {};
  same("bceWithLogitsLoss", input, target);
  let loss: Tensor;
  if (posWeight === undefined) {
    loss = binaryCrossEntropyWithLogits(input, target);
  } else {
    // (1−t)·x + (1 + (p−1)·t)·softplus(−x)
    const scale = target.mul(posWeight.sub(1)).add(1);
    loss = target
      .neg()
      .add(1)
      .mul(input)
      .add(scale.mul(input.neg().softplus(1, Number.POSITIVE_INFINITY)));
  }
  return reduce(weight === undefined ? loss : loss.mul(weight), reduction);
}

/** Negative log-likelihood of log-probabilities [..., classes] and int32 classes [...]; class weights as in cross-entropy. */
export function nllLoss(
  input: Tensor,
  target: Tensor,
  options?: LossOptions & { weight?: Tensor; ignoreIndex?: number },
): Tensor {
  checkLoss("nllLoss", options, { ...KNOWN, weight: true, ignoreIndex: true });
  const { reduction = "mean", weight, ignoreIndex = -100 } = options ?? {};
  const t = target.data();
  refuseGradient("nllLoss", "the class weights", weight);
  const w = weight?.data();
  const factors = Float64Array.from(t, (c) => (c === ignoreIndex ? 0 : (w?.[c] ?? 1)));
  const known = tensor(
    Int32Array.from(t, (c) => (c === ignoreIndex ? 0 : c)),
    target.shape,
  );
  const scale = tensor(factors, target.shape, { dtype: input.dtype });
  const loss = gatherLast(input, known).neg().mul(scale);
  if (reduction === "mean") return loss.sum().div(factors.reduce((a, b) => a + b, 0));
  return reduce(loss, reduction);
}

/**
 * Kullback–Leibler divergence $t(\ln t - x)$ of log-probabilities x and probabilities t (logarithms of them if `logTarget`).
 * `batchMean` divides the sum by the first size; `mean`, as in PyTorch, by the number of elements.
 */
export function klDivLoss(
  input: Tensor,
  target: Tensor,
  options?: { reduction?: Reduction | "batchMean"; logTarget?: boolean },
): Tensor {
  checkLoss("klDivLoss", options as LossOptions, { ...KNOWN, logTarget: true }, REFUSED, [...REDUCTIONS, "batchMean"]);
  const { reduction = "mean", logTarget = false } = options ?? {};
  same("klDivLoss", input, target);
  let loss: Tensor;
  if (logTarget) loss = target.exp().mul(target.sub(input));
  else {
    const positive = target.gt(0);
    const entropy = where(positive, target.mul(where(positive, target, 1).log()), 0);
    loss = entropy.sub(target.mul(input));
  }
  return reduction === "batchMean" ? loss.sum().div(input.shape[0]) : reduce(loss, reduction);
}
