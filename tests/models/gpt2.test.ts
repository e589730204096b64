import { describe, expect, it } from "vitest";
import { manualSeed, memory, noGrad, type Tensor, tensor } from "../../src/index.ts";
import { GPT2LMHeadModel, generate, gpt2Config } from "../../src/models/index.ts";
import { crossEntropy } from "../../src/nn/index.ts";
import { alibiSlopes, attentionWeights, scaledDotProductAttention } from "../../src/ops/index.ts";

const close = (got: ArrayLike<number>, want: readonly number[], digits = 5) => {
  for (const [i, w] of want.entries()) expect(got[i]).toBeCloseTo(w, digits);
};
const waves = (s: number) =>
  tensor(
    Float32Array.from({ length: 24 }, (_, i) => Math.sin(i * s)),
    [1, 2, 3, 4],
  );

/*
import torch, torch.nn.functional as F   # 2.13
q, k, v = [torch.sin(torch.arange(24) * s).reshape(1, 2, 3, 4) for s in (0.9, 0.5, 0.3)]
F.scaled_dot_product_attention(q, k, v, is_causal=True)[0, 1]
m = torch.tensor([[1, 1, 0], [0, 1, 0], [1, 1, 1]]).bool()
F.scaled_dot_product_attention(q, k, v, attn_mask=m, scale=0.7)[0, 0]
*/
describe("scaledDotProductAttention", () => {
  const [q, k, v] = [0.9, 0.5, 0.3].map(waves);
  it("gives PyTorch's values", () => {
    const causal = scaledDotProductAttention(q, k, v, { isCausal: true }).data().slice(12);
    close(
      causal,
      [
        -0.442521, -0.687766, -0.871576, -0.97753, -0.876158, -0.874216, -0.794182, -0.643207, -0.54174, -0.638433,
        -0.678097, -0.657188,
      ],
    );
    const attnMask = tensor(Uint8Array.of(1, 1, 0, 0, 1, 0, 1, 1, 1), [3, 3]);
    const masked = scaledDotProductAttention(q, k, v, { attnMask, scale: 0.7 }).data();
    close(
      masked,
      [
        0.285873, 0.510829, 0.690153, 0.807828, 0.932039, 0.997495, 0.973848, 0.863209, 0.648307, 0.756896, 0.797873,
        0.767578,
      ],
    );
  });
  it("gives 0 where everything is hidden, never NaN, and names sizes that do not fit", () => {
    const [a, b, c] = [q, k, v].map((t) => t.detach().mul(1).requiresGrad_());
    const attnMask = tensor(Uint8Array.of(0, 0, 0, 1, 1, 0, 1, 1, 1), [3, 3]);
    const y = scaledDotProductAttention(a, b, c, { attnMask });
    expect([...y.data().slice(0, 4)]).toEqual([0, 0, 0, 0]);
    y.sum().backward();
    for (const t of [a, b, c]) expect([...(t.grad as Tensor).data()].every(Number.isFinite)).toBe(true);
    expect(() => scaledDotProductAttention(q, k.slice(1, 0, 1), v)).toThrow(/expected q \[batch, heads, T, d\]/);
  });
  it("gives the weights that it never stores, for plots", () => {
    const attnMask = tensor(Uint8Array.of(1, 1, 0, 0, 0, 0, 1, 1, 1), [3, 3]);
    for (const options of [{}, { isCausal: true }, { attnMask }, { alibiSlopes: alibiSlopes(2), scale: 0.4 }]) {
      const weights = attentionWeights(q, k, options);
      const y = scaledDotProductAttention(q, k, v, options);
      close(weights.matmul(v).data(), [...y.data()]);
    }
  });
});

