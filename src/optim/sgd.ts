import { OptionError } from "../backend/options.ts";
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

export interface SgdOptions extends GroupOptions {
  momentum: number;
  dampening: number;
  nesterov: boolean;
}

const KIND: OptimizerKind<SgdOptions> = {
  name: "SGD",
  options: { ...GROUP_OPTIONS, momentum: true, dampening: true, nesterov: true },
  state: ["momentumBuffer"],
};

/**
 * Stochastic gradient descent with momentum (Polyak 1964; Nesterov 1983), as PyTorch computes it:
 * $v \leftarrow \mu v + (1-d)\,g$, $p \leftarrow p - \eta v$ (Nesterov: $\eta(g + \mu v)$).
 */
export class SGD extends Optimizer<SgdOptions> {
  constructor(params: Iterable<Tensor> | readonly ParamGroup<SgdOptions>[], options: Partial<SgdOptions> = {}) {
    const defaults = { ...GROUP_DEFAULTS, lr: 1e-3, momentum: 0, dampening: 0, nesterov: false };
    super(params, { ...defaults, ...given(options) }, KIND);
    for (const { nesterov, momentum, dampening } of this.paramGroups) {
      if (nesterov && (momentum <= 0 || dampening !== 0))
        throw new OptionError("SGD: Nesterov momentum needs momentum above 0 and dampening 0");
    }
  }
  protected update(
    { backend, values, grads }: Arena,
    { offset, length }: Segment,
    step: number,
    o: SgdOptions,
    state: (name: string) => Storage,
    gradScale: Storage | undefined,
  ): void {
    const buf = o.momentum !== 0 ? state("momentumBuffer") : undefined;
    backend.sgd(values, grads, buf, offset, length, gradScale, { ...o, first: step === 1 });
  }
}
