import { describe, expect, it } from "vitest";
import * as S from "../../src/index.ts";

/** Good arguments of every exported operation; each is replaced in turn by what it is not. */
const x = () => S.rand([2, 3]);
const square = () => S.rand([3, 3]);
const ids = () => S.tensor([0, 1], { dtype: "int64" });
const heads = () => S.rand([1, 2, 4, 8]);
const cell = (gates: number) => ({ weightIh: S.rand([gates * 3, 3]), weightHh: S.rand([gates * 3, 3]) });
const CALLS: Record<string, unknown[]> = {
  ...Object.fromEntries(
    ["add", "sub", "mul", "div", "pow", "maximum", "minimum", "floorDivide", "remainder"].map((op) => [op, [x(), x()]]),
  ),
  ...Object.fromEntries(["eq", "ne", "lt", "le", "gt", "ge"].map((op) => [op, [x(), x()]])),
  ...Object.fromEntries(["logicalAnd", "logicalOr", "logicalXor"].map((op) => [op, [x(), x()]])),
  ...Object.fromEntries(
    [
      "abs",
      "neg",
      "sign",
      "step",
      "square",
      "sqrt",
      "rsqrt",
      "reciprocal",
      "exp",
      "expm1",
      "log",
      "log1p",
      "sin",
      "cos",
    ]
      .concat([
        "sigmoid",
        "tanh",
        "relu",
        "silu",
        "selu",
        "softsign",
        "hardsigmoid",
        "hardswish",
        "logicalNot",
        "contiguous",
      ])
      .map((op) => [op, [x()]]),
  ),
  ...{ gelu: [x(), "tanh"], elu: [x(), 1], leakyRelu: [x(), 0.1], softplus: [x(), 1, 20], clamp: [x(), 0, 1] },
  ...Object.fromEntries(["sum", "mean", "amax", "amin", "any", "all", "prod"].map((op) => [op, [x(), 0, false]])),
  ...Object.fromEntries(["argmax", "argmin"].map((op) => [op, [x(), 0, false]])),
  ...{ variance: [x(), 0, { correction: 0 }], softmax: [x(), -1], logSoftmax: [x(), -1] },
  ...{ to: [x(), "float32"], where: [x().gt(0), x(), x()], maskedFill: [x(), x().gt(0), 1] },
  ...{ concat: [[x(), x()], 0], stack: [[x(), x()], 0], reshape: [x(), [3, 2]], expand: [x(), [4, 2, 3]] },
  ...{ flatten: [x(), 0, 1], permute: [x(), [1, 0]], transpose: [x(), 0, 1], unsqueeze: [x(), 0], squeeze: [x(), 0] },
  ...{ slice: [x(), 0, 0, 1], select: [x(), 0, 0], split: [x(), 1, 0], tril: [square(), 0], triu: [square(), 0] },
  ...{ matmul: [x(), square()], linear: [x(), square(), S.rand([3])], affine: [x(), square(), S.rand([3])] },
  lora: [x(), square(), S.rand([1, 3]), S.rand([3, 1])],
  ...{ layerNorm: [x(), [3], S.rand([3]), S.rand([3])], rmsNorm: [x(), [3], S.rand([3])] },
  ...{ embedding: [ids(), x()], gatherLast: [x(), ids()], embeddingBag: [ids(), ids(), x()] },
  ...{ crossEntropy: [x(), ids()], binaryCrossEntropyWithLogits: [x(), x()] },
  ...{ dropout: [x(), 0.5, true], lockedDropout: [x(), 0.5, true, 0] },
  rotary: [heads(), S.rand([4, 4]), S.rand([4, 4])],
  ...{ scaledDotProductAttention: [heads(), heads(), heads()], attentionWeights: [heads(), heads()] },
  attentionPacked: [S.rand([1, 4, 48]), 2],
  rnn: [S.rand([2, 1, 3]), cell(1)],
  gru: [S.rand([2, 1, 3]), cell(3)],
  lstm: [S.rand([2, 1, 3]), cell(4)],
  ...{ tensor: [[1, 2]], full: [[2], 1], zeros: [[2]], ones: [[2]], empty: [[2]], eye: [2], arange: [3] },
  ...{ linspace: [0, 1, 3], rand: [[2]], randn: [[2]], randint: [0, 5, [2]] },
};
const WRONG: [string, unknown][] = [
  ["a number", 3],
  ["a fraction", 0.37],
  ["a string", "abc"],
  ["null", null],
  ["an object", { a: 1 }],
  ["an array", [1, 2]],
  ["a function", () => 1],
  ["whole numbers", S.tensor([[1, 2, 3]], { dtype: "int32" })],
  ["truth values", S.tensor([true, false])],
  ["bytes", S.tensor([[1, 2]], { dtype: "uint8" })],
  ["another shape", S.rand([7, 5])],
];

describe("operations given what they do not take", () => {
  const operations = Object.keys(CALLS);

  it("knows every exported operation", async () => {
    const exported = Object.keys(await import("../../src/ops/index.ts"));
    expect(exported.filter((name) => !(name in CALLS) && name !== "alibiSlopes")).toEqual([]);
  });

  it.each(operations)("%s", (name) => {
    const f = (S as unknown as Record<string, (...args: unknown[]) => unknown>)[name];
    const good = CALLS[name];
    expect(() => f(...good), "with what it takes").not.toThrow();
    for (let i = 0; i < good.length; i++) {
      for (const [what, wrong] of WRONG) {
        const args = [...good];
        args[i] = wrong;
        try {
          f(...args);
        } catch (error) {
          expect(error, `argument ${i} is ${what}: ${error}\n${(error as Error).stack}`).toBeInstanceOf(S.ShoshinError);
        }
      }
    }
  });

  it("a first argument that is no tensor is named, as a function and as a method's operand", () => {
    for (const name of operations) {
      const f = (S as unknown as Record<string, (...args: unknown[]) => unknown>)[name];
      const good = CALLS[name];
      if (!(good[0] instanceof S.Tensor)) continue;
      for (const wrong of ["abc", null, undefined, { a: 1 }]) {
        expect(() => f(wrong, ...good.slice(1)), `${name}(${wrong})`).toThrow(/expected .*found/);
      }
    }
  });

  it("unknown settings are refused with the nearest name", () => {
    const bad = (f: () => unknown) => expect(f).toThrow(S.OptionError);
    const options = (o: object) => o as never;
    bad(() => S.zeros([2], options({ dtpye: "int32" })));
    bad(() => S.tensor([1], options({ device: "cpu" })));
    bad(() => S.crossEntropy(x(), ids(), options({ ignore_index: 3 })));
    bad(() => S.crossEntropy(x(), ids(), { reduction: options("avg" as never) }));
    bad(() => S.variance(x(), 0, options({ unbiased: true })));
    bad(() => S.scaledDotProductAttention(heads(), heads(), heads(), options({ causal: true })));
    bad(() => S.embeddingBag(ids(), ids(), x(), options({ mode: "max" })));
    bad(() => S.rotary(heads(), S.rand([4, 4]), S.rand([4, 4]), options({ interleave: true })));
    bad(() => S.lora(x(), square(), S.rand([1, 3]), S.rand([3, 1]), undefined, options({ alpha: 2 })));
    bad(() => S.lstm(S.rand([2, 1, 3]), cell(4), undefined, options({ reversed: true })));
    bad(() => S.gelu(x(), "tan" as never));
    expect(() => S.zeros([2], { dtype: "float16" as never })).toThrow(/"float16" is no dtype/);
    expect(() => x().to("long" as never)).toThrow(/"long" is no dtype/);
  });
});
