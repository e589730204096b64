import { join } from "node:path";
import { expect, test } from "vitest";
import { ArrayDataset } from "../../src/data/index.ts";
import { getPrecision, manualSeed, noGrad, setPrecision, type Tensor, tensor } from "../../src/index.ts";
import { BertForSequenceClassification, bertConfig } from "../../src/models/index.ts";
import * as nn from "../../src/nn/index.ts";
import { Trainer } from "../../src/train/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();

const examples = Array.from({ length: 24 }, (_, i) => ({ ids: [1 + (i % 7), 8 + (i % 3), 2], label: i % 3 }));
const collate = (list: readonly (typeof examples)[number][]) => ({
  inputIds: tensor(Int32Array.from(list.flatMap((e) => e.ids)), [list.length, 3]),
  labels: tensor(Int32Array.from(list, (e) => e.label)),
});
const make = () => {
  manualSeed(1);
  return new BertForSequenceClassification(
    bertConfig.make({
      vocabSize: 16,
      hiddenSize: 16,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      intermediateSize: 32,
      maxPositionEmbeddings: 8,
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
      id2label: { 0: "a", 1: "b", 2: "c" },
    }),
  );
};
const args = { numTrainEpochs: 2, perDeviceTrainBatchSize: 8, learningRate: 1e-3, quiet: true } as const;

test("a model of Hugging Face's gives its own loss, and loss and accuracy on held-out data", async () => {
  const model = make();
  const evalDataset = new ArrayDataset(examples.slice(0, 10));
  const { metrics, loss } = await new Trainer({
    model,
    trainDataset: new ArrayDataset(examples),
    evalDataset,
    collate,
    computeMetrics: (outputs, targets) => ({ ratio: outputs.length / targets.length }),
    args: { ...args, numTrainEpochs: 30, learningRate: 1e-2 },
  }).train();
  expect(loss).toBeLessThan(0.5);
  const batch = collate(examples.slice(0, 10));
  const out = noGrad(() => model.forward(batch));
  const right = out.logits.argmax(1).toArray() as number[];
  expect(metrics?.loss).toBeCloseTo(out.loss?.item() ?? Number.NaN, 6);
  expect(metrics?.accuracy).toBe(right.filter((label, i) => label === examples[i].label).length / 10);
  expect(metrics?.ratio).toBe(3);
});

test("without labels, and without a loss at all, it says so", async () => {
  const unlabelled = ({ inputIds }: { inputIds: Tensor }) => ({ inputIds });
  const trainer = new Trainer({
    model: make(),
    trainDataset: new ArrayDataset(examples),
    collate: (list) => unlabelled(collate(list)),
    args,
  });
  await expect(trainer.train()).rejects.toThrow("the model gave no loss");
  expect(() => new Trainer({ model: new nn.Linear(2, 2), trainDataset: new ArrayDataset(examples), args })).toThrow(
    "Trainer: no loss",
  );
});

test("a run has the precision that its arguments name; another one does not resume it", async () => {
  const inside: string[] = [];
  const run = (precision: "bf16" | "float32", more: object = {}) =>
    new Trainer({
      model: make(),
      trainDataset: new ArrayDataset(examples),
      collate,
      callbacks: [{ onStepEnd: () => void inside.push(getPrecision()) }],
      args: { ...args, precision, outputDir: join(folder, "run"), maxSteps: 3, ...more },
    }).train();
  setPrecision("float32");
  await run("bf16");
  expect(new Set(inside)).toEqual(new Set(["bf16"]));
  expect(getPrecision()).toBe("float32");
  expect((await run("bf16", { resume: true })).alreadyFinished).toBe(true);
  await expect(run("float32", { resume: true })).rejects.toThrow("other settings");
  expect(() => run("float16" as "bf16")).toThrow("precision");
});
