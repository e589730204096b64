import type { AttentionGradients, AttentionInputs, AttentionShape, Rows } from "./attention.ts";
import type { Operand, TypedArray } from "./backend.ts";
import { BackendError } from "./errors.ts";
import { philox } from "./philox.ts";
import { float, maybe, view } from "./reference-view.ts";

/** Address of element (b, h, i, j), and the elements. */
interface Grid {
  data: TypedArray;
  at(b: number, h: number, i: number, j: number): number;
}

function open(x: Rows, sizes: readonly number[], mask = false): Grid {
  const reach = sizes.includes(0) ? 0 : 1 + sizes.reduce((sum, n, d) => sum + (n - 1) * x.strides[d], 0);
  const [sb, sh, si, sj] = x.strides;
  return {
    data: mask ? view(x, reach, "uint8") : float(x, reach),
    at: (b, h, i, j) => b * sb + h * sh + i * si + j * sj,
  };
}

function openAll(x: AttentionInputs, out: Rows, s: AttentionShape) {
  const { batch, heads, groups, queries, keys, size, valueSize } = s;
  if (groups < 1 || heads % groups !== 0) {
    throw new BackendError(`attention: ${groups} heads of keys for ${heads} of queries`);
  }
  const grid = [batch, heads, queries, keys];
  return {
    q: open(x.q, [batch, heads, queries, size]),
    k: open(x.k, [batch, groups, keys, size]),
    v: open(x.v, [batch, groups, keys, valueSize]),
    out: open(out, [batch, heads, queries, valueSize]),
    mask: x.mask && open(x.mask, grid, true),
    bias: x.bias && open(x.bias, grid),
    slopes: maybe(x.slopes, heads),
  };
}
type Open = ReturnType<typeof openAll>;

/** $q_i \cdot k_j \cdot$ scale with biases, −∞ where hidden; for every key of one query. */
function scoresOf(o: Open, s: AttentionShape, b: number, h: number, i: number, to: Float64Array): void {
  const g = Math.floor(h / (s.heads / s.groups));
  const ahead = s.keys - s.queries;
  for (let j = 0; j < s.keys; j++) {
    if ((s.causal && j > i + ahead) || (o.mask && o.mask.data[o.mask.at(b, h, i, j)] === 0)) {
      to[j] = -Infinity;
      continue;
    }
    let sum = 0;
    for (let c = 0; c < s.size; c++) sum += o.q.data[o.q.at(b, h, i, c)] * o.k.data[o.k.at(b, g, j, c)];
    sum *= s.scale;
    if (o.slopes) sum -= o.slopes[h] * Math.abs(i + ahead - j);
    if (o.bias) sum += o.bias.data[o.bias.at(b, h, i, j)];
    to[j] = sum;
  }
}

/** Factors of dropout for every key of one query: 0 or 1/(1 − p). */
function droppedOf(s: AttentionShape, b: number, h: number, i: number, to: Float64Array): void {
  if (s.dropout === 0) {
    to.fill(1);
    return;
  }
  const words = new Uint32Array(4);
  const row = ((b * s.heads + h) * s.queries + i) * Math.ceil(s.keys / 4);
  const kept = s.dropout >= 1 ? 0 : 1 / (1 - s.dropout);
  for (let j = 0; j < s.keys; j++) {
    if (j % 4 === 0) philox(row + j / 4, s.site, s.key0, s.key1, words, 0);
    to[j] = words[j % 4] >= Math.fround(s.dropout) * 2 ** 32 ? kept : 0;
  }
}

/** Scores from here down count as hidden: the kernels' softmax begins with this as its maximum. */
const UNSEEN = -1e30;

