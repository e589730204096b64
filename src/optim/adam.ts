import type { Storage } from "../backend/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Arena, Segment } from "./arena.ts";
import {
  GROUP_DEFAULTS,
  GROUP_OPTIONS,
  type GroupOptions,
  given,
  Optimizer,
  type OptimizerKind,
  type ParamGroup,
} from "./optimizer.ts";

export interface AdamOptions extends GroupOptions {
  /** β₁, β₂: 0.9, 0.999. */
  betas: readonly [number, number];
  eps: number;
  /** Keeps the largest second moment seen (Reddi et al. 2018). */
  amsgrad: boolean;
}

abstract class AdamBase extends Optimizer<AdamOptions> {
  protected abstract readonly decoupled: boolean;

  protected update(
    { backend, values, grads }: Arena,
    { offset, length }: Segment,
    step: number,
    o: AdamOptions,
    state: (name: string) => Storage,
    gradScale: Storage | undefined,
  ): void {
    const [beta1, beta2] = o.betas;
    const vmax = o.amsgrad ? state("maxExpAvgSq") : undefined;
    backend.adam(values, grads, state("expAvg"), state("expAvgSq"), vmax, offset, length, gradScale, {
      lr: o.lr,
      beta1,
      beta2,
      eps: o.eps,
      weightDecay: o.weightDecay,
      l1: o.l1,
      bias1: 1 - beta1 ** step,
      bias2: 1 - beta2 ** step,
      decoupled: this.decoupled,
    });
  }
}

const DEFAULTS: AdamOptions = { ...GROUP_DEFAULTS, lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, amsgrad: false };
const kind = (name: string): OptimizerKind<AdamOptions> => ({
  name,
  options: { ...GROUP_OPTIONS, betas: true, eps: true, amsgrad: true },
  state: ["expAvg", "expAvgSq", "maxExpAvgSq"],
});

/**
 * Adam (Kingma & Ba 2014): $m \leftarrow \beta_1 m + (1-\beta_1)g$, $v \leftarrow \beta_2 v + (1-\beta_2)g^2$,
 * $p \leftarrow p - \eta\,\hat m/(\sqrt{\hat v}+\varepsilon)$. Weight decay is added to the gradient.
 */
export class Adam extends AdamBase {
  protected readonly decoupled = false;
  constructor(params: Iterable<Tensor> | readonly ParamGroup<AdamOptions>[], options: Partial<AdamOptions> = {}) {
    super(params, { ...DEFAULTS, ...given(options) }, kind("Adam"));
  }
}

/** Adam with decoupled weight decay (Loshchilov & Hutter 2017): $p \leftarrow p(1-\eta\lambda)$ before Adam's step. λ is 0.01 by default. */
export class AdamW extends AdamBase {
  protected readonly decoupled = true;
  constructor(params: Iterable<Tensor> | readonly ParamGroup<AdamOptions>[], options: Partial<AdamOptions> = {}) {
    super(params, { ...DEFAULTS, weightDecay: 0.01, ...given(options) }, kind("AdamW"));
  }
}
