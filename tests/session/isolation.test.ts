import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { BackendName } from "../../src/backend/backend.ts";
import { backend, getPrecision, setBackend, setPrecision } from "../../src/backend/index.ts";
import { Session, type SessionOptions, type SessionTrainOptions } from "../../src/session/index.ts";
import { getRngState, manualSeed } from "../../src/tensor/random.ts";

// Every session names its backend: once is enough.
const once = process.env.SHOSHIN_BACKEND === undefined;

const rows = Array.from({ length: 60 }, (_, i) => `${Math.sin(i).toFixed(3)},${i % 2 ? "odd" : "even"},${i % 2}`);
const words = ["good", "bad", "fine", "poor", "film", "plot", "very", "not"];
const texts = Array.from({ length: 60 }, (_, i) =>
  [words[i % 4], words[(i * 7) % 8], words[(i * 3) % 8], i % 2 ? "1" : "0"].join(" ").replace(/ (\d)$/, "\t$1"),
);
const data = new Map([
  ["table.csv", `a,parity,answer\n${rows.join("\n")}\n`],
  ["reviews.tsv", `text\tlabel\n${texts.join("\n")}\n`],
  ["corpus.txt", Array.from({ length: 60 }, (_, i) => `${"abcdefgh".slice(i % 5)} ${i % 7} der die das`).join("\n")],
  [
    "tags.conll",
    Array.from({ length: 30 }, (_, i) => `Anna B-PER\nlives O\nin O\n${i % 2 ? "Rome" : "Oslo"} B-LOC\n`).join("\n"),
  ],
  [
    "pairs.tsv",
    Array.from(
      { length: 40 },
      (_, i) => `${words[i % 8]} ${words[(i * 3) % 8]}\t${words[(i * 3) % 8]} ${words[i % 8]}`,
    ).join("\n"),
  ],
]);
const tiny = { layers: 1, hiddenSize: 8 };

/** What a session does: a training, and what is asked of the model afterwards. */
interface Work {
  options: SessionOptions;
  train: SessionTrainOptions;
  ask(session: Session): Promise<unknown>;
  /** Its model is large: it is not opened again. */
  large?: boolean;
}
const tabular = (options: SessionOptions, seed: number): Work => ({
  options,
  train: {
    ...{ task: "tabular-classification", data: "table.csv", labelColumn: "answer", ...tiny, dropout: 0.2 },
    args: { numTrainEpochs: 3, seed },
  },
  ask: async (s) => [await s.predict(["0.5,odd", "0.1,even"]), (await s.evaluate("table.csv")).metrics],
});
const text = (options: SessionOptions, seed: number, model: string): Work => ({
  options,
  train: {
    ...{ task: "text-classification", data: "reviews.tsv", model, validation: "0.2", ...tiny },
    ...{ dropout: 0.2 },
    args: { numTrainEpochs: 2, seed },
  },
  ask: async (s) => [await s.predict(["good film", "poor plot"]), (await s.evaluate("reviews.tsv")).metrics],
});
const writing = (options: SessionOptions, seed: number, model: string): Work => ({
  options,
  train: {
    ...{ task: "text-generation", data: "corpus.txt", validation: "0.2", model, ...tiny, blockSize: 12, dropout: 0.2 },
    args: { maxSteps: 6, seed },
  },
  ask: async (s) => [
    await s.generate("der ", { maxNewTokens: 12, seed }),
    await s.predict(["die"], { maxNewTokens: 5, numBeams: 2, doSample: false }),
    (await s.evaluate("corpus.txt")).metrics,
  ],
});
const tagging = (options: SessionOptions, seed: number): Work => ({
  options,
  large: true,
  train: {
    ...{ task: "token-classification", data: "tags.conll", validation: "0.2", ...tiny },
    args: { maxSteps: 6, seed },
  },
  ask: async (s) => [await s.predict(["Anna lives in Oslo"]), (await s.evaluate("tags.conll")).metrics],
});
const translating = (options: SessionOptions, seed: number): Work => ({
  options,
  train: { ...{ task: "translation", data: "pairs.tsv", validation: "0.2", ...tiny }, args: { maxSteps: 4, seed } },
  ask: async (s) => [await s.predict(["good film"], { maxNewTokens: 6 }), (await s.evaluate("pairs.tsv")).metrics],
});

