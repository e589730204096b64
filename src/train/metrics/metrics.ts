import { ShoshinError } from "../../backend/errors.ts";

type Values = ArrayLike<number>;

function pairs(predicted: Values, target: Values): number {
  for (const values of [predicted, target])
    if (typeof values?.length !== "number" || typeof values === "string")
      throw new ShoshinError(`metrics: expected numbers, found ${String(values)}`, "An array, or tensor.data().");
  if (predicted.length !== target.length || target.length === 0) {
    throw new ShoshinError(`metrics: ${predicted.length} predictions for ${target.length} targets`);
  }
  return target.length;
}
const mean = (x: Values): number => {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i];
  return sum / x.length;
};

/** Share of equal entries, 0 to 1. */
export function accuracy(predicted: Values, target: Values): number {
  const n = pairs(predicted, target);
  let hits = 0;
  for (let i = 0; i < n; i++) hits += predicted[i] === target[i] ? 1 : 0;
  return hits / n;
}

/** counts[t][p]: examples of class t that were called p. Classes are 0 … classes − 1. */
export function confusionMatrix(predicted: Values, target: Values, classes: number): number[][] {
  const n = pairs(predicted, target);
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < n; i++) counts[target[i]][predicted[i]]++;
  return counts;
}

export interface Scores {
  precision: number;
  recall: number;
  f1: number;
}
const ratio = (a: number, b: number) => (b === 0 ? 0 : a / b);

/** Precision, recall and F1 of each class; 0 where a class was never called or never occurs (scikit-learn's zero_division=0). */
export function classScores(predicted: Values, target: Values, classes: number): Scores[] {
  const counts = confusionMatrix(predicted, target, classes);
  return counts.map((row, c) => {
    const hits = row[c];
    const called = counts.reduce((sum, other) => sum + other[c], 0);
    const occurs = row.reduce((a, b) => a + b, 0);
    return { precision: ratio(hits, called), recall: ratio(hits, occurs), f1: ratio(2 * hits, called + occurs) };
  });
}

/**
 * F1, precision and recall: of class 1 (`binary`), the unweighted mean over the classes that occur or were called (`macro`),
 * or over all decisions (`micro`, which equals accuracy).
 */
export function f1Score(
  predicted: Values,
  target: Values,
  classes: number,
  average: "binary" | "macro" | "micro" = "macro",
): Scores {
  const scores = classScores(predicted, target, classes);
  if (average === "binary") return scores[1] ?? { precision: 0, recall: 0, f1: 0 };
  if (average === "micro") {
    const a = accuracy(predicted, target);
    return { precision: a, recall: a, f1: a };
  }
  const present = new Set<number>([...Array.from(predicted), ...Array.from(target)]);
  const list = scores.filter((_, c) => present.has(c));
  const of = (key: keyof Scores) => mean(list.map((s) => s[key]));
  return { precision: of("precision"), recall: of("recall"), f1: of("f1") };
}

/** Matthews' correlation of any number of classes (Gorodkin 2004), −1 to 1; 0 where it is undefined. */
export function matthewsCorrelation(predicted: Values, target: Values, classes: number): number {
  const counts = confusionMatrix(predicted, target, classes);
  const t = counts.map((row) => row.reduce((a, b) => a + b, 0));
  const p = counts.map((_, c) => counts.reduce((sum, row) => sum + row[c], 0));
  const n = t.reduce((a, b) => a + b, 0);
  const hits = counts.reduce((sum, row, c) => sum + row[c], 0);
  const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i], 0);
  const under = Math.sqrt(n * n - dot(p, p)) * Math.sqrt(n * n - dot(t, t));
  return ratio(hits * n - dot(p, t), under);
}

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
/** Spearman's rank correlation. */
export const spearman = (x: Values, y: Values): number => pearson(ranks(x), ranks(y));

/** Root of the mean squared error. */
export function rmse(predicted: Values, target: Values): number {
  const n = pairs(predicted, target);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += (predicted[i] - target[i]) ** 2;
  return Math.sqrt(sum / n);
}
/** Mean absolute error. */
export function mae(predicted: Values, target: Values): number {
  const n = pairs(predicted, target);
  let sum = 0;
  for (let i = 0; i < n; i++) sum += Math.abs(predicted[i] - target[i]);
  return sum / n;
}
/** Coefficient of determination: 1 − residual / total sum of squares; NaN for constant targets. */
export function r2Score(predicted: Values, target: Values): number {
  const n = pairs(predicted, target);
  const centre = mean(target);
  let [residual, total] = [0, 0];
  for (let i = 0; i < n; i++) {
    residual += (target[i] - predicted[i]) ** 2;
    total += (target[i] - centre) ** 2;
  }
  return total === 0 ? Number.NaN : 1 - residual / total;
}
/** $e^{loss}$ of a mean loss per token in nats. */
export const perplexity = (loss: number): number => Math.exp(loss);
