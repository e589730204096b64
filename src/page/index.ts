export type { Predictions, SessionEvent, TrainEvent } from "../session/index.ts";
export { type Files, readFiles, writeFiles } from "../session/index.ts";
export { ModelWorker, WorkerError } from "./client.ts";
export type { EvaluationOptions, TrainOptions, WorkerFacts, WritingOptions } from "./protocol.ts";
export { serve } from "./serve.ts";
