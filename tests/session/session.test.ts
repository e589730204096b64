import { createHash } from "node:crypto";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OptionError } from "../../src/backend/options.ts";
import { type Files, Session, SessionError, type SessionEvent } from "../../src/session/index.ts";
import { TaskError } from "../../src/tasks/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();

const rows = Array.from({ length: 200 }, (_, i) => `${Math.sin(i).toFixed(3)},${i % 2 ? "odd" : "even"},${i % 2}`);
const csv = `a,parity,answer\n${rows.join("\n")}\n`;
const table = { task: "tabular-classification", data: "table.csv", labelColumn: "answer" } as const;
const inputs = ["0.5,odd", "0.1,even"];
const lines = Array.from({ length: 60 }, (_, i) => `${"abcdefgh".slice(i % 5)} ${i % 7} der die das`).join("\n");
const small = { layers: 1, hiddenSize: 8, embeddingSize: 8, blockSize: 16 };
const text = { task: "text-generation", data: "corpus.txt", validation: "0.2", ...small } as const;

/** A session with a table, and a model of it. */
async function trained(): Promise<Session> {
  const session = new Session();
  await session.write(new Map([["table.csv", csv]]));
  await session.train({ ...table, args: { numTrainEpochs: 3 } });
  return session;
}
const digests = (files: Files) =>
  [...files].map(([name, bytes]) => [name, createHash("sha1").update(bytes).digest("hex")]);
const until = async (what: () => boolean) => {
  for (let i = 0; i < 1000 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 1));
};

describe("a model", () => {
  it("is trained, measured, used and given away, with what happens on the way", async () => {
    const session = new Session();
    const all: SessionEvent[] = [];
    const off = session.on((event) => all.push(event));
    await session.write(new Map([["table.csv", csv]]));
    const own: SessionEvent[] = [];
    const report = await session.train(
      { ...table, args: { numTrainEpochs: 3 } },
      { onEvent: (event) => void own.push(event) },
    );
    expect(report.epochs).toBe(3);
    const count = (type: string) => own.filter((event) => event.type === type).length;
    expect([count("step"), count("evaluate"), count("epoch")]).toEqual([report.steps, 3, 3]);
    expect(own).toEqual(all.filter(({ type }) => type !== "status"));
    expect(all.filter(({ type }) => type === "status")).toEqual([
      { type: "status", status: "training" },
      { type: "status", status: "idle", task: "tabular-classification" },
    ]);
    const answers = await session.predict<"tabular-classification">(inputs);
    expect(answers.map(({ label }) => label)).toEqual(["1", "0"]);
    const measured = await session.evaluate("table.csv");
    expect(measured.metrics.accuracy).toBeGreaterThan(0.9);
    expect(session.model).toEqual({ task: table.task, parameters: report.parameters, writes: false });
    off();
    const seen = all.length;

    const files = await session.files();
    const other = new Session();
    expect(await other.open(files)).toEqual(session.model);
    expect(await other.predict(inputs)).toEqual(answers);
    expect(all.length).toBe(seen);
    await other.close();
    expect(await session.predict(inputs)).toEqual(answers);
    await session.close();
  });

  it("lies where the run was told to, and opens from there", async () => {
    const data = join(folder, "table.csv");
    writeFileSync(data, csv);
    const output = join(folder, "run");
    const session = new Session();
    await session.train({ ...table, data, output, args: { numTrainEpochs: 2 } });
    const answers = await session.predict(inputs);
    await session.close();
    expect(readdirSync(output)).toContain("model.safetensors");
    const again = new Session();
    await again.open(output);
    expect(await again.predict(inputs)).toEqual(answers);
    await again.close();
    expect(existsSync(join(output, "model.safetensors"))).toBe(true);
  });

  it("and data stay in a folder that was named; a second session there takes nobody's place", async () => {
    const home = join(folder, "home");
    const [a, b] = [new Session({ folder: home }), new Session({ folder: home })];
    await a.write(new Map([["table.csv", csv]]));
    await Promise.all([a, b].map((s) => s.train({ ...table, args: { numTrainEpochs: 1 } })));
    await a.close();
    expect((await b.files()).has("model.safetensors")).toBe(true);
    await b.close();
    expect(readdirSync(home).sort()).toEqual(["data", "model-1", "model-2"]);
  });

  it("without a name of its own goes with the session", async () => {
    const session = await trained();
    const files = await session.files();
    await session.open(files);
    await session.close();
    for (const call of [() => session.predict(inputs), () => session.files(), () => session.train(table)])
      await expect(call()).rejects.toThrow(SessionError);
    expect(session.status).toBe("closed");
    await session.close();
  });
});

