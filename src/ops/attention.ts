import type { AttentionGradients, AttentionInputs, AttentionShape, Rows } from "../backend/attention.ts";
import { HELD } from "../backend/dtypes.ts";
import { checkOptions, type Known } from "../backend/options.ts";
import { tensor } from "../tensor/create.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { nextMask } from "../tensor/random.ts";
import { broadcastStrides, denseStrides, describe, ShapeError, sameShape, showShape } from "../tensor/shape.ts";
import { type Context, defineOp } from "../tensor/tape.ts";
import { contiguousCopy, empty, type Tensor } from "../tensor/tensor.ts";
import { view } from "./raw.ts";

export interface AttentionOptions {
  /** Query i sees keys up to i + S − T: itself and what is before. */
  isCausal?: boolean;
  /**
   * Broadcasting to [batch, heads, T, S]: bool (or uint8), where false hides the key, or float, added to the scores (−∞ hides). A query that
   * sees nothing gives 0.
   */
  attnMask?: Tensor;
  /** ALiBi (Press et al., 2022), [heads]: slope · |i + S − T − j| is taken from the scores. No gradient. */
  alibiSlopes?: Tensor;
  /** $1/\sqrt d$ when left out. */
  scale?: number;
  /** Probability of dropout on the weights. */
  dropout?: number;
  training?: boolean;
}

export const ATTENTION: Known<AttentionOptions> = {
  ...{ isCausal: true, attnMask: true, alibiSlopes: true, scale: true, dropout: true, training: true },
};
/** What PyTorch's function has under other names. */
export const TORCH = {
  dropoutP: "It is called dropout, and needs training: true.",
  enableGqa: "Fewer heads of k and v than of q are understood by their shapes.",
};

/** The rows of a [batch, heads, n, size] tensor as the kernels read them: neighbours within a row. */
function rows(x: Tensor): Tensor {
  return x.strides[3] === 1 || x.shape[3] <= 1 ? x : contiguousCopy(x);
}
/** [batch, heads, n, size], in memory [batch, n, heads, size], so that heads join without a copy. */
function headRows(like: Tensor, [batch, heads, n, size]: readonly number[]): Tensor {
  const whole = empty([batch, n, heads, size], like.dtype, like.backend);
  return view(whole, [batch, heads, n, size], 0, [n * heads * size, size, heads * size, 1]);
}
function spread(x: Tensor, shape: readonly number[]): Tensor {
  return view(x, shape, x.offset, broadcastStrides(x.shape, x.strides, shape));
}

interface Memo {
  shape: AttentionShape;
  inputs: AttentionInputs & { q: Tensor; k: Tensor; v: Tensor };
  out: Tensor;
  lse: Tensor;
}

const NO_DROPOUT = { key0: 0, key1: 0, site: 0 };

/** What the kernels are told. Written out field by field: a token of a small model waits for this in every layer. */
function prepare(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): [AttentionShape, AttentionInputs] {
  const { isCausal = false, attnMask, alibiSlopes, dropout = 0, training = true } = options;
  const [batch, heads, queries, size] = q.shape;
  const p = training ? dropout : 0;
  const { key0, key1, site } = p > 0 ? nextMask() : NO_DROPOUT;
  const [groups, keys, valueSize] = [k.shape[1], k.shape[2], v.shape[3]];
  const scale = options.scale ?? 1 / Math.sqrt(size);
  const shape: AttentionShape = {
    batch,
    heads,
    groups,
    queries,
    keys,
    size,
    valueSize,
    causal: isCausal,
    scale,
    dropout: p,
    key0,
    key1,
    site,
  };
  const grid = attnMask && spread(attnMask, [batch, heads, queries, keys]);
  const hides = grid !== undefined && HELD[grid.dtype] === "uint8";
  const slopes = alibiSlopes && (alibiSlopes.isContiguous ? alibiSlopes : contiguousCopy(alibiSlopes));
  return [shape, { q, k, v, mask: hides ? grid : undefined, bias: hides ? undefined : grid, slopes }];
}

/** The gradients that `of` names, and the mask's (the i-th argument) where it is wanted: $\partial M = \partial S$ in its own shape. */
function gradientsOf(ctx: Context, i: number, dout: Tensor, of: Omit<AttentionGradients, "bias">): Tensor | undefined {
  const { shape, inputs, out, lse } = ctx.memo as Memo;
  const run = (bias?: Rows) => out.backend.attentionBackward({ ...of, bias }, dout, out, lse, inputs, shape);
  if (ctx.inputs.length <= i || !ctx.needs(i)) {
    run();
    return undefined;
  }
  return ctx.into(i, (mask, add) => {
    if (!add) mask.backend.fill(mask, mask.numel, 0);
    run(spread(mask, [shape.batch, shape.heads, shape.queries, shape.keys]));
  });
}

