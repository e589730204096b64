import { describe, expect, it } from "vitest";
import { manualSeed, noGrad, randn, type Tensor, tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";

/*
import torch, torch.nn as nn   # 2.13
def fill(module):
    for i, (n, p) in enumerate(sorted(module.named_parameters())):
        p.data = torch.sin(torch.arange(p.numel(), dtype=torch.float64) * (0.37 + 0.11 * i)).reshape(p.shape).float() * 0.3
def waves(s, *shape): return torch.sin(torch.arange(torch.Size(shape).numel(), dtype=torch.float64) * s).float().reshape(shape)
def show(t): print([round(v, 6) for v in t.flatten().tolist()])
for first, act in ((False, "relu"), (True, "gelu")):
    m = nn.Transformer(8, 2, 1, 2, 12, dropout=0, activation=act, norm_first=first, batch_first=True); fill(m)
    src, tgt = waves(0.7, 2, 4, 8), waves(0.3, 2, 3, 8)
    pad = torch.tensor([[0, 0, 0, 1], [0, 0, 0, 0]]).bool()
    y = m(src, tgt, tgt_mask=nn.Transformer.generate_square_subsequent_mask(3), src_key_padding_mask=pad, memory_key_padding_mask=pad)
    (y * waves(0.9, 2, 3, 8)).sum().backward()
    show(y[0, 2]); show(torch.stack([(p.grad.flatten() * torch.cos(torch.arange(p.numel()) * 0.3)).sum() for n, p in sorted(m.named_parameters())]))
m = nn.MultiheadAttention(4, 2); fill(m)
q, k = waves(0.7, 3, 2, 4), waves(0.4, 5, 2, 4)
y, w = m(q, k, k, average_attn_weights=False)
show(y[1]); show(w[1, 0, 2])
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb
x = waves(0.7, 1, 1, 3, 4)
a = torch.outer(torch.arange(3.), 1 / 10000 ** (torch.arange(0, 4, 2) / 4)); e = torch.cat([a, a], 1)[None]
show(apply_rotary_pos_emb(x, x, e.cos(), e.sin())[0])
z = torch.view_as_complex(x.reshape(1, 1, 3, 2, 2)) * torch.polar(torch.ones_like(a), a)
show(torch.view_as_real(z))
*/
const waves = (s: number, ...shape: number[]) => {
  const n = shape.reduce((p, m) => p * m, 1);
  return tensor(
    Float32Array.from({ length: n }, (_, i) => Math.sin(i * s)),
    shape,
  );
};
const byName = (m: nn.Module) => [...m.namedParameters()].sort(([a], [b]) => (a < b ? -1 : 1));
function fill(m: nn.Module): void {
  byName(m).forEach(([, p], i) => {
    p.detach().copy_(waves(0.37 + 0.11 * i, ...p.shape).mul(0.3));
  });
}
const close = (got: Tensor, want: readonly number[]) => {
  const values = got.data();
  expect(values.length).toBe(want.length);
  for (const [i, w] of want.entries()) expect(values[i]).toBeCloseTo(w, 5);
};

describe("Transformer", () => {
  const WANT: [boolean, "relu" | "gelu", number[], number[]][] = [
    [
      false,
      "relu",
      [0.0, -0.116385, 0.324697, 0.237864, -0.825018, 0.13402, -0.160417, -0.171763],
      [
        -0.029403, 0.002235, -0.064248, -0.724676, 0.005541, 0.012678, -0.021269, -0.019166, -0.021269, -0.020341,
        -0.04145, 0.109558, 0.336533, -0.339722, 0.001795, 0.07738, 0.01119, -0.001079, -0.757938, -0.032078, 0.758593,
        0.64037, -0.002125, 0.003055, -0.124742, 0.095686, -0.124746, 0.474053, 0.837883, 0.695648, -0.504256, 0.242247,
        -0.012166, 0.068454, 0.339592, 0.000481, -1.092084, -0.405092, -0.006875, 0.004822, 0.001413, -0.006759,
        0.003093, 0.028962, -0.014454, -0.00025, -0.002879, -8.6e-5, -0.001493, -0.016589, 0.002218, -0.003303,
      ],
    ],
    [
      true,
      "gelu",
      [0.0, 0.004911, 0.340374, 0.041878, -0.345667, 0.090517, 0.434033, -0.406868],
      [
        0.114614, -0.009774, 0.553252, -0.049595, -0.018008, -0.012899, 0.553921, 0.042221, -0.019081, -0.713428,
        -0.002199, 0.008554, -0.009692, -0.017619, 0.042281, -1.110598, 0.550143, 0.029569, 0.193035, 0.06584, 0.520806,
        0.054785, -0.038278, -0.065863, 0.530245, 0.004979, -0.007954, 0.109398, -1e-6, -5e-6, 0.024096, 0.041477,
        -0.035161, 0.611244, 0.530246, -0.478233, -1.092084, 0.952883, -0.022772, -0.010596, 0.055456, 0.126743,
        0.017643, -0.106147, 0.004766, -0.00294, 0.03812, 0.049573, 0.05469, 0.110155, 0.032098, -0.218767,
      ],
    ],
  ];
  it.each(WANT)("normFirst %s: PyTorch's output and gradients", (normFirst, activation, output, gradients) => {
    const m = new nn.Transformer({
      ...{ dModel: 8, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 2, dimFeedforward: 12 },
      ...{ dropout: 0, activation, normFirst, batchFirst: true },
    });
    expect(m.stateDict().size).toBe(52);
    fill(m);
    const keyPaddingMask = tensor([0, 0, 0, 1, 0, 0, 0, 0], [2, 4], { dtype: "uint8" });
    const masks = { source: { keyPaddingMask }, target: { isCausal: true }, memory: { keyPaddingMask } };
    const y = m.forward(waves(0.7, 2, 4, 8), waves(0.3, 2, 3, 8), masks);
    close(y.select(0, 0).select(0, 2), output);
    y.mul(waves(0.9, 2, 3, 8))
      .sum()
      .backward();
    byName(m).forEach(([name, p], i) => {
      const sum = Array.from((p.grad as Tensor).data()).reduce((s, g, k) => s + g * Math.cos(k * 0.3), 0);
      expect(Math.abs(sum - gradients[i]), name).toBeLessThan(1e-5 + 1e-5 * Math.abs(gradients[i]));
    });
  });
  it("padding has no influence, whatever it holds", () => {
    manualSeed(1);
    const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true });
    layer.eval();
    noGrad(() => {
      const x = randn([2, 5, 8]);
      const keyPaddingMask = tensor([0, 0, 0, 1, 1, 0, 0, 0, 0, 0], [2, 5], { dtype: "uint8" });
      const y = layer.forward(x, { keyPaddingMask }).slice(1, 0, 3).data();
      const noise = x.add(keyPaddingMask.to("float32").reshape([2, 5, 1]).mul(100));
      expect(layer.forward(noise, { keyPaddingMask }).slice(1, 0, 3).data()).toEqual(y);
      const first = layer.forward(x.slice(0, 0, 1).slice(1, 0, 3));
      close(first.flatten(), [...y.slice(0, 24)]);
    });
  });
});