/*
from transformers import GPT2Config, GPT2LMHeadModel   # with torch 2.13
config = GPT2Config(vocab_size=11, n_positions=8, n_embd=8, n_layer=2, n_head=2, n_inner=12,
                    resid_pdrop=0, embd_pdrop=0, attn_pdrop=0)
model = GPT2LMHeadModel(config).eval()
with torch.no_grad():
    for k, (name, p) in enumerate(sorted(model.named_parameters())):
        p.copy_(0.3 * torch.sin(torch.arange(p.numel()) * 0.7 + k).reshape(p.shape))
ids = torch.tensor([[1, 4, 2, 9, 9], [0, 3, 3, 10, 7]])
out = model(ids); out.logits[:, -1]
loss = F.cross_entropy(out.logits[:, :-1].reshape(-1, 11), ids[:, 1:].reshape(-1)); loss.backward()
*/
describe("GPT2LMHeadModel", () => {
  const build = () => {
    manualSeed(2);
    const model = new GPT2LMHeadModel(
      gpt2Config.make({
        ...{ vocabSize: 11, nPositions: 8, nEmbd: 8, nLayer: 2, nHead: 2, nInner: 12 },
        ...{ residPdrop: 0, embdPdrop: 0, attnPdrop: 0 },
      }),
    );
    [...model.namedParameters()]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .forEach(([, p], k) => {
        p.detach().copy_(Float32Array.from({ length: p.numel }, (_, i) => 0.3 * Math.sin(Math.fround(i * 0.7) + k)));
      });
    return model;
  };
  const ids = tensor(Int32Array.of(1, 4, 2, 9, 9, 0, 3, 3, 10, 7), [2, 5]);

  it("has Transformers' logits, loss and gradients", () => {
    const model = build();
    const { logits } = model.forward({ inputIds: ids });
    close(
      logits.select(1, 4).data(),
      [
        -0.3245, -0.237, -0.043118, 0.170118, 0.306994, 0.30607, 0.167761, -0.045851, -0.238881, -0.324686, -0.264749,
        -0.332615, -0.245174, -0.047681, 0.171214, 0.313256, 0.314688, 0.174866, -0.043448, -0.242259, -0.332328,
        -0.273226,
      ],
    );
    const loss = crossEntropy(logits.slice(1, 0, 4).reshape([8, 11]), tensor(Int32Array.of(4, 2, 9, 9, 3, 3, 10, 7)));
    expect(loss.item()).toBeCloseTo(2.450854778, 5);
    loss.backward();
    const norm = (name: string) => {
      const p = new Map<string, Tensor>(model.namedParameters()).get(name) as Tensor;
      return Math.hypot(...(p.grad as Tensor).data());
    };
    expect(norm("transformer.h.0.attn.c_attn.weight")).toBeCloseTo(0.0134605, 6);
    expect(norm("transformer.wte.weight")).toBeCloseTo(0.2427508, 5);
    expect(norm("transformer.h.1.mlp.c_proj.bias")).toBeCloseTo(0.0777058, 6);
  });

  it("gives the same logits from its cache, token by token or several at a time", () => {
    const model = build().eval();
    const whole = noGrad(() => model.next(ids).logits).data();
    for (const cuts of [
      [1, 1, 1, 1, 1],
      [3, 2],
      [1, 4],
    ]) {
      let at = 0;
      let past: ReturnType<typeof model.next>["past"] | undefined;
      for (const n of cuts) {
        const part = noGrad(() => model.next(ids.slice(1, at, at + n), past));
        const got = part.logits.data();
        for (let b = 0; b < 2; b++)
          for (let i = 0; i < n * 11; i++) expect(got[b * n * 11 + i]).toBeCloseTo(whole[(b * 5 + at) * 11 + i], 5);
        past = part.past;
        at += n;
      }
    }
  });

  it("grows its cache without copying what is there, until the room is used up", () => {
    const config = gpt2Config.make({ vocabSize: 11, nPositions: 100, nEmbd: 8, nLayer: 1, nHead: 2, nInner: 8 });
    const model = new GPT2LMHeadModel(config).eval();
    const long = tensor(
      Int32Array.from({ length: 100 }, (_, i) => (i * 7) % 11),
      [1, 100],
    );
    const whole = noGrad(() => model.next(long).logits).data();
    const storages = new Set<unknown>();
    let past: ReturnType<typeof model.next>["past"] | undefined;
    for (let at = 0; at < 100; at++) {
      const part = noGrad(() => model.next(long.slice(1, at, at + 1), past));
      const got = part.logits.data();
      for (let i = 0; i < 11; i++) expect(got[i]).toBeCloseTo(whole[at * 11 + i], 4);
      past = part.past;
      expect(past[0].shape).toEqual([1, 2, at + 1, 4]);
      storages.add(past[0].storage);
    }
    // Room for 32, 66 and 100 rows.
    expect(storages.size).toBe(3);
  });

  it("writes past its positions, keeps no tensors, and refuses longer batches by name", () => {
    const model = build().eval();
    generate(model, [[1]], { maxNewTokens: 2 });
    const before = memory().liveTensors;
    expect(generate(model, [[1, 2]], { maxNewTokens: 30, seed: 3 })[0]).toHaveLength(30);
    expect(memory().liveTensors).toBeLessThanOrEqual(before + 8);
    expect(() => model.forward({ inputIds: tensor(new Int32Array(9), [1, 9]) })).toThrow(
      /9 tokens, but the model has 8 positions/,
    );
    expect(() => gpt2Config.make({ nEmbd: 8, nHead: 3 })).toThrow(/n_head 3 does not divide n_embd 8/);
  });
});
