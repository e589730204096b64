import { describe, expect, it } from "vitest";
import { scaledDotProductAttention, type Tensor, tensor } from "../../src/index.ts";

/*
import torch, torch.nn.functional as F   # 2.13
def waves(s, *shape): return torch.sin(torch.arange(torch.Size(shape).numel(), dtype=torch.float64) * s).float().reshape(shape).requires_grad_()
def show(t): print([round(v, 6) for v in t.flatten().tolist()])
for shape in ((1, 2, 3, 4), (2, 1, 3, 4), (4,)):
    q, k, v, m = waves(0.7, 2, 2, 3, 4), waves(0.4, 2, 2, 4, 4), waves(0.9, 2, 2, 4, 4), waves(1.3, *shape)
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=m)
    (y * waves(0.3, *y.shape)).sum().backward()
    show(m.grad); show(torch.stack([(x.grad * waves(0.2, *x.shape)).sum() for x in (q, k, v)]))
*/
const waves = (s: number, ...shape: number[]) => {
  const n = shape.reduce((p, m) => p * m, 1);
  return tensor(
    Float32Array.from({ length: n }, (_, i) => Math.sin(i * s)),
    shape,
  );
};
const WANT: [shape: number[], mask: number[], qkv: number[]][] = [
  [
    [1, 2, 3, 4],
    [
      0.189398, -0.085544, -0.097158, -0.006696, -0.277767, 0.316819, 0.316224, -0.355276, 0.16793, -0.05554, -0.047701,
      -0.064689, -0.376267, 0.018799, 0.444137, -0.086669, 0.268792, -0.0869, 0.021456, -0.203348, 0.283399, -0.174486,
      0.002514, -0.111428,
    ],
    [-1.591074, -0.000132, 10.489838],
  ],
  [
    [2, 1, 3, 4],
    [
      0.40225, -1.009602, 0.671984, -0.064632, 0.018227, -0.257423, 1.233273, -0.994077, 0.02018, 0.238946, -0.023831,
      -0.235295, -0.718775, 0.237911, -0.065952, 0.546816, -0.420204, 0.4166, -0.119234, 0.122838, 0.805977, -0.722265,
      -0.107752, 0.024041,
    ],
    [-1.446148, 0.289394, 10.038851],
  ],
  [[4], [-0.029779, -0.949162, 1.491396, -0.512455], [-2.961023, -0.213033, 12.213128]],
];

describe("scaledDotProductAttention", () => {
  it.each(WANT)("a float mask %j has PyTorch's gradient", (shape, mask, qkv) => {
    const inputs = [waves(0.7, 2, 2, 3, 4), waves(0.4, 2, 2, 4, 4), waves(0.9, 2, 2, 4, 4)];
    const m = waves(1.3, ...shape);
    for (const x of [...inputs, m]) x.requiresGrad_();
    const run = () => {
      const y = scaledDotProductAttention(inputs[0], inputs[1], inputs[2], { attnMask: m });
      y.mul(waves(0.3, 2, 2, 3, 4))
        .sum()
        .backward();
    };
    run();
    const got = (m.grad as Tensor).data();
    for (const [i, w] of mask.entries()) expect(got[i]).toBeCloseTo(w, 5);
    for (const [i, x] of inputs.entries()) {
      const g = x.grad as Tensor;
      expect(
        g
          .mul(waves(0.2, ...x.shape))
          .sum()
          .item(),
      ).toBeCloseTo(qkv[i], 4);
    }
    run();
    const twice = (m.grad as Tensor).data();
    for (const [i, w] of mask.entries()) expect(twice[i]).toBeCloseTo(2 * w, 5);
  });

  it("a mask alone may want a gradient", () => {
    const [q, k, v] = [waves(0.7, 1, 1, 2, 3), waves(0.4, 1, 1, 2, 3), waves(0.9, 1, 1, 2, 3)];
    const m = waves(1.3, 2, 2).requiresGrad_();
    scaledDotProductAttention(q, k, v, { attnMask: m.mul(2) })
      .sum()
      .backward();
    const [a, b, c, d] = (m.grad as Tensor).data();
    // The weights of a query sum to 1, whatever is added to all its scores.
    expect(a + b).toBeCloseTo(0, 5);
    expect(c + d).toBeCloseTo(0, 5);
    expect(Math.abs(a)).toBeGreaterThan(1e-3);
  });
});