/** All that comes of it, to the last bit. */
async function run({ options, train, ask, large }: Work, onStep?: () => void): Promise<unknown> {
  const session = new Session(options);
  await session.write(data);
  const losses: number[] = [];
  const report = await session.train(train, {
    onEvent(event) {
      if (event.type !== "step") return;
      losses.push(event.loss);
      onStep?.();
    },
  });
  const weights = createHash("sha1")
    .update((await session.files()).get("model.safetensors") as Uint8Array)
    .digest("hex");
  const asked = await ask(session);
  // Opened again, from what was written.
  if (!large) await session.open(await session.files());
  const again = large || (await ask(session));
  await session.close();
  return { losses, weights, asked, again, backend: report.backend, validation: report.validation };
}

let before: ReturnType<typeof outside>;
const outside = () => ({ random: getRngState(), precision: getPrecision(), backend: backend() });
beforeEach(() => {
  manualSeed(77);
  before = outside();
});
afterEach(() => {
  // Whatever a session did: who uses the library beside it finds all as it was.
  expect(outside()).toEqual(before);
  setPrecision("float32");
});

const on = (name: BackendName, precision: "float32" | "bf16" = "float32"): SessionOptions => ({
  backend: name,
  precision,
});
const pairs: Record<string, [Work, Work]> = {
  "tables, native and wasm": [tabular(on("native"), 1), tabular(on("wasm"), 2)],
  "tables, float32 and bf16": [tabular(on("native"), 1), tabular(on("native", "bf16"), 1)],
  "tables and texts, reference in bf16 and native": [
    tabular(on("reference"), 3),
    text(on("native", "bf16"), 4, "lstm"),
  ],
  "texts, wasm and native": [text(on("wasm"), 5, "transformer"), text(on("native"), 5, "transformer")],
  "words without order, beside a writer": [text(on("wasm", "bf16"), 6, "mlp"), writing(on("native"), 6, "lstm")],
  "writers, wasm and native in bf16": [writing(on("wasm"), 7, "gpt"), writing(on("native", "bf16"), 7, "gpt")],
  "a tagger in wasm, beside a table": [tagging(on("wasm"), 8), tabular(on("native", "bf16"), 9)],
  "translators, wasm and native in bf16": [translating(on("wasm"), 10), translating(on("native", "bf16"), 10)],
};

it.runIf(once).each(Object.entries(pairs))(
  "two sessions side by side are what each is alone: %s",
  async (_, [a, b]) => {
    const alone = [await run(a), await run(b)];
    expect(alone[0]).not.toEqual(alone[1]);
    expect(await Promise.all([run(a), run(b)])).toEqual(alone);
    // What is said outside, before, counts for no session that says it for itself.
    setBackend("reference");
    setPrecision("bf16");
    manualSeed(5);
    before = outside();
    try {
      expect(await Promise.all([run(b), run(a)])).toEqual([alone[1], alone[0]]);
      expect(outside()).toEqual(before);
    } finally {
      setBackend("native");
      setPrecision("float32");
      before = outside();
    }
  },
);

it.runIf(once)("a session beside one that fails, and one that is aborted, is what it is alone", async () => {
  const work = text(on("native"), 3, "lstm");
  const alone = await run(work);
  const failing = (async () => {
    const session = new Session(on("wasm", "bf16"));
    await session.write(data);
    for (let i = 0; i < 3; i++) {
      const thrown = session.train(tabular({}, i).train, {
        onEvent: (event) => {
          if (event.type === "step") throw new Error("in a step");
        },
      });
      await expect(thrown).rejects.toThrow("in a step");
      await expect(session.predict(["x"])).rejects.toThrow(/no model/);
      await expect(session.train({ ...tabular({}, 1).train, args: { learningRate: -1 } })).rejects.toThrow();
      const controller = new AbortController();
      const aborted = session.train(writing({}, i, "lstm").train, {
        signal: controller.signal,
        onEvent: (event) => event.type === "step" && controller.abort(),
      });
      await expect(aborted).rejects.toThrow(/abort/i);
    }
    await session.close();
  })();
  const [beside] = await Promise.all([run(work), failing]);
  expect(beside).toEqual(alone);
});

it.runIf(once)("numbers that the user draws while a session trains are the user's", async () => {
  const { uniform } = await import("../../src/tensor/random.ts");
  const drawn = () => [...uniform(4)];
  manualSeed(9);
  const wanted = Array.from({ length: 6 }, drawn);
  manualSeed(9);
  const found: number[][] = [];
  await run(tabular(on("wasm"), 1), () => {
    expect(backend().name).toBe("wasm");
    if (found.length < 6) found.push(drawn());
  });
  expect(found).toEqual(wanted.slice(0, found.length));
  expect(found.length).toBeGreaterThan(2);
  manualSeed(77);
});