describe("what fails", () => {
  let session: Session;
  let before: Files;
  let answers: unknown[];
  beforeAll(async () => {
    session = await trained();
    before = await session.files();
    answers = await session.predict(inputs);
  });
  const fails = async (call: () => Promise<unknown>, as: unknown) => {
    await expect(call()).rejects.toThrow(as as never);
    expect(session.status).toBe("idle");
    expect(digests(await session.files())).toEqual(digests(before));
    expect(await session.predict(inputs)).toEqual(answers);
  };

  it("leaves the model that was there", async () => {
    await fails(() => session.train({ ...table, data: "none.csv" }), /no such file/);
    await fails(() => session.train({ ...table, task: "juggling" }), TaskError);
    await fails(() => session.train({ ...table, args: { learningRate: -1 } }), /learningRate/);
    await fails(() => session.open(new Map([["config.json", new TextEncoder().encode("{")]])), /JSON/);
    await fails(() => session.open(new Map([["../up", new Uint8Array(1)]])), /inside a folder/);
    await fails(() => session.open(join(folder, "nowhere")), TaskError);
    const listener = { onEvent: () => expect.unreachable("as thrown by a listener") };
    await fails(() => session.train(table, listener), /as thrown by a listener/);
  });

  it("says what is wrong with a call", async () => {
    await fails(() => session.train(undefined as never), SessionError);
    await fails(() => session.train({ task: table.task } as never), /name of a file/);
    await fails(() => session.train({ ...table, labelColumm: "answer" } as never), OptionError);
    await fails(() => session.train({ ...table, say: () => {} } as never), OptionError);
    await fails(() => session.predict("one" as never), /list of texts/);
    await fails(() => session.predict(inputs, { topK: 2 } as never), OptionError);
    await fails(() => session.predict(inputs, {}, { singal: 1 } as never), /unknown option singal/);
    await fails(() => session.predict(inputs, {}, { signal: {} as never }), OptionError);
    await fails(() => session.evaluate(undefined as never), /name of a file/);
    await fails(() => session.evaluate({ data: "table.csv", textColumn: "a" }), OptionError);
    await fails(() => session.open(before, { tsk: "x" } as never), /unknown option tsk/);
    await fails(() => session.generate("a"), /does not write/);
    expect(() => new Session({ backend: "gpu" as never })).toThrow(OptionError);
    expect(() => new Session({ precision: "fp16" as never })).toThrow(OptionError);
    expect(() => new Session({ confinde: true } as never)).toThrow(OptionError);
    await expect(new Session().predict(inputs)).rejects.toThrow(/no model yet/);
  });

  it("a second training is refused, and predictions go on beside the first", async () => {
    const first = session.train({ ...table, args: { numTrainEpochs: 40 } });
    await fails_busy(() => session.train(table));
    await fails_busy(() => session.open(before));
    expect(await session.predict(inputs)).toEqual(answers);
    expect((await first).epochs).toBe(40);
    await session.open(before);

    async function fails_busy(call: () => Promise<unknown>) {
      await expect(call()).rejects.toThrow(/a training is under way/);
    }
  });
});

it("a confined session sees what it was given, and nothing else", async () => {
  const data = join(folder, "outside.csv");
  writeFileSync(data, csv);
  const session = new Session({ confined: true });
  await expect(session.train({ ...table, data })).rejects.toThrow(/inside a folder/);
  await expect(session.train({ ...table, data: "../../outside.csv" })).rejects.toThrow(/inside a folder/);
  await expect(session.train({ ...table, data: "outside.csv" })).rejects.toThrow(/no such file/);
  await expect(session.open(folder)).rejects.toThrow(/files only/);
  await session.write(new Map([["table.csv", csv]]));
  await expect(session.train({ ...table, output: folder })).rejects.toThrow(/folders itself/);
  await session.train({ ...table, args: { maxSteps: 2 } });
  await expect(session.evaluate(data)).rejects.toThrow(/inside a folder/);
  await session.close();
});

