import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Entity, getTask, loadModel, pipeline } from "../../src/tasks/index.ts";
import { TaggerInputs, WordDropoutDataset } from "../../src/tasks/token-classification/inputs.ts";
import { filesIn, temporaryFolder } from "../folder.ts";
import { run } from "../run.ts";

const folder = temporaryFolder();
const file = filesIn(folder);

// "Anna Berg met Carl in New Ostow ." in many variations.
const first = ["Anna", "Carl", "Dora", "Emil", "Fritz", "Greta", "Hanna", "Ivo"];
const last = ["Berg", "Stein", "Feld", "Busch"];
const places = [["Ostow"], ["New", "Ostow"], ["Wesbury"], ["Port", "Wesbury"]];
const verbs = ["met", "saw", "called", "visited"];
type Row = [word: string, entity: string, pos: string];
function sentence(i: number): Row[] {
  const person = (n: number): Row[] => [
    [first[n % 8], "B-person", "PROPN"],
    ...(n % 3 ? ([[last[n % 4], "I-person", "PROPN"]] as Row[]) : []),
  ];
  const place = places[(i >> 1) % 4].map((w, k): Row => [w, k ? "I-place" : "B-place", "PROPN"]);
  const more = i % 4 === 0 ? ([["yesterday", "O", "ADV"]] as Row[]) : [];
  return [
    ...person(i),
    [verbs[i % 4], "O", "VERB"],
    ...person(i * 3 + 1),
    ["in", "O", "ADP"],
    ...place,
    ...more,
    [".", "O", "PUNCT"],
  ];
}
const conll = (from: number, to: number, column: 1 | 2) =>
  Array.from({ length: to - from }, (_, i) =>
    sentence(from + i)
      .map((row) => `${row[0]}\t${row[column]}\n`)
      .join(""),
  ).join("\n");
const conllu = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) =>
    sentence(from + i)
      .map(([word, entity, pos], w) => `${w + 1}\t${word}\t_\t${pos}\t${entity}\t_\t_\t_\t_\t_\n`)
      .join(""),
  ).join("\n");

const small = "--hidden-size 16 --embedding-size 12 --dropout 0.2 --epochs 12 --batch-size 8";

