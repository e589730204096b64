import type { TypedArray } from "./backend.ts";
import type { ReduceOp } from "./codes.ts";

type Numbers = TypedArray;

/** out[outer, inner] = op over mid of x[outer, mid, inner]. */
export function reduce(
  op: ReduceOp,
  out: Numbers,
  x: Numbers,
  outer: number,
  mid: number,
  inner: number,
  accumulate: boolean,
): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let r = op === "max" ? -Infinity : op === "min" ? Infinity : op === "prod" ? 1 : 0;
      for (let m = 0; m < mid; m++) {
        const v = x[(o * mid + m) * inner + i];
        if (op === "max") r = Math.max(r, v);
        else if (op === "min") r = Math.min(r, v);
        else if (op === "prod") r *= v;
        else r += op === "sumSquares" ? v * v : v;
      }
      if (op === "mean") r /= mid;
      out[o * inner + i] = accumulate ? out[o * inner + i] + r : r;
    }
  }
}

/** Index of the first maximum (minimum) along mid; the first NaN wins. */
export function argReduce(
  op: "max" | "min",
  out: Int32Array,
  x: Numbers,
  outer: number,
  mid: number,
  inner: number,
): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let best = 0;
      for (let m = 0; m < mid; m++) {
        const v = x[(o * mid + m) * inner + i];
        const b = x[(o * mid + best) * inner + i];
        if (Number.isNaN(b)) break;
        if (Number.isNaN(v) || (op === "max" ? v > b : v < b)) best = m;
      }
      out[o * inner + i] = best;
    }
  }
}

/**
 * log Σ exp of one row as its greatest entry, by which all are shifted so that nothing overflows, and the rest: their sum would
 * lose, beside large entries, what the others differ by.
 */
function logSumExp(x: Numbers, at: number, cols: number): [max: number, rest: number] {
  let max = -Infinity;
  for (let c = 0; c < cols; c++) max = Math.max(max, x[at + c]);
  let sum = 0;
  for (let c = 0; c < cols; c++) sum += Math.exp(x[at + c] - max);
  return [max, Math.log(sum)];
}

export function softmax(out: Numbers, x: Numbers, rows: number, cols: number, log: boolean): void {
  for (let r = 0; r < rows; r++) {
    const [max, rest] = logSumExp(x, r * cols, cols);
    for (let c = r * cols; c < (r + 1) * cols; c++) out[c] = log ? x[c] - max - rest : Math.exp(x[c] - max - rest);
  }
}

/** softmax: dx = y (dy − Σ dy·y); log-softmax: dx = dy − eʸ Σ dy. */
export function softmaxBackward(dx: Numbers, dy: Numbers, y: Numbers, rows: number, cols: number, log: boolean): void {
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = r * cols; c < (r + 1) * cols; c++) sum += log ? dy[c] : dy[c] * y[c];
    for (let c = r * cols; c < (r + 1) * cols; c++) dx[c] = log ? dy[c] - Math.exp(y[c]) * sum : y[c] * (dy[c] - sum);
  }
}

interface CrossEntropyShape {
  rows: number;
  cols: number;
  smoothing: number;
  ignoreIndex: number;
}

/** loss = (1−ε)·w_t·(lse − x_t) + ε/C · Σ_c w_c (lse − x_c), lse in two parts. */
export function crossEntropy(
  out: { loss: Numbers; weightOut: Numbers; lse: Numbers },
  x: Numbers,
  target: Int32Array,
  weight: Numbers | undefined,
  { rows, cols, smoothing, ignoreIndex }: CrossEntropyShape,
): void {
  for (let r = 0; r < rows; r++) {
    const [max, rest] = logSumExp(x, r * cols, cols);
    const t = target[r];
    out.lse.set([max, rest], 2 * r);
    if (t === ignoreIndex) {
      out.loss[r] = 0;
      out.weightOut[r] = 0;
      continue;
    }
    const w = weight ? weight[t] : 1;
    let loss = (1 - smoothing) * w * (rest - (x[r * cols + t] - max));
    if (smoothing > 0) {
      let all = 0;
      for (let c = 0; c < cols; c++) all += (weight ? weight[c] : 1) * (rest - (x[r * cols + c] - max));
      loss += (smoothing / cols) * all;
    }
    out.loss[r] = loss;
    out.weightOut[r] = w;
  }
}

/** dx_j = scale · (p_j·((1−ε) w_t + ε/C Σ w) − (1−ε) w_t [j = t] − ε/C w_j). */
export function crossEntropyBackward(
  dx: Numbers,
  scale: (row: number) => number,
  x: Numbers,
  target: Int32Array,
  weight: Numbers | undefined,
  lse: Numbers,
  { rows, cols, smoothing, ignoreIndex }: CrossEntropyShape,
): void {
  let total = cols;
  if (weight) {
    total = 0;
    for (let c = 0; c < cols; c++) total += weight[c];
  }
  for (let r = 0; r < rows; r++) {
    const t = target[r];
    if (t === ignoreIndex) {
      dx.fill(0, r * cols, (r + 1) * cols);
      continue;
    }
    const w = (1 - smoothing) * (weight ? weight[t] : 1);
    const mass = w + (smoothing / cols) * total;
    const s = scale(r);
    for (let c = 0; c < cols; c++) {
      let g =
        Math.exp(x[r * cols + c] - lse[2 * r] - lse[2 * r + 1]) * mass - (smoothing / cols) * (weight ? weight[c] : 1);
      if (c === t) g -= w;
      dx[r * cols + c] = s * g;
    }
  }
}

