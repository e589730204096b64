import { confusionMatrix } from "./f1.ts";
import { defineMetric } from "./metric.ts";
import { ratio, type Values } from "./values.ts";

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

export const matthews = defineMetric({
  name: "matthews_correlation",
  kind: "classes",
  compute: ({ predicted, targets, classes }) => matthewsCorrelation(predicted, targets, classes),
});
