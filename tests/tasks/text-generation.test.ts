import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { manualSeed, memory, noGrad, tensor } from "../../src/index.ts";
import { GenerationError, generate, nextProbabilities, RNN_CELLS, RnnForCausalLM } from "../../src/models/index.ts";
import { type Generator, getTask, loadGenerator } from "../../src/tasks/index.ts";
import { readToLearn } from "../../src/tasks/reading.ts";
import { languageReader } from "../../src/tasks/text-generation/data.ts";
import { encodeStream, makeTokenizer, startToken } from "../../src/tasks/text-generation/tokens.ts";
import { blocksOf, StreamWindows } from "../../src/tasks/text-generation/windows.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const words = ["the cat sat", "a dog ran", "the sun rose", "初心不忘"];
const lines = Array.from({ length: 400 }, (_, i) => `${words[(i * 7) % 4]} ${words[(i * 3 + 1) % 4]}.`);
const file = join(folder, "text.txt");
writeFileSync(file, `${lines.join("\n")}\n`);
const train = (output: string, more: object = {}) => {
  const { args, ...rest } = more as { args?: object; model?: string };
  return getTask("text-generation").train({
    data: file,
    output: join(folder, output),
    hiddenSize: 32,
    // A GPT is as wide as its embedding.
    ...(rest.model === "gpt" ? {} : { embeddingSize: 16 }),
    blockSize: 16,
    ...rest,
    args: { numTrainEpochs: 4, quiet: true, seed: 3, ...args },
  });
};

describe("streams", () => {
  it("predict every token once, from the token before it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 7 }),
        fc.integer({ min: 1, max: 9 }),
        (n, streams, block) => {
          const ids = Int32Array.from({ length: n }, (_, i) => i + 1);
          const windows = new StreamWindows(ids, { streams, block, start: 0 });
          const seen: number[] = [];
          const ends = new Int32Array(streams);
          for (let w = 0; w < windows.windows; w++) {
            const { x, y, count } = windows.window(w);
            const [xs, ys] = [x.data(), y.data()];
            let here = 0;
            ys.forEach((id, i) => {
              if (id === -100) return;
              here++;
              expect(xs[i]).toBe(id - 1);
              // A column goes on where it ended.
              if (w > 0 && i < streams) expect(ends[i]).toBe(id - 1);
              ends[i % streams] = id;
              seen.push(id);
            });
            expect(here).toBe(count);
            x.dispose();
            y.dispose();
          }
          expect(seen.sort((a, b) => a - b)).toEqual([...ids]);
        },
      ),
    );
  });

  it("hold out the last tenth in order, and give words an end of sentence", async () => {
    const { train, validation } = await readToLearn(languageReader, { data: file, output: "" });
    expect([...train.examples, ...validation.examples]).toEqual(lines);
    expect(validation.examples.length).toBeGreaterThan(30);
    expect(validation.examples.length).toBeLessThan(50);
    const tokenizer = await makeTokenizer("word", ["a b", "b <unk>"]);
    const ids = encodeStream(tokenizer, ["a b", "c"]);
    const names = [...ids].map((id) => tokenizer.idToToken(id));
    expect(names).toEqual(["a", "b", "<eos>", "<unk>", "<eos>"]);
    expect(tokenizer.idToToken(startToken(tokenizer))).toBe("<eos>");
    const characters = await makeTokenizer("character", ["ab"]);
    expect(characters.decode(encodeStream(characters, ["ab", "a"]))).toBe("ab\na\n");
  });
});

