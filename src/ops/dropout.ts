import { checkTensor } from "../tensor/dtype.ts";
import { nextMask } from "../tensor/random.ts";
import { ShapeError } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, empty, type Tensor } from "../tensor/tensor.ts";

type Mask = ReturnType<typeof nextMask>;

function masked(input: Tensor, p: number, { key0, key1, site }: Mask): Tensor {
  const x = dense(input);
  const out = empty(x.shape, x.dtype, x.backend);
  x.backend.dropout(out, x, x.numel, p, key0, key1, site);
  return out;
}

const dropoutOp = defineOp("dropout", {
  forward(ctx, x: Tensor, p: number) {
    const mask = nextMask();
    ctx.memo = [p, mask];
    return masked(x, p, mask);
  },
  backward(ctx, dy) {
    const [p, mask] = ctx.memo as [number, Mask];
    return [masked(dy as Tensor, p, mask)];
  },
});

/**
 * Dropout (Srivastava et al. 2014): each element is 0 with probability p, else $x/(1-p)$; not in training, $x$ itself.
 * The mask is a function of seed, step, micro-step, position in the forward pass and element, so it is computed again for
 * the backward pass instead of being kept, and is the same on every backend. $\partial x = \partial y \cdot$ mask$/(1-p)$.
 * @param p 0 to 1.
 */
export function dropout(x: Tensor, p = 0.5, training = true): Tensor {
  checkTensor("dropout", x);
  if (!(p >= 0 && p <= 1)) throw new ShapeError(`dropout: probability ${p} is outside 0 to 1`);
  return training && p > 0 ? dropoutOp(x, p) : x;
}
