import { backend, setBackend } from "../backend/index.ts";
import { checkOptions, type Known } from "../backend/options.ts";
import { backward } from "./backward.ts";
import { tensor } from "./create.ts";
import { noGrad, tidy } from "./no-grad.ts";
import type { Tensor } from "./tensor.ts";

export interface GradcheckOptions {
  /** Half-width of the central difference; 1e-6. */
  eps?: number;
  /** Allowed |analytic − numeric|: atol + rtol·|numeric|; 1e-6 and 1e-5. */
  atol?: number;
  rtol?: number;
}

const KNOWN: Known<GradcheckOptions> = { eps: true, atol: true, rtol: true };
const TORCH = {
  raiseException: "What disagrees is given back: an empty list is all well.",
  nondetTol: "Operations give the same bits every time.",
  checkUndefinedGrad: "Gradients that are not there count as 0.",
  checkBatchedGrad: "There is no vmap here.",
  fastMode: "Every element is looked at.",
};

/** One gradient entry that does not agree. */
export interface GradcheckMismatch {
  input: number;
  element: number;
  analytic: number;
  numeric: number;
}

/**
 * Compares the gradients of `fn` with central differences in float64 on the reference backend, as `torch.autograd.gradcheck`.
 *
 * `inputs` are copied to float64 (tensors of whole numbers as they are); every float input's gradient is checked. `fn`
 * must use nothing but its arguments and may return a tensor of any shape: its elements are weighted unequally and summed.
 * @returns the entries that disagree; empty when all is well.
 */
export function gradcheck(
  fn: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): GradcheckMismatch[] {
  checkOptions("gradcheck", options, KNOWN, TORCH);
  const { eps = 1e-6, atol = 1e-6, rtol = 1e-5 } = options;
  const before = backend();
  const copies = inputs.map((t) => ({ shape: t.shape, values: t.data(), float: t.dtype.startsWith("float") }));
  setBackend("reference");
  try {
    return tidy(() => {
      const args = copies.map(({ shape, values, float }) =>
        float
          ? tensor(Float64Array.from(values), shape, { dtype: "float64", requiresGrad: true })
          : tensor(values, shape),
      );
      const out = fn(...args);
      const weights = Float64Array.from({ length: out.numel }, (_, i) => Math.cos(i * 1.7 + 0.3));
      backward(out, { gradient: tensor(weights, out.shape, { dtype: "float64" }) });
      const value = () =>
        noGrad(() => {
          const y = fn(...args).data();
          let sum = 0;
          for (let i = 0; i < y.length; i++) sum += y[i] * weights[i];
          return sum;
        });
      const wrong: GradcheckMismatch[] = [];
      args.forEach((arg, input) => {
        if (!copies[input].float) return;
        const analytic = arg.grad?.data() ?? new Float64Array(arg.numel);
        const data = arg.storage.data as Float64Array;
        for (let element = 0; element < arg.numel; element++) {
          const x = data[element];
          data[element] = x + eps;
          const up = value();
          data[element] = x - eps;
          const down = value();
          data[element] = x;
          const numeric = (up - down) / (2 * eps);
          const off = Math.abs(analytic[element] - numeric);
          if (!(off <= atol + rtol * Math.abs(numeric))) {
            wrong.push({ input, element, analytic: analytic[element], numeric });
          }
        }
      });
      return wrong;
    });
  } finally {
    setBackend(before);
  }
}
