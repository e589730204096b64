import { expect, it } from "vitest";
import * as m from "../../src/train/index.ts";

/*
from sklearn import metrics as M; from scipy import stats as S
t, p as below; M.accuracy_score(t, p), M.confusion_matrix(t, p), M.precision_recall_fscore_support(t, p, average=…, zero_division=0)[:3],
M.matthews_corrcoef, S.pearsonr(x, y)[0], S.spearmanr(x, y)[0], M.root_mean_squared_error(y, x), M.mean_absolute_error, M.r2_score(y, x)
*/
const want = {
  accuracy: 0.7,
  confusion: [
    [2, 1, 0],
    [0, 2, 1],
    [0, 1, 3],
  ],
  macro: [0.75, 0.6944444444444443, 0.7071428571428572],
  micro: [0.7, 0.7, 0.7],
  binary: [1.0, 0.5, 0.6666666666666666],
  matthews: 0.5539117094069973,
  matthews2: 0.5,
  pearson: 0.7721057874907525,
  spearman: 0.8406680016960504,
  rmse: 1.0606601717798212,
  mae: 0.9166666666666666,
  r2: 0.5909090909090908,
};
const [t, p] = [
  [0, 1, 2, 2, 1, 0, 2, 1, 0, 2],
  [0, 2, 2, 1, 1, 0, 2, 1, 1, 2],
];
const [b, q] = [
  [0, 1, 1, 0, 1, 1],
  [0, 1, 0, 0, 1, 0],
];
const [x, y] = [
  [1, 2, 2, 3.5, 5, 4],
  [1.5, 1, 2.5, 3, 4, 6],
];

it("gives scikit-learn's and SciPy's values", () => {
  expect(m.accuracy(p, t)).toBeCloseTo(want.accuracy, 12);
  expect(m.confusionMatrix(p, t, 3)).toEqual(want.confusion);
  const list = (s: m.Scores) => [s.precision, s.recall, s.f1];
  for (const [got, key] of [
    [m.f1Score(p, t, 3, "macro"), "macro"],
    [m.f1Score(p, t, 3, "micro"), "micro"],
    [m.f1Score(q, b, 2, "binary"), "binary"],
  ] as const) {
    list(got).forEach((v, i) => {
      expect(v).toBeCloseTo(want[key][i], 12);
    });
  }
  expect(m.matthewsCorrelation(p, t, 3)).toBeCloseTo(want.matthews, 12);
  expect(m.matthewsCorrelation(q, b, 2)).toBeCloseTo(want.matthews2, 12);
  expect(m.pearson(x, y)).toBeCloseTo(want.pearson, 12);
  expect(m.spearman(x, y)).toBeCloseTo(want.spearman, 12);
  expect(m.rmse(x, y)).toBeCloseTo(want.rmse, 12);
  expect(m.mae(x, y)).toBeCloseTo(want.mae, 12);
  expect(m.r2Score(x, y)).toBeCloseTo(want.r2, 12);
  expect(m.perplexity(Math.log(7))).toBeCloseTo(7, 12);
});

it("refuses classes that are none", () => {
  for (const [predicted, targets] of [
    [
      [0, 2],
      [0, 1],
    ],
    [
      [0, 1],
      [0, -1],
    ],
    [
      [0.5, 1],
      [0, 1],
    ],
  ])
    expect(() => m.measure("classes", { predicted, targets, classes: 2 })).toThrow(/expected 0 … 1/);
});

it("gives 0, NaN or an error where nothing is defined", () => {
  expect(m.matthewsCorrelation([0, 0], [0, 0], 2)).toBe(0);
  expect(m.f1Score([0, 0], [1, 1], 2, "binary").f1).toBe(0);
  expect(m.pearson([1, 1], [1, 2])).toBeNaN();
  expect(m.spearman([Number.NaN, 1, 2], [1, 2, 3])).toBeNaN();
  expect(m.r2Score([1, 2], [3, 3])).toBeNaN();
  expect(() => m.accuracy([], [])).toThrow(/0 predictions/);
});
