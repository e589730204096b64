import { ArrayDataset } from "../../src/data/index.ts";
import * as nn from "../../src/nn/index.ts";
import * as train from "../../src/train/index.ts";
import { beside, type Entries } from "./entry.ts";

const texts = ["a b c"];
const ABOUT = { settings: {}, data: {} };
const run = (folder: string) => train.RunFolder.open(`${folder}/new`, { about: ABOUT, overwrite: true });

export const TRAIN_DOORS: Entries = {
  "train.Trainer": {
    call: (o) =>
      new train.Trainer(
        beside({ model: new nn.Linear(1, 1), trainDataset: new ArrayDataset([1]), loss: nn.mseLoss }, o),
      ),
  },
  "train.resolveArguments": { call: (o) => train.resolveArguments(o) },
  "train.corpusBleu": { call: (o) => train.corpusBleu(texts, texts, o) },
  "train.sentenceBleu": { call: (o) => train.sentenceBleu(texts[0], texts, o) },
  "train.corpusChrf": { call: (o) => train.corpusChrf(texts, texts, o) },
  "train.sentenceChrf": { call: (o) => train.sentenceChrf(texts[0], texts, o) },
  "train.corpusTer": { call: (o) => train.corpusTer(texts, texts, o) },
  "train.sentenceTer": { call: (o) => train.sentenceTer(texts[0], texts, o) },
  "train.Trainer#train": {
    call: (o) =>
      new train.Trainer({ model: new nn.Linear(1, 1), trainDataset: new ArrayDataset([1]), loss: nn.mseLoss }).train(o),
  },
  "train.fitLearner": {
    call: (o) => train.fitLearner({ model: new nn.Linear(1, 1), fit() {} }, [1], o),
    options: ["args", "callbacks", "defaultCallbacks", "evaluate", "examples", "run", "savesModel"],
  },
  "train.defaultCallbacks": { call: (o) => train.defaultCallbacks(o) },
  "train.WeightAveragingCallback": { call: (o) => new train.WeightAveragingCallback(o) },
  "train.CheckpointCallback": { call: (o) => new train.CheckpointCallback(o) },
  "train.EarlyStoppingCallback": { call: (o) => new train.EarlyStoppingCallback(o) },
  "train.PrinterCallback": { call: (o) => new train.PrinterCallback(o) },
  "train.ProgressCallback": { call: (o) => new train.ProgressCallback(o) },
  "train.measure": { call: (o) => train.measure("numbers", { predicted: [1], targets: [2] }, o) },
  "train.defineMetric": {
    call: (o) => train.defineMetric(beside({ name: "bias", kind: "numbers" as const, compute: () => 1 }, o)),
  },
  "train.saveWeights": {
    call: (o, { folder }) => train.saveWeights(new nn.Linear(1, 1), `${folder}/w.safetensors`, o),
  },
  "train.Progress": { call: (o) => new train.Progress(o) },
  "train.RunFolder#differences": { call: (o, { folder }) => run(folder).differences(beside(ABOUT, o)) },
  "train.RunFolder#describe": { call: (o, { folder }) => run(folder).describe(o) },
  "train.RunFolder#noteBest": { call: (o, { folder }) => run(folder).noteBest(o) },
  "train.RunFolder.open": {
    call: (o, { folder }) => train.RunFolder.open(`${folder}/run`, beside({ fingerprint: "x" }, o)),
  },
};
