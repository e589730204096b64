import { ShoshinError } from "../backend/errors.ts";
import type { ReadyOptions } from "../backend/index.ts";
import { checkOptions, type Known } from "../backend/options.ts";
import type { EvaluateReport, TaskReport } from "../tasks/index.ts";
import type { Files } from "./files.ts";
import type { Answer, Calls, Port, TrainEvent, TrainOptions, WorkerFacts } from "./protocol.ts";

/** The worker refused, failed or was ended. */
export class WorkerError extends ShoshinError {}

type WorkerLike = Port & { terminate?(): void; onerror?: ((event: { message?: string }) => void) | null };
type Waiting = {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
  onEvent?: (event: TrainEvent) => void;
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
   * while another training is under way; the model that was there, and its files, stay then.
   */
  async train(options: TrainOptions, onEvent?: (event: TrainEvent) => void): Promise<TaskReport> {
    return this.#link.callWith(onEvent, "train", options);
  }
  /** Ends a training after the step in progress; `train` then answers with what was reached. */
  async stop(): Promise<void> {
    await this.#link.call("stop");
  }
  /**
   * Takes a model folder, trained here or in Node. Throws {@link WorkerError} for files that are no model, and while a training
   * is under way; the model that was there stays then.
   */
  open(files: Files): Promise<{ task: string }> {
    return this.#link.call("open", files);
  }
  /** One result for each input, as the task's pipeline gives it. */
  predict(inputs: readonly string[]): Promise<unknown[]> {
    return this.#link.call("predict", inputs);
  }
  /** Metrics on a file that was written before. */
  evaluate(data: string): Promise<EvaluateReport> {
    return this.#link.call("evaluate", data);
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
    return this.callWith(undefined, call, ...args);
  }
  /** With what is told of this call's events. */
  callWith<K extends keyof Calls>(
    onEvent: Waiting["onEvent"],
    call: K,
    ...args: Parameters<Calls[K]>
  ): Promise<ReturnType<Calls[K]>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, onEvent });
      try {
        this.#worker.postMessage({ id, call, args });
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
