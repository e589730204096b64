import { defineMetric } from "./metric.ts";
import { mean, pairs, type Values } from "./values.ts";

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

export const rootMeanSquaredError = defineMetric({
  name: "rmse",
  kind: "numbers",
  lower: true,
  compute: ({ predicted, targets }) => rmse(predicted, targets),
});
export const meanAbsoluteError = defineMetric({
  name: "mae",
  kind: "numbers",
  lower: true,
  compute: ({ predicted, targets }) => mae(predicted, targets),
});
export const determination = defineMetric({
  name: "r2",
  kind: "numbers",
  compute: ({ predicted, targets }) => r2Score(predicted, targets),
});
