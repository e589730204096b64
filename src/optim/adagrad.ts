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

export interface AdagradOptions extends GroupOptions {
  /** d: the rate at step t is $\eta/(1+(t-1)d)$. */
  lrDecay: number;
  /** What the sum of squares begins with. */
  initialAccumulatorValue: number;
  eps: number;
}

const KIND: OptimizerKind<AdagradOptions> = {
  name: "Adagrad",
  options: { ...GROUP_OPTIONS, lrDecay: true, initialAccumulatorValue: true, eps: true },
  state: ["sum"],
};

/** Adagrad (Duchi et al. 2011): $s \leftarrow s + g^2$, $p \leftarrow p - \frac{\eta}{1+(t-1)d}\,g/(\sqrt s+\varepsilon)$. */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: Iterable<Tensor> | readonly ParamGroup<AdagradOptions>[], options: Partial<AdagradOptions> = {}) {
    super(
      params,
      { ...GROUP_DEFAULTS, lr: 0.01, lrDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, ...given(options) },
      KIND,
    );
  }
  protected override initial(_name: string, options: AdagradOptions): number {
    return options.initialAccumulatorValue;
  }
  protected update(
    { backend, values, grads }: Arena,
    { offset, length }: Segment,
    step: number,
    o: AdagradOptions,
    state: (name: string) => Storage,
    gradScale: Storage | undefined,
  ): void {
    const lr = o.lr / (1 + (step - 1) * o.lrDecay);
    backend.adagrad(values, grads, state("sum"), offset, length, gradScale, { ...o, lr });
  }
}
