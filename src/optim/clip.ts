import { ShoshinError } from "../backend/errors.ts";
import { noGrad, tidy } from "../tensor/no-grad.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { setGradScale } from "./optimizer.ts";

/**
 * Scales all gradients together so that their 2-norm is at most `maxNorm` (Pascanu et al. 2013). The factor is applied by the
 * optimizer's next step, in the same pass; the gradients themselves stay as they are.
 * @returns the norm before, a scalar tensor; NaN or infinite when a gradient is.
 */
export function clipGradNorm(parameters: readonly Tensor[], maxNorm: number): Tensor {
  if (!(maxNorm > 0)) throw new ShoshinError(`clipGradNorm: maxNorm ${maxNorm}; it must be above 0`);
  const grads = parameters.filter((p) => p.gradSet && p.numel > 0);
  return noGrad(() => {
    if (grads.length === 0) return empty([]).fill_(0);
    const { backend, dtype } = grads[0];
    const parts = empty([grads.length], dtype, backend);
    grads.forEach((p, i) => {
      const at = { storage: parts.storage, offset: parts.offset + i };
      backend.reduce("sumSquares", at, p.gradBuffer as Tensor, 1, p.numel, 1, false);
    });
    const total = empty([], dtype, backend);
    backend.reduce("sum", total, parts, 1, grads.length, 1, false);
    const norm = empty([], dtype, backend);
    backend.unary("sqrt", norm, total, 1, 0, 0);
    // PyTorch's factor: min(1, maxNorm / (norm + 1e-6)).
    const scale = empty([], dtype, backend);
    backend.unary("addScalar", scale, norm, 1, 1e-6, 0);
    backend.unary("reciprocal", scale, scale, 1, 0, 0);
    backend.unary("mulScalar", scale, scale, 1, maxNorm, 0);
    backend.unary("clamp", scale, scale, 1, 0, 1);
    setGradScale(parameters, scale.keep());
    return norm;
  });
}

/** Cuts every gradient entry to ±clipValue, in place. */
export function clipGradValue(parameters: readonly Tensor[], clipValue: number): void {
  tidy(() => {
    for (const p of parameters) {
      if (!p.gradSet || p.gradBuffer === undefined) continue;
      const g: Tensor = p.gradBuffer;
      g.backend.unary("clamp", g, g, g.numel, -clipValue, clipValue);
    }
  });
}
