import type { Storage } from "../backend/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Arena, Segment } from "./arena.ts";
import { type GroupOptions, Optimizer, type ParamGroup } from "./optimizer.ts";

export interface AdagradOptions extends GroupOptions {
  lrDecay: number;
  eps: number;
}

/** Adagrad (Duchi et al. 2011): $s \leftarrow s + g^2$, $p \leftarrow p - \frac{\eta}{1+(t-1)d}\,g/(\sqrt s+\varepsilon)$. */
export class Adagrad extends Optimizer<AdagradOptions> {
  constructor(params: Iterable<Tensor> | readonly ParamGroup<AdagradOptions>[], options: Partial<AdagradOptions> = {}) {
    super(params, { lr: 0.01, weightDecay: 0, l1: 0, lrDecay: 0, eps: 1e-10, ...options });
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
