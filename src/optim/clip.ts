import { ShoshinError } from "../backend/errors.ts";
import { checkOptions, type Known, OptionError } from "../backend/options.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { empty, Tensor } from "../tensor/tensor.ts";
import { ALIGN, gradientBuffers } from "./arena.ts";

export interface ClipOptions {
  /** Which norm: 2, `Infinity` for the largest entry, or another number. */
  normType?: number;
  /** Throws where the norm is NaN or infinite, before anything is changed. */
  errorIfNonfinite?: boolean;
}
const KNOWN: Known<ClipOptions> = { normType: true, errorIfNonfinite: true };
const REFUSED = { foreach: "One pass goes over neighbouring gradients here: leave it out." };

/** The gradients that there are, each once. */
function gradientsOf(where: string, parameters: Iterable<Tensor> | Tensor): Tensor[] {
  const list = parameters instanceof Tensor ? [parameters] : parameters;
  if (list === null || typeof list !== "object" || !(Symbol.iterator in list))
    throw new ShoshinError(`${where}: expected parameters`, "model.parameters()");
  const grads = new Set<Tensor>();
  for (const p of list) {
    if (!(p instanceof Tensor)) throw new ShoshinError(`${where}: expected tensors`, "Pass the module's parameters().");
    if (p.grad !== undefined && p.numel > 0) grads.add(p.grad);
  }
  return [...grads];
}

/** $\left(\sum |x|^p\right)^{1/p}$, with its limits at ±∞ and the number of entries that are not 0 for p = 0. */
function vectorNorm(values: ArrayLike<number>, p: number): number {
  let sum = p === Number.NEGATIVE_INFINITY ? Number.POSITIVE_INFINITY : 0;
  for (let i = 0; i < values.length; i++) {
    const x = Math.abs(values[i]);
    if (p === Number.POSITIVE_INFINITY) sum = Math.max(sum, x);
    else if (p === Number.NEGATIVE_INFINITY) sum = Math.min(sum, x);
    else if (p === 0) sum += x === 0 ? 0 : 1;
    else sum += x ** p;
  }
  return Number.isFinite(p) && p !== 0 ? sum ** (1 / p) : sum;
}

/** The 2-norm of gradients of one type and backend, as a scalar on the device. */
function twoNorm(grads: readonly Tensor[]): Tensor {
  const { backend, dtype } = grads[0];
  const parts = empty([grads.length], dtype, backend);
  grads.forEach((g, i) => {
    const at = { storage: parts.storage, offset: parts.offset + i };
    backend.reduce("sumSquares", at, g, 1, g.numel, 1, false);
  });
  const total = empty([], dtype, backend);
  backend.reduce("sum", total, parts, 1, grads.length, 1, false);
  const norm = empty([], dtype, backend);
  backend.unary("sqrt", norm, total, 1, 0, 0);
  return norm;
}

const oneKind = (grads: readonly Tensor[]) =>
  grads.every((g) => g.isContiguous && g.dtype === grads[0].dtype && g.backend === grads[0].backend);

/**
 * What clipping to `maxNorm` multiplies the gradients with, on the device and without changing them: for a step that applies
 * it in its own pass ({@link Optimizer.scaledStep}). Undefined where there are no gradients.
 */
export function clipFactor(parameters: readonly Tensor[], maxNorm: number): Tensor | undefined {
  const grads = gradientsOf("clipFactor", parameters);
  if (grads.length === 0) return undefined;
  return noGrad(() => {
    const norm = twoNorm(grads);
    const { backend, dtype } = norm;
    // PyTorch's factor: min(1, maxNorm / (norm + 1e-6)).
    const scale = empty([], dtype, backend);
    backend.unary("addScalar", scale, norm, 1, 1e-6, 0);
    backend.unary("reciprocal", scale, scale, 1, 0, 0);
    backend.unary("mulScalar", scale, scale, 1, maxNorm, 0);
    backend.unary("clamp", scale, scale, 1, 0, 1);
    return scale;
  });
}

