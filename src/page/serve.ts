import { join, rmSync, scratchFolder } from "#platform";
import { ready } from "../backend/index.ts";
import { getTask, loadModel, type Predictor, TaskError } from "../tasks/index.ts";
import { readFiles, writeFiles } from "./files.ts";
import type { Calls, Port, Request, TrainEvent } from "./protocol.ts";

/** Events of steps are sent this often at most, in milliseconds. */
const EVERY = 50;

/** Answers a {@link ModelWorker} on the other side of the port; one training at a time. What fails leaves the model that was there. */
export function serve(port: Port): void {
  const home = scratchFolder();
  const data = join(home, "data");
  let model: { predictor: Predictor; folder: string } | undefined;
  let made = 0;
  let busy: string | undefined;
  let stopping = false;
  const opened = () => {
    if (model === undefined) throw new TaskError("there is no model yet", "First: train(…) or open(files).");
    return model;
  };
  /** What fills a new folder with a model; it takes the old one's place only when it opens. */
  const replace = async <T>(what: string, fill: (folder: string) => T | Promise<T>): Promise<T> => {
    if (busy !== undefined) throw new TaskError(`${busy} in this worker`, "Stop it, or start another worker.");
    busy = what;
    const folder = join(home, `model-${made++}`);
    try {
      const result = await fill(folder);
      const predictor = await loadModel(folder);
      if (model !== undefined) rmSync(model.folder, { recursive: true, force: true });
      model = { predictor, folder };
      return result;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    } finally {
      busy = undefined;
    }
  };

  type Call<K extends keyof Calls> = (id: number, ...args: Parameters<Calls[K]>) => Promise<ReturnType<Calls[K]>>;
  const calls: { [K in keyof Calls]: Call<K> } = {
    async start(_id, options) {
      const { name, instructionSet, threads } = await ready(options);
      return { backend: name, instructionSet, threads };
    },
    async write(_id, files) {
      writeFiles(data, files);
    },
    async train(id, settings) {
      if (settings === null || typeof settings !== "object")
        throw new TaskError("train: expected an object of options");
      const { task, data: source, validation, args, ...options } = settings;
      if (typeof source !== "string")
        throw new TaskError("train: data must be the name of a file", "First: write(files).");
      const tell = (event: TrainEvent) => port.postMessage({ id, event });
      const inside = (name: string) => (name === "none" || Number(name) > 0 ? name : join(data, name));
      return replace("a training is under way", (folder) => {
        stopping = false;
        let last = 0;
        return getTask(task).train({
          ...options,
          data: inside(source),
          validation: validation === undefined ? undefined : inside(validation),
          output: folder,
          // A page has no use for checkpoints between; saveSteps beyond the end writes none.
          args: { saveSteps: Number.MAX_SAFE_INTEGER, ...args, quiet: true },
          say: (text) => tell({ type: "note", text }),
          callbacks: [
            {
              onStepEnd(info) {
                if (stopping) return "stop";
                const now = performance.now();
                if (now - last < EVERY) return;
                last = now;
                tell({ type: "step", ...info });
              },
              onEvaluate: (info) => tell({ type: "evaluate", ...info }),
            },
          ],
        });
      });
    },
    async stop() {
      stopping = true;
    },
    async open(_id, files) {
      await replace("a model is being opened", (folder) => writeFiles(folder, files));
      return { task: opened().predictor.task };
    },
    predict: async (_id, inputs) => opened().predictor.predict(inputs),
    evaluate: async (_id, source) => opened().predictor.evaluate({ data: join(data, source) }),
    files: async () => readFiles(opened().folder),
  };

  port.onmessage = async ({ data: request }) => {
    const { id, call, args } = request as Request;
    try {
      if (!Object.hasOwn(calls, call)) throw new TaskError(`this worker knows no ${call}`);
      const value = await (calls[call] as (id: number, ...a: unknown[]) => Promise<unknown>)(id, ...args);
      const moved =
        value instanceof Map ? [...value.values()].map((bytes: Uint8Array<ArrayBuffer>) => bytes.buffer) : [];
      port.postMessage({ id, value }, moved);
    } catch (error) {
      const { message, hint } = error as { message: string; hint?: string };
      port.postMessage({ id, error: { message, hint } });
    }
  };
}
