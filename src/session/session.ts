import { existsSync, join, mkdirSync, nextTurn, rmSync, scratchFolder } from "#platform";
import { getPrecision, loadBackend } from "../backend/index.ts";
import { checkOptions, OptionError } from "../backend/options.ts";
import { resolveModel } from "../hub/index.ts";
import { HUB_OPTIONS, HUB_REFUSED } from "../hub/settings.ts";
import {
  type EvaluateReport,
  type Generator,
  getTask,
  loadModel,
  type PredictOptions,
  type Predictor,
  type TaskReport,
} from "../tasks/index.ts";
import type { ChatMessage } from "../text/index.ts";
import { Isolation } from "../train/run/isolation.ts";
import { Cancel } from "./cancel.ts";
import type { Listener, SessionEvent, SessionStatus } from "./events.ts";
import { checkName, type Files, readFiles, writeFiles } from "./files.ts";
import {
  type CallOptions,
  checkCall,
  checkSession,
  checkWriting,
  type ModelFacts,
  type OpenOptions,
  SessionError,
  type SessionEvaluateOptions,
  type SessionOptions,
  type SessionTrainOptions,
  type SessionWriting,
} from "./options.ts";
import type { Predictions } from "./predictions.ts";
import { watching } from "./watching.ts";

interface Held {
  predictor: Predictor;
  folder: string;
  /** The session's own, which goes when another model takes its place. */
  own: boolean;
}

/** Between tokens, others get a turn this often, in milliseconds. */
const TURN = 8;
const CLOSED = "the session is closed";

