import { expect, it } from "vitest";
import { ModelWorker, type SessionEvent, serve, type TrainEvent, WorkerError } from "../../src/page/index.ts";

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

it("writes on, piece by piece, and hears a signal between tokens", async () => {
  const model = await start();
  const lines = Array.from({ length: 60 }, (_, i) => `${"abcdefgh".slice(i % 5)} ${i % 7} der die das`).join("\n");
  await model.write(new Map([["corpus.txt", lines]]));
  const small = { layers: 1, hiddenSize: 8, embeddingSize: 8, blockSize: 16, validation: "0.2" };
  await model.train({ task: "text-generation", data: "corpus.txt", ...small, args: { maxSteps: 5 } });
  const [pieces, events]: [string[], SessionEvent[]] = [[], []];
  const how = { maxNewTokens: 30, seed: 2 };
  const onEvent = (event: SessionEvent) => void events.push(event);
  const written = await model.generate("der ", { ...how, onText: (piece) => pieces.push(piece) }, { onEvent });
  expect(written.length).toBeGreaterThan(5);
  expect(pieces.join("")).toBe(written);
  expect(events.map((event) => (event.type === "text" ? event.text : ""))).toEqual(pieces);
  expect(await model.predict<"text-generation">(["der "], { ...how, returnFullText: false })).toEqual([
    { generated_text: written },
  ]);
  const controller = new AbortController();
  const { signal } = controller;
  const onText = () => controller.abort(new Error("enough"));
  await expect(model.generate("a", { ...how, maxNewTokens: 1e6, onText }, { signal })).rejects.toThrow("enough");
  expect(await model.generate("der ", how)).toBe(written);
  await expect(model.chat([{ role: "user", content: "hello" }])).rejects.toThrow(/chat template/);
  await expect(model.generate("a", { maxTokens: 1 } as never)).rejects.toThrow(/unknown option maxTokens/);
  await expect(model.generate("a", { onToken: () => {} } as never)).rejects.toThrow(WorkerError);
  await expect(model.generate("a", null as never)).rejects.toThrow(/object of options/);
});

it("options of predictions, evaluations and calls are the task's, and no others", async () => {
  const model = await start();
  await model.write(
    new Map([
      ["table.csv", csv],
      ["other.csv", csv.replace("answer", "solution")],
      ["reviews.tsv", `review\tstars\n${"good\t1\nbad\t0\n".repeat(20)}`],
    ]),
  );
  const columns = { textColumn: "review", labelColumn: "stars" };
  const tiny = { model: "mlp", layers: 1, hiddenSize: 4, validation: "none" };
  await model.train({ task: "text-classification", data: "reviews.tsv", ...columns, ...tiny, args: { maxSteps: 3 } });
  const all = (await model.predict<"text-classification">(["good"], { topK: null })) as { label: string }[][];
  expect(all[0].map(({ label }) => label).sort()).toEqual(["0", "1"]);
  await expect(model.predict(["good"], { topk: 1 } as never)).rejects.toThrow(/unknown option topk/);
  expect((await model.evaluate("reviews.tsv", columns)).examples).toBe(40);
  expect((await model.evaluate("reviews.tsv", { ...columns, range: "0:10" })).examples).toBe(10);
  await expect(model.evaluate("reviews.tsv", { column: "x" } as never)).rejects.toThrow(/column/);
  await expect(model.evaluate("../reviews.tsv")).rejects.toThrow(/inside a folder/);
  await expect(model.predict(["good"], {}, { signals: 1 } as never)).rejects.toThrow(/unknown option signals/);
  await expect(model.generate("a")).rejects.toThrow(/does not write/);
});

it("a training ends with its signal, and the model that was there stays", async () => {
  const model = await start();
  await model.write(new Map([["table.csv", csv]]));
  await model.train(options);
  const answers = await model.predict(inputs);
  const controller = new AbortController();
  const long = model.train(
    { ...options, args: { numTrainEpochs: 100000 } },
    { signal: controller.signal, onEvent: (event) => event.type === "evaluate" && controller.abort() },
  );
  await expect(long).rejects.toThrow(/abort/i);
  expect(await model.predict(inputs)).toEqual(answers);
  expect((await model.train(options)).epochs).toBe(5);
  await expect(model.train(options, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
});
