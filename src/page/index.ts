export { ModelWorker, WorkerError } from "./client.ts";
export { type Files, readFiles, writeFiles } from "./files.ts";
export type { TrainEvent, TrainOptions, WorkerFacts } from "./protocol.ts";
export { serve } from "./serve.ts";