const attentionOp = defineOp("scaledDotProductAttention", {
  forward(ctx, ...[q0, k0, v0, , options]: [Tensor, Tensor, Tensor, Tensor | undefined, AttentionOptions]) {
    const [q, k, v] = [rows(q0), rows(k0), rows(v0)];
    const [shape, inputs] = prepare(q, k, v, options);
    const out = headRows(q, [...q.shape.slice(0, 3), v.shape[3]]);
    const recorded = ctx.inputs.some((_, i) => ctx.needs(i));
    const lse = recorded ? empty(q.shape.slice(0, 3), q.dtype, q.backend) : undefined;
    q.backend.attention(out, lse, inputs, shape);
    if (lse === undefined) return out;
    for (const t of [q, k, v, out, lse, inputs.mask, inputs.bias, inputs.slopes]) ctx.save(t as Tensor | undefined);
    ctx.memo = { shape, inputs: { ...inputs, q, k, v }, out, lse } satisfies Memo;
    return out;
  },
  backward(ctx, dy) {
    const { inputs } = ctx.memo as Memo;
    const [q, k, v] = [inputs.q, inputs.k, inputs.v].map((x) => headRows(x, x.shape));
    const mask = gradientsOf(ctx, 3, rows(dy as Tensor), { q, k, v });
    return [q, k, v, mask];
  },
});

function checkValues(name: string, grid: readonly number[], dtype: string, options: AttentionOptions): void {
  const { attnMask, alibiSlopes, dropout = 0 } = options;
  if (attnMask !== undefined) checkTensor(name, attnMask, "a tensor of masks or slopes");
  if (alibiSlopes !== undefined) checkTensor(name, alibiSlopes, "a tensor of masks or slopes");
  if (!(dropout >= 0 && dropout <= 1)) throw new ShapeError(`${name}: dropout ${dropout} is outside 0 to 1`);
  if (alibiSlopes !== undefined && !sameShape(alibiSlopes.shape, [grid[1]])) {
    throw new ShapeError(`${name}: expected alibiSlopes [${grid[1]}], found ${showShape(alibiSlopes.shape)}`);
  }
  if (attnMask === undefined) return;
  if (HELD[attnMask.dtype] !== "uint8" && attnMask.dtype !== dtype) {
    throw new ShapeError(`${name}: expected a mask of bool or ${dtype}, found ${attnMask.dtype}`);
  }
  const lead = grid.length - attnMask.ndim;
  if (lead < 0 || attnMask.shape.some((n, d) => n !== 1 && n !== grid[d + lead])) {
    throw new ShapeError(`${name}: a mask of ${showShape(attnMask.shape)} does not broadcast to ${showShape(grid)}`);
  }
}

