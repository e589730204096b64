import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { main } from "../../src/cli/main.ts";
import { filesIn, temporaryFolder } from "../folder.ts";
import { terminal } from "../terminal.ts";

const folder = temporaryFolder();

const io = terminal();

const file = filesIn(folder);
const run = async (...argv: string[]) => ({ status: await main(argv), ...io });

const good = ["lovely", "great", "kind", "fresh"];
const bad = ["awful", "poor", "rude", "stale"];
const reviews = Array.from(
  { length: 120 },
  (_, i) => `${(i % 2 ? good : bad)[i % 4]} place ${i}\t${i % 2 ? "pos" : "neg"}`,
).join("\n");

describe("the command line", () => {
  it.each(["lstm", "gru", "rnn", "transformer"])(
    "reads the order of words with %s, and saves a tokenizer",
    async (model) => {
      const names = ["Ann", "Bob", "Cem", "Dee", "Eve", "Flo"];
      const rows = names.flatMap((a) => names.filter((b) => b !== a).map((b) => [a, b]));
      // Who comes first decides: no bag of words can tell.
      const lines = Array.from({ length: 240 }, (_, i) => {
        const [a, b] = rows[i % rows.length];
        return `${a} beat ${b}${" again".repeat(i % 3)}\t${a < b ? "up" : "down"}`;
      });
      const dir = join(folder, `order-${model}`);
      const args = ["train", "text-classification", "--data", file("order.tsv", lines.join("\n")), "--output", dir];
      const embedding = model === "transformer" ? [] : ["--embedding-size", "16"];
      const shape = ["--hidden-size", "24", ...embedding, "--dropout", "0", "--epochs", "40"];
      const { status, out: printed } = await run(
        ...args,
        "--model",
        model,
        ...shape,
        "--learning-rate",
        "0.01",
        "--json",
        "--quiet",
      );
      expect(status).toBe(0);
      expect(JSON.parse(printed).validation.accuracy).toBe(1);
      expect(JSON.parse(readFileSync(join(dir, "config.json"), "utf8"))).toMatchObject({
        model_type: model,
        max_length: 256,
      });
      expect(JSON.parse(readFileSync(join(dir, "tokenizer.json"), "utf8")).model.type).toBe("WordPiece");
      io.out = "";
      expect((await run("predict", dir, "Ann beat Eve", "Eve beat Ann", "", "--json")).status).toBe(0);
      expect(JSON.parse(io.out).map((r: { label: string }) => r.label)).toEqual(["up", "down", expect.any(String)]);
    },
  );

  it("writes on with a language model, and shows its tokens", async () => {
    const dir = join(folder, "lm");
    const text = file("lm.txt", "the cat sat on the mat\n".repeat(200));
    const shape = [
      "--hidden-size",
      "32",
      "--embedding-size",
      "16",
      "--block-size",
      "16",
      "--epochs",
      "12",
      "--batch-size",
      "8",
      "--learning-rate",
      "0.01",
    ];
    const trained = await run(
      "train",
      "text-generation",
      "--data",
      text,
      "--output",
      dir,
      ...shape,
      "--json",
      "--quiet",
    );
    expect(trained.status).toBe(0);
    expect(JSON.parse(trained.out).validation.bitsPerCharacter).toBeLessThan(0.5);
    io.out = "";
    const asked = ["generate", dir, "--prompt", "the cat", "--max-new-tokens", "15", "--temperature", "0"];
    expect((await run(...asked, "--json")).status).toBe(0);
    expect(JSON.parse(io.out)).toEqual([{ generated_text: "the cat sat on the mat" }]);
    io.out = "";
    expect((await run(...asked, "--num-beams", "3", "--json")).status).toBe(0);
    const found = JSON.parse(io.out);
    expect(found[0]).toEqual({ generated_text: "the cat sat on the mat", score: expect.any(Number) });
    expect(found).toHaveLength(3);
    io.out = "";
    await run(...asked, "--stop", "mat");
    expect(io.out).toBe("the cat sat on the \n");
    io.out = "";
    expect((await run("evaluate", dir, "--data", text, "--json")).status).toBe(0);
    expect(JSON.parse(io.out)).toMatchObject({ task: "text-generation", examples: 4600, metrics: { tokens: 4600 } });
    io.out = "";
    await run("tokenize", dir, "cat", "--json");
    expect(JSON.parse(io.out).tokens).toEqual(["c", "a", "t"]);
    const prompts = file("prompts.txt", "the cat\n\nthe dog sat on\nthe\n");
    const settings = ["--max-new-tokens", "15", "--temperature", "0.5", "--seed", "4", "--json"];
    const alone: unknown[] = [];
    for (const prompt of ["the cat", "", "the dog sat on", "the"]) {
      io.out = "";
      await run("generate", dir, "--prompt", prompt, ...settings);
      alone.push(...JSON.parse(io.out));
    }
    io.out = "";
    await run("generate", dir, "--input", prompts, "--batch-size", "3", ...settings);
    expect(JSON.parse(io.out)).toEqual(alone);
    expect((await run("generate", dir, "--input", prompts, "--prompt", "a")).status).toBe(2);
    expect((await run("generate", dir, "--input", file("none.txt", ""))).err).toMatch(/no prompts/);
    expect((await run("generate", dir, "--temperature", "-1")).status).toBe(2);
    expect((await run("generate", join(folder, "order-rnn"))).err).toMatch(/does not write/);
    const tokens = join(folder, "tokens");
    const made = await run(
      "tokenizer",
      "train",
      "--data",
      text,
      "--type",
      "bpe",
      "--vocab-size",
      "270",
      "--output",
      tokens,
    );
    expect(made.status).toBe(0);
    expect(
      (await run("tokenizer", "train", "--data", text, "--type", "bpe", "--vocab-size", "5", "--output", tokens))
        .status,
    ).toBe(2);
  });

  it("trains, evaluates and predicts texts with one JSON object each", async () => {
    const data = file("reviews.tsv", reviews);
    const dir = join(folder, "text");
    const trained = await run(
      "train",
      "sentiment",
      "--data",
      data,
      "--output",
      dir,
      "--json",
      "--quiet",
      "--seed",
      "1",
    );
    expect(trained.status).toBe(0);
    const report = JSON.parse(trained.out);
    expect(report).toMatchObject({ task: "text-classification", model: "mlp", output: dir });
    expect(report.validation.accuracy).toBeGreaterThan(0.9);
    for (const key of ["backend", "parameters", "epochs", "steps", "seconds", "examplesPerSecond"])
      expect(report).toHaveProperty(key);
    expect(JSON.parse(readFileSync(join(dir, "config.json"), "utf8"))).toMatchObject({
      model_type: "mlp",
      id2label: { 0: "neg", 1: "pos" },
    });
    expect(readFileSync(join(dir, "README.md"), "utf8")).toContain("Limits");
    io.out = "";
    expect((await run("evaluate", dir, "--data", data, "--json")).status).toBe(0);
    expect(JSON.parse(io.out)).toMatchObject({ task: "text-classification", examples: 120, metrics: { accuracy: 1 } });
    io.out = "";
    expect((await run("predict", dir, "great and fresh", "rude, awful", "--json")).status).toBe(0);
    expect(JSON.parse(io.out).map((r: { label: string }) => r.label)).toEqual(["pos", "neg"]);
    io.out = "";
    await run("predict", dir, "--input", file("in.txt", "great place\nawful place\n"));
    expect(
      io.out
        .trim()
        .split("\n")
        .map((l) => l.split("\t")[0]),
    ).toEqual(["pos", "neg"]);
    const unknown = await run(
      "evaluate",
      dir,
      "--data",
      file("unknown.tsv", "fine place\tpos\nnot so\tmaybe\nquite good\tpos\n"),
    );
    expect(unknown.status).toBe(1);
    expect(unknown.err).toMatch(/unknown label "maybe"[\s\S]*hint: The model knows: neg, pos/);
    writeFileSync(join(dir, "model.safetensors"), "garbage!");
    io.err = "";
    expect(await run("predict", dir, "x")).toMatchObject({
      status: 1,
      err: expect.stringMatching(/model.safetensors: [\s\S]*hint/),
    });
  });

  it("trains tables: classes, numbers, words and missing cells", async () => {
    const rows = Array.from(
      { length: 200 },
      (_, i) =>
        `${i % 17},${i % 3 ? "red" : "blue"},${i % 9 ? i % 5 : ""},${(i % 17) * 2 + (i % 3 ? 5 : 0)},${i % 17 > 8 ? "high" : "low"}`,
    );
    const data = file("table.csv", `size,colour,extra,price,kind\n${rows.join("\n")}\n`);
    expect(
      (
        await run(
          "train",
          "tabular-regression",
          "--data",
          data,
          "--label-column",
          "price",
          "--output",
          join(folder, "reg"),
          "--json",
          "--quiet",
        )
      ).status,
    ).toBe(0);
    expect(JSON.parse(io.out).validation.r2).toBeGreaterThan(0.95);
    for (const model of ["mlp", "linear", "perceptron"]) {
      io.out = "";
      const dir = join(folder, `class-${model}`);
      const result = await run(
        "train",
        "tabular-classification",
        "--data",
        data,
        "--label-column",
        "kind",
        "--model",
        model,
        "--output",
        dir,
        "--json",
        "--quiet",
      );
      expect(result.status, result.err).toBe(0);
      expect(JSON.parse(io.out).validation.accuracy).toBeGreaterThan(0.9);
    }
    io.out = "";
    await run("predict", join(folder, "reg"), "8,red,2,low");
    expect(Number(io.out)).toBeGreaterThan(10);
    io.err = "";
    expect(await run("evaluate", join(folder, "reg"), "--data", file("other.csv", "a,price\n1,2\n"))).toMatchObject({
      status: 1,
    });
    expect(io.err).toMatch(/needs a column size/);
  });

  it.each([
    [
      ["train", "juggling", "--data", "x", "--output", "y"],
      1,
      /unknown task juggling[\s\S]*There are: text-classification/,
    ],
    [["train", "text-classification", "--output", "y"], 2, /--data/],
    [["train", "text-classification", "--data", "x", "--output", "y", "--epochs", "many"], 2, /expected a number/],
    [["dance"], 2, /unknown command/],
    [["predict", "/nowhere", "x"], 1, /no such file[\s\S]*Is this the folder/],
    [["train", "text-classification", "--data", "/nowhere.tsv", "--output", "y"], 1, /no such file or folder/],
  ])("%j ends with a clear message", async (argv, status, message) => {
    const result = await run(...argv);
    expect(result.status).toBe(status);
    expect(result.err).toMatch(message);
    expect(result.err).not.toMatch(/\n\s+at /);
  });

  it("refuses one class, a folder that cannot be written and an unknown model", async () => {
    const one = file("one.tsv", "a b\tx\nc d\tx\ne f\tx\n");
    expect(
      (await run("train", "text-classification", "--data", one, "--label-column", "1", "--output", join(folder, "o")))
        .err,
    ).toMatch(/only one class/);
    io.err = "";
    const data = file("reviews2.tsv", reviews);
    writeFileSync(join(folder, "blocked"), "");
    expect(
      await run("train", "text-classification", "--data", data, "--output", join(folder, "blocked", "x"), "--quiet"),
    ).toMatchObject({ status: 1 });
    expect(io.err).toMatch(/cannot write[\s\S]*hint/);
    io.err = "";
    expect(
      (await run("train", "text-classification", "--data", data, "--output", join(folder, "o"), "--model", "gpt-9"))
        .err,
    ).toMatch(/no preset gpt-9/);
  });

  it("reads settings from a file, flags winning, and refuses unknown ones", async () => {
    const data = file("reviews3.tsv", reviews);
    const config = file("c.yaml", "epochs: 2\nlearning-rate: 0.01\nmodel: bag-of-words\n");
    await run(
      "train",
      "text-classification",
      "--data",
      data,
      "--output",
      join(folder, "c"),
      "--config",
      config,
      "--epochs",
      "3",
      "--json",
      "--quiet",
    );
    expect(JSON.parse(io.out)).toMatchObject({ model: "bag-of-words", epochs: 3 });
    expect(
      await run(
        "train",
        "text-classification",
        "--data",
        data,
        "--output",
        "y",
        "--config",
        file("d.yaml", "speed: 2"),
      ),
    ).toMatchObject({ status: 2 });
  });

  it("trains on images", async () => {
    const dir = join(folder, "images");
    mkdirSync(dir);
    const n = 120;
    const head = (...shape: number[]) =>
      Buffer.concat([Buffer.from([0, 0, 8, shape.length]), ...shape.map((s) => Buffer.from([0, 0, s >> 8, s & 255]))]);
    const labels = Buffer.from(Array.from({ length: n }, (_, i) => i % 3));
    const pixels = Buffer.alloc(n * 16);
    for (let i = 0; i < n; i++) for (let p = 0; p < 5; p++) pixels[i * 16 + (i % 3) * 5 + p] = 200 + (i % 50);
    writeFileSync(join(dir, "train-images-idx3-ubyte"), Buffer.concat([head(n, 4, 4), pixels]));
    writeFileSync(join(dir, "train-labels-idx1-ubyte"), Buffer.concat([head(n), labels]));
    const model = join(folder, "image-model");
    expect(
      (
        await run(
          "train",
          "image-classification",
          "--data",
          dir,
          "--range",
          "0:90",
          "--output",
          model,
          "--json",
          "--quiet",
        )
      ).status,
    ).toBe(0);
    io.out = "";
    await run("evaluate", model, "--data", dir, "--range", "90:120", "--json");
    expect(JSON.parse(io.out)).toMatchObject({ examples: 30, metrics: { accuracy: 1 } });
  });

  it("examines the machine", async () => {
    expect((await run("doctor", "--json")).status).toBe(0);
    expect(JSON.parse(io.out)).toMatchObject({
      node: process.versions.node,
      threads: expect.any(Number),
      peakGflops: expect.any(Object),
    });
  });
});
