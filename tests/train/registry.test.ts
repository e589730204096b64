import { expect, test } from "vitest";
import { ShoshinError } from "../../src/backend/errors.ts";
import { OptionError } from "../../src/backend/options.ts";
import {
  corpusBleu,
  corpusChrf,
  defineMetric,
  entityScores,
  lowerIsBetter,
  METRIC_KINDS,
  METRICS,
  type MetricDefinition,
  type MetricKind,
  measure,
  metricsOf,
} from "../../src/train/index.ts";

const names = (kind: MetricKind) => metricsOf(kind).flatMap((metric) => metric.names);

test("what each kind of predictions is measured by, in the order of reports", () => {
  expect(Object.fromEntries(METRIC_KINDS.map((kind) => [kind, names(kind)]))).toEqual({
    classes: ["accuracy", "f1", "matthews_correlation"],
    numbers: ["pearson", "spearmanr", "rmse", "mae", "r2"],
    similarities: ["pearson", "spearmanr"],
    tags: ["accuracy", "precision", "recall", "f1"],
    texts: ["bleu", "chrf"],
    tokens: ["perplexity", "accuracy", "tokens", "tokenPerplexity", "bitsPerCharacter"],
  });
});

test("a name stands once in a kind, and is better in one direction", () => {
  for (const kind of METRIC_KINDS) expect(new Set(names(kind)).size).toBe(names(kind).length);
  for (const { names, lower } of METRICS) for (const name of names) expect(lowerIsBetter(name)).toBe(lower);
});

/*
from sklearn import metrics as M; from scipy import stats as S
M.accuracy_score(t, p), M.f1_score(t, p, average="macro"), M.matthews_corrcoef(t, p)
*/
const [t, p] = [
  [0, 1, 2, 2, 1, 0, 2, 1, 0, 2],
  [0, 2, 2, 1, 1, 0, 2, 1, 1, 2],
];
test("classes: F1 is of class 1 where there are two, else the mean over classes", () => {
  const three = measure("classes", { predicted: p, targets: t, classes: 3 });
  expect(Object.keys(three)).toEqual(["accuracy", "f1", "matthews_correlation"]);
  expect(three.accuracy).toBe(0.7);
  expect(three.f1).toBeCloseTo(0.7071428571428572, 12);
  expect(three.matthews_correlation).toBeCloseTo(0.5539117094069973, 12);
  const two = measure("classes", { predicted: [0, 1, 0, 0, 1, 0], targets: [0, 1, 1, 0, 1, 1], classes: 2 });
  expect(two.f1).toBeCloseTo(2 / 3, 12);
});

const [x, y] = [
  [1, 2, 2, 3.5, 5, 4],
  [1.5, 1, 2.5, 3, 4, 6],
];
test("numbers: a task may have some of them first", () => {
  const first = ["rmse", "mae", "r2"];
  const got = measure("numbers", { predicted: x, targets: y }, { first });
  expect(Object.keys(got)).toEqual(["rmse", "mae", "r2", "pearson", "spearmanr"]);
  expect(got.rmse).toBeCloseTo(1.0606601717798212, 12);
  expect(got.spearmanr).toBeCloseTo(0.8406680016960504, 12);
  expect(Object.keys(measure("similarities", { predicted: x, targets: y }))).toEqual(["pearson", "spearmanr"]);
  expect(Object.keys(measure("numbers", { predicted: x, targets: y }, { first: ["loss"] }))[0]).toBe("pearson");
});

test("tags: entities where tags mark them, among those that there are or those that occur", () => {
  const predicted = [["B-PER", "O", "O"], ["O"]];
  const targets = [["B-PER", "I-PER", "O"], ["O"]];
  const got = measure("tags", { predicted, targets });
  expect(got).toEqual({ accuracy: 0.75, ...entityScores(predicted, targets) });
  expect(Object.keys(got)).toEqual(["accuracy", "precision", "recall", "f1"]);
  const pos = { predicted: [["N", "V"]], targets: [["N", "N"]] };
  expect(measure("tags", pos)).toEqual({ accuracy: 0.5 });
  const none = { predicted: [["O"]], targets: [["O"]] };
  expect(measure("tags", none)).toEqual({ accuracy: 1 });
  expect(measure("tags", { ...none, names: ["O", "B-X"] })).toEqual({ accuracy: 1, precision: 0, recall: 0, f1: 0 });
  expect(() => measure("tags", { predicted: [["O"]], targets: [["O", "O"]] })).toThrow(ShoshinError);
});

