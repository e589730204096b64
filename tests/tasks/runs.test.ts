import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { SafetensorsFile } from "../../src/formats/index.ts";
import { getTask, type TaskOptions } from "../../src/tasks/index.ts";
import { temporaryFolder } from "../folder.ts";

const root = temporaryFolder();
const at = (name: string) => join(root, name);
const write = (name: string, text: string) => {
  writeFileSync(at(name), text);
  return at(name);
};

const WORDS = ["good", "fine", "great", "bad", "poor", "awful", "thing", "film"];
const word = (i: number) => WORDS[(i * 7 + (i >> 2)) % WORDS.length];
const reviews = write(
  "reviews.tsv",
  Array.from({ length: 40 }, (_, i) => `${word(i)} ${word(i + 3)} ${i % 7}\t${i % 3 === 0 ? "up" : "down"}`).join("\n"),
);
const tagged = write(
  "tags.conll",
  Array.from({ length: 20 }, (_, i) =>
    Array.from({ length: 2 + (i % 5) }, (_, j) => `${word(i + j)}\t${(i + j) % 3 === 0 ? "X" : "O"}`).join("\n"),
  ).join("\n\n"),
);
const text = write(
  "text.txt",
  Array.from({ length: 120 }, (_, i) => `${word(i)} ${word(i * 3)} ${word(i + 1)}.`).join("\n"),
);
const pairs = write(
  "pairs.tsv",
  `en\tfr\n${Array.from({ length: 40 }, (_, i) => `${word(i)} ${word(i + 1)}${i % 3 ? ` ${word(i * 2)}` : ""}\t${word(i + 2)} le ${word(i)}`).join("\n")}`,
);
const table = write(
  "table.csv",
  `a,b,kind\n${Array.from({ length: 30 }, (_, i) => `${i % 5},${i * 2},${i % 2 ? "x" : "y"}`).join("\n")}`,
);

const weights = (folder: string) => {
  using file = SafetensorsFile.open(join(folder, "model.safetensors"));
  return file.names().flatMap((name) => [...(file.read(name).data as Float32Array)]);
};
const norm = (values: readonly number[]) => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
let n = 0;
async function train(task: string, options: Omit<TaskOptions, "output">, output = at(`run-${n++}`)) {
  await getTask(task).train({ validation: "none", ...options, output, args: { quiet: true, ...options.args } });
  return output;
}

test.each<[string, Omit<TaskOptions, "output">]>([
  ["text-classification", { data: reviews, model: "mlp", dropout: 0, classWeights: "balanced" }],
  ["text-classification", { data: reviews, model: "gru", dropout: 0, labelSmoothingFactor: 0.1 }],
  ["text-classification", { data: reviews, model: "bag-of-words" }],
  ["text-generation", { data: text, model: "lstm", dropout: 0, hiddenSize: 16, blockSize: 8 }],
  ["text-generation", { data: text, model: "gpt", dropout: 0, hiddenSize: 16, layers: 1, blockSize: 8 }],
  [
    "translation",
    {
      data: pairs,
      model: "transformer",
      dropout: 0,
      hiddenSize: 16,
      layers: 1,
      vocabSize: 60,
      ...{ sourceColumn: "en", targetColumn: "fr" },
    },
  ],
  [
    "translation",
    {
      data: pairs,
      model: "lstm-attention",
      dropout: 0,
      hiddenSize: 16,
      embeddingSize: 16,
      vocabSize: 60,
      ...{ sourceColumn: "en", targetColumn: "fr" },
    },
  ],
  [
    "token-classification",
    { data: tagged, model: "transformer", dropout: 0, hiddenSize: 16, classWeights: "balanced" },
  ],
  ["tabular-classification", { data: table, model: "mlp", classWeights: "1,3" }],
])("%s, %o: batches of 4 × 1, 2 × 2 and 1 × 4 learn the same", async (task, options) => {
  const run = async (batch: number, accumulate: number) =>
    weights(
      await train(task, {
        ...options,
        args: {
          ...{ perDeviceTrainBatchSize: batch, gradientAccumulationSteps: accumulate, maxSteps: 3 },
          ...{ optim: "sgd", momentum: 0, learningRate: 0.1, emaDecay: 0 },
        },
      }),
    );
  const whole = await run(4, 1);
  const size = norm(whole);
  for (const [batch, accumulate] of [
    [2, 2],
    [1, 4],
  ]) {
    const parts = await run(batch, accumulate);
    expect(norm(parts.map((x, i) => x - whole[i])) / size).toBeLessThan(1e-6);
  }
});

