import type { Metrics } from "../train/index.ts";

export type { EvaluateOptions, TaskOptions } from "./options/index.ts";

export interface TaskReport {
  task: string;
  model: string;
  backend: string;
  output: string;
  parameters: number;
  epochs: number;
  steps: number;
  seconds: number;
  examplesPerSecond: number;
  train: { loss: number };
  validation: Metrics | null;
}

export interface EvaluateReport {
  task: string;
  examples: number;
  seconds: number;
  metrics: Metrics;
}
