import type { Storage } from "../backend/storage.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Arena, Segment } from "./arena.ts";
import { type GroupOptions, Optimizer, type ParamGroup } from "./optimizer.ts";

export interface RmspropOptions extends GroupOptions {
  alpha: number;
  eps: number;
  momentum: number;
  /** Divides by the deviation instead of the root mean square (Graves 2013). */
  centered: boolean;
}

/** RMSprop (Tieleman & Hinton 2012): $v \leftarrow \alpha v + (1-\alpha)g^2$, $p \leftarrow p - \eta\,g/(\sqrt v+\varepsilon)$. */
export class RMSprop extends Optimizer<RmspropOptions> {
  constructor(params: Iterable<Tensor> | readonly ParamGroup<RmspropOptions>[], options: Partial<RmspropOptions> = {}) {
    super(params, {
      lr: 0.01,
      weightDecay: 0,
      l1: 0,
      alpha: 0.99,
      eps: 1e-8,
      momentum: 0,
      centered: false,
      ...options,
    });
  }
  protected update(
    { backend, values, grads }: Arena,
    { offset, length }: Segment,
    _step: number,
    o: RmspropOptions,
    state: (name: string) => Storage,
    gradScale: Storage | undefined,
  ): void {
    const buf = o.momentum > 0 ? state("momentumBuffer") : undefined;
    const avg = o.centered ? state("gradAvg") : undefined;
    backend.rmsprop(values, grads, state("squareAvg"), buf, avg, offset, length, gradScale, o);
  }
}
