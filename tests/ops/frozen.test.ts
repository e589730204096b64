import { expect, it } from "vitest";
import {
  attentionPacked,
  embeddingBag,
  layerNorm,
  linear,
  lora,
  noGrad,
  randn,
  rmsNorm,
  rotary,
  tensor,
} from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";

// Any of the arguments may be frozen, as under an adapter: the others' gradients stay the same.
const cases: Record<string, [shapes: number[][], run: (...t: ReturnType<typeof randn>[]) => ReturnType<typeof randn>]> =
  {
    layerNorm: [[[2, 4], [4], [4]], (x, w, b) => layerNorm(x, [4], w, b)],
    "layerNorm without bias": [[[2, 4], [4]], (x, w) => layerNorm(x, [4], w)],
    rmsNorm: [[[2, 4], [4]], (x, w) => rmsNorm(x, [4], w)],
    linear: [[[2, 4], [3, 4], [3]], (x, w, b) => linear(x, w, b)],
    lora: [[[2, 4], [3, 4], [2, 4], [3, 2], [3]], (x, w, a, b, bias) => lora(x, w, a, b, bias)],
    matmul: [
      [
        [2, 4],
        [4, 3],
      ],
      (a, b) => a.matmul(b),
    ],
    mul: [[[2, 4], [4]], (a, b) => a.mul(b)],
    div: [[[2, 4], [4]], (a, b) => a.div(b)],
    sub: [
      [
        [2, 4],
        [1, 4],
      ],
      (a, b) => a.sub(b),
    ],
    maximum: [
      [
        [2, 4],
        [2, 4],
      ],
      (a, b) => a.maximum(b),
    ],
    attentionPacked: [[[1, 3, 12]], (qkv) => attentionPacked(qkv, 2)],
    rotary: [[[1, 1, 3, 4]], (x) => rotary(x, randn([3, 2]), randn([3, 2]))],
    embeddingBag: [
      [[5, 3]],
      (table) => embeddingBag(tensor(Int32Array.of(0, 1, 4), [3]), tensor(Int32Array.of(0, 2), [2]), table),
    ],
    bceWithLogits: [[[3], [3]], (x, y) => nn.bceWithLogitsLoss(x, y)],
  };

it.each(Object.keys(cases))("%s with some arguments frozen", (name) => {
  const [shapes, run] = cases[name];
  const make = () => shapes.map((shape) => randn(shape));
  const values = make().map((t) => t.data() as Float32Array);
  const gradients = (free: number) => {
    const args = shapes.map((shape, i) => {
      const t = tensor(values[i], shape);
      t.requiresGrad = (free & (1 << i)) !== 0;
      return t;
    });
    const out = run(...args);
    out
      .mul(
        tensor(
          Float32Array.from({ length: out.numel }, (_, i) => 1 + i),
          out.shape,
        ),
      )
      .sum()
      .backward();
    return args.map((t) => (t.grad === undefined || t.grad === null ? undefined : [...t.grad.data()]));
  };
  if (name === "rotary") return expect(gradients(1)[0]).toHaveLength(12);
  const all = gradients((1 << shapes.length) - 1);
  for (let free = 1; free < 1 << shapes.length; free++) {
    gradients(free).forEach((g, i) => {
      if (g !== undefined) expect(g).toEqual(all[i]);
      else expect((free & (1 << i)) === 0 || all[i] === undefined).toBe(true);
    });
  }
});

it("what has no formula for its gradient is refused where one is wanted", () => {
  const weights = randn([3]).requiresGrad_();
  const classes = tensor(Int32Array.of(0, 2), [2]);
  const bag = () =>
    embeddingBag(tensor(Int32Array.of(0, 1, 1), [3]), tensor(Int32Array.of(0), [1]), randn([2, 2]), {
      perSampleWeights: weights,
    });
  expect(bag).toThrow(/gradient of perSampleWeights is not implemented/);
  expect(noGrad(() => bag().numel)).toBe(2);
  for (const loss of [nn.crossEntropy, nn.nllLoss])
    expect(() => loss(randn([2, 3]), classes, { weight: weights })).toThrow(/class weights is not implemented/);
});
