import { ShoshinError } from "../../backend/errors.ts";
import { accuracy } from "./accuracy.ts";
import { defineMetric } from "./metric.ts";
import { mean, pairs, ratio, type Values } from "./values.ts";

/** counts[t][p]: examples of class t that were called p. Throws ShoshinError for a class that is none of 0 … classes − 1. */
export function confusionMatrix(predicted: Values, target: Values, classes: number): number[][] {
  const n = pairs(predicted, target);
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < n; i++) {
    const row = counts[target[i]];
    if (row?.[predicted[i]] === undefined)
      throw new ShoshinError(`metrics: class ${predicted[i]} for ${target[i]}; expected 0 … ${classes - 1}`);
    row[predicted[i]]++;
  }
  return counts;
}

export interface Scores {
  precision: number;
  recall: number;
  f1: number;
}

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

/** Of class 1 where there are two classes, else the mean over classes. */
export const f1 = defineMetric({
  name: "f1",
  kind: "classes",
  compute: ({ predicted, targets, classes }) =>
    f1Score(predicted, targets, classes, classes === 2 ? "binary" : "macro").f1,
});
