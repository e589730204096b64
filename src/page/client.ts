import { ShoshinError } from "../backend/errors.ts";
import type { ReadyOptions } from "../backend/index.ts";
import { checkOptions, type Known, OptionError } from "../backend/options.ts";
import type { CallOptions, Files, Listener, Predictions, SessionEvent, TrainEvent } from "../session/index.ts";
import { checkCall } from "../session/options.ts";
import type { EvaluateReport, PredictOptions, TaskReport } from "../tasks/index.ts";
import type { ChatMessage } from "../text/index.ts";
import type { Answer, Calls, EvaluationOptions, Port, TrainOptions, WorkerFacts, WritingOptions } from "./protocol.ts";

/** The worker refused, failed or was ended. */
export class WorkerError extends ShoshinError {}

type WorkerLike = Port & { terminate?(): void; onerror?: ((event: { message?: string }) => void) | null };
type Waiting = {
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
  onEvent?: Listener<SessionEvent>;
};

/**
 * A model that lives in a web worker: the page stays free while it trains.
 *
 * ```ts
 * const worker = new Worker(new URL("shoshin/worker", import.meta.url), { type: "module" });
 * const model = await ModelWorker.start(worker);
 * await model.write(new Map([["houses.csv", text]]));
 * const report = await model.train({ task: "tabular-regression", data: "houses.csv" }, (event) => …);
 * ```
 */
export class ModelWorker {
  readonly facts: WorkerFacts;
  readonly #link: Link;

  private constructor(link: Link, facts: WorkerFacts) {
    this.#link = link;
    this.facts = facts;
  }

  /**
   * Loads the kernels in the worker, as `ready` does there.
   * @param options as of `ready`; `kernels` is taken relative to the page.
   * @throws WorkerError when its script or the kernels cannot be loaded.
   */
  static async start(worker: unknown, given: ReadyOptions = {}): Promise<ModelWorker> {
    checkOptions("ModelWorker.start", given, { kernels: true, backend: true } satisfies Known<ReadyOptions>);
    const { kernels, ...options } = given;
    const link = new Link(worker as WorkerLike);
    const base = (globalThis as { document?: { baseURI: string } }).document?.baseURI;
    const address = kernels === undefined || base === undefined ? kernels : new URL(kernels, base);
    return new ModelWorker(link, await link.call("start", { ...options, kernels: address && String(address) }));
  }

  /** Puts data files where `train` and `evaluate` find them by name. */
  async write(files: ReadonlyMap<string, Uint8Array | string>): Promise<void> {
    const encoder = new TextEncoder();
    const bytes = [...files].map(([name, data]): [string, Uint8Array] => [
      name,
      typeof data === "string" ? encoder.encode(data) : data,
    ]);
    await this.#link.call("write", new Map(bytes) as Files);
  }
  /**
   * Trains and keeps the model in the worker. Throws {@link WorkerError} with the task's message for bad data or settings, or
   * while another training is under way, the signal's reason when it is aborted; the model that was there, and its files, stay
   * then.
   */
  async train(
    options: TrainOptions,
    call: Listener<TrainEvent> | (Omit<CallOptions, "onEvent"> & { onEvent?: Listener<TrainEvent> }) = {},
  ): Promise<TaskReport> {
    const given = typeof call === "function" ? { onEvent: call } : call;
    return this.#link.callWith(given as CallOptions, "train", options);
  }
  /** Ends a training after the step in progress; `train` then answers with what was reached. */
  async stop(): Promise<void> {
    await this.#link.call("stop");
  }
  /**
   * Takes a model folder, trained here or in Node. Throws {@link WorkerError} for files that are no model, and while a training
   * is under way; the model that was there stays then.
   */
  async open(files: Files, call: CallOptions = {}): Promise<{ task: string }> {
    return this.#link.callWith(call, "open", files);
  }
  /**
   * One result for each input, as the task's pipeline gives it.
   * @param options those of the task's predictions: `{ topK: 3 }`
   */
  async predict<T extends keyof Predictions = keyof Predictions>(
    inputs: readonly string[],
    options: PredictOptions = {},
    call: CallOptions = {},
  ): Promise<Predictions[T][]> {
    return this.#link.callWith(call, "predict", inputs, options) as Promise<Predictions[T][]>;
  }
  /** Metrics on a file that was written before; with the options of the task's evaluation, such as columns. */
  async evaluate(data: string, options: EvaluationOptions = {}, call: CallOptions = {}): Promise<EvaluateReport> {
    return this.#link.callWith(call, "evaluate", data, options);
  }
  /**
   * Continues a text with a language model. `onText` gets it piece by piece; the worker hears a signal between tokens.
   * Throws {@link WorkerError} for a model that does not write and for settings.
   */
  async generate(prompt: string, options: WritingOptions = {}, call: CallOptions = {}): Promise<string> {
    const { told, plain } = written("ModelWorker.generate", options, call);
    return this.#link.callWith(told, "generate", prompt, plain);
  }
  /** The answer to a conversation, in the form of the model's chat template; as {@link generate}. */
  async chat(messages: readonly ChatMessage[], options: WritingOptions = {}, call: CallOptions = {}): Promise<string> {
    const { told, plain } = written("ModelWorker.chat", options, call);
    return this.#link.callWith(told, "chat", messages, plain);
  }
  /** The model folder: weights, configuration, curves, model card. */
  files(): Promise<Files> {
    return this.#link.call("files");
  }
  /** Ends the worker at once; whatever is under way fails with {@link WorkerError}. */
  end(): void {
    this.#link.end();
  }
}

