import type { BackendName, Precision } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import { checkOptions, type Known, OptionError } from "../backend/options.ts";
import type { HubOptions } from "../hub/index.ts";
import { GENERATION, REFUSED } from "../models/generation-options.ts";
import type { EvaluateOptions, TaskOptions, Writing } from "../tasks/index.ts";
import type { GivenArguments } from "../train/index.ts";
import type { Listener, SessionEvent } from "./events.ts";

/** A session was asked for something that it cannot do now, or at all. */
export class SessionError extends ShoshinError {}

export interface SessionOptions {
  /**
   * Where data that is written and models that are trained lie; made if it is not there, and left when the session closes. Left
   * out: a folder that goes with the session; in a page files lie in memory always.
   */
  folder?: string;
  /** Of this session's models; left out: that of new tensors when it begins. */
  backend?: BackendName;
  /** Of multiplies; left out: what `setPrecision` said when the session begins. A training may have another. */
  precision?: Precision;
  /** Data and models are only what was written and opened as files: no other paths, nothing from the hub. False. */
  confined?: boolean;
}

/** What every call takes besides its own options. */
export interface CallOptions {
  /** Ends the call, which then fails with the signal's reason; the model that was there stays. */
  signal?: AbortSignal;
  /** Told what happens during this call; what it throws ends the call. */
  onEvent?: Listener<SessionEvent>;
}

/** Settings of a training: the command line's options in camelCase. */
export type SessionTrainOptions = Omit<TaskOptions, "output" | "say" | "args"> & {
  task: string;
  /** A folder for the run; left out: one of the session's own. */
  output?: string;
  args?: GivenArguments;
};
/** What is evaluated; `data` as in training. */
export type SessionEvaluateOptions = Omit<EvaluateOptions, "quiet">;

/** A model that a session holds. */
export interface ModelFacts {
  task: string;
  parameters: number;
  /** Whether `generate` is for it. */
  writes: boolean;
}

/** How a model is opened. */
export type OpenOptions = HubOptions & {
  /** Another task than the folder's own, for models that serve several. */
  task?: string;
};

/** How a text is written; pieces come by `onText`, and as events. */
export type SessionWriting = Writing<(piece: string) => void>;

const KNOWN: Known<SessionOptions> = { folder: true, backend: true, precision: true, confined: true };
const CALL: Known<CallOptions> = { signal: true, onEvent: true };
const BACKENDS: Known<Record<BackendName, unknown>> = { native: true, wasm: true, reference: true };

/** Throws OptionError for names that a session does not know, and for values of another kind. */
export function checkSession(options: SessionOptions): void {
  checkOptions("Session", options, KNOWN, {
    device: "Here it is called backend.",
    dtype: "Here it is called precision.",
    seed: "It belongs to a training or a text: train({ args: { seed } }), generate(prompt, { seed }).",
    output: "It belongs to a training: train({ output }).",
  });
  const { folder, backend, precision, confined } = options;
  const wrong = (name: string, value: unknown, expected: string) =>
    new OptionError(`Session: ${name} is ${JSON.stringify(value)}; expected ${expected}`);
  if (folder !== undefined && (typeof folder !== "string" || folder === "")) throw wrong("folder", folder, "a path");
  if (backend !== undefined && !Object.hasOwn(BACKENDS, backend))
    throw wrong("backend", backend, Object.keys(BACKENDS).join(", "));
  if (precision !== undefined && precision !== "float32" && precision !== "bf16")
    throw wrong("precision", precision, "float32 or bf16");
  if (confined !== undefined && typeof confined !== "boolean") throw wrong("confined", confined, "true or false");
}

const { tokenizer: _own, ...GENERATES } = GENERATION;
/** Throws OptionError for names that no text is written with. */
export const checkWriting = (where: string, options: SessionWriting): void =>
  checkOptions(
    where,
    options,
    { ...GENERATES, stop: true, onText: true },
    { ...REFUSED, tokenizer: "It is the model's." },
  );

/** Throws OptionError for what is no signal, no listener, or neither of them. */
export function checkCall(where: string, call: CallOptions): void {
  checkOptions(`${where}: call`, call, CALL, {
    timeout: "Give a signal: AbortSignal.timeout(milliseconds).",
    abortController: "Give its signal.",
  });
  const { signal, onEvent } = call;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new OptionError(`${where}: signal is no AbortSignal`, "new AbortController().signal");
  if (onEvent !== undefined && typeof onEvent !== "function")
    throw new OptionError(`${where}: onEvent is no function`, "onEvent: (event) => { … }");
}
