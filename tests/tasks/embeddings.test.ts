import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { SafetensorsFile, writeWord2vec } from "../../src/formats/index.ts";
import { getTask, loadModel } from "../../src/tasks/index.ts";
import { KeyedVectors } from "../../src/text/index.ts";
import { filesIn, temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const file = filesIn(folder);

const known = ["good", "bad", "film", "Anna", "好"];
const size = 8;
const numbers = Float32Array.from({ length: known.length * size }, (_, i) => Math.cos(i));
const embeddings = join(folder, "vectors.bin");
writeWord2vec(embeddings, new KeyedVectors(known, numbers, size), { binary: true });
const rowOf = (word: string) => [...numbers.subarray(known.indexOf(word) * size, (known.indexOf(word) + 1) * size)];

const reviews = file(
  "reviews.tsv",
  ["text\tlabel\n"]
    .concat(Array.from({ length: 40 }, (_, i) => `${i % 2 ? "A good Film" : "a bad film"} 好\t${i % 2}\n`))
    .join(""),
);
const tags = file("tags.conll", "Anna NNP\nsaw VBD\nGOOD JJ\nfilm NN\n\n".repeat(20));
const text = file("text.txt", "Film GOOD bad\nAnna saw a Film\n".repeat(60));

/** Trains with a rate of next to 0, so that what was read is still there, and gives a table's rows by word. */
async function rows(task: string, table: string, options: { data: string; [key: string]: unknown }) {
  const lines: string[] = [];
  const output = join(folder, `${task}-${options.model}`);
  const say = (line: string) => lines.push(line);
  const args = { maxSteps: 1, learningRate: 1e-30, weightDecay: 0, quiet: true };
  await getTask(task).train({ output, embeddings, say, args, ...options });
  using weights = SafetensorsFile.open(join(output, "model.safetensors"));
  const { shape, data } = weights.read(table);
  const names: string[] = existsJson(join(output, "vectorizer.json"))?.vocabulary ?? [];
  const vocab = existsJson(join(output, "tokenizer.json"))?.model.vocab ?? {};
  for (const [word, id] of Object.entries(vocab)) names[id as number] = word;
  const row = (word: string) => {
    const at = names.indexOf(word);
    return [...(data as Float32Array).subarray(at * size, (at + 1) * size)];
  };
  return { shape, row, said: lines.find((line) => line.startsWith("embeddings")), output };
}
function existsJson(path: string) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

describe("--embeddings", () => {
  it.each(["mlp", "lstm", "transformer"])("text-classification %s begins with the file's vectors", async (model) => {
    const { shape, row, said, output } = await rows("text-classification", "embeddings.weight", {
      data: reviews,
      model,
    });
    expect(shape[1]).toBe(size);
    for (const word of ["good", "bad", "film", "好"]) expect(row(word)).toEqual(rowOf(word));
    expect(row("a").some((x) => x !== 0)).toBe(true);
    expect(said).toMatch(/4 of \d+ words .* have a vector of 8 numbers/);
    expect(await (await loadModel(output)).predict(["a good film"])).toHaveLength(1);
  });

  it("token-classification and text-generation too: as written, else in lower case", async () => {
    const tagger = await rows("token-classification", "embeddings.weight", { data: tags, validation: "none" });
    expect(tagger.row("good")).toEqual(rowOf("good"));
    for (const [model, table] of [
      ["lstm", "encoder.weight"],
      ["gpt", "transformer.wte.weight"],
    ]) {
      const settings = { data: text, model, tokenizer: "word", blockSize: 8, hiddenSize: model === "gpt" ? 8 : 16 };
      const lm = await rows("text-generation", table, settings);
      for (const word of ["Anna", "bad"]) expect(lm.row(word)).toEqual(rowOf(word));
      expect(lm.row("GOOD")).toEqual(rowOf("good"));
      expect(lm.said).toMatch(
        /^embeddings: 4 of 8 words \(50\.0 %\) have a vector of 8 numbers, 2 of them in lower case/,
      );
    }
  });

  it.each<[string, string, Record<string, unknown>, string]>([
    [
      "a preset without embedding",
      "text-classification",
      { data: reviews, model: "bag-of-words" },
      "is not for its preset bag-of-words",
    ],
    ["another size", "text-classification", { data: reviews, model: "lstm", embeddingSize: 16 }, "--embedding-size 16"],
    [
      "another width",
      "text-classification",
      { data: reviews, model: "transformer", hiddenSize: 16 },
      "--hidden-size 16",
    ],
    ["characters", "text-generation", { data: text, blockSize: 8 }, "the character tokenizer has no words"],
    [
      "vectors of other words",
      "text-classification",
      { data: reviews, embeddings: file("other.vec", "wort 1 2\nanderes 3 4\n") },
      "no vector for any of the",
    ],
    ["a file that is none", "text-classification", { data: reviews, embeddings: reviews }, "no word vectors"],
    ["a file that is not there", "text-classification", { data: reviews, embeddings: "none.vec" }, "no such file"],
  ])("refuses %s", async (_, task, options, message) => {
    const all = { output: join(folder, "x"), embeddings, ...(options as { data: string }) };
    await expect(getTask(task).train(all)).rejects.toThrow(message);
  });
});
