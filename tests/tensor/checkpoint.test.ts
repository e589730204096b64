import { describe, expect, it } from "vitest";
import { checkpoint, manualSeed, memory, randn, reclaim, type Tensor, tensor, tidy } from "../../src/index.ts";
import { autoModels, type PreTrainedModel } from "../../src/models/index.ts";
import * as nn from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/index.ts";

function pieces() {
  manualSeed(3);
  const block = new nn.Sequential(new nn.Linear(6, 12), new nn.GELU(), new nn.Dropout(0.3), new nn.Linear(12, 6));
  const x = randn([5, 6]).requiresGrad_();
  return { block, x };
}

describe("checkpoint", () => {
  it("gives the same value and gradients with dropout, to the last bit", () => {
    const run = (kept: boolean) => {
      const { block, x } = pieces();
      const inner = (h: Tensor) => h.add(block.forward(h));
      let h = x.mul(2);
      for (let i = 0; i < 3; i++) h = kept ? inner(h) : checkpoint(inner, [h], block.parameters());
      const loss = h.square().mean();
      loss.backward();
      return [loss.data(), x.grad?.data(), ...block.parameters().map((p) => p.grad?.data())];
    };
    expect(run(false)).toEqual(run(true));
  });

  it("records where only parameters learn", () => {
    const { block, x } = pieces();
    x.requiresGrad_(false);
    checkpoint((h) => block.forward(h), [x], block.parameters())
      .sum()
      .backward();
    expect(block.parameters().every((p) => p.grad !== undefined)).toBe(true);
    expect(x.grad).toBeUndefined();
  });

  it("refuses a recorded tensor from around that is no input", () => {
    const { block, x } = pieces();
    const h = x.mul(2);
    const y = checkpoint((a) => block.forward(a).add(h), [h.add(1)], block.parameters());
    const loss = y.sum();
    expect(() => loss.backward()).toThrow("not among the inputs");
  });
});

const FAMILIES = {
  bert: { hidden_size: 32, num_hidden_layers: 6, num_attention_heads: 4, intermediate_size: 128 },
  distilbert: { dim: 32, n_layers: 6, n_heads: 4, hidden_dim: 128 },
  gpt2: { n_embd: 32, n_layer: 6, n_head: 4, pad_token_id: 0 },
  llama: { hidden_size: 32, num_hidden_layers: 6, num_attention_heads: 4, intermediate_size: 128, pad_token_id: 0 },
};

describe.each(Object.entries(FAMILIES))("gradient checkpointing of %s", (type, keys) => {
  it("learns to the same bits in less memory", () => {
    const run = (on: boolean) => {
      const family = autoModels.family({ model_type: type }, "");
      const Model = autoModels.classOf(family, "sequenceClassification");
      manualSeed(1);
      const model: PreTrainedModel = new Model(family.config.parse({ vocab_size: 40, model_type: type, ...keys }));
      model.gradientCheckpointing = on;
      expect(model.gradientCheckpointing).toBe(on);
      const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
      const ids = tensor(
        Int32Array.from({ length: 8 * 48 }, (_, i) => 1 + ((i * 7) % 39)),
        [8, 48],
      );
      const labels = tensor(Int32Array.from({ length: 8 }, (_, i) => i % 2));
      const held: number[] = [];
      const losses = Array.from({ length: 3 }, () => {
        const loss = tidy(() => {
          const { loss } = model.forward({ inputIds: ids, labels }) as { loss: Tensor };
          held.push(memory().liveBytes);
          loss.backward();
          return loss.item();
        });
        reclaim();
        optimizer.step();
        optimizer.zeroGrad();
        return loss;
      });
      return { losses, weights: model.parameters().map((p) => p.data()), held: held[2] };
    };
    const before = memory().liveBytes;
    const all = run(false);
    const few = run(true);
    expect(few.losses).toEqual(all.losses);
    expect(few.weights).toEqual(all.weights);
    expect(few.held - before).toBeLessThan(0.6 * (all.held - before));
  });
});