describe("MultiheadAttention", () => {
  it("gives PyTorch's output and weights; batch first or second", () => {
    const m = new nn.MultiheadAttention(4, 2);
    fill(m);
    const [q, k] = [waves(0.7, 3, 2, 4), waves(0.4, 5, 2, 4)];
    const { output, weights } = m.forward(q, k, k, { needWeights: true });
    close(
      output.select(0, 1).flatten(),
      [-0.068011, 0.224929, 0.236056, 0.313923, -0.095074, 0.271583, 0.175203, 0.381943],
    );
    close(
      (weights as Tensor).select(0, 1).select(0, 0).select(0, 2),
      [0.170915, 0.239697, 0.175573, 0.23309, 0.180724],
    );
    const turned = new nn.MultiheadAttention(4, 2, { batchFirst: true });
    fill(turned);
    close(turned.forward(q.transpose(0, 1), k.transpose(0, 1)).output.transpose(0, 1).flatten(), [...output.data()]);
  });
  it("joins masks of both kinds, and says what does not fit", () => {
    manualSeed(2);
    const m = new nn.MultiheadAttention(4, 2, { batchFirst: true });
    const x = randn([1, 3, 4]);
    const hide = (values: number[], ...shape: number[]) => tensor(values, shape, { dtype: "uint8" });
    const want = m.forward(x, x, x, { attnMask: hide([0, 0, 1, 0, 0, 1, 0, 1, 1], 3, 3) }).output.data();
    const keyPaddingMask = hide([0, 0, 1], 1, 3);
    const both = m.forward(x, x, x, { keyPaddingMask, attnMask: hide([0, 0, 0, 0, 0, 0, 0, 1, 0], 3, 3) });
    const float = tensor([0, 0, 0, 0, 0, 0, 0, -Infinity, 0], [3, 3]);
    close(both.output.flatten(), [...want]);
    close(m.forward(x, x, x, { keyPaddingMask, attnMask: float }).output.flatten(), [...want]);
    expect(() => new nn.MultiheadAttention(6, 4)).toThrow(/4 heads do not divide a width of 6/);
    expect(() => m.forward(randn([1, 3, 5]))).toThrow(/expected \[batch, T, 4\], found \[1, 3, 5\]/);
    expect(() => m.forward(x, x, x, { attnMask: hide([0, 1], 2) })).toThrow(/does not broadcast/);
  });
});

