import { Tensor } from "../tensor/tensor.ts";

let made = 0;
/** Numbers that rise with time, of parameters and optimizers. */
export const nextNumber = (): number => ++made;

/** A tensor that a module learns: a leaf that requires a gradient and that `parameters()` finds. */
export class Parameter extends Tensor {
  /** Tells it from a tensor, in types too: `layer.weight = zeros([3])` would no longer learn. */
  readonly isParameter = true;
  readonly number = nextNumber();
  /** Some module's `parameters()` has found it. */
  registered = false;

  constructor(values: Tensor, requiresGrad = true) {
    super(values.keep().storage, values.shape, values.offset, values.isContiguous ? undefined : values.strides);
    this.requiresGrad = requiresGrad;
  }
  override toString(): string {
    return `Parameter containing:\n${super.toString()}`;
  }
}
