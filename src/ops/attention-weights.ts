import { HELD } from "../backend/dtypes.ts";
import { checkOptions } from "../backend/options.ts";
import { tensor } from "../tensor/create.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { noGrad } from "../tensor/no-grad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AttentionOptions } from "./attention.ts";
import { ATTENTION, TORCH } from "./attention.ts";
import { matmul } from "./matmul.ts";
import { softmax } from "./softmax.ts";

/** Far below every score, yet finite: rows that hide everything stay numbers. */
const HIDDEN = -1e30;

/**
 * The weights of {@link scaledDotProductAttention} before dropout, for plots: $\mathrm{softmax}(QK^\top/\sqrt d + M)$, written
 * out; rows that see nothing are 0. No gradient.
 * @param q [batch, heads, T, d] @param k [batch, groups, S, d]
 * @returns [batch, heads, T, S]
 */
export function attentionWeights(q: Tensor, k: Tensor, options: AttentionOptions = {}): Tensor {
  for (const t of [q, k]) checkTensor("attentionWeights", t);
  checkOptions("attentionWeights", options, ATTENTION, TORCH);
  return noGrad(() => {
    const { isCausal = false, attnMask, alibiSlopes } = options;
    const [batch, heads, t, size] = q.shape;
    const [, groups, s] = k.shape;
    const each = heads / groups;
    const all = k.reshape([batch, groups, 1, s, size]).expand([batch, groups, each, s, size]);
    const keys = all.reshape([batch, heads, s, size]);
    let scores = matmul(q, keys.transpose(-1, -2)).mul(options.scale ?? 1 / Math.sqrt(size));
    const behind = Float32Array.from({ length: t * s }, (_, n) => Math.floor(n / s) + s - t - (n % s));
    if (alibiSlopes !== undefined) {
      const distance = tensor(behind.map(Math.abs), [t, s], { dtype: q.dtype });
      scores = scores.sub(alibiSlopes.reshape([heads, 1, 1]).mul(distance));
    }
    let seen = tensor(
      Uint8Array.from(behind, (n) => (isCausal && n < 0 ? 0 : 1)),
      [t, s],
    ).to(q.dtype);
    if (attnMask !== undefined && HELD[attnMask.dtype] === "uint8") seen = seen.mul(attnMask.to(q.dtype));
    else if (attnMask !== undefined) scores = scores.add(attnMask).clamp(HIDDEN, Number.MAX_VALUE);
    return softmax(scores.add(seen.sub(1).mul(-HIDDEN)), -1).mul(seen);
  });
}