describe("choosing the next token", () => {
  const logits = () => Float64Array.of(2, 1, 0, -1);
  const kept = (options: object, seen: number[] = []) =>
    [...nextProbabilities(logits(), seen, options)].map((p) => p > 0);
  it("cuts off as Transformers does", () => {
    expect(kept({})).toEqual([true, true, true, true]);
    expect(kept({ temperature: 0 })).toEqual([true, false, false, false]);
    expect(kept({ topK: 2 })).toEqual([true, true, false, false]);
    // p = 0.644, 0.237, 0.087, 0.032
    expect(kept({ topP: 0.64 })).toEqual([true, false, false, false]);
    expect(kept({ topP: 0.65 })).toEqual([true, true, false, false]);
    expect(kept({ minP: 0.3 })).toEqual([true, true, false, false]);
    expect(kept({ suppressTokens: [0] })).toEqual([false, true, true, true]);
    const p = nextProbabilities(logits(), [0, 3], { repetitionPenalty: 2 });
    expect(p[0] / p[1]).toBeCloseTo(1, 12);
    expect(p[3] / p[2]).toBeCloseTo(Math.exp(-2), 12);
    for (const o of [{ temperature: 0.5 }, { topK: 3, topP: 0.9 }, { minP: 0.05 }]) {
      expect(nextProbabilities(logits(), [], o).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    }
    expect(() => nextProbabilities(logits(), [], { suppressTokens: [0, 1, 2, 3] })).toThrow(/no token is left/);
    expect(() => nextProbabilities(Float64Array.of(1, Number.NaN), [], {})).toThrow(/the model gives NaN/);
    expect([...nextProbabilities(logits(), [], { temperature: 0.5 })][1]).toBeCloseTo(
      Math.exp(2) / (Math.exp(4) + Math.exp(2) + 1 + Math.exp(-2)),
      12,
    );
  });
});

describe.each(RNN_CELLS)("%s language model", (modelType) => {
  const build = (tieWordEmbeddings = false) => {
    manualSeed(5);
    return new RnnForCausalLM({
      modelType,
      vocabSize: 11,
      embeddingSize: 8,
      hiddenSize: 8,
      numHiddenLayers: 2,
      dropout: 0.3,
      tieWordEmbeddings,
    }).eval();
  };
  it("gives the same logits token by token as at once", () => {
    const model = build();
    const ids = [1, 4, 2, 9, 9, 0];
    const whole = noGrad(() => model.next(tensor(Int32Array.from(ids), [1, 6])).logits).toArray() as number[][][];
    let past: ReturnType<typeof model.next>["past"] | undefined;
    ids.forEach((id, t) => {
      const step = noGrad(() => model.next(tensor(Int32Array.of(id), [1, 1]), past));
      past = step.past;
      const row = [...step.logits.data()];
      for (const [v, x] of row.entries()) expect(x).toBeCloseTo(whole[0][t][v], 5);
    });
  });
  it("shares one table when tied, and refuses two sizes", () => {
    const model = build(true);
    expect(model.decoder.weight).toBe(model.encoder.weight);
    expect(model.parameterCount()).toBe(build().parameterCount() - 88);
    const make = () =>
      new RnnForCausalLM({
        modelType,
        vocabSize: 3,
        embeddingSize: 2,
        hiddenSize: 4,
        numHiddenLayers: 1,
        dropout: 0,
        tieWordEmbeddings: true,
      });
    expect(make).toThrow(/as wide as the hidden layer/);
  });
  it("writes the same from the same seed, alone or in a batch, and leaves no tensors behind", () => {
    const model = build();
    const options = { maxNewTokens: 12, seed: 7, doSample: true, topK: 0, temperature: 1.5 };
    const before = memory().liveTensors;
    const one = generate(model, [[3, 1]], options)[0];
    expect(generate(model, [[5], [3, 1]], options)[1]).toEqual(one);
    expect(memory().liveTensors).toBeLessThanOrEqual(before);
    expect(one).toHaveLength(12);
    expect(generate(model, [[3, 1]], { ...options, seed: 8 })[0]).not.toEqual(one);
    expect(generate(model, [[3, 1]], { ...options, eosTokenIds: [one[4]] })[0]).toEqual(
      one.slice(0, one.indexOf(one[4]) + 1),
    );
    const greedy = generate(model, [[3]], { maxNewTokens: 3 })[0];
    const logits = noGrad(() => model.next(tensor(Int32Array.of(3), [1, 1])).logits).data();
    expect(greedy[0]).toBe(logits.indexOf(Math.max(...logits)));
  });
  it("names what is wrong", () => {
    const model = build();
    expect(() => generate(model, [[]])).toThrow(GenerationError);
    expect(() => generate(model, [[11]])).toThrow(/token 11 is outside the vocabulary of 11/);
    expect(() => generate(model, [[1]], { doSample: true, topP: 0 })).toThrow(/topP is 0/);
    expect(() => generate(model, [[1]], { doSample: true, temperature: -1 })).toThrow(/temperature/);
    expect(() => generate(model, [[1]], { doSample: true, topK: 1.5 })).toThrow(/topK/);
  });
});

describe("text-generation", () => {
  let generator: Generator;
  beforeAll(async () => {
    const report = await train("model", { args: { numTrainEpochs: 10, learningRate: 0.01 } });
    // 1.2 bits and less for lines that repeat; a model that learned nothing has log2 of 30 characters.
    expect(report.validation?.bitsPerCharacter).toBeLessThan(1);
    generator = await loadGenerator(join(folder, "model"));
  });
  it("writes text like what it has read, in pieces that join to the whole", () => {
    let pieces = "";
    const text = generator.generate("the ", {
      maxNewTokens: 80,
      temperature: 0.3,
      onText: (piece) => {
        pieces += piece;
      },
    });
    expect(pieces).toBe(text);
    expect(text).toMatch(/cat sat|sun rose/);
    const stopped = generator.generate("the ", { maxNewTokens: 200, temperature: 0.3, stop: ["."] });
    expect(stopped).not.toContain(".");
    expect(stopped).toBe(text.slice(0, text.indexOf(".")));
  });
  it("continues several texts together as each alone, pieces and stop strings included", () => {
    const prompts = ["the ", "a dog ran the", "初", "", "the sun rose a"];
    const options = { maxNewTokens: 40, temperature: 0.7, seed: 2, stop: [".", "sun r"] };
    const pieces = prompts.map(() => "");
    const onText = (text: number, piece: string) => {
      pieces[text] += piece;
    };
    const together = generator.generateAll(prompts, { ...options, batchSize: 4, onText });
    expect(together).toEqual(prompts.map((prompt) => generator.generate(prompt, options)));
    expect(pieces).toEqual(together);
    for (const text of together) expect(text).not.toMatch(/\.|sun r/);
  });
  it("measures every token once, whatever the unit", async () => {
    const { metrics, examples } = await generator.evaluate({ data: file });
    const characters = lines.reduce((n, line) => n + [...line].length + 1, 0);
    expect(examples).toBe(characters);
    expect(metrics.tokens).toBe(characters);
    expect(metrics.perplexity).toBeCloseTo(Math.exp(metrics.loss), 6);
    expect(metrics.bitsPerCharacter).toBeCloseTo(metrics.loss / Math.LN2, 6);
    const report = await train("words", { tokenizer: "word", model: "gru" });
    const held = Math.ceil(lines.length / 10);
    expect(Math.abs((report.validation?.tokens ?? 0) / held - 6)).toBeLessThan(1.5);
    expect(report.validation?.perplexity).toBeCloseTo(report.validation?.tokenPerplexity ?? 0, 6);
  });
  it("resumes to the same bits, the carried state included", async () => {
    let steps = 0;
    const boom = {
      onStepEnd: () => {
        if (++steps === 30) throw new Error("the power failed");
      },
    };
    await expect(train("stopped", { callbacks: [boom], args: { saveSteps: 7 } })).rejects.toThrow("the power failed");
    await train("stopped", { args: { saveSteps: 7, resume: true } });
    await train("straight7", { args: { saveSteps: 7 } });
    const weights = (name: string) => readFileSync(join(folder, name, "model.safetensors"));
    expect(new Uint8Array(weights("stopped"))).toEqual(new Uint8Array(weights("straight7")));
  });
  it("trains an AWD-LSTM, whose average is measured and saved, and resumes it to the same bits", async () => {
    const shape = { model: "awd-lstm", tokenizer: "word", hiddenSize: 24, embeddingSize: undefined };
    const args = { numTrainEpochs: 6, perDeviceTrainBatchSize: 5, saveSteps: 10, emaDecay: 0.9 };
    const report = await train("awd", { ...shape, args });
    expect(report.validation?.perplexity).toBeLessThan(8);
    const loaded = await loadGenerator(join(folder, "awd"));
    const { metrics } = await loaded.evaluate({ data: file, range: "360:400" });
    // In training sixteen streams are measured side by side, each from an empty state.
    expect(Math.abs(metrics.loss - (report.validation?.loss ?? 0))).toBeLessThan(0.3);
    let steps = 0;
    const boom = {
      onStepEnd: () => {
        if (++steps === 45) throw new Error("the power failed");
      },
    };
    await expect(train("awd2", { ...shape, callbacks: [boom], args })).rejects.toThrow("the power failed");
    await train("awd2", { ...shape, args: { ...args, resume: true } });
    const weights = (name: string) => new Uint8Array(readFileSync(join(folder, name, "model.safetensors")));
    expect(weights("awd2")).toEqual(weights("awd"));
    const config = JSON.parse(readFileSync(join(folder, "awd", "config.json"), "utf8"));
    expect(config).toMatchObject({ model_type: "lstm", tie_word_embeddings: true, dropouti: 0.25, wdrop: 0.1 });
  });
  it("trains a GPT, measures every token once, and resumes it to the same bits", async () => {
    const shape = { model: "gpt", hiddenSize: 32, layers: 2, heads: 2, args: { numTrainEpochs: 3, saveSteps: 40 } };
    const report = await train("gpt", shape);
    const characters = lines.slice(-Math.round(lines.length / 10)).reduce((n, line) => n + [...line].length + 1, 0);
    expect(Math.abs((report.validation?.tokens ?? 0) - characters)).toBeLessThan(60);
    expect(report.validation?.bitsPerCharacter).toBeLessThan(3);
    let steps = 0;
    const boom = {
      onStepEnd: () => {
        if (++steps === 100) throw new Error("the power failed");
      },
    };
    await expect(train("gpt2", { ...shape, callbacks: [boom] })).rejects.toThrow("the power failed");
    await train("gpt2", { ...shape, args: { ...shape.args, resume: true } });
    const weights = (name: string) => new Uint8Array(readFileSync(join(folder, name, "model.safetensors")));
    expect(weights("gpt2")).toEqual(weights("gpt"));
    const gpt = await loadGenerator(join(folder, "gpt"));
    expect(gpt.generate("the ", { maxNewTokens: 60 }).length).toBeGreaterThan(40);
  });
  it("cuts a whole stream into blocks, every token predicted once from the one before", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        (n, block, batch) => {
          const ids = Int32Array.from({ length: n }, (_, i) => i + 1);
          const seen: number[] = [];
          for (const { x, y, count } of blocksOf(ids, { block, start: 0, batch })) {
            const [xs, ys] = [x.data(), y.data()];
            const here = [...ys].flatMap((id, i) => (id === -100 ? [] : [[xs[i], id]]));
            expect(here).toHaveLength(count);
            for (const [before, id] of here) expect(before).toBe(id - 1);
            seen.push(...here.map(([, id]) => id));
            x.dispose();
            y.dispose();
          }
          expect(seen).toEqual([...ids]);
        },
      ),
    );
  });
  it("begins with an empty prompt, and forgets the beginning of one that is too long", async () => {
    const gpt = await loadGenerator(join(folder, "gpt"));
    for (const model of [generator, gpt]) {
      expect(model.generate("", { maxNewTokens: 5 }).length).toBeGreaterThan(2);
      const long = "the cat sat ".repeat(20);
      expect(model.generate(long, { maxNewTokens: 40, seed: 1 }).length).toBeGreaterThan(30);
      expect(model.generate("\u{1f600}", { maxNewTokens: 5 }).length).toBeGreaterThan(2);
    }
    expect(() => gpt.beamSearch("the cat sat ".repeat(20), { maxNewTokens: 4 })).toThrow(/the model has 16 positions/);
  });
  it.each<[string, object, RegExp]>([
    ["less text than a block", { data: "ab\n" }, /fewer than one block of 16/],
    ["no text", { data: "\n\n" }, /no text/],
    ["rows that are not there", { range: "9000:9010" }, /no texts in the range 9000:9010; there are 400/],
    ["blocks of nothing", { blockSize: 0 }, /blockSize is 0; expected a whole number from 1/],
    ["heads that do not divide the width", { model: "gpt", heads: 3 }, /n_head 3 does not divide n_embd 32/],
    ["a tokenizer that is not there", { tokenizer: "/none" }, /\/none: no such file/],
  ])("refuses %s", async (name, options, message) => {
    const text = "data" in options ? (options.data as string) : undefined;
    const data = text === undefined ? file : join(folder, `${name}.txt`);
    if (text !== undefined) writeFileSync(data, text);
    await expect(train("x", { ...options, data })).rejects.toThrow(message);
  });
  it("names what is wrong", async () => {
    writeFileSync(join(folder, "short.txt"), "ab\n");
    await expect(
      getTask("text-generation").train({
        data: join(folder, "short.txt"),
        output: join(folder, "x"),
        args: { quiet: true },
      }),
    ).rejects.toThrow(/fewer than one block/);
    await expect(train("x", { model: "mamba" })).rejects.toThrow(/no preset mamba/);
    const tokenizer = JSON.parse(readFileSync(join(folder, "model", "tokenizer.json"), "utf8"));
    tokenizer.model.vocab["\u{1f600}"] = Object.keys(tokenizer.model.vocab).length;
    writeFileSync(join(folder, "model", "tokenizer.json"), JSON.stringify(tokenizer));
    await expect(loadGenerator(join(folder, "model"))).rejects.toThrow(/the tokenizer has \d+ tokens, the model/);
    writeFileSync(join(folder, "model", "tokenizer.json"), "{");
    await expect(loadGenerator(join(folder, "model"))).rejects.toThrow(/tokenizer.json: not JSON/);
    rmSync(join(folder, "model", "tokenizer.json"));
    await expect(loadGenerator(join(folder, "model"))).rejects.toThrow(/tokenizer.json: no such file/);
  });
});
