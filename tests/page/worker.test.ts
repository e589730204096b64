import { expect, it } from "vitest";
import { ModelWorker, serve, type TrainEvent, WorkerError } from "../../src/page/index.ts";

/** Both ends of a worker in one thread; messages are copied as between threads. */
function pair() {
  type End = { onmessage: ((event: { data: unknown }) => void) | null; postMessage(message: unknown): void };
  const ends = [0, 1].map((): End => ({ onmessage: null, postMessage() {} }));
  ends.forEach((end, i) => {
    end.postMessage = (message) => {
      const data = structuredClone(message);
      setImmediate(() => ends[1 - i].onmessage?.({ data }));
    };
  });
  return ends;
}
async function start() {
  const [inside, outside] = pair();
  serve(inside);
  return ModelWorker.start(outside);
}

const rows = Array.from({ length: 200 }, (_, i) => `${Math.sin(i).toFixed(3)},${i % 2 ? "odd" : "even"},${i % 2}`);
const csv = `a,parity,answer\n${rows.join("\n")}\n`;
const options = {
  task: "tabular-classification",
  data: "table.csv",
  labelColumn: "answer",
  args: { numTrainEpochs: 5 },
};
const inputs = ["0.5,odd", "0.1,even"];

it("what fails leaves the model and its files as they were", async () => {
  const model = await start();
  await model.write(new Map([["table.csv", csv]]));
  await model.train(options);
  const before = await model.files();
  const answers = await model.predict(inputs);
  const same = async () => {
    expect(await model.files()).toEqual(before);
    expect(await model.predict(inputs)).toEqual(answers);
  };
  await expect(model.train({ ...options, data: "none.csv" })).rejects.toThrow(/no such file/);
  await same();
  await expect(model.train({ ...options, task: "juggling" })).rejects.toThrow(/unknown task/);
  await same();
  await expect(model.train({ ...options, args: { learningRate: -1 } })).rejects.toThrow(WorkerError);
  await same();
  await expect(model.train(undefined as never)).rejects.toThrow(/options/);
  await expect(model.train({ task: "tabular-classification" } as never)).rejects.toThrow(/name of a file/);
  await expect(model.open(new Map([["config.json", new TextEncoder().encode("{")]]))).rejects.toThrow(WorkerError);
  await same();
  await expect(model.open(new Map([["../up", new Uint8Array(1)]]))).rejects.toThrow(/inside a folder/);
  await same();
  const damaged = new Map(before);
  damaged.set("model.safetensors", new Uint8Array(10));
  await expect(model.open(damaged)).rejects.toThrow(WorkerError);
  await same();
  expect(await model.open(before)).toEqual({ task: "tabular-classification" });
  await same();
});

it("a refused second call takes nothing from the training under way", async () => {
  const model = await start();
  await model.write(new Map([["table.csv", csv]]));
  await model.train(options);
  const [first, second]: TrainEvent[][] = [[], []];
  const long = model.train({ ...options, args: { numTrainEpochs: 40 } }, (event) => first.push(event));
  const refused = model.train(options, (event) => second.push(event));
  await expect(refused).rejects.toThrow(/under way/);
  await expect(model.open(new Map())).rejects.toThrow(/under way/);
  expect((await model.files()).has("config.json")).toBe(true);
  expect((await long).epochs).toBe(40);
  expect(second).toEqual([]);
  expect(first.filter((event) => event.type === "evaluate").length).toBe(40);
});

it("names lead nowhere else, and what cannot be sent is said", async () => {
  const model = await start();
  for (const name of ["../x", "/etc/x", "a/../../x", "", "a//b", "..\\x"])
    await expect(model.write(new Map([[name, "x"]]))).rejects.toThrow(/inside a folder/);
  await expect(model.train({ ...options, say: () => {} } as never)).rejects.toThrow(WorkerError);
});
