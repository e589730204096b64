import type { Metrics } from "./metrics/metric.ts";

/** What training gives. */
export interface TrainResult {
  /** Steps of the optimizer; of what learns without gradients, what it calls one. */
  steps: number;
  epochs: number;
  seconds: number;
  examplesPerSecond: number;
  /** Mean loss of the last epoch. */
  loss: number;
  metrics: Metrics | undefined;
  /** Nothing was done: the run had finished before. */
  alreadyFinished: boolean;
}
