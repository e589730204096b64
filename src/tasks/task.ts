import type { Module } from "../nn/index.ts";
import type { Metrics } from "../train/index.ts";
import type { EvaluateOptions, TaskOptions } from "./options/index.ts";
import type { PredictOptions } from "./predict-options.ts";

export type { EvaluateOptions, TaskOptions };

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

/** A trained model in use. */
export interface Predictor {
  readonly task: string;
  readonly model: Module;
  evaluate(options: EvaluateOptions): Promise<EvaluateReport>;
  /** One result for each input, as Hugging Face's pipeline of the task gives it. */
  predict(inputs: readonly string[], options?: PredictOptions): Promise<unknown[]>;
  /** The same for a file of inputs. */
  predictFile(path: string, options: { textColumn?: string } & PredictOptions): Promise<unknown[]>;
  /** Writes predictions of a benchmark's test parts in the form that its site takes; returns the files. */
  submit?(source: string, folder: string): Promise<string[]>;
}

export interface Task {
  readonly name: string;
  readonly presets: readonly string[];
  readonly defaultPreset: string;
  train(options: TaskOptions): Promise<TaskReport>;
  load(folder: string): Promise<Predictor>;
}