/** y = (x − μ)/√(σ² + ε)·w + b by row; without `mean`, μ = 0 and σ² is the mean square (RMS norm). */
export function norm(
  out: Numbers,
  mean: Numbers | undefined,
  rstd: Numbers,
  x: Numbers,
  weight: Numbers | undefined,
  bias: Numbers | undefined,
  rows: number,
  cols: number,
  eps: number,
): void {
  for (let r = 0; r < rows; r++) {
    let mu = 0;
    if (mean) {
      for (let c = 0; c < cols; c++) mu += x[r * cols + c];
      mu /= cols;
      mean[r] = mu;
    }
    let variance = 0;
    for (let c = 0; c < cols; c++) variance += (x[r * cols + c] - mu) ** 2;
    const inverse = 1 / Math.sqrt(variance / cols + eps);
    rstd[r] = inverse;
    for (let c = 0; c < cols; c++) {
      const y = (x[r * cols + c] - mu) * inverse;
      out[r * cols + c] = y * (weight ? weight[c] : 1) + (bias ? bias[c] : 0);
    }
  }
}

/** With x̂ the normalised row and g = dy·w: dx = rstd (g − mean(g) − x̂·mean(g·x̂)); RMS norm lacks mean(g). */
export function normBackward(
  out: { dx?: Numbers; dweight?: Numbers; dbias?: Numbers; accumulate: boolean },
  dy: Numbers,
  x: Numbers,
  mean: Numbers | undefined,
  rstd: Numbers,
  weight: Numbers | undefined,
  rows: number,
  cols: number,
): void {
  const dw = new Float64Array(cols);
  const db = new Float64Array(cols);
  for (let r = 0; r < rows; r++) {
    const mu = mean ? mean[r] : 0;
    let sum = 0;
    let dot = 0;
    for (let c = 0; c < cols; c++) {
      const hat = (x[r * cols + c] - mu) * rstd[r];
      const d = dy[r * cols + c];
      const g = d * (weight ? weight[c] : 1);
      sum += g;
      dot += g * hat;
      dw[c] += d * hat;
      db[c] += d;
    }
    if (!out.dx) continue;
    for (let c = 0; c < cols; c++) {
      const hat = (x[r * cols + c] - mu) * rstd[r];
      const g = dy[r * cols + c] * (weight ? weight[c] : 1);
      out.dx[r * cols + c] = rstd[r] * (g - (mean ? sum / cols : 0) - (hat * dot) / cols);
    }
  }
  for (let c = 0; c < cols; c++) {
    if (out.dweight) out.dweight[c] = (out.accumulate ? out.dweight[c] : 0) + dw[c];
    if (out.dbias) out.dbias[c] = (out.accumulate ? out.dbias[c] : 0) + db[c];
  }
}

interface BagShape {
  bags: number;
  n: number;
  dim: number;
  mean: boolean;
  skip: number;
}

/** Calls body for every counted row of every bag with its weight (1/count folded in for the mean). */
function eachBagRow(
  index: Int32Array,
  offsets: Int32Array,
  perSample: Numbers | undefined,
  { bags, n, mean, skip }: BagShape,
  body: (bag: number, row: number, weight: number) => void,
): void {
  for (let b = 0; b < bags; b++) {
    const end = b + 1 < bags ? offsets[b + 1] : n;
    let count = 0;
    for (let i = offsets[b]; i < end; i++) if (index[i] !== skip) count++;
    for (let i = offsets[b]; i < end; i++) {
      if (index[i] !== skip) body(b, index[i], (perSample ? perSample[i] : 1) / (mean ? count : 1));
    }
  }
}

export function embeddingBag(
  out: Numbers,
  table: Numbers,
  index: Int32Array,
  offsets: Int32Array,
  perSample: Numbers | undefined,
  shape: BagShape,
): void {
  const { bags, dim } = shape;
  const sums = new Float64Array(bags * dim);
  eachBagRow(index, offsets, perSample, shape, (bag, row, w) => {
    for (let d = 0; d < dim; d++) sums[bag * dim + d] += w * table[row * dim + d];
  });
  out.set(sums);
}

export function embeddingBagBackward(
  dtable: Numbers,
  dy: Numbers,
  index: Int32Array,
  offsets: Int32Array,
  perSample: Numbers | undefined,
  shape: BagShape,
): void {
  const { dim } = shape;
  eachBagRow(index, offsets, perSample, shape, (bag, row, w) => {
    for (let d = 0; d < dim; d++) dtable[row * dim + d] += w * dy[bag * dim + d];
  });
}
