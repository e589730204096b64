import type { ReadyOptions } from "../backend/index.ts";
import type {
  Files,
  SessionEvaluateOptions,
  SessionEvent,
  SessionTrainOptions,
  SessionWriting,
} from "../session/index.ts";
import type { EvaluateReport, PredictOptions, TaskReport } from "../tasks/index.ts";
import type { ChatMessage } from "../text/index.ts";
import type { TrainingArguments } from "../train/index.ts";

/** Settings of a training in a worker: the command line's options in camelCase; `data` and `validation` name files or parts. */
export type TrainOptions = Omit<SessionTrainOptions, "output" | "callbacks" | "args"> & {
  args?: Partial<Omit<TrainingArguments, "outputDir" | "quiet" | "resume">>;
};
/** What is evaluated, without the name of the file. */
export type EvaluationOptions = Omit<SessionEvaluateOptions, "data">;
/** How a text is written; functions other than `onText` stay where they are. */
export type WritingOptions = Omit<SessionWriting, "onToken">;

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
  predict(inputs: readonly string[], options?: PredictOptions): unknown[];
  evaluate(data: string, options?: EvaluationOptions): EvaluateReport;
  generate(prompt: string, options?: Omit<WritingOptions, "onText">): string;
  chat(messages: readonly ChatMessage[], options?: Omit<WritingOptions, "onText">): string;
  files(): Files;
  /** Ends another call, by its id. */
  abort(id: number): void;
}

export type Request = { id: number; call: keyof Calls; args: unknown[] };
export type Answer =
  | { id: number; value: unknown }
  | { id: number; error: { message: string; hint?: string } }
  | { id: number; event: SessionEvent };

/** A worker, or anything else that exchanges messages as one does. */
export interface Port {
  postMessage(message: unknown, transfer?: ArrayBuffer[]): void;
  onmessage: ((event: { data: unknown }) => void) | null;
}