describe("entities", () => {
  const dir = join(folder, "ner");
  const data = join(folder, "ner-data");
  let report: { validation: Record<string, number> };
  beforeAll(async () => {
    mkdirSync(data);
    writeFileSync(join(data, "train.conll"), conll(0, 120, 1));
    writeFileSync(join(data, "dev.conll"), conll(120, 150, 1));
    writeFileSync(join(data, "test.conll"), conll(150, 180, 1));
    const args = { numTrainEpochs: 15, perDeviceTrainBatchSize: 8, quiet: true };
    const shape = { hiddenSize: 16, embeddingSize: 12, dropout: 0.2 };
    report = (await getTask("ner").train({ data, output: dir, ...shape, args })) as unknown as typeof report;
  }, 60_000);

  it("are learned, saved as Hugging Face does, and measured on the test part", async () => {
    expect(Object.keys(report.validation)).toEqual(["loss", "accuracy", "precision", "recall", "f1"]);
    expect(report.validation.f1).toBeGreaterThan(0.9);
    const config = JSON.parse(readFileSync(join(dir, "config.json"), "utf8"));
    expect(config).toMatchObject({
      model_type: "lstm",
      architectures: ["RnnForTokenClassification"],
      id2label: { 0: "B-person", 1: "B-place", 2: "I-person", 3: "I-place", 4: "O" },
      label2id: { O: 4 },
    });
    expect(JSON.parse(readFileSync(join(dir, "tokenizer.json"), "utf8")).model.type).toBe("WordLevel");
    expect(readFileSync(join(dir, "README.md"), "utf8")).toMatch(/\| f1 \| [\s\S]*most frequent tag, O/);
    const { status, json } = await run(`evaluate ${dir} --data ${data} --json`);
    expect(status).toBe(0);
    expect(json).toMatchObject({ task: "token-classification", examples: 30 });
    expect(json.metrics.f1).toBeGreaterThan(0.9);
    // Validated again, the saved model gives what training reported.
    const again = await (await loadModel(dir)).evaluate({ data: join(data, "dev.conll") });
    expect(again.metrics).toEqual(report.validation);
  });

  it("are found in texts, with their places", async () => {
    const text = "Greta Busch saw Emil in Port  Wesbury.";
    const found = (await (await pipeline("token-classification", dir))(text)) as Entity[];
    expect(found.map(({ entity_group, word, start, end }) => [entity_group, word, start, end])).toEqual([
      ["person", "Greta Busch", 0, 11],
      ["person", "Emil", 16, 20],
      ["place", "Port  Wesbury", 24, 37],
    ]);
    for (const { score } of found) expect(score).toBeGreaterThan(0.3);
    const { status, stdout } = await run(`predict ${dir} "${text}" "" "in ."`);
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /^Greta Busch \(person 0\.\d{4}\) Emil \(person 0\.\d{4}\) Port {2}Wesbury \(place 0\.\d{4}\)\n\n/,
    );
    const texts = file("texts.txt", `${text}\nAnna met Ivo in Ostow.\n`);
    const { json } = await run(`predict ${dir} --input ${texts} --json`);
    expect(json[0].map((e: { word: string }) => e.word)).toEqual(["Greta Busch", "Emil", "Port  Wesbury"]);
    expect(json).toHaveLength(2);
  });

  it("are found in files of words, as the words stand there", async () => {
    const predict = async (name: string, contents: string) =>
      (await run(`predict ${dir} --input ${file(name, contents)} --json`)).json;
    const [a, b] = await predict("words.conll", "Anna\nmet\nIvo\n\nOstow\n");
    expect(a.map((e: Record<string, unknown>) => [e.word, e.start, e.end])).toEqual([
      ["Anna", 0, 4],
      ["Ivo", 9, 12],
    ]);
    expect(b).toHaveLength(1);
    // A sentence alone takes other kernels than several: the last bits may differ.
    const near = a.map((e: { score: number }) => ({ ...e, score: expect.closeTo(e.score, 6) }));
    expect(await predict("words.jsonl", '{"tokens":["Anna","met","Ivo"]}\n')).toEqual([near]);
    expect(await predict("texts.jsonl", '{"text":"Anna met Ivo"}\n')).toEqual([near]);
  });

  it("do not depend on the sentences beside, nor much on where a long one is cut", async () => {
    const model = await loadModel(dir);
    const texts = ["Ivo met Anna Berg in New Ostow .", "Dora", "Carl saw Hanna Feld in Wesbury yesterday . ".repeat(9)];
    const together = (await model.predict(texts)) as { word: string; score: number }[][];
    for (const [i, text] of texts.entries()) {
      const [alone] = (await model.predict([text])) as { word: string; score: number }[][];
      expect(alone.map((e) => e.word)).toEqual(together[i].map((e) => e.word));
      alone.forEach((e, k) => {
        expect(e.score).toBeCloseTo(together[i][k].score, 4);
      });
    }
    const path = join(dir, "config.json");
    const config = readFileSync(path, "utf8");
    writeFileSync(path, JSON.stringify({ ...JSON.parse(config), max_length: 8 }));
    const [cut] = (await (await loadModel(dir)).predict([texts[2]])) as { word: string }[][];
    writeFileSync(path, config);
    expect(cut.length).toBeGreaterThanOrEqual(27);
  });

  it.each([
    [
      "unknown tag",
      "Anna\tB-animal\n",
      /line 1 has the unknown tag "B-animal" \(Anna\)[\s\S]*hint: The model knows: B-person/,
    ],
    ["no tags", "Anna\nmet\n", /no tagged sentences|words without tags/],
    ["empty", "", /empty/],
    ["wrong columns", "Anna\tO\nmet\n", /line 2: 1 columns/],
  ])("are not measured with a file of %s", async (name, contents, message) => {
    const result = await run(`evaluate ${dir} --data ${file(`${name.replace(" ", "-")}.conll`, contents)}`);
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toMatch(/\n\s+at /);
  });
});

