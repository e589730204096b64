import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { main as bert } from "../../examples/bert.ts";
import { glueTask } from "../../src/data/index.ts";
import { SafetensorsFile, writePyTorch } from "../../src/formats/index.ts";
import { manualSeed } from "../../src/index.ts";
import { AutoModelForSequenceClassification, autoModels, type PreTrainedModel } from "../../src/models/index.ts";
import { getTask, loadModel } from "../../src/tasks/index.ts";
import { PreTrainedTokenizer, trainTokenizer } from "../../src/text/index.ts";
import { metricsOf } from "../../src/train/index.ts";
import { filesIn, temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const file = filesIn(folder);

const adjectives = ["good", "fine", "lovely", "bad", "dull", "awful"];
const nouns = ["film", "book", "song", "meal", "play", "story"];
const rows = Array.from({ length: 96 }, (_, i) => {
  const adjective = (i * 5 + Math.floor(i / 6)) % 6;
  return {
    text: `the ${nouns[i % 6]} was ${adjectives[adjective]}${i % 3 ? "" : " from end to end"}`,
    good: adjective < 3,
  };
});
const reviews = file(
  "reviews.tsv",
  `text\tlabel\n${rows.map((r) => `${r.text}\t${r.good ? "yes" : "no"}\n`).join("")}`,
);

const SHAPE = {
  ...{ hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 64 },
  ...{ max_position_embeddings: 64, hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 },
};
const base = join(folder, "base");

/** A folder as Hugging Face's, random weights and a small WordPiece vocabulary. */
async function checkpoint(
  path: string,
  head: "base" | "sequenceClassification" | "tokenClassification",
  more: object = {},
): Promise<void> {
  manualSeed(3);
  const tokenizer = await trainTokenizer(
    "wordpiece",
    rows.map((r) => r.text),
    { vocabSize: 80 },
  );
  const json = { model_type: "bert", vocab_size: tokenizer.vocabSize, ...SHAPE, ...more };
  const family = autoModels.family(json, path);
  const Model = autoModels.classOf(family, head);
  const model: PreTrainedModel = new Model(family.config.parse(json));
  model.savePretrained(path);
  new PreTrainedTokenizer(tokenizer).savePretrained(path);
}
beforeAll(() => checkpoint(base, "base"));

const train = (task: string, output: string, options: object = {}) =>
  getTask(task).train({
    data: reviews,
    output: join(folder, output),
    model: base,
    ...options,
    args: {
      numTrainEpochs: 8,
      learningRate: 3e-3,
      perDeviceTrainBatchSize: 16,
      quiet: true,
      ...(options as { args?: object }).args,
    },
  });
const weights = (name: string) => new Uint8Array(readFileSync(join(folder, name, "model.safetensors")));

describe("fine-tuning to classify texts", () => {
  it("learns, saves Hugging Face's form, measures and predicts the same from the folder", async () => {
    const said: string[] = [];
    const report = await train("text-classification", "yes-no", { say: (line: string) => said.push(line) });
    expect(report.validation?.accuracy).toBe(1);
    expect(said.join("\n")).toMatch(/labels: no, yes\nnew, with random values: .*classifier\.weight/);
    const config = JSON.parse(readFileSync(join(folder, "yes-no", "config.json"), "utf8"));
    expect(config).toMatchObject({
      ...{ model_type: "bert", architectures: ["BertForSequenceClassification"], hidden_size: 32 },
      ...{ id2label: { 0: "no", 1: "yes" }, label2id: { no: 0, yes: 1 }, problem_type: "single_label_classification" },
    });
    using saved = SafetensorsFile.open(join(folder, "yes-no", "model.safetensors"));
    expect(saved.names()).toContain("bert.encoder.layer.1.attention.self.query.weight");
    const model = await loadModel(join(folder, "yes-no"));
    expect((await model.evaluate({ data: reviews })).metrics.accuracy).toBe(1);
    const [a, b] = (await model.predict(["the play was lovely", "the song was awful from end to end"])) as {
      label: string;
    }[];
    expect([a.label, b.label]).toEqual(["yes", "no"]);
    // Without run.json it is any folder of the hub.
    rmSync(join(folder, "yes-no", "run.json"));
    const again = await loadModel(join(folder, "yes-no"));
    expect(again.task).toBe("text-classification");
    expect(await again.predict(["the play was lovely"])).toEqual([
      { ...a, score: expect.closeTo((a as unknown as { score: number }).score, 6) },
    ]);
  });

  it("resumes to the same bits, batches of like length or not", async () => {
    for (const groupByLength of [false, true]) {
      const name = `resumed-${groupByLength}`;
      const args = { numTrainEpochs: 2, saveSteps: 3, groupByLength };
      await train("text-classification", `${name}-whole`, { args });
      let steps = 0;
      const boom = {
        onStepEnd: () => {
          if (++steps === 5) throw new Error("the power failed");
        },
      };
      await expect(train("text-classification", name, { args, callbacks: [boom] })).rejects.toThrow("the power failed");
      await train("text-classification", name, { args: { ...args, resume: true } });
      expect(weights(name)).toEqual(weights(`${name}-whole`));
    }
  });

  it("takes a checkpoint's head where the labels are its own, in its order, and a new one where they are others", async () => {
    await checkpoint(join(folder, "own"), "sequenceClassification", {
      id2label: { 0: "yes", 1: "no" },
      label2id: { yes: 0, no: 1 },
    });
    const said: string[] = [];
    const say = (line: string) => said.push(line);
    const args = { maxSteps: 1 };
    await train("text-classification", "kept", { model: join(folder, "own"), args, say });
    expect(said.join("\n")).toMatch(/labels: yes, no$/m);
    expect(said.join("\n")).not.toMatch(/new, with random values/);
    const three = file("three.tsv", `text\tlabel\n${rows.map((r, i) => `${r.text}\t${"abc"[i % 3]}\n`).join("")}`);
    await train("text-classification", "other", { model: join(folder, "own"), data: three, args, say });
    expect(said.join("\n")).toMatch(
      /new, with random values: classifier\.(weight, classifier\.bias|bias, classifier\.weight)/,
    );
  });

  it("gives numbers where labels are numbers, of pairs of texts", async () => {
    const pairs = rows.map((r, i) => `${r.text}\tit was a ${nouns[i % 6]}\t${r.good ? 1.5 : -1.5}\n`);
    const data = file("pairs.tsv", `sentence1\tsentence2\tscore\n${pairs.join("")}`);
    const report = await train("text-classification", "scores", {
      data,
      labelColumn: "score",
      args: { numTrainEpochs: 16 },
    });
    const known = ["loss", ...metricsOf("numbers").flatMap(({ names }) => names)];
    expect(Object.keys(report.validation ?? {})).toEqual(known);
    expect(known.slice(0, 4)).toEqual(["loss", "pearson", "spearmanr", "rmse"]);
    const config = JSON.parse(readFileSync(join(folder, "scores", "config.json"), "utf8"));
    expect(config).toMatchObject({ problem_type: "regression", id2label: { 0: "LABEL_0" } });
    const model = await loadModel(join(folder, "scores"));
    const { metrics } = await model.evaluate({ data, labelColumn: "score" });
    expect(metrics.pearson).toBeGreaterThan(0.5);
  });

  it("writes what the GLUE site takes", async () => {
    await train("text-classification", "rte", { args: { maxSteps: 1 } });
    const model = await loadModel(join(folder, "rte"));
    const before = process.env.SHOSHIN_DATA;
    process.env.SHOSHIN_DATA = join(folder, "published");
    try {
      const test = Array.from(
        { length: glueTask("wnli").parts.test?.rows ?? 0 },
        (_, i) => `${i}\tthe film was good\tthe film was fine\n`,
      );
      file("published/glue/WNLI/test.tsv", `index\tsentence1\tsentence2\n${test.join("")}`);
      file("published/glue/WNLI/train.tsv", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\t1\n");
      file("published/glue/WNLI/dev.tsv", "index\tsentence1\tsentence2\tlabel\n0\ta\tb\t1\n");
      const [path] = (await model.submit?.("glue:wnli", join(folder, "submission"))) ?? [];
      const lines = readFileSync(path, "utf8").trimEnd().split("\n");
      expect(lines).toHaveLength(147);
      expect(lines[0]).toBe("index\tprediction");
      for (const [i, line] of lines.slice(1).entries()) expect(line).toMatch(new RegExp(`^${i}\t[01]$`));
    } finally {
      if (before === undefined) delete process.env.SHOSHIN_DATA;
      else process.env.SHOSHIN_DATA = before;
    }
  });
});

it("the worked example fine-tunes a checkpoint and saves one", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const out = join(folder, "example");
  const { loss } = await bert(base, out, 1);
  expect(loss).toBeLessThan(0.75);
  expect(log.mock.calls.flat().join("")).toMatch(/test accuracy 0\.\d{3}, F1/);
  log.mockRestore();
  const model = await AutoModelForSequenceClassification.fromPretrained(out);
  expect(model.config.id2label).toEqual({ 0: "negative", 1: "positive" });
});

describe("fine-tuning to tag words", () => {
  const words = rows.map(
    (r) =>
      `${r.text
        .split(" ")
        .map((w) => `${w}\t${nouns.includes(w) ? "NOUN" : "X"}\n`)
        .join("")}\n`,
  );
  it("learns, measures and predicts whole words, long sentences in pieces", async () => {
    const data = file("words.conll", words.join(""));
    const report = await train("token-classification", "tagged", { data });
    expect(report.validation?.accuracy).toBeGreaterThan(0.99);
    const model = await loadModel(join(folder, "tagged"));
    const [tags] = (await model.predict(["the story was dull"])) as { word: string; entity: string }[][];
    expect(tags.map((t) => `${t.word} ${t.entity}`)).toEqual(["the X", "story NOUN", "was X", "dull X"]);
    const [long] = (await model.predict(["the story was dull ".repeat(30)])) as { entity: string }[][];
    expect(long).toHaveLength(120);
    expect(long.filter((t) => t.entity === "NOUN").length).toBeGreaterThan(25);
  });
});

describe("a checkpoint that cannot be used is refused by name", () => {
  const config = (more: object) =>
    JSON.stringify({ ...JSON.parse(readFileSync(join(base, "config.json"), "utf8")), ...more });
  const copy = (name: string, json: string) => {
    for (const part of ["model.safetensors", "tokenizer.json", "tokenizer_config.json"]) {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, part), readFileSync(join(base, part)));
    }
    return file(`${name}/config.json`, json).slice(0, -"/config.json".length);
  };
  it.each<[string, () => string, RegExp]>([
    ["an unknown architecture", () => copy("unknown", config({ model_type: "mamba" })), /"mamba" is not known here/],
    ["none", () => copy("none", "{}"), /no model_type/],
    ["no JSON", () => copy("broken", "{"), /config\.json: not JSON/],
    [
      "shapes that are not so",
      () => copy("lies", config({ hidden_size: 48 })),
      /expected \[\d+, 48\], found \[\d+, 32\]/,
    ],
    [
      "heads that do not divide",
      () => copy("heads", config({ num_attention_heads: 5 })),
      /num_attention_heads 5 does not divide hidden_size 32/,
    ],
    ["an absurd size", () => copy("huge", config({ vocab_size: 1e15 })), /vocab_size: found 1000000000000000/],
    ["a preset's name", () => "berd", /no preset berd/],
    ["no folder", () => join(folder, "nowhere"), /no such folder|is not/],
  ])("%s", async (_name, model, message) => {
    await expect(train("text-classification", "refused", { model: model(), args: { maxSteps: 1 } })).rejects.toThrow(
      message,
    );
  });

  it("opens weights of PyTorch too, and names tensors that are not the model's", async () => {
    using saved = SafetensorsFile.open(join(base, "model.safetensors"));
    const path = copy("pickled", config({}));
    rmSync(join(path, "model.safetensors"));
    const tensors = new Map(saved.names().map((name) => [name, saved.read(name)]));
    writePyTorch(join(path, "pytorch_model.bin"), tensors);
    const model = await AutoModelForSequenceClassification.fromPretrained(path);
    const name = "encoder.layer.0.output.dense.weight";
    expect(model.stateDict().get(`bert.${name}`)?.data()).toEqual(saved.read(name).data);
    writePyTorch(join(path, "pytorch_model.bin"), new Map([["something", saved.read(name)]]));
    await expect(AutoModelForSequenceClassification.fromPretrained(path)).rejects.toThrow(
      /none of its 1 tensors belongs/,
    );
  });
});