describe("a training ends", () => {
  it("after the step in progress when it is stopped", async () => {
    const session = new Session();
    await session.write(new Map([["table.csv", csv]]));
    const report = await session.train(
      { ...table, args: { numTrainEpochs: 500 } },
      { onEvent: (event) => event.type === "step" && event.step === 3 && session.stop() },
    );
    expect(report.steps).toBe(3);
    expect(session.model?.task).toBe(table.task);
    await session.close();
  });

  const cases = {
    "before it begins": (abort: () => void) => {
      abort();
      return undefined;
    },
    "while it reads": (abort: () => void) => void queueMicrotask(abort),
    "at a step": (abort: () => void) => (event: SessionEvent) => event.type === "step" && event.step === 2 && abort(),
    "at an evaluation": (abort: () => void) => (event: SessionEvent) => event.type === "evaluate" && abort(),
    "at a note": (abort: () => void) => (event: SessionEvent) => event.type === "note" && abort(),
  };
  it.each(Object.entries(cases))("when its signal is aborted %s; the model that was there stays", async (_, when) => {
    const session = await trained();
    const answers = await session.predict(inputs);
    const controller = new AbortController();
    const reason = new Error("enough");
    const onEvent = when(() => controller.abort(reason));
    const call = { signal: controller.signal, ...(onEvent && { onEvent }) };
    await expect(session.train({ ...table, args: { numTrainEpochs: 1000 } }, call)).rejects.toBe(reason);
    expect(await session.predict(inputs)).toEqual(answers);
    // The next one waits for its place, not for a person.
    const report = await session.train({ ...table, args: { numTrainEpochs: 1 } });
    expect(report.epochs).toBe(1);
    await session.close();
  });

  it("when its session closes", async () => {
    const session = new Session();
    await session.write(new Map([["table.csv", csv]]));
    const training = session.train({ ...table, args: { numTrainEpochs: 100000 } });
    const refused = expect(training).rejects.toThrow(/closed/);
    await until(() => session.status === "training");
    await session.close();
    await refused;
  });
});

describe("a text", () => {
  let session: Session;
  beforeAll(async () => {
    session = new Session();
    await session.write(new Map([["corpus.txt", lines]]));
    await session.train({ ...text, args: { maxSteps: 20 } });
  });
  afterAll(() => session.close());
  const how = { maxNewTokens: 40, seed: 3 };

  it("comes piece by piece, and is the same as without a session", async () => {
    const [pieces, events]: [string[], SessionEvent[]] = [[], []];
    const written = await session.generate(
      "der ",
      { ...how, onText: (piece) => pieces.push(piece) },
      { onEvent: (event) => void events.push(event) },
    );
    expect(written.length).toBeGreaterThan(10);
    expect(pieces.join("")).toBe(written);
    expect(events.map((event) => (event.type === "text" ? event.text : event.type)).join("")).toBe(written);
    const predicted = await session.predict<"text-generation">(["der "], { ...how, returnFullText: false });
    expect(predicted).toEqual([{ generated_text: written }]);
    expect(session.model?.writes).toBe(true);
  });

  it("goes on beside another one", async () => {
    const alone = [await session.generate("a", how), await session.generate("b", { ...how, seed: 5 })];
    expect(await Promise.all([session.generate("a", how), session.generate("b", { ...how, seed: 5 })])).toEqual(alone);
  });

  it("ends when its signal is aborted, between tokens", async () => {
    const controller = new AbortController();
    let pieces = 0;
    const onText = () => {
      if (++pieces === 3) controller.abort();
    };
    const { signal } = controller;
    await expect(session.generate("a", { ...how, maxNewTokens: 1000, onText }, { signal })).rejects.toThrow(/abort/i);
    expect(pieces).toBe(3);
    await expect(
      session.generate("a", { ...how, maxNewTokens: 1e6 }, { signal: AbortSignal.timeout(20) }),
    ).rejects.toThrow(/timeout/i);
    expect(await session.generate("a", how)).toBe(await session.generate("a", how));
  });

  it("is refused what it cannot be", async () => {
    await expect(session.generate("a", { maxTokens: 3 } as never)).rejects.toThrow(OptionError);
    await expect(session.chat([{ role: "user", content: "hello" }])).rejects.toThrow(/chat template/);
    await expect(session.generate("a", { temperature: -1, doSample: true })).rejects.toThrow(/temperature/);
  });
});