/**
 * A model, the data beside it and what is done with them: opening, training, predicting, writing, measuring. It knows nothing
 * of how it is asked: a program calls it, a web worker or a server puts it behind messages.
 *
 * Several sessions in one thread leave each other alone, and what `setBackend`, `setPrecision` and `manualSeed` said outside. A
 * call that fails, or is aborted, leaves the model that was there.
 *
 * ```ts
 * const session = new Session();
 * const report = await session.train({ task: "text-classification", data: "reviews.tsv" }, { onEvent: console.log });
 * await session.predict(["A film to see twice."]);
 * await session.close();
 * ```
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #own: Promise<Isolation>;
  readonly #listeners = new Set<Listener<SessionEvent>>();
  readonly #calls = new Set<Cancel>();
  #home: string | undefined;
  #made = 0;
  #held: Held | undefined;
  #status: SessionStatus = "idle";
  /** What fills the model's place: one at a time. */
  #filling: { what: string; cancel: Cancel; done: Promise<unknown> } | undefined;
  #stopping = false;

  /** @throws OptionError for names and values that there are not. */
  constructor(options: SessionOptions = {}) {
    checkSession(options);
    this.#options = options;
    const precision = options.precision ?? getPrecision();
    this.#own = loadBackend(options.backend).then((backend) => new Isolation(0, precision, backend));
    // Who calls is told.
    this.#own.catch(() => {});
  }

  get status(): SessionStatus {
    return this.#status;
  }
  /** The model that is there; undefined before the first one. */
  get model(): ModelFacts | undefined {
    if (this.#held === undefined) return undefined;
    const { predictor } = this.#held;
    return { task: predictor.task, parameters: predictor.model.parameterCount(), writes: "generate" in predictor };
  }
  /** Tells a listener everything that happens in the session, until the function that it gives back is called. */
  on(listener: Listener<SessionEvent>): () => void {
    if (typeof listener !== "function") throw new SessionError("Session.on: expected a function");
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Puts data files where `train` and `evaluate` find them by name.
   * @throws SessionError for a name that leads elsewhere, or content that is neither bytes nor text; nothing is written then.
   */
  async write(files: ReadonlyMap<string, Uint8Array | string>): Promise<void> {
    this.#check();
    writeFiles(join(this.#folder(), "data"), files);
  }

  /**
   * Takes a model: a folder, `hub:OWNER/NAME`, or the files of a folder.
   * @throws SessionError while another model is being opened or trained, TaskError and others for what is no model, the signal's
   *   reason when it is aborted.
   */
  async open(source: string | Files, options: OpenOptions = {}, call: CallOptions = {}): Promise<ModelFacts> {
    checkOptions("Session.open", options, { ...HUB_OPTIONS, task: true }, HUB_REFUSED);
    const { task, ...hub } = options;
    if (typeof source === "string" && this.#options.confined)
      throw new SessionError("Session.open: this session opens files only", "Give a Map from names to bytes.");
    return this.#fill("Session.open", "opening", call, async (cancel, _tell, next) => {
      const { signal } = cancel;
      const own = typeof source !== "string";
      let folder = own ? next() : source;
      if (own) writeFiles(folder, source);
      else if (source.startsWith("hub:")) folder = await resolveModel(source, { ...hub, signal: hub.signal ?? signal });
      return { folder, own, task, result: () => this.model as ModelFacts };
    });
  }

  /**
   * Trains and keeps the model. One training at a time; predictions of the model that was there go on beside it.
   * @throws OptionError, TaskError and others as the task says it, SessionError while a model is being opened or trained, the
   *   signal's reason when it is aborted.
   */
  async train(options: SessionTrainOptions, call: CallOptions = {}): Promise<TaskReport> {
    if (options === null || typeof options !== "object")
      throw new SessionError("Session.train: expected an object of options", 'train({ task: "…", data: "…" })');
    const { task: name, data, validation, output, args, callbacks = [], ...rest } = options;
    if (typeof data !== "string")
      throw new SessionError("Session.train: data must be the name of a file, or a source", "First: write(files).");
    if ("say" in rest && rest.say !== undefined)
      throw new OptionError("Session.train: say is not supported", "Notes are events: train(options, { onEvent }).");
    if (output !== undefined && this.#options.confined)
      throw new SessionError("Session.train: this session chooses its folders itself", "Leave out output.");
    return this.#fill("Session.train", "training", call, async (cancel, tell, next) => {
      this.#stopping = false;
      const own = output === undefined;
      const folder = output ?? next();
      const isolation = await this.#own;
      const { precision } = isolation;
      const report = await isolation.within(() =>
        getTask(name).train({
          ...rest,
          data: this.#data(data),
          validation: validation === undefined ? undefined : this.#heldOut(validation),
          output: folder,
          args: {
            ...(args?.bf16 === undefined ? { precision } : {}),
            quiet: true,
            // Nobody comes back to a folder that goes: saveSteps beyond the end writes no checkpoint.
            ...(own ? { saveSteps: Number.MAX_SAFE_INTEGER } : {}),
            ...args,
          },
          say: (text) => {
            cancel.check();
            tell({ type: "note", text });
          },
          callbacks: [...callbacks, watching(cancel, tell, () => this.#stopping)],
        }),
      );
      return { folder, own, result: () => report };
    });
  }
  /** Ends a training after the step in progress; `train` then answers with what was reached. */
  stop(): void {
    this.#stopping = true;
  }

  /**
   * One result for each input, as the task's pipeline gives it.
   * @param options those of the task's predictions
   * @throws OptionError for options that the task does not have, SessionError where there is no model.
   */
  async predict<T extends keyof Predictions = keyof Predictions>(
    inputs: readonly string[],
    options: PredictOptions = {},
    call: CallOptions = {},
  ): Promise<Predictions[T][]> {
    if (!Array.isArray(inputs) || inputs.some((text) => typeof text !== "string"))
      throw new SessionError("Session.predict: expected a list of texts", 'predict(["a text"])');
    return this.#use("Session.predict", call, ({ predictor }) => predictor.predict(inputs, options)) as Promise<
      Predictions[T][]
    >;
  }
  /** Metrics on a file that was written before, or another source; with the options of the task's evaluation. */
  async evaluate(data: string | SessionEvaluateOptions, call: CallOptions = {}): Promise<EvaluateReport> {
    const options = typeof data === "string" ? { data } : data;
    if (typeof options?.data !== "string")
      throw new SessionError("Session.evaluate: data must be the name of a file, or a source", "First: write(files).");
    const source = this.#data(options.data);
    return this.#use("Session.evaluate", call, ({ predictor }) =>
      predictor.evaluate({ ...options, data: source, quiet: true }),
    );
  }

  /**
   * Continues a text. Between tokens others get their turn, and a signal is heard.
   * @throws SessionError for a model that does not write; OptionError, GenerationError for settings.
   */
  async generate(prompt: string, options: SessionWriting = {}, call: CallOptions = {}): Promise<string> {
    return this.#write("Session.generate", options, call, (writer, how) => writer.generateSteps(prompt, how));
  }
  /** The answer to a conversation, in the form of the model's chat template. Throws as {@link generate}. */
  async chat(messages: readonly ChatMessage[], options: SessionWriting = {}, call: CallOptions = {}): Promise<string> {
    return this.#write("Session.chat", options, call, (writer, how) => writer.chatSteps(messages, how));
  }

  /** The model folder: weights, configuration, curves, model card; without its checkpoints. */
  async files(): Promise<Files> {
    return readFiles(this.#opened().folder);
  }

  /** Ends what is under way, which fails, and gives back what the session holds. A folder that was named stays as it is. */
  async close(): Promise<void> {
    if (this.#status === "closed") return;
    const { done } = this.#filling ?? {};
    for (const cancel of this.#calls) cancel.abort(new SessionError(CLOSED));
    this.#enter("closed");
    await done?.catch(() => {});
    this.#held = undefined;
    if (this.#home !== undefined && this.#options.folder === undefined)
      rmSync(this.#home, { recursive: true, force: true });
  }

  #check(): void {
    if (this.#status === "closed") throw new SessionError(CLOSED, "Begin another one: new Session().");
  }
  #opened(): Held {
    this.#check();
    if (this.#held === undefined) throw new SessionError("there is no model yet", "First: train(…) or open(…).");
    return this.#held;
  }
  #folder(): string {
    this.#home ??= this.#options.folder ?? scratchFolder();
    return this.#home;
  }
  /** A new folder for a model; one of an earlier session that lies in a named folder stays. */
  #next(): string {
    mkdirSync(this.#folder(), { recursive: true });
    for (;;) {
      const folder = join(this.#folder(), `model-${++this.#made}`);
      if (existsSync(folder)) continue;
      // At once, so that nobody else takes it.
      mkdirSync(folder);
      return folder;
    }
  }
  /** What was written, by its name; else, unless the session is confined, the source of that name. */
  #data(name: string): string {
    if (this.#options.confined) checkName(name);
    const written = join(this.#folder(), "data", name);
    return this.#options.confined || (name !== "" && existsSync(written)) ? written : name;
  }
  #heldOut(name: string): string {
    return name === "none" || Number(name) > 0 ? name : this.#data(name);
  }

  #enter(status: SessionStatus, task?: string): void {
    this.#status = status;
    this.#tell({ type: "status", status, ...(task === undefined ? {} : { task }) });
  }
  #tell(event: SessionEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
  /** Whom a call's events go to. */
  #teller({ onEvent }: CallOptions): Listener<SessionEvent> {
    return (event) => {
      onEvent?.(event);
      this.#tell(event);
    };
  }
  /** A call that is begun and ended as such. */
  async #begin<T>(where: string, call: CallOptions, work: (cancel: Cancel) => Promise<T>): Promise<T> {
    this.#check();
    checkCall(where, call);
    const cancel = new Cancel(call.signal);
    this.#calls.add(cancel);
    try {
      cancel.check();
      return await work(cancel);
    } finally {
      this.#calls.delete(cancel);
      cancel.end();
    }
  }

  /** What puts a model into the session's place; it takes the old one's only when it opens. */
  #fill<T>(
    where: string,
    status: "opening" | "training",
    call: CallOptions,
    make: (
      cancel: Cancel,
      tell: Listener<SessionEvent>,
      next: () => string,
    ) => Promise<{ folder: string; own: boolean; task?: string; result: () => T }>,
  ): Promise<T> {
    return this.#begin(where, call, async (cancel) => {
      // One that was aborted is on its way out.
      while (this.#filling?.cancel.signal.aborted) await cancel.race(this.#filling.done.catch(() => {}));
      if (this.#filling !== undefined)
        throw new SessionError(`${this.#filling.what} in this session`, "Stop it, or begin another session.");
      let fresh: string | undefined;
      const next = () => {
        fresh = this.#next();
        return fresh;
      };
      const fill = async () => {
        this.#enter(status);
        const made = await make(cancel, this.#teller(call), next);
        const isolation = await this.#own;
        const predictor = await isolation.within(() => loadModel(made.folder, made.task));
        cancel.check();
        const before = this.#held;
        this.#held = { predictor, folder: made.folder, own: made.own };
        if (before?.own && before.folder !== made.folder) rmSync(before.folder, { recursive: true, force: true });
        return made.result();
      };
      const what = status === "training" ? "a training is under way" : "a model is being opened";
      const done = fill().finally(() => {
        this.#filling = undefined;
        if (fresh !== undefined && this.#held?.folder !== fresh) rmSync(fresh, { recursive: true, force: true });
        if (this.#status !== "closed") this.#enter("idle", this.#held?.predictor.task);
      });
      this.#filling = { what, cancel, done };
      return cancel.race(done);
    });
  }

  /** Something that is done with the model that is there when it begins. */
  #use<T>(where: string, call: CallOptions, work: (held: Held) => Promise<T>): Promise<T> {
    return this.#begin(where, call, async (cancel) => {
      const held = this.#opened();
      const isolation = await this.#own;
      return cancel.race(isolation.within(() => work(held)));
    });
  }
  async #write(
    where: string,
    options: SessionWriting,
    call: CallOptions,
    begin: (writer: Generator, options: SessionWriting) => ReturnType<Generator["generateSteps"]>,
  ): Promise<string> {
    checkWriting(where, options);
    return this.#begin(where, call, async (cancel) => {
      const { predictor } = this.#opened();
      if (!("generate" in predictor))
        throw new SessionError(`${where}: a model of ${predictor.task} does not write`, "Use predict.");
      const isolation = await this.#own;
      const tell = this.#teller(call);
      const onText = (text: string) => {
        options.onText?.(text);
        tell({ type: "text", text });
      };
      // Several beams have nothing to show before the end; who asks for pieces all the same is told so.
      const writer = predictor as Generator;
      const beams = options.numBeams ?? writer.generationConfig?.defaults.numBeams ?? 1;
      const shows = options.onText !== undefined || beams === 1;
      const steps = begin(writer, shows ? { ...options, onText } : options);
      let turn = performance.now();
      try {
        for (;;) {
          cancel.check();
          const step = isolation.within(() => steps.next());
          if (step.done) return step.value;
          if (performance.now() - turn < TURN) continue;
          await nextTurn();
          turn = performance.now();
        }
      } finally {
        isolation.within(() => steps.return(""));
      }
    });
  }
}
