import { afterEach, expect, it } from "vitest";
import { ModelWorker, readFiles, type TrainEvent, WorkerError, writeFiles } from "../../src/page/index.ts";
import { loadModel } from "../../src/tasks/index.ts";

declare const Worker: new (url: URL, options: object) => unknown;
const open: ModelWorker[] = [];
async function start(): Promise<ModelWorker> {
  const worker = new Worker(new URL("../../src/page/worker.ts", import.meta.url), { type: "module" });
  const model = await ModelWorker.start(worker);
  open.push(model);
  return model;
}
afterEach(() => {
  for (const model of open.splice(0)) model.end();
});

const rows = Array.from({ length: 400 }, (_, i) => {
  const [a, b] = [Math.sin(i * 1.7), Math.cos(i * 2.3)];
  return `${a.toFixed(4)},${b.toFixed(4)},${["red", "blue"][i % 2]},${a * b + (i % 2) > 0.5 ? "yes" : "no"}`;
});
const csv = `a,b,colour,answer\n${rows.join("\n")}\n`;

it("trains in a worker, with events, and hands the model over", async () => {
  const model = await start();
  expect(model.facts.backend).toBe("wasm");
  await model.write(new Map([["table.csv", csv]]));
  const events: TrainEvent[] = [];
  const report = await model.train(
    { task: "tabular-classification", data: "table.csv", args: { numTrainEpochs: 30, seed: 1 } },
    (event) => events.push(event),
  );
  expect(report.validation?.accuracy).toBeGreaterThan(0.9);
  expect(events.some((e) => e.type === "note" && e.text.includes("target: answer"))).toBe(true);
  expect(events.filter((e) => e.type === "evaluate").length).toBe(30);
  expect(events.filter((e) => e.type === "step").length).toBeGreaterThan(0);

  const inputs = ["0.5,0.5,red", "-0.9,0.2,blue", "0.1,-0.7,blue"];
  const answers = await model.predict(inputs);
  const files = await model.files();
  expect([...files.keys()]).toEqual(expect.arrayContaining(["config.json", "model.safetensors", "run.json"]));
  // The same folder in the page itself, and in a second worker.
  writeFiles("/here", files);
  expect(await (await loadModel("/here")).predict(inputs)).toEqual(answers);
  const other = await start();
  expect(await other.open(readFiles("/here"))).toEqual({ task: "tabular-classification" });
  expect(await other.predict(inputs)).toEqual(answers);
});

it("stops when told, and still has a model", async () => {
  const model = await start();
  await model.write(new Map([["table.csv", csv]]));
  let stopped: Promise<void> | undefined;
  const report = await model.train(
    { task: "tabular-classification", data: "table.csv", validation: "none", args: { numTrainEpochs: 100_000 } },
    (event) => {
      if (event.type === "step" && event.step > 20) stopped ??= model.stop();
    },
  );
  await stopped;
  expect(report.epochs).toBeLessThan(10_000);
  expect(await model.predict(["0.5,0.5,red"])).toHaveLength(1);
});

it("passes errors on with their hints, refuses two trainings at once, and never hangs when ended", async () => {
  const model = await start();
  await expect(model.predict(["1"])).rejects.toThrow(/no model yet/);
  await expect(model.train({ task: "tabular-regression", data: "none.csv" })).rejects.toThrow(/no such file/);
  await model.write(new Map([["text.csv", "a,b\nx,y\n"]]));
  await expect(model.train({ task: "juggling", data: "text.csv" })).rejects.toMatchObject({
    message: expect.stringMatching(/unknown task juggling/),
    hint: expect.stringMatching(/There are/),
  });
  await model.write(new Map([["table.csv", csv]]));
  const long = model.train({ task: "tabular-classification", data: "table.csv", args: { numTrainEpochs: 100_000 } });
  await expect(model.train({ task: "tabular-classification", data: "table.csv" })).rejects.toThrow(/under way/);
  model.end();
  await expect(long).rejects.toThrow(WorkerError);
  await expect(model.files()).rejects.toThrow(/ended/);
  await expect(ModelWorker.start(new Worker(new URL("data:text/javascript,throw 1"), {}))).rejects.toThrow(WorkerError);
});

const observed = (globalThis as { PerformanceObserver?: { supportedEntryTypes?: string[] } }).PerformanceObserver;
// Only Chromium tells of long tasks.
const tells = observed?.supportedEntryTypes?.includes("longtask") ?? false;
it.skipIf(!tells)("leaves the page free: no task of the main thread takes 50 ms while the worker trains", async () => {
  const model = await start();
  await model.write(new Map([["table.csv", csv]]));
  const long: number[] = [];
  const page = globalThis as unknown as {
    PerformanceObserver: new (
      f: (list: { getEntries(): { duration: number }[] }) => void,
    ) => {
      observe(options: object): void;
      disconnect(): void;
    };
  };
  const observer = new page.PerformanceObserver((list) => long.push(...list.getEntries().map((e) => e.duration)));
  observer.observe({ type: "longtask" });
  await model.train({ task: "tabular-classification", data: "table.csv", args: { numTrainEpochs: 60 } }, () => {});
  await new Promise((resolve) => setTimeout(resolve, 100));
  observer.disconnect();
  expect(long).toEqual([]);
});