/** $o_i = \sum_j p_{ij} m_{ij} v_j$, $p_{ij} = e^{s_{ij} - \mathrm{lse}_i}$, m: dropout. A query that sees nothing gives 0. */
export function forward(out: Rows, lse: Operand | undefined, x: AttentionInputs, s: AttentionShape): void {
  const o = openAll(x, out, s);
  const sums = maybe(lse, s.batch * s.heads * s.queries);
  const [weights, factors] = [new Float64Array(s.keys), new Float64Array(s.keys)];
  eachQuery(s, (b, h, i, row) => {
    scoresOf(o, s, b, h, i, weights);
    droppedOf(s, b, h, i, factors);
    const top = weights.reduce((best, w) => (w > best || Number.isNaN(w) ? w : best), UNSEEN);
    let total = 0;
    for (let j = 0; j < s.keys; j++) total += weights[j] = Math.exp(weights[j] - top);
    const g = Math.floor(h / (s.heads / s.groups));
    for (let c = 0; c < s.valueSize; c++) {
      let sum = 0;
      for (let j = 0; j < s.keys; j++) sum += weights[j] * factors[j] * o.v.data[o.v.at(b, g, j, c)];
      o.out.data[o.out.at(b, h, i, c)] = total === 0 ? 0 : sum / total;
    }
    if (sums) sums[row] = total === 0 ? Infinity : top + Math.log(total);
  });
}

function eachQuery(s: AttentionShape, f: (b: number, h: number, i: number, row: number) => void): void {
  let row = 0;
  for (let b = 0; b < s.batch; b++)
    for (let h = 0; h < s.heads; h++) for (let i = 0; i < s.queries; i++) f(b, h, i, row++);
}

/**
 * $\partial v_j = \sum_i p_{ij}m_{ij}\,\partial o_i$; $\partial s_{ij} = p_{ij}(m_{ij}\,\partial o_i\cdot v_j - \partial o_i\cdot o_i)$;
 * $\partial q_i = \mathrm{scale}\sum_j\partial s_{ij}k_j$; $\partial k_j = \mathrm{scale}\sum_i\partial s_{ij}q_i$.
 */
export function backward(
  gradients: AttentionGradients,
  dout: Rows,
  out: Rows,
  lse: Operand,
  x: AttentionInputs,
  s: AttentionShape,
): void {
  const o = openAll(x, out, s);
  const { batch, heads, groups, queries, keys, size, valueSize } = s;
  const d = open(dout, [batch, heads, queries, valueSize]);
  const dq = open(gradients.q, [batch, heads, queries, size]);
  const dk = open(gradients.k, [batch, groups, keys, size]);
  const dv = open(gradients.v, [batch, groups, keys, valueSize]);
  const dbias = gradients.bias && open(gradients.bias, [batch, heads, queries, keys]);
  const sums = float(lse, batch * heads * queries);
  const [weights, factors] = [new Float64Array(keys), new Float64Array(keys)];
  const keyRows = batch * groups * keys;
  const [sumK, sumV] = [new Float64Array(keyRows * size), new Float64Array(keyRows * valueSize)];
  const sumQ = new Float64Array(size);
  eachQuery(s, (b, h, i, row) => {
    const g = Math.floor(h / (heads / groups));
    scoresOf(o, s, b, h, i, weights);
    droppedOf(s, b, h, i, factors);
    let delta = 0;
    for (let c = 0; c < valueSize; c++) delta += d.data[d.at(b, h, i, c)] * o.out.data[o.out.at(b, h, i, c)];
    sumQ.fill(0);
    for (let j = 0; j < keys; j++) {
      const p = Math.exp(weights[j] - sums[row]);
      const key = (b * groups + g) * keys + j;
      let dp = 0;
      for (let c = 0; c < valueSize; c++) {
        dp += d.data[d.at(b, h, i, c)] * o.v.data[o.v.at(b, g, j, c)];
        sumV[key * valueSize + c] += p * factors[j] * d.data[d.at(b, h, i, c)];
      }
      const db = p * (dp * factors[j] - delta);
      if (dbias) dbias.data[dbias.at(b, h, i, j)] += db;
      const ds = db * s.scale;
      for (let c = 0; c < size; c++) {
        sumQ[c] += ds * o.k.data[o.k.at(b, g, j, c)];
        sumK[key * size + c] += ds * o.q.data[o.q.at(b, h, i, c)];
      }
    }
    for (let c = 0; c < size; c++) dq.data[dq.at(b, h, i, c)] = sumQ[c];
  });
  for (let b = 0, key = 0; b < batch; b++)
    for (let g = 0; g < groups; g++)
      for (let j = 0; j < keys; j++, key++) {
        for (let c = 0; c < size; c++) dk.data[dk.at(b, g, j, c)] = sumK[key * size + c];
        for (let c = 0; c < valueSize; c++) dv.data[dv.at(b, g, j, c)] = sumV[key * valueSize + c];
      }
}
