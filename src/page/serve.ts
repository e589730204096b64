import { ready } from "../backend/index.ts";
import { type CallOptions, Session, SessionError } from "../session/index.ts";
import type { Calls, Port, Request } from "./protocol.ts";

/** Events of steps are sent this often at most, in milliseconds. */
const EVERY = 50;

/** Answers a {@link ModelWorker} on the other side of the port with a session; what fails leaves the model that was there. */
export function serve(port: Port): void {
  let begun: Session | undefined;
  const session = () => {
    begun ??= new Session({ confined: true });
    return begun;
  };
  const running = new Map<number, AbortController>();
  /** A call's signal, and its events as messages. */
  const beside = (id: number): CallOptions => {
    const controller = new AbortController();
    running.set(id, controller);
    let last = 0;
    return {
      signal: controller.signal,
      onEvent(event) {
        if (event.type === "step") {
          const now = performance.now();
          if (now - last < EVERY) return;
          last = now;
        }
        port.postMessage({ id, event });
      },
    };
  };

  type Call<K extends keyof Calls> = (id: number, ...args: Parameters<Calls[K]>) => Promise<ReturnType<Calls[K]>>;
  const calls: { [K in keyof Calls]: Call<K> } = {
    async start(_id, options) {
      const { name, instructionSet, threads } = await ready(options);
      return { backend: name, instructionSet, threads };
    },
    write: (_id, files) => session().write(files),
    train: (id, options) => session().train(options, beside(id)),
    async stop() {
      session().stop();
    },
    async open(id, files) {
      if (!(files instanceof Map)) throw new SessionError("open: expected a Map from file names to bytes");
      const { task } = await session().open(files, {}, beside(id));
      return { task };
    },
    predict: (id, inputs, options) => session().predict(inputs, options, beside(id)),
    evaluate: (id, data, options) => session().evaluate({ ...options, data }, beside(id)),
    generate: (id, prompt, options) => session().generate(prompt, options, beside(id)),
    chat: (id, messages, options) => session().chat(messages, options, beside(id)),
    files: () => session().files(),
    async abort(_id, id) {
      running.get(id)?.abort();
    },
  };

  port.onmessage = async ({ data: request }) => {
    const { id, call, args } = request as Request;
    try {
      if (!Object.hasOwn(calls, call)) throw new SessionError(`this worker knows no ${call}`);
      const value = await (calls[call] as (id: number, ...a: unknown[]) => Promise<unknown>)(id, ...args);
      const moved =
        value instanceof Map ? [...value.values()].map((bytes: Uint8Array<ArrayBuffer>) => bytes.buffer) : [];
      port.postMessage({ id, value }, moved);
    } catch (error) {
      const { message, hint } = error as { message: string; hint?: string };
      port.postMessage({ id, error: { message, hint } });
    } finally {
      running.delete(id);
    }
  };
}
