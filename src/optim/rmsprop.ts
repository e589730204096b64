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

export interface RmspropOptions extends GroupOptions {
  alpha: number;
  eps: number;
  momentum: number;
  /** Divides by the deviation instead of the root mean square (Graves 2013). */
  centered: boolean;
}

const KIND: OptimizerKind<RmspropOptions> = {
  name: "RMSprop",
  options: { ...GROUP_OPTIONS, alpha: true, eps: true, momentum: true, centered: true },
  state: ["squareAvg", "momentumBuffer", "gradAvg"],
};

/** RMSprop (Tieleman & Hinton 2012): $v \leftarrow \alpha v + (1-\alpha)g^2$, $p \leftarrow p - \eta\,g/(\sqrt v+\varepsilon)$. */
export class RMSprop extends Optimizer<RmspropOptions> {
  constructor(params: Iterable<Tensor> | readonly ParamGroup<RmspropOptions>[], options: Partial<RmspropOptions> = {}) {
    const defaults = { ...GROUP_DEFAULTS, lr: 0.01, alpha: 0.99, eps: 1e-8, momentum: 0, centered: false };
    super(params, { ...defaults, ...given(options) }, KIND);
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
