import { ShoshinError } from "../backend/errors.ts";
import type { Storage } from "../backend/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Arena, Segment } from "./arena.ts";
import { type GroupOptions, Optimizer, type ParamGroup } from "./optimizer.ts";

export interface SgdOptions extends GroupOptions {
  momentum: number;
  dampening: number;
  nesterov: boolean;
}

/**
 * Stochastic gradient descent with momentum (Polyak 1964; Nesterov 1983), as PyTorch computes it:
 * $v \leftarrow \mu v + (1-d)\,g$, $p \leftarrow p - \eta v$ (Nesterov: $\eta(g + \mu v)$).
 */
export class SGD extends Optimizer<SgdOptions> {
  constructor(params: Iterable<Tensor> | readonly ParamGroup<SgdOptions>[], options: Partial<SgdOptions> = {}) {
    const all = { lr: 1e-3, weightDecay: 0, l1: 0, momentum: 0, dampening: 0, nesterov: false, ...options };
    if (all.nesterov && (all.momentum <= 0 || all.dampening !== 0)) {
      throw new ShoshinError("SGD: Nesterov momentum needs momentum above 0 and dampening 0");
    }
    super(params, all);
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