/** The 2-norm of all gradients together, as PyTorch's `get_total_norm` has it; nothing is changed. */
export function totalNorm(parameters: readonly Tensor[]): number {
  const grads = gradientsOf("totalNorm", parameters);
  return grads.length === 0 ? 0 : noGrad(() => twoNorm(grads).item());
}

/** Multiplies gradients in place: neighbours in an optimizer's buffer by one call. */
function scaleGradients(grads: readonly Tensor[], factor: number): void {
  const sorted = [...grads].sort((a, b) => a.offset - b.offset);
  for (const storage of new Set(grads.map((g) => g.storage))) {
    storage.check();
    storage.version++;
    const mine = sorted.filter((g) => g.storage === storage);
    for (let i = 0; i < mine.length; ) {
      const g = mine[i];
      if (!g.isContiguous) {
        g.copy_(g.mul(factor));
        i++;
        continue;
      }
      let end = g.offset + g.numel;
      const gap = gradientBuffers.has(storage) ? ALIGN : 1;
      for (i++; i < mine.length && mine[i].isContiguous && mine[i].offset - end < gap; i++)
        end = Math.max(end, mine[i].offset + mine[i].numel);
      g.backend.unary("mulScalar", g, g, end - g.offset, factor, 0);
    }
  }
}

/**
 * Scales the gradients of these parameters together, in place and at once, so that their norm is at most `maxNorm` (Pascanu et
 * al. 2013), as PyTorch's `clip_grad_norm_` does: nothing else is changed, and nothing where the norm is smaller.
 * @param maxNorm 0 or more
 * @returns the norm before, a scalar tensor; NaN or infinite when a gradient is. Of no gradients: 0.
 * @throws OptionError; ShoshinError with `errorIfNonfinite`.
 */
export function clipGradNorm(
  parameters: Iterable<Tensor> | Tensor,
  maxNorm: number,
  options: ClipOptions = {},
): Tensor {
  checkOptions("clipGradNorm", options, KNOWN, REFUSED);
  const { normType = 2, errorIfNonfinite = false } = options;
  if (!(typeof maxNorm === "number" && maxNorm >= 0))
    throw new OptionError(`clipGradNorm: maxNorm ${String(maxNorm)}; it must be 0 or more`);
  if (typeof normType !== "number" || Number.isNaN(normType))
    throw new OptionError(`clipGradNorm: normType ${String(normType)}; expected a number, or Infinity`);
  const grads = gradientsOf("clipGradNorm", parameters);
  return noGrad(() => {
    if (grads.length === 0) return empty([]).fill_(0);
    let norm: Tensor;
    if (normType === 2 && oneKind(grads)) norm = twoNorm(grads);
    else {
      const each = grads.map((g) => vectorNorm(g.contiguous().data(), normType));
      norm = empty([], grads[0].dtype, grads[0].backend).fill_(vectorNorm(each, normType));
    }
    const value = norm.item();
    if (errorIfNonfinite && !Number.isFinite(value)) {
      throw new ShoshinError(
        `clipGradNorm: the norm of the gradients is ${value}`,
        "Nothing was changed. Lower the learning rate, or leave errorIfNonfinite out.",
      );
    }
    const factor = maxNorm / (value + 1e-6);
    // NaN spreads, as in PyTorch.
    if (!(factor >= 1)) scaleGradients(grads, factor);
    return norm;
  });
}

/** Cuts every entry of these parameters' gradients to ±`clipValue`, in place and at once. Throws OptionError unless it is 0 or more. */
export function clipGradValue(parameters: Iterable<Tensor> | Tensor, clipValue: number): void {
  if (!(typeof clipValue === "number" && clipValue >= 0))
    throw new OptionError(`clipGradValue: clipValue ${String(clipValue)}; it must be 0 or more`);
  noGrad(() => {
    for (const g of gradientsOf("clipGradValue", parameters)) {
      g.storage.check();
      g.storage.version++;
      if (g.isContiguous) g.backend.unary("clamp", g, g, g.numel, -clipValue, clipValue);
      else g.copy_(g.clamp(-clipValue, clipValue));
    }
  });
}
