import { checkTensor } from "../tensor/dtype.ts";
import { nextMask } from "../tensor/random.ts";
import { ShapeError } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import { binary } from "./raw.ts";

interface Memo {
  p: number;
  dim: number;
  mask: ReturnType<typeof nextMask>;
}

function masked(x: Tensor, { p, dim, mask: { key0, key1, site } }: Memo): Tensor {
  const mask = empty(x.shape.with(dim, 1), x.dtype, x.backend);
  x.backend.fill(mask, mask.numel, 1);
  x.backend.dropout(mask, mask, mask.numel, p, key0, key1, site);
  return binary("mul", x, mask);
}

const lockedDropoutOp = defineOp("lockedDropout", {
  forward(ctx, x: Tensor, p: number, dim: number) {
    const memo: Memo = { p, dim, mask: nextMask() };
    ctx.memo = memo;
    return masked(x, memo);
  },
  backward(ctx, dy) {
    return [masked(dy as Tensor, ctx.memo as Memo)];
  },
});

/**
 * Variational dropout (Gal & Ghahramani 2016), the `LockedDropout` of Merity et al. (2018): as {@link dropout} with one mask
 * along a dimension, so that every step of a sequence loses the same elements. $\partial x = \partial y \cdot$ mask$/(1-p)$.
 * @param x for example [T, batch, features]
 * @param p 0 to 1.
 * @param dim the dimension along which the mask is the same.
 * @throws ShapeError for a p outside 0 to 1, or when there is no such dimension.
 */
export function lockedDropout(x: Tensor, p = 0.5, training = true, dim = 0): Tensor {
  checkTensor("lockedDropout", x);
  if (!(p >= 0 && p <= 1)) throw new ShapeError(`lockedDropout: probability ${p} is outside 0 to 1`);
  const at = dim < 0 ? dim + x.ndim : dim;
  if (!(Number.isInteger(at) && at >= 0 && at < x.ndim))
    throw new ShapeError(`lockedDropout: dimension ${dim} of a tensor that has ${x.ndim}`);
  return training && p > 0 ? lockedDropoutOp(x, p, at) : x;
}