it("BahdanauAttention and LuongAttention weigh what the mask shows", () => {
  manualSeed(3);
  const [query, keys] = [randn([2, 3, 4]).requiresGrad_(), randn([2, 5, 4]).requiresGrad_()];
  const mask = tensor([0, 0, 1, 1, 1, 1, 1, 1, 1, 1], [2, 5], { dtype: "uint8" });
  for (const m of [
    new nn.BahdanauAttention(4, 4, 6),
    new nn.LuongAttention(4, 4),
    new nn.LuongAttention(4, 4, "dot"),
  ]) {
    const { context, weights } = m.forward(query, keys, mask);
    const sums = [...weights.sum(-1).data()];
    for (const [i, s] of sums.entries()) expect(s).toBeCloseTo(i < 3 ? 1 : 0, 6);
    expect([...weights.slice(2, 2, 5).data()].every((w) => w === 0)).toBe(true);
    context.square().sum().backward();
    for (const p of [...m.parameters(), query, keys]) {
      expect([...(p.grad as Tensor).data()].every(Number.isFinite)).toBe(true);
    }
    expect([...(query.grad as Tensor).data()].some((g) => g !== 0)).toBe(true);
  }
});

describe("RotaryEmbedding", () => {
  const x = waves(0.7, 1, 1, 3, 4);
  it("turns as Hugging Face's Llama and, interleaved, as the paper", () => {
    close(
      new nn.RotaryEmbedding(4, 8).forward(x).flatten(),
      [
        0.0, 0.644218, 0.98545, 0.863209, 0.914401, -0.340941, -0.189032, -0.985911, -0.334697, -0.002952, -0.847412,
        0.988307,
      ],
    );
    close(
      new nn.RotaryEmbedding(4, 8, { interleaved: true }).forward(x).flatten(),
      [
        0.0, 0.644218, 0.98545, 0.863209, 0.476169, 0.092354, -0.861708, -0.991119, 0.247411, -0.581006, 0.637093,
        1.001109,
      ],
    );
  });
  it("continues from an offset, leaves the rest of a row alone, and keeps to its positions", () => {
    const rope = new nn.RotaryEmbedding(2, 4);
    const y = rope.forward(x).data();
    close(rope.forward(x.slice(2, 1, 3), 1).flatten(), [...y.slice(4)]);
    expect([...y.slice(10, 12)]).toEqual([...x.data().slice(10, 12)]);
    expect(() => rope.forward(x, 2)).toThrow(/4 positions of 2/);
  });
});

it("sinusoidal positions are the paper's", () => {
  const p = nn.sinusoidalPositions(3, 4).data();
  const want = [0, 1, 0, 1, Math.sin(1), Math.cos(1), Math.sin(0.01), Math.cos(0.01)];
  for (const [i, w] of want.entries()) expect(p[i]).toBeCloseTo(w, 6);
});

it("SwiGLU has Llama's names and equation", () => {
  manualSeed(4);
  const m = new nn.SwiGLU(3, 5);
  expect([...m.stateDict().keys()]).toEqual(["gate_proj.weight", "up_proj.weight", "down_proj.weight"]);
  const x = randn([2, 3]);
  const [gate, up, down] = [m.gate_proj, m.up_proj, m.down_proj].map((l) => l.weight);
  const want = x.matmul(gate.T).silu().mul(x.matmul(up.T)).matmul(down.T);
  close(m.forward(x).flatten(), [...want.data()]);
});