test("texts: BLEU cuts them as it is told", () => {
  const [written, references] = [
    ["你好世界啊", "那是一只猫"],
    ["你好世界", ["那是猫", "那是一只小猫"]],
  ];
  expect(measure("texts", { written, references, tokenize: "zh" })).toEqual({
    bleu: corpusBleu(written, references, { tokenize: "zh" }).score,
    chrf: corpusChrf(written, references).score,
  });
  expect(measure("texts", { written, references }).bleu).toBe(corpusBleu(written, references).score);
});

test("tokens: perplexity is per unit; what was not counted is not reported", () => {
  const total = 20;
  expect(measure("tokens", { total, tokens: 10 })).toEqual({ perplexity: Math.exp(2), tokens: 10 });
  expect(measure("tokens", { total, tokens: 10, hits: 4 })).toEqual({
    perplexity: Math.exp(2),
    accuracy: 0.4,
    tokens: 10,
  });
  const all = measure("tokens", { total, tokens: 10, units: 5, characters: 40 });
  expect(Object.entries(all)).toEqual([
    ["perplexity", Math.exp(4)],
    ["tokens", 10],
    ["tokenPerplexity", Math.exp(2)],
    ["bitsPerCharacter", 20 / Math.LN2 / 40],
  ]);
  expect(measure("tokens", { total: 0, tokens: 0, hits: 0 })).toEqual({
    perplexity: Number.NaN,
    accuracy: Number.NaN,
    tokens: 0,
  });
});

test("which are better lower, also with eval_ before them", () => {
  for (const name of [
    "loss",
    "eval_loss",
    "perplexity",
    "eval_perplexity",
    "tokenPerplexity",
    "rmse",
    "mae",
    "my_loss",
  ])
    expect(lowerIsBetter(name)).toBe(true);
  for (const name of ["accuracy", "eval_f1", "bleu", "r2", "mine"]) expect(lowerIsBetter(name)).toBe(false);
});

test("a kind that there is not is refused, with the nearest", () => {
  expect(() => metricsOf("clases" as "classes")).toThrow(OptionError);
  expect(() => measure("number" as "numbers", { predicted: [1], targets: [1] })).toThrow(/unknown kind number/);
  for (const input of [
    { predicted: [], targets: [] },
    { predicted: [1], targets: [1, 2] },
  ])
    expect(() => measure("numbers", input)).toThrow(ShoshinError);
});

const bias: MetricDefinition<"numbers"> = {
  name: "bias",
  kind: "numbers",
  compute: ({ predicted, targets }) => predicted[0] - targets[0],
};
test("defineMetric: names, kinds and what compute gives are checked", () => {
  expect(defineMetric(bias).compute({ predicted: [3], targets: [1] })).toEqual({ bias: 2 });
  const two = defineMetric({ name: ["b", "a"], kind: ["numbers", "similarities"], compute: () => ({ a: 1, b: 2 }) });
  expect(Object.keys(two.compute({ predicted: [3], targets: [1] }) ?? {})).toEqual(["b", "a"]);
  for (const wrong of [
    undefined,
    { ...bias, name: "" },
    { ...bias, name: [] },
    { ...bias, kind: "numbres" },
    { ...bias, kind: [] },
    { ...bias, compute: 3 },
    { ...bias, lower: "yes" },
    { ...bias, greaterIsBetter: true },
  ])
    expect(() => defineMetric(wrong as never)).toThrow(OptionError);
  for (const gives of [{}, { other: 1 }, "0.5", null, { bias: 1, more: 2 }, { bias: "1" }])
    expect(() =>
      defineMetric({ ...bias, compute: () => gives as never }).compute({ predicted: [], targets: [] }),
    ).toThrow(ShoshinError);
});
