import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/index.ts";
import * as S from "../../src/index.ts";

const { gradcheck, manualSeed, randn, tensor } = S;

/** Float64 finite differences on the reference backend, for every operation that has a gradient. */
type Case = [name: string, fn: (...xs: Tensor[]) => Tensor, inputs: () => Tensor[]];

const r = (...shape: number[]) => randn(shape);
/** Away from the kinks at 0 and, for logarithms, above it. */
const away = (...shape: number[]) => {
  const x = randn(shape).data();
  return tensor(x.map((v) => v + Math.sign(v) * 0.2) as Float32Array, shape);
};
const positive = (...shape: number[]) =>
  tensor(
    randn(shape)
      .data()
      .map((v) => Math.abs(v) + 0.3) as Float32Array,
    shape,
  );
const ids = (values: number[], shape: number[]) => tensor(Int32Array.from(values), shape);

const cases: Case[] = [
  ["add", (a, b) => a.add(b), () => [r(2, 3), r(2, 3)]],
  ["add, broadcast", (a, b) => a.add(b), () => [r(4, 1, 3), r(2, 1)]],
  ["add scalar", (a) => a.add(2.5), () => [r(5)]],
  ["sub", (a, b) => a.sub(b), () => [r(2, 3), r(3)]],
  ["number − tensor", (a) => S.sub(1, a), () => [r(3)]],
  ["mul, broadcast", (a, b) => a.mul(b), () => [r(2, 3), r(2, 1)]],
  ["mul with itself", (a) => a.mul(a), () => [r(4)]],
  ["mul scalar", (a) => a.mul(-3), () => [r(4)]],
  ["div", (a, b) => a.div(b), () => [r(2, 3), away(3)]],
  ["number / tensor", (a) => S.div(2, a), () => [away(3)]],
  ["pow", (a, b) => a.pow(b), () => [positive(2, 3), r(3)]],
  ["pow scalar", (a) => a.pow(3), () => [r(5)]],
  ["maximum", (a, b) => a.maximum(b), () => [r(3, 2), r(2)]],
  ["minimum", (a, b) => a.minimum(b), () => [r(3, 2), r(2)]],
  ["selu", (a) => a.selu(), () => [away(7)]],
  ["softsign", (a) => a.softsign(), () => [away(7)]],
  ["hardsigmoid", (a) => a.hardsigmoid(), () => [r(7)]],
  ["hardswish", (a) => a.hardswish(), () => [r(7)]],
  ["prod", (a) => a.prod(), () => [away(2, 3)]],
  ["prod over a dimension, with a 0", (a) => a.prod(1), () => [tensor([1, 2, 0, 4, 5, -1, 3, 2, 0, 0], [2, 5])]],
  ["split", (a) => S.concat(a.split([1, 3], 1).reverse(), 1), () => [r(2, 4)]],
  ["tril", (a) => a.tril(1), () => [r(2, 3, 4)]],
  ["triu", (a) => a.triu(-1), () => [r(4, 3)]],
  ["neg", (a) => a.neg(), () => [r(3)]],
  ["abs", (a) => a.abs(), () => [away(6)]],
  ["square", (a) => a.square(), () => [r(3)]],
  ["sqrt", (a) => a.sqrt(), () => [positive(3)]],
  ["rsqrt", (a) => a.rsqrt(), () => [positive(3)]],
  ["reciprocal", (a) => a.reciprocal(), () => [away(3)]],
  ["exp", (a) => a.exp(), () => [r(3)]],
  ["expm1", (a) => a.expm1(), () => [r(3)]],
  ["log", (a) => a.log(), () => [positive(3)]],
  ["log1p", (a) => a.log1p(), () => [positive(3)]],
  ["sin", (a) => a.sin(), () => [r(3)]],
  ["cos", (a) => a.cos(), () => [r(3)]],
  ["clamp", (a) => a.clamp(-0.5, 0.5), () => [tensor([-2, -0.3, 0.1, 0.7])]],
  ["sigmoid", (a) => a.sigmoid(), () => [r(7)]],
  ["tanh", (a) => a.tanh(), () => [r(7)]],
  ["relu", (a) => a.relu(), () => [away(7)]],
  ["leakyRelu", (a) => a.leakyRelu(0.1), () => [away(7)]],
  ["gelu", (a) => a.gelu(), () => [r(7)]],
  ["gelu tanh", (a) => a.gelu("tanh"), () => [r(7)]],
  ["silu", (a) => a.silu(), () => [r(7)]],
  ["softplus", (a) => a.softplus(2, 10), () => [r(7)]],
  ["elu", (a) => a.elu(0.7), () => [away(7)]],
  ["sum", (a) => a.sum(), () => [r(2, 3)]],
  ["sum over one", (a) => a.sum(1), () => [r(2, 3, 2)]],
  ["sum over two apart", (a) => a.sum([0, 2], true), () => [r(2, 3, 2)]],
  ["mean", (a) => a.mean([0, 1]), () => [r(2, 3, 2)]],
  ["variance", (a) => a.variance(-1), () => [r(2, 4)]],
  ["amax", (a) => a.amax(1), () => [r(3, 4)]],
  ["amin", (a) => a.amin(), () => [r(3, 4)]],
  ["reshape", (a) => a.reshape([3, -1]), () => [r(2, 3)]],
  ["reshape of a transpose", (a) => a.T.reshape([6]), () => [r(2, 3)]],
  ["permute", (a) => a.permute([2, 0, 1]).mul(a.permute([2, 0, 1])), () => [r(2, 3, 4)]],
  ["expand", (a) => a.expand([4, 2, 3]), () => [r(2, 1)]],
  ["slice", (a) => a.slice(1, 1, -1, 2), () => [r(2, 7)]],
  ["select", (a) => a.select(0, -1), () => [r(3, 2)]],
  ["concat", (a, b) => S.concat([a, b, a], 1), () => [r(2, 3), r(2, 1)]],
  ["stack", (a, b) => S.stack([a, b], 1), () => [r(2, 3), r(2, 3)]],
  ["where", (a, b) => S.where(tensor([1, 0, 1], { dtype: "uint8" }), a, b), () => [r(2, 3), r(3)]],
  [
    "attention, causal, with a mask and ALiBi",
    (q, k, v) => {
      const attnMask = tensor([1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0], [3, 4], { dtype: "uint8" });
      const alibi = S.alibiSlopes(2).to(q.dtype);
      return S.scaledDotProductAttention(q, k, v, { isCausal: true, attnMask, alibiSlopes: alibi });
    },
    () => [r(2, 2, 3, 2), r(2, 2, 4, 2), r(2, 2, 4, 3)],
  ],
  [
    "attention, grouped, with a bias",
    (q, k, v) => S.scaledDotProductAttention(q, k, v, { attnMask: tensor([0.1, -1, 0.5, 0]).to(q.dtype), scale: 1.3 }),
    () => [r(1, 4, 3, 2), r(1, 2, 4, 2), r(1, 2, 4, 2)],
  ],
  [
    "attention, with a mask for each head",
    (q, k, v, m) => S.scaledDotProductAttention(q, k, v, { attnMask: m, isCausal: true, scale: 0.4 }),
    () => [r(2, 2, 3, 2), r(2, 1, 4, 2), r(2, 1, 4, 2), r(2, 3, 4)],
  ],
  [
    "attentionPacked, with a mask for each text",
    (x, m) => S.attentionPacked(x, 2, 2, { attnMask: m }),
    () => [r(2, 3, 12), r(2, 1, 1, 3)],
  ],
  ["attention, transposed", (q) => S.scaledDotProductAttention(q, q.transpose(-1, -2), q), () => [r(1, 2, 3, 3)]],
  ["attentionPacked", (x) => S.attentionPacked(x, 4, 2, { isCausal: true }), () => [r(2, 3, 16)]],
  ["affine, geluTanh", (x, w, b) => S.affine(x, w, b, "geluTanh"), () => [r(2, 3, 4), r(4, 5), r(5)]],
  ["matmul", (a, b) => a.matmul(b), () => [r(3, 4), r(4, 2)]],
  ["matmul, transposed", (a, b) => a.T.matmul(b.T), () => [r(4, 3), r(2, 4)]],
  ["matmul, batched", (a, b) => a.matmul(b), () => [r(2, 3, 4), r(2, 4, 2)]],
  ["matmul, one right matrix", (a, b) => a.matmul(b), () => [r(2, 3, 4), r(4, 2)]],
  ["matmul, one left matrix", (a, b) => a.matmul(b), () => [r(3, 4), r(2, 4, 2)]],
  ["matmul, broadcast batch", (a, b) => a.matmul(b), () => [r(2, 1, 3, 4), r(3, 4, 2)]],
  ["matmul, permuted batch", (a, b) => a.permute([1, 0, 2]).matmul(b), () => [r(3, 2, 4), r(2, 4, 2)]],
  ["matmul, vectors", (a, b) => a.matmul(b), () => [r(4), r(4)]],
  ["matmul, matrix and vector", (a, b) => a.matmul(b), () => [r(3, 4), r(4)]],
  [
    "lora",
    (x, w, a, b, c) => S.lora(x, w, a, b, c, { scale: 0.7 }),
    () => [r(2, 3, 4), r(5, 4), r(2, 4), r(5, 2), r(5)],
  ],
  [
    "lora, [in, out]",
    (x, w, a, b) => S.lora(x, w, a, b, undefined, { scale: 2, inFirst: true }),
    () => [r(3, 4), r(4, 5), r(2, 4), r(5, 2)],
  ],
  ["linear", (x, w, b) => S.linear(x, w, b), () => [r(2, 3, 4), r(5, 4), r(5)]],
  ["linear without bias", (x, w) => S.linear(x, w), () => [r(3, 4), r(5, 4)]],
  ...(["relu", "gelu", "geluTanh", "silu", "tanh", "sigmoid"] as const).map(
    (f): Case => [`linear + ${f}`, (x, w, b) => S.linear(x, w, b, f), () => [r(3, 4), r(5, 4), r(5)]],
  ),
  ["softmax", (a) => a.softmax(), () => [r(3, 5)]],
  ["softmax over the first", (a) => a.softmax(0), () => [r(3, 5)]],
  ["logSoftmax", (a) => a.logSoftmax(), () => [r(3, 5)]],
  ["crossEntropy", (x) => S.crossEntropy(x, ids([1, 0, 4], [3])), () => [r(3, 5)]],
  [
    "crossEntropy, smoothed, sum",
    (x) => S.crossEntropy(x, ids([1, 0, 4], [3]), { labelSmoothing: 0.2, reduction: "sum" }),
    () => [r(3, 5)],
  ],
  [
    "crossEntropy, none, ignoring",
    (x) => S.crossEntropy(x, ids([1, -100, 4, 2], [2, 2]), { reduction: "none" }),
    () => [r(2, 2, 5)],
  ],
  [
    "crossEntropy, weighted, smoothed",
    (x) =>
      S.crossEntropy(x, ids([1, 0, 2], [3]), {
        weight: tensor([1, 2, 0.5], { dtype: "float64" }),
        labelSmoothing: 0.1,
      }),
    () => [r(3, 3)],
  ],
  [
    "binaryCrossEntropyWithLogits",
    (x, t) => S.binaryCrossEntropyWithLogits(x, t),
    () => [r(5), tensor([0, 1, 0.3, 1, 0])],
  ],
  ["layerNorm", (x, w, b) => S.layerNorm(x, [4], w, b), () => [r(3, 4), r(4), r(4)]],
  ["layerNorm over two", (x, w, b) => S.layerNorm(x, [3, 2], w, b), () => [r(2, 3, 2), r(3, 2), r(3, 2)]],
  ["layerNorm, bare", (x) => S.layerNorm(x, [4]), () => [r(3, 4)]],
  ...[false, true].map(
    (interleaved): Case => [
      `rotary${interleaved ? ", interleaved" : ""}`,
      (x) => {
        const angles = tensor([0, 0.3, 1, 2, 0.7, -1], [3, 1, 2], { dtype: "float64" });
        return S.rotary(x, angles.cos(), angles.sin(), { interleaved }).square();
      },
      () => [r(2, 3, 2, 4)],
    ],
  ),
  ["rmsNorm", (x, w) => S.rmsNorm(x, [4], w), () => [r(3, 4), r(4)]],
  ["embedding", (t) => S.embedding(ids([1, 0, 1, 2], [2, 2]), t), () => [r(3, 4)]],
  ["embeddingBag", (t) => S.embeddingBag(ids([1, 0, 1, 2], [4]), ids([0, 3, 3], [3]), t), () => [r(3, 4)]],
  [
    "embeddingBag, mean",
    (t) => S.embeddingBag(ids([1, 0, 1, 2], [4]), ids([0, 1], [2]), t, { mode: "mean" }),
    () => [r(3, 4)],
  ],
  [
    "embeddingBag, weighted",
    (t) =>
      S.embeddingBag(ids([1, 0, 1, 2], [4]), ids([0, 1], [2]), t, {
        perSampleWeights: tensor([1, 2, -1, 0.5], { dtype: "float64" }),
      }),
    () => [r(3, 4)],
  ],
  ["gatherLast", (x) => S.gatherLast(x, ids([2, 0], [2])), () => [r(2, 3)]],
  [
    "dropout",
    (x) => {
      manualSeed(5);
      return S.dropout(x, 0.4);
    },
    () => [r(4, 5)],
  ],
  [
    "lockedDropout",
    (x) => {
      manualSeed(5);
      return S.lockedDropout(x, 0.4);
    },
    () => [r(3, 2, 6)],
  ],
  [
    "lockedDropout of a table's rows",
    (x) => {
      manualSeed(5);
      return S.lockedDropout(x.T, 0.4, true, -1);
    },
    () => [r(3, 6)],
  ],
  ["shared parts", (a, b) => a.mul(b).add(a.sigmoid()).mul(a.add(b).tanh()), () => [r(3, 2), r(2)]],
];

describe("gradients agree with finite differences", () => {
  it.each(cases)("%s", (_name, fn, inputs) => {
    manualSeed(7);
    expect(gradcheck(fn, inputs())).toEqual([]);
  });

  it("finds a wrong gradient", () => {
    const wrong = S.defineOp("wrong", {
      forward: (ctx, x: Tensor) => ctx.save(x).mul(1),
      backward: (_ctx, dy) => [(dy as Tensor).mul(2)],
    });
    expect(gradcheck(wrong, [randn([3])])).toHaveLength(3);
  });
});
