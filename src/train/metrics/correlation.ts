import { defineMetric } from "./metric.ts";
import { mean, pairs, type Values } from "./values.ts";

/** Pearson's correlation, −1 to 1; NaN for constant values. */
export function pearson(x: Values, y: Values): number {
  const n = pairs(x, y);
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) ** 2;
    yy += (y[i] - my) ** 2;
  }
  return Math.max(-1, Math.min(1, xy / Math.sqrt(xx * yy)));
}

/** Ranks from 1, equal values sharing the mean of theirs. */
export function ranks(x: Values): Float64Array {
  const order = Array.from({ length: x.length }, (_, i) => i).sort((a, b) => x[a] - x[b]);
  const out = new Float64Array(x.length);
  for (let i = 0; i < order.length; ) {
    let j = i;
    while (j + 1 < order.length && x[order[j + 1]] === x[order[i]]) j++;
    for (let k = i; k <= j; k++) out[order[k]] = (i + j) / 2 + 1;
    i = j + 1;
  }
  return out;
}
/** Spearman's rank correlation; NaN for constant values, and where one is NaN: it has no rank. */
export function spearman(x: Values, y: Values): number {
  const unranked = [x, y].some((values) => Array.from(values).some(Number.isNaN));
  return unranked ? Number.NaN : pearson(ranks(x), ranks(y));
}

export const pearsonOf = defineMetric({
  name: "pearson",
  kind: ["numbers", "similarities"],
  compute: ({ predicted, targets }) => pearson(predicted, targets),
});
/** Under the name that SciPy's function has. */
export const spearmanOf = defineMetric({
  name: "spearmanr",
  kind: ["numbers", "similarities"],
  compute: ({ predicted, targets }) => spearman(predicted, targets),
});