describe("plain tags", () => {
  it.each(["gru", "rnn", "transformer"])("are learned with %s from CoNLL-U by name", async (model) => {
    const data = file("pos.conllu", conllu(0, 120));
    const dir = join(folder, `pos-${model}`);
    const {
      status,
      stderr,
      json: report,
    } = await run(`train token-classification --data ${data} --output ${dir} --model ${model} ${small} --json --quiet`);
    expect(status, stderr).toBe(0);
    expect(report).toMatchObject({ task: "token-classification", model, epochs: 12 });
    expect(Object.keys(report.validation)).toEqual(["loss", "accuracy"]);
    expect(report.validation.accuracy).toBeGreaterThan(0.95);
    const [words] = (await run(`predict ${dir} "Anna saw Emil." --json`)).json;
    expect(words[1]).toEqual({ entity: "VERB", score: expect.any(Number), index: 2, word: "saw", start: 5, end: 8 });
    expect(words.map((w: { entity: string }) => w.entity)).toEqual(["PROPN", "VERB", "PROPN", "PUNCT"]);
    expect((await run(`predict ${dir} "Anna saw Emil."`)).stdout).toBe("Anna/PROPN saw/VERB Emil/PROPN ./PUNCT\n");
  });

  it("come from the column that was trained on, in evaluation too", async () => {
    const data = file("xpos.conllu", conllu(0, 60));
    const dir = join(folder, "xpos");
    const args = `--data ${data} --output ${dir} --label-column xpos --validation none ${small}`;
    expect(await run(`train ner ${args} --json --quiet`)).toMatchObject({ status: 0, json: { validation: null } });
    expect((await run(`evaluate ${dir} --data ${data} --range 0:20 --json`)).json).toMatchObject({
      examples: 20,
      metrics: { f1: expect.any(Number) },
    });
  });

  it.each([
    ["builtin", "", /reviews without tags/, 1],
    ["DATA", "--model gpt", /no preset gpt[\s\S]*lstm/, 1],
    ["DATA", "--model constructor", /no preset constructor/, 1],
    ["DATA", "--max-length 0", /--max-length is 0; expected a whole number from 1/, 2],
    ["ONE", "", /only one class/, 1],
    ["BARE", "", /words without tags/, 1],
  ])("refuse %s %s", async (data, more, message, status) => {
    const files = new Map(
      Object.entries({
        DATA: file("some.conll", conll(0, 20, 2)),
        ONE: file("one.conll", "a\tX\nb\tX\n\nc\tX\n"),
        BARE: file("bare.txt", "a\nb\n"),
      }),
    );
    const source = files.get(data) ?? data;
    const output = join(folder, "refused");
    const result = await run(`train token-classification --data ${source} ${more} --output ${output} --quiet`);
    expect(result.status).toBe(status);
    expect(result.stderr).toMatch(message);
  });
});

it("forgets rare words now and then, the same ones for the same seed and epoch", async () => {
  const sentences = Array.from({ length: 400 }, (_, i) => ["the", `rare${i}`, "the", "the", "the"]);
  const inputs = await TaggerInputs.fit(sentences, 100, 50_000);
  const items = sentences.map((s) => inputs.encode(s));
  const { size: vocabSize, unkTokenId } = inputs;
  const of = (seed: number, epoch: number, alpha = 0.25) => {
    const data = new WordDropoutDataset(items, { vocabSize, unkTokenId, seed, alpha });
    data.setEpoch(epoch);
    return items.map((_, i) => Array.from(data.get(i).ids));
  };
  expect(of(1, 2)).toEqual(of(1, 2));
  expect(of(1, 2)).not.toEqual(of(1, 3));
  expect(of(1, 2)).not.toEqual(of(2, 2));
  const share = (words: number[]) => words.filter((id) => id === unkTokenId).length / words.length;
  const rare = Array.from({ length: 20 }, (_, epoch) => share(of(1, epoch).map((ids) => ids[1])));
  // 0.25 / 1.25 of 8,000 words.
  expect(rare.reduce((a, b) => a + b, 0) / 20).toBeCloseTo(0.2, 1);
  expect(share(of(1, 0).flatMap((ids) => ids.filter((_, w) => w !== 1)))).toBeLessThan(0.005);
  expect(share(of(1, 0, 0).flat())).toBe(0);
  // The training data is left as it was.
  expect(items[0].ids[1]).not.toBe(unkTokenId);
});
