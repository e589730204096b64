import { tensor } from "../tensor/create.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { dropout as drop } from "./dropout.ts";
import { matmul } from "./matmul.ts";
import { softmax } from "./softmax.ts";

export interface AttentionOptions {
  /** Query i sees keys up to i + S − T: itself and what is before. */
  isCausal?: boolean;
  /** uint8, broadcasting to [batch, heads, T, S]: 0 hides the key. A query that sees nothing gives 0. */
  attnMask?: Tensor;
  /** $1/\sqrt d$ when left out. */
  scale?: number;
  /** Probability of dropout on the weights. */
  dropout?: number;
  training?: boolean;
}

/** Far below every score, yet finite: rows that hide everything stay numbers. */
const HIDDEN = -1e30;

// A model asks for the same few sizes again and again.
const masks = new Map<string, Tensor>();
const MASKS = 8;

/** [T, S]: 0 where query i may look, {@link HIDDEN} after it. */
function causalMask(t: number, s: number, like: Tensor): Tensor {
  const key = `${like.backend.name} ${like.dtype} ${t} ${s}`;
  const known = masks.get(key);
  if (known?.storage.alive) return known;
  const values = new Float32Array(t * s);
  for (let i = 0; i < t; i++) values.fill(HIDDEN, i * s + Math.max(0, i + s - t + 1), (i + 1) * s);
  const made = tensor(values, [t, s], { dtype: like.dtype }).keep();
  const oldest = masks.keys().next().value;
  if (masks.size >= MASKS && oldest !== undefined) {
    masks.get(oldest)?.dispose();
    masks.delete(oldest);
  }
  masks.set(key, made);
  return made;
}

/**
 * Scaled dot-product attention $\mathrm{softmax}(QK^\top/\sqrt d + M)\,V$ (Vaswani et al., 2017), as PyTorch's function of this
 * name. Built from multiplies and a softmax: the weights [batch, heads, T, S] are kept for the backward pass.
 * @param q [batch, heads, T, d] @param k [batch, heads, S, d] @param v [batch, heads, S, dv]
 * @returns [batch, heads, T, dv]
 * @throws ShapeError unless the sizes agree.
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const fits =
    q.ndim === 4 &&
    k.ndim === 4 &&
    v.ndim === 4 &&
    [0, 1].every((i) => q.shape[i] === k.shape[i] && k.shape[i] === v.shape[i]) &&
    q.shape[3] === k.shape[3] &&
    k.shape[2] === v.shape[2];
  if (!fits) {
    throw new ShapeError(
      `scaledDotProductAttention: expected q [batch, heads, T, d], k [batch, heads, S, d] and v [batch, heads, S, dv], found ${[q, k, v].map((t) => showShape(t.shape)).join(", ")}`,
    );
  }
  const { isCausal = false, attnMask, dropout = 0, training = true } = options;
  const [t, s] = [q.shape[2], k.shape[2]];
  let scores = matmul(q, k.transpose(-1, -2)).mul(options.scale ?? 1 / Math.sqrt(q.shape[3]));
  if (isCausal && t > 1) scores = scores.add(causalMask(t, s, q));
  let keep: Tensor | undefined;
  if (attnMask !== undefined) {
    keep = attnMask.to(q.dtype);
    scores = scores.add(keep.sub(1).mul(-HIDDEN));
  }
  let weights = softmax(scores, -1);
  if (keep !== undefined) weights = weights.mul(keep);
  return matmul(drop(weights, dropout, training), v);
}
