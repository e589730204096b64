import { expect, test } from "vitest";
import { ArrayDataset } from "../../src/data/index.ts";
import { type Tensor, tensor } from "../../src/index.ts";
import {
  BertForMaskedLM,
  BertForSequenceClassification,
  BertForTokenClassification,
  bertConfig,
  GPT2LMHeadModel,
  gpt2Config,
  T5ForConditionalGeneration,
  t5Config,
} from "../../src/models/index.ts";
import type * as nn from "../../src/nn/index.ts";
import { Trainer } from "../../src/train/index.ts";
import record from "./training.record.json" with { type: "json" };

// Made by scripts/record/training.py: SGD at rate 0.5 on ten examples of differing lengths, in batches of 4 × 1, 2 × 2 and 1 × 4.

const LENGTHS = [3, 7, 4, 8, 2, 6, 5, 8, 3, 4];
type Kind = "causal" | "token" | "masked" | "classes" | "regression" | "seq2seq";
interface Example {
  ids: number[];
  labels: number[] | number;
}
const range = (n: number) => Array.from({ length: n }, (_, j) => j);
function example(i: number, kind: Kind): Example {
  const n = LENGTHS[i];
  const ids = range(n).map((j) => 1 + ((i * 5 + j * 3) % 18));
  const labels = {
    causal: () => ids.map((token, j) => (i === 2 || j < i % 3 ? -100 : token)),
    token: () => ids.map((_, j) => (i === 4 || j % 3 === 2 ? -100 : (i + j) % 3)),
    masked: () => ids.map((token, j) => (j % 3 === i % 2 ? token : -100)),
    seq2seq: () => range(1 + ((i * 2) % 5)).map((j) => 1 + ((i * 3 + j * 2) % 18)),
    regression: () => Math.sin(i),
    classes: () => i % 3,
  }[kind]();
  return { ids, labels };
}
const collateAs = (kind: Kind) => (rows: Example[]) => {
  const padded = (lists: number[][], value: number) => {
    const t = Math.max(...lists.map((list) => list.length));
    const all = lists.flatMap((list) => [...list, ...new Array(t - list.length).fill(value)]);
    return tensor(Int32Array.from(all), [lists.length, t]);
  };
  const labels = rows.map((row) => row.labels);
  return {
    inputIds: padded(
      rows.map((row) => row.ids),
      0,
    ),
    attentionMask: padded(
      rows.map((row) => row.ids.map(() => 1)),
      0,
    ),
    labels: Array.isArray(labels[0])
      ? padded(labels as number[][], -100)
      : tensor(kind === "regression" ? Float32Array.from(labels as number[]) : Int32Array.from(labels as number[])),
  };
};
const SMALL = {
  vocabSize: 20,
  hiddenSize: 16,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 24,
  maxPositionEmbeddings: 12,
  hiddenDropoutProb: 0,
  attentionProbsDropoutProb: 0,
};
const THREE = { ...SMALL, id2label: { 0: "a", 1: "b", 2: "c" } };
const MODELS: Record<Kind, () => nn.Module> = {
  causal: () =>
    new GPT2LMHeadModel(
      gpt2Config.make({
        ...{ vocabSize: 20, nPositions: 12, nEmbd: 16, nLayer: 1, nHead: 2 },
        ...{ residPdrop: 0, embdPdrop: 0, attnPdrop: 0 },
      }),
    ),
  token: () => new BertForTokenClassification(bertConfig.make(THREE)),
  masked: () => new BertForMaskedLM(bertConfig.make(SMALL)),
  classes: () => new BertForSequenceClassification(bertConfig.make(THREE)),
  regression: () =>
    new BertForSequenceClassification(
      bertConfig.make({ ...SMALL, id2label: { 0: "LABEL_0" }, problemType: "regression" }),
    ),
  seq2seq: () =>
    new T5ForConditionalGeneration(
      t5Config.make({
        ...{ vocabSize: 20, dModel: 16, dKv: 8, dFf: 24, numLayers: 1, numHeads: 2, dropoutRate: 0 },
        decoderStartTokenId: 0,
      }),
    ),
};
function fill(model: nn.Module) {
  const named = new Map(model.namedParameters());
  [...named.keys()].sort().forEach((name, i) => {
    const p = named.get(name) as Tensor;
    const plus = p.ndim === 1 && name.endsWith("weight") ? 1 : 0;
    p.detach().copy_(Float32Array.from(range(p.numel), (j) => Math.sin(j * (0.3 + 0.01 * i) + 0.5) * 0.2 + plus));
  });
  return named;
}
async function run(
  kind: Kind,
  batch: number,
  accumulate: number,
  labelSmoothingFactor: number,
  own = false,
  rate = 0.5,
) {
  const model = MODELS[kind]();
  const named = fill(model);
  await new Trainer({
    model,
    trainDataset: new ArrayDataset(range(10).map((i) => example(i, kind))),
    collate: collateAs(kind),
    shuffle: false,
    ...(own ? { computeLoss: (b: object) => model.forward(b).loss as Tensor } : {}),
    args: {
      ...{ perDeviceTrainBatchSize: batch, gradientAccumulationSteps: accumulate, labelSmoothingFactor },
      ...{ optim: "sgd", learningRate: rate, numTrainEpochs: 2, warmupRatio: 0.2, quiet: true },
    },
  }).train();
  return named;
}

for (const [name, want] of Object.entries(record.trainings) as [string, { weights: Record<string, number[]> }][]) {
  const [kind, sizes, smoothing] = name.split(" ");
  const [batch, accumulate] = sizes.split("x").map(Number);
  test(`Transformers' Trainer: ${name}`, async () => {
    const named = await run(kind as Kind, batch, accumulate, Number(smoothing));
    for (const [weight, values] of Object.entries(want.weights)) {
      const got = (named.get(weight) as Tensor).data();
      for (const [i, value] of values.entries()) expect(Math.abs(got[i] - value), `${weight} ${i}`).toBeLessThan(3e-5);
    }
  });
}

test.each([...(Object.keys(MODELS) as Kind[])])(
  "%s: 4 × 1, 2 × 2 and 1 × 4 learn the same, also from computeLoss",
  async (kind) => {
    const whole = await run(kind, 4, 1, 0, false, 0.05);
    for (const [batch, accumulate, own] of [
      [2, 2, false],
      [1, 4, false],
      [1, 4, true],
    ] as const) {
      const parts = await run(kind, batch, accumulate, 0, own, 0.05);
      let [off, all] = [0, 0];
      for (const [name, p] of whole) {
        const [a, b] = [p.data(), (parts.get(name) as Tensor).data()];
        for (let i = 0; i < a.length; i++) {
          off += (a[i] - b[i]) ** 2;
          all += a[i] ** 2;
        }
      }
      expect(Math.sqrt(off / all)).toBeLessThan(1e-6);
    }
  },
);