test("a stream that is carried over batches of a step goes on to the same bits after a stop", async () => {
  const options = { data: text, model: "lstm", hiddenSize: 16, blockSize: 8, dropout: 0.2 };
  const args = { perDeviceTrainBatchSize: 2, gradientAccumulationSteps: 3, numTrainEpochs: 2, saveSteps: 2 };
  const straight = await train("text-generation", { ...options, args });
  const folder = at("carried");
  const onStepEnd = ({ step }: { step: number }) => {
    if (step === 5) throw new Error("the power failed");
  };
  await expect(train("text-generation", { ...options, args, callbacks: [{ onStepEnd }] }, folder)).rejects.toThrow(
    "power",
  );
  await train("text-generation", { ...options, args: { ...args, resume: true } }, folder);
  expect(weights(folder)).toEqual(weights(straight));
});

test.each<[string, string]>([
  ["text-classification", "bag-of-words"],
  ["tabular-classification", "perceptron"],
])("%s %s: a folder is written once, again only if that is said, and what is the user's stays", async (task, model) => {
  const options = { data: task === "tabular-classification" ? table : reviews, model };
  const args = { numTrainEpochs: 1 };
  const folder = await train(task, { ...options, args });
  const written = readdirSync(folder).filter((name) => !name.startsWith("events."));
  await expect(train(task, { ...options, args }, folder)).rejects.toThrow(/holds a run that has finished/);
  writeFileSync(join(folder, "README.md"), "mine");
  writeFileSync(join(folder, "notes.txt"), "mine");
  await train(task, { ...options, args: { ...args, overwriteOutputDir: true } }, folder);
  expect(readFileSync(join(folder, "README.md"), "utf8")).toBe("mine");
  expect(readFileSync(join(folder, "notes.txt"), "utf8")).toBe("mine");
  expect(
    readdirSync(folder)
      .filter((name) => !name.startsWith("events."))
      .sort(),
  ).toEqual([...written, "README-2.md", "notes.txt"].sort());
  writeFileSync(join(folder, "config.json"), "{}");
  await expect(train(task, { ...options, args: { ...args, overwriteOutputDir: true } }, folder)).rejects.toThrow(
    /config.json is in the way/,
  );
  expect(readFileSync(join(folder, "config.json"), "utf8")).toBe("{}");
});

test("options of classes are refused where there are none", async () => {
  const refuse = (task: string, options: Omit<TaskOptions, "output">) => expect(train(task, options)).rejects;
  await refuse("text-generation", { data: text, classWeights: "balanced" }).toThrow(/no classes to weigh|is not for/);
  await refuse("translation", { data: pairs, classWeights: "1,2" }).toThrow(/no classes to weigh|is not for/);
  await refuse("tabular-regression", { data: table, labelColumn: "b", labelSmoothingFactor: 0.1 }).toThrow(
    /smoothed|is not for/,
  );
  await refuse("text-classification", { data: reviews, args: { warmupRation: 1 } as object }).toThrow(
    /warmupRatio|unknown/,
  );
  await refuse("text-classification", {
    data: reviews,
    args: { perDeviceEvalBatchSize: 4 },
    validation: "0.2",
  }).toThrow(/perDeviceEvalBatchSize is of evalDataset/);
});
