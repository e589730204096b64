import type { ReadyOptions } from "../backend/index.ts";
import type { EvaluateReport, TaskOptions, TaskReport } from "../tasks/index.ts";
import type { TrainingArguments } from "../train/index.ts";
import type { Files } from "./files.ts";

/** Settings of a training in a worker: the command line's options in camelCase; `data` and `validation` name files or parts. */
export type TrainOptions = Omit<TaskOptions, "output" | "callbacks" | "say" | "args"> & {
  task: string;
  args?: Partial<Omit<TrainingArguments, "outputDir" | "quiet" | "resume">>;
};

/** What happens while a model trains. */
export type TrainEvent =
  | { type: "step"; step: number; epoch: number; loss: number; learningRate: number }
  | { type: "evaluate"; step: number; metrics: Record<string, number> }
  | { type: "note"; text: string };

export interface WorkerFacts {
  backend: string;
  instructionSet: string;
  threads: number;
}

/** What the worker answers to. */
export interface Calls {
  start(options?: ReadyOptions): WorkerFacts;
  write(files: Files): void;
  train(options: TrainOptions): TaskReport;
  stop(): void;
  open(files: Files): { task: string };
  predict(inputs: readonly string[]): unknown[];
  evaluate(data: string): EvaluateReport;
  files(): Files;
}

export type Request = { id: number; call: keyof Calls; args: unknown[] };
export type Answer =
  | { id: number; value: unknown }
  | { id: number; error: { message: string; hint?: string } }
  | { id: number; event: TrainEvent };

/** A worker, or anything else that exchanges messages as one does. */
export interface Port {
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
  onmessage: ((event: { data: unknown }) => void) | null;
}
