import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { filesIn, temporaryFolder } from "../folder.ts";
import { run } from "../run.ts";

const folder = temporaryFolder();

const file = filesIn(folder);
const at = (name: string) => join(folder, name);

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
      const data = file("order.tsv", lines.join("\n"));
      const embedding = model === "transformer" ? "" : "--embedding-size 16";
      const shape = `--hidden-size 24 ${embedding} --dropout 0 --epochs 40 --learning-rate 0.01`;
      const trained = await run(
        `train text-classification --data ${data} --output ${dir} --model ${model} ${shape} --json --quiet`,
      );
      expect(trained.status).toBe(0);
      expect(trained.json.validation.accuracy).toBe(1);
      expect(JSON.parse(readFileSync(join(dir, "config.json"), "utf8"))).toMatchObject({
        model_type: model,
        max_length: 256,
      });
      expect(JSON.parse(readFileSync(join(dir, "tokenizer.json"), "utf8")).model.type).toBe("WordPiece");
      const { status, json } = await run(`predict ${dir} "Ann beat Eve" "Eve beat Ann" "" --json`);
      expect(status).toBe(0);
      expect(json.map((r: { label: string }) => r.label)).toEqual(["up", "down", expect.any(String)]);
    },
  );

  it("writes on with a language model, and shows its tokens", async () => {
    const dir = at("lm");
    const text = file("lm.txt", "the cat sat on the mat\n".repeat(200));
    const shape = "--hidden-size 32 --embedding-size 16 --block-size 16";
    const training = "--epochs 12 --batch-size 8 --learning-rate 0.01 --json --quiet";
    const trained = await run(`train text-generation --data ${text} --output ${dir} ${shape} ${training}`);
    expect(trained.status).toBe(0);
    expect(trained.json.validation.bitsPerCharacter).toBeLessThan(0.5);
    const asked = `generate ${dir} --prompt "the cat" --max-new-tokens 15 --temperature 0`;
    const whole = "the cat sat on the mat";
    expect(await run(`${asked} --json`)).toMatchObject({ status: 0, json: [{ generated_text: whole }] });
    const { status, json: found } = await run(`${asked} --num-beams 3 --json`);
    expect(status).toBe(0);
    expect(found[0]).toEqual({ generated_text: whole, score: expect.any(Number) });
    expect(found).toHaveLength(3);
    expect((await run(`${asked} --stop mat`)).stdout).toBe("the cat sat on the \n");
    expect(await run(`evaluate ${dir} --data ${text} --json`)).toMatchObject({
      status: 0,
      json: { task: "text-generation", examples: 4600, metrics: { tokens: 4600 } },
    });
    expect((await run(`tokenize ${dir} cat --json`)).json.tokens).toEqual(["c", "a", "t"]);
    const prompts = file("prompts.txt", "the cat\n\nthe dog sat on\nthe\n");
    const settings = "--max-new-tokens 15 --temperature 0.5 --seed 4 --json";
    const alone: unknown[] = [];
    for (const prompt of ["the cat", "", "the dog sat on", "the"])
      alone.push(...(await run(`generate ${dir} --prompt "${prompt}" ${settings}`)).json);
    expect((await run(`generate ${dir} --input ${prompts} --batch-size 3 ${settings}`)).json).toEqual(alone);
    expect((await run(`generate ${dir} --input ${prompts} --prompt a`)).status).toBe(2);
    expect((await run(`generate ${dir} --input ${file("none.txt", "")}`)).stderr).toMatch(/no prompts/);
    expect((await run(`generate ${dir} --temperature -1`)).status).toBe(2);
    expect((await run(`generate ${at("order-rnn")}`)).stderr).toMatch(/does not write/);
    const tokenizer = (size: number) =>
      run(`tokenizer train --data ${text} --type bpe --vocab-size ${size} --output ${at("tokens")}`);
    expect((await tokenizer(270)).status).toBe(0);
    expect((await tokenizer(5)).status).toBe(2);
  });

  it("trains, evaluates and predicts texts with one JSON object each", async () => {
    const data = file("reviews.tsv", reviews);
    const dir = at("text");
    const { status, json: report } = await run(
      `train sentiment --data ${data} --output ${dir} --json --quiet --seed 1`,
    );
    expect(status).toBe(0);
    expect(report).toMatchObject({ task: "text-classification", model: "mlp", output: dir });
    expect(report.validation.accuracy).toBeGreaterThan(0.9);
    for (const key of ["backend", "parameters", "epochs", "steps", "seconds", "examplesPerSecond"])
      expect(report).toHaveProperty(key);
    expect(JSON.parse(readFileSync(join(dir, "config.json"), "utf8"))).toMatchObject({
      model_type: "mlp",
      id2label: { 0: "neg", 1: "pos" },
    });
    expect(readFileSync(join(dir, "README.md"), "utf8")).toContain("Limits");
    expect(await run(`evaluate ${dir} --data ${data} --json`)).toMatchObject({
      status: 0,
      json: { task: "text-classification", examples: 120, metrics: { accuracy: 1 } },
    });
    expect(await run(`predict ${dir} "great and fresh" "rude, awful" --json`)).toMatchObject({
      status: 0,
      json: [{ label: "pos" }, { label: "neg" }],
    });
    const lines = await run(`predict ${dir} --input ${file("in.txt", "great place\nawful place\n")}`);
    expect(lines.stdout).toMatch(/^pos\t.*\nneg\t.*\n$/);
    const odd = file("unknown.tsv", "fine place\tpos\nnot so\tmaybe\nquite good\tpos\n");
    const unknown = await run(`evaluate ${dir} --data ${odd}`);
    expect(unknown.status).toBe(1);
    expect(unknown.stderr).toMatch(/unknown label "maybe"[\s\S]*hint: The model knows: neg, pos/);
    writeFileSync(join(dir, "model.safetensors"), "garbage!");
    expect(await run(`predict ${dir} x`)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/model.safetensors: [\s\S]*hint/),
    });
  });

  it("trains tables: classes, numbers, words and missing cells", async () => {
    const rows = Array.from(
      { length: 200 },
      (_, i) =>
        `${i % 17},${i % 3 ? "red" : "blue"},${i % 9 ? i % 5 : ""},${(i % 17) * 2 + (i % 3 ? 5 : 0)},${i % 17 > 8 ? "high" : "low"}`,
    );
    const data = file("table.csv", `size,colour,extra,price,kind\n${rows.join("\n")}\n`);
    const reg = at("reg");
    const train = (task: string, more: string) => run(`train ${task} --data ${data} ${more} --json --quiet`);
    const { status, json } = await train("tabular-regression", `--label-column price --output ${reg}`);
    expect(status).toBe(0);
    expect(json.validation.r2).toBeGreaterThan(0.95);
    for (const model of ["mlp", "linear", "perceptron"]) {
      const options = `--label-column kind --model ${model} --output ${at(`class-${model}`)}`;
      const result = await train("tabular-classification", options);
      expect(result.status, result.stderr).toBe(0);
      expect(result.json.validation.accuracy).toBeGreaterThan(0.9);
    }
    expect(Number((await run(`predict ${reg} 8,red,2,low`)).stdout)).toBeGreaterThan(10);
    expect(await run(`evaluate ${reg} --data ${file("other.csv", "a,price\n1,2\n")}`)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/needs a column size/),
    });
  });

  it.each([
    ["train juggling --data x --output y", 1, /unknown task juggling[\s\S]*There are: text-classification/],
    ["train text-classification --output y", 2, /--data/],
    ["train text-classification --data x --output y --epochs many", 2, /expected a number/],
    ["dance", 2, /unknown command/],
    [
      "train text-classification --data builtin --output y --validation none --metric-for-best-model f1",
      2,
      /--metric-for-best-model .*needs held-out data/,
    ],
    ["predict /nowhere x", 1, /no such file[\s\S]*Is this the folder/],
    ["train text-classification --data /nowhere.tsv --output y", 1, /no such file or folder/],
  ])("%s ends with a clear message", async (command, status, message) => {
    const result = await run(command);
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });

  it("refuses one class, a folder that cannot be written and an unknown model", async () => {
    const train = (data: string, output: string, more = "") =>
      run(`train text-classification --data ${data} --output ${at(output)} ${more}`);
    const one = file("one.tsv", "a b\tx\nc d\tx\ne f\tx\n");
    expect((await train(one, "o", "--label-column 1")).stderr).toMatch(/only one class/);
    const data = file("reviews2.tsv", reviews);
    writeFileSync(at("blocked"), "");
    expect(await train(data, "blocked/x", "--quiet")).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/cannot write[\s\S]*hint/),
    });
    expect((await train(data, "o", "--model gpt-9")).stderr).toMatch(/no preset gpt-9/);
  });

  it("reads settings from a file, flags winning, and refuses unknown ones", async () => {
    const data = file("reviews3.tsv", reviews);
    const config = file("c.yaml", "epochs: 2\nlearning-rate: 0.01\nmodel: bag-of-words\n");
    const train = (output: string, more: string) =>
      run(`train text-classification --data ${data} --output ${output} ${more} --json --quiet`);
    const { json } = await train(at("c"), `--config ${config} --epochs 3`);
    expect(json).toMatchObject({ model: "bag-of-words", epochs: 3 });
    expect((await train("y", `--config ${file("d.yaml", "speed: 2")}`)).status).toBe(2);
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
    const model = at("image-model");
    const trained = await run(`train image-classification --data ${dir} --range 0:90 --output ${model} --json --quiet`);
    expect(trained.status).toBe(0);
    const { json } = await run(`evaluate ${model} --data ${dir} --range 90:120 --json`);
    expect(json).toMatchObject({ examples: 30, metrics: { accuracy: 1 } });
  });

  it("examines the machine", async () => {
    expect(await run("doctor --json")).toMatchObject({
      status: 0,
      json: { node: process.versions.node, threads: expect.any(Number), peakGflops: expect.any(Object) },
    });
  });
});