class Link {
  readonly #worker: WorkerLike;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #ended: WorkerError | undefined;

  constructor(worker: WorkerLike) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#receive(data as Answer);
    worker.onerror = (event) => this.#fail(`the worker failed: ${event.message ?? "its script cannot be loaded"}`);
  }

  call<K extends keyof Calls>(call: K, ...args: Parameters<Calls[K]>): Promise<ReturnType<Calls[K]>> {
    return this.callWith({}, call, ...args);
  }
  /** With the signal that ends it, and what is told of its events. */
  callWith<K extends keyof Calls>(
    given: CallOptions,
    call: K,
    ...args: Parameters<Calls[K]>
  ): Promise<ReturnType<Calls[K]>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#next++;
    return new Promise<ReturnType<Calls[K]>>((resolve, reject) => {
      checkCall(`ModelWorker.${call}`, given);
      const { signal, onEvent } = given;
      if (signal?.aborted) return reject(signal.reason);
      // What comes of the call afterwards finds nobody waiting.
      const abort = () => {
        this.#waiting.delete(id);
        this.#worker.postMessage({ id: this.#next++, call: "abort", args: [id] });
        reject(signal?.reason);
      };
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          signal?.removeEventListener("abort", abort);
          settle(value);
        };
      this.#waiting.set(id, { resolve: settled(resolve as Waiting["resolve"]), reject: settled(reject), onEvent });
      try {
        this.#worker.postMessage({ id, call, args });
        signal?.addEventListener("abort", abort, { once: true });
      } catch (error) {
        // A function among the options, for instance: it cannot be sent to a worker.
        this.#waiting.delete(id);
        reject(new WorkerError(`${call}: ${(error as Error).message}`, "Options must be plain values."));
      }
    });
  }
  end(): void {
    this.#worker.terminate?.();
    this.#fail("the worker was ended");
  }

  #receive(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    if ("event" in answer) {
      waiting?.onEvent?.(answer.event);
      return;
    }
    this.#waiting.delete(answer.id);
    if ("error" in answer) waiting?.reject(new WorkerError(answer.error.message, answer.error.hint));
    else waiting?.resolve(answer.value);
  }
  #fail(why: string): void {
    this.#ended ??= new WorkerError(why, "Start another one: ModelWorker.start(new Worker(…)).");
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

/** Options of a text as they can be sent, and who reads it as it comes. */
function written(where: string, options: WritingOptions, call: CallOptions): { plain: object; told: CallOptions } {
  if (options === null || typeof options !== "object")
    throw new OptionError(
      `${where}: expected an object of options, found ${options === null ? "null" : typeof options}`,
    );
  checkCall(where, call);
  const { onText, ...plain } = options;
  if (onText === undefined) return { plain, told: call };
  if (typeof onText !== "function") throw new OptionError(`${where}: onText is no function`);
  const onEvent: Listener<SessionEvent> = (event) => {
    if (event.type === "text") onText(event.text);
    call.onEvent?.(event);
  };
  return { plain, told: { ...call, onEvent } };
}
