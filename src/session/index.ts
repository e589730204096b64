export type { Listener, SessionEvent, SessionStatus, TrainEvent } from "./events.ts";
export { type Files, readFiles, writeFiles } from "./files.ts";
export {
  type CallOptions,
  type ModelFacts,
  type OpenOptions,
  SessionError,
  type SessionEvaluateOptions,
  type SessionOptions,
  type SessionTrainOptions,
  type SessionWriting,
} from "./options.ts";
export type { Predictions } from "./predictions.ts";
export { Session } from "./session.ts";
