import type { Metrics } from "../train/index.ts";

/** What a session does, besides waiting. */
export type SessionStatus = "idle" | "opening" | "training" | "closed";

/** What happens while a model trains. */
export type TrainEvent =
  | { type: "begin"; step: number; maxSteps: number; numTrainEpochs: number; resumed: boolean }
  | { type: "step"; step: number; epoch: number; loss: number; learningRate: number }
  | { type: "evaluate"; step: number; metrics: Metrics }
  | { type: "epoch"; step: number; epoch: number }
  | { type: "log"; step: number; epoch: number; logs: Metrics }
  | { type: "save"; step: number; path: string | undefined }
  | { type: "note"; text: string };

/** What happens in a session: {@link TrainEvent}s, pieces of a text that is being written, and what it does from now on. */
export type SessionEvent =
  | TrainEvent
  | { type: "text"; text: string }
  | { type: "status"; status: SessionStatus; task?: string };

export type Listener<E> = (event: E) => void;