/**
 * Scaled dot-product attention $\mathrm{softmax}(QK^\top/\sqrt d + M)\,V$ (Vaswani et al., 2017), as PyTorch's function of this
 * name, computed by blocks: the weights [T, S] are never stored, neither here nor in the backward pass, and blocks that a mask
 * hides are skipped. `attentionWeights` gives them, for plots. With fewer heads of k and v than of q, each serves
 * heads / groups neighbouring heads of q (grouped-query attention, Ainslie et al., 2023).
 * With $P$ the weights and $D_i = \partial o_i\cdot o_i$: $\partial V = P^\top\partial O$,
 * $\partial S = P\circ(\partial O V^\top - D)$, $\partial M = \partial S$, $\partial Q = \partial S K/\sqrt d$, $\partial K = \partial S^\top Q/\sqrt d$.
 * @param q [batch, heads, T, d] @param k [batch, groups, S, d] @param v [batch, groups, S, dv]
 * @returns [batch, heads, T, dv]
 * @throws ShapeError unless the sizes agree.
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  for (const t of [q, k, v]) checkTensor("scaledDotProductAttention", t);
  checkOptions("scaledDotProductAttention", options, ATTENTION, TORCH);
  const fits =
    q.ndim === 4 &&
    k.ndim === 4 &&
    v.ndim === 4 &&
    q.shape[0] === k.shape[0] &&
    v.shape[0] === k.shape[0] &&
    v.shape[1] === k.shape[1] &&
    v.shape[2] === k.shape[2] &&
    k.shape[1] > 0 &&
    q.shape[1] % k.shape[1] === 0 &&
    q.shape[3] === k.shape[3];
  if (!fits) {
    throw new ShapeError(
      `scaledDotProductAttention: expected q [batch, heads, T, d], k [batch, groups, S, d] and v [batch, groups, S, dv], found ${[q, k, v].map((t) => showShape(t.shape)).join(", ")}`,
      "The heads of k and v are those of q, or divide them.",
    );
  }
  const grid = [q.shape[0], q.shape[1], q.shape[2], k.shape[2]];
  checkValues("scaledDotProductAttention", grid, q.dtype, options);
  return attentionOp(q, k, v, options.attnMask, options);
}

/** q, k and v side by side in one tensor, so that their gradients need not be brought together again. */
const packedOp = defineOp("attentionPacked", {
  forward(ctx, ...[qkv, , heads, groups, options]: [Tensor, Tensor | undefined, number, number, AttentionOptions]) {
    const whole = qkv.isContiguous ? qkv : contiguousCopy(qkv);
    const [q, k, v] = parts(whole, heads, groups);
    const [shape, inputs] = prepare(q, k, v, options);
    const out = headRows(q, q.shape);
    const lse = ctx.inputs.some((_, i) => ctx.needs(i)) ? empty(q.shape.slice(0, 3), q.dtype, q.backend) : undefined;
    q.backend.attention(out, lse, inputs, shape);
    const joined = view(out, [q.shape[0], q.shape[2], heads * q.shape[3]], 0);
    if (lse === undefined) return joined;
    for (const t of [whole, out, lse, inputs.mask, inputs.bias, inputs.slopes]) ctx.save(t as Tensor | undefined);
    ctx.memo = { shape, inputs: { ...inputs, q, k, v }, out, lse } satisfies Memo;
    return joined;
  },
  backward(ctx, dy) {
    const { shape, out } = ctx.memo as Memo;
    const { heads, groups, size, batch, queries } = shape;
    const gradient = empty([batch, queries, (heads + 2 * groups) * size], out.dtype, out.backend);
    const [q, k, v] = parts(gradient, heads, groups);
    const g = dy as Tensor;
    const whole = g.isContiguous ? g : contiguousCopy(g);
    const dout = view(whole, out.shape, whole.offset, out.strides);
    return [gradient, gradientsOf(ctx, 1, dout, { q, k, v })];
  },
});

/** Views [batch, heads or groups, T, d] of [batch, T, (heads + 2 groups)·d]. */
function parts(qkv: Tensor, heads: number, groups: number): [Tensor, Tensor, Tensor] {
  const [batch, t, width] = qkv.shape;
  const size = width / (heads + 2 * groups);
  const [, , one] = denseStrides(qkv.shape);
  const part = (n: number, from: number) =>
    view(qkv, [batch, n, t, size], qkv.offset + from * size, [t * width, size, width, one]);
  return [part(heads, 0), part(groups, heads), part(groups, heads + groups)];
}

/**
 * {@link scaledDotProductAttention} of a tensor to itself, from one that holds a token's queries, keys and values side by side.
 * @param qkv [batch, T, (heads + 2·groups)·d]: queries of every head, then keys, then values of every group.
 * @returns [batch, T, heads·d]
 * @throws ShapeError unless heads + 2·groups divide the width and groups divide heads.
 */
export function attentionPacked(qkv: Tensor, heads: number, groups = heads, options: AttentionOptions = {}): Tensor {
  checkTensor("attentionPacked", qkv);
  checkOptions("attentionPacked", options, ATTENTION, TORCH);
  const whole = Number.isInteger(heads) && heads > 0 && Number.isInteger(groups) && groups > 0;
  if (qkv.ndim !== 3 || !whole || heads % groups !== 0 || qkv.shape[2] % (heads + 2 * groups) !== 0) {
    throw new ShapeError(
      `attentionPacked: expected [batch, T, (${heads} + 2 · ${groups})·d], found ${showShape(qkv.shape)}`,
    );
  }
  const grid = [qkv.shape[0], heads, qkv.shape[1], qkv.shape[1]];
  checkValues("attentionPacked", grid, qkv.dtype, options);
  return packedOp(qkv, options.attnMask, heads, groups, options);
}

/** [heads]: the slopes $2^{-8i/n}$ of ALiBi, with the paper's rule for numbers of heads that are no power of 2. */
export function alibiSlopes(heads: number): Tensor {
  if (!Number.isInteger(heads) || heads < 1) throw new ShapeError(`alibiSlopes: ${describe(heads)} heads`);
  const power = 2 ** Math.floor(Math.log2(heads));
  const slopes = Array.from({ length: heads }, (_, i) =>
    i < power ? 2 ** ((-8 * (i + 1)) / power) : 2 ** ((-8 * (2 * (i - power) + 1)) / (2 * power)),
  );
  return tensor(slopes);
}
