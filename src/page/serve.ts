import { rmSync } from "#platform";
import { ready } from "../backend/index.ts";
import { getTask, loadModel, type Predictor, TaskError } from "../tasks/index.ts";
import { readFiles, writeFiles } from "./files.ts";
import type { Calls, Port, Request, TrainEvent } from "./protocol.ts";

const MODEL = "/model";
const DATA = "/data";
/** Events of steps are sent this often at most, in milliseconds. */
const EVERY = 50;

/** Answers a {@link ModelWorker} on the other side of the port; one training at a time. */
export function serve(port: Port): void {
  let predictor: Predictor | undefined;
  let training = false;
  let stopping = false;
  const tell = (event: TrainEvent) => port.postMessage({ event });
  const opened = () => {
    if (predictor === undefined) throw new TaskError("there is no model yet", "First: train(…) or open(files).");
    return predictor;
  };

  const calls: { [K in keyof Calls]: (...args: Parameters<Calls[K]>) => Promise<ReturnType<Calls[K]>> } = {
    async start() {
      const { name, instructionSet, threads } = await ready();
      return { backend: name, instructionSet, threads };
    },
    async write(files) {
      writeFiles(DATA, files);
    },
    async train({ task, data, validation, args, ...options }) {
      if (training) throw new TaskError("a training is under way in this worker", "Stop it, or start another worker.");
      training = true;
      stopping = false;
      let last = 0;
      const inside = (source: string) => (source === "none" || Number(source) > 0 ? source : `${DATA}/${source}`);
      try {
        rmSync(MODEL, { recursive: true, force: true });
        const report = await getTask(task).train({
          ...options,
          data: inside(data),
          validation: validation === undefined ? undefined : inside(validation),
          output: MODEL,
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
        predictor = await loadModel(MODEL);
        return report;
      } finally {
        training = false;
      }
    },
    async stop() {
      stopping = true;
    },
    async open(files) {
      rmSync(MODEL, { recursive: true, force: true });
      writeFiles(MODEL, files);
      predictor = await loadModel(MODEL);
      return { task: predictor.task };
    },
    predict: async (inputs) => opened().predict(inputs),
    evaluate: async (data) => opened().evaluate({ data: `${DATA}/${data}` }),
    async files() {
      opened();
      return readFiles(MODEL);
    },
  };

  port.onmessage = async ({ data }) => {
    const { id, call, args } = data as Request;
    try {
      const value = await (calls[call] as (...a: unknown[]) => Promise<unknown>)(...args);
      const moved =
        value instanceof Map ? [...value.values()].map((bytes: Uint8Array<ArrayBuffer>) => bytes.buffer) : [];
      port.postMessage({ id, value }, moved);
    } catch (error) {
      const { message, hint } = error as { message: string; hint?: string };
      port.postMessage({ id, error: { message, hint } });
    }
  };
}
