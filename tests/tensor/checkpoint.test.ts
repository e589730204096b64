import { describe, expect, it } from "vitest";
import {
  checkpoint,
  getRngState,
  manualSeed,
  memory,
  noGrad,
  randn,
  reclaim,
  type Tensor,
  tensor,
} from "../../src/index.ts";
import { BertForSequenceClassification } from "../../src/models/bert/index.ts";
import {
  GPT2LMHeadModel,
  gpt2Config,
  LlamaForCausalLM,
  llamaConfig,
  MarianMTModel,
  marianConfig,
  PreTrainedModel,
  T5ForConditionalGeneration,
  t5Config,
} from "../../src/models/index.ts";
import type { Module } from "../../src/nn/index.ts";
import * as nn from "../../src/nn/index.ts";
import { dropout } from "../../src/ops/index.ts";

const bits = (t: Tensor | undefined) => (t === undefined ? undefined : [...(t.data() as Float32Array)]);

/** Loss, gradients and random state after one step, with the same masks each time. */
function step(leaves: Tensor[], loss: () => Tensor) {
  manualSeed(9);
  for (const p of leaves) p.zeroGrad();
  const l = loss();
  l.backward();
  return { loss: l.item(), gradients: leaves.map((p) => bits(p.grad)), random: getRngState() };
}

describe("checkpoint", () => {
  it("gives the same bits with dropout, several inputs and frozen ones", () => {
    const layers = [0, 1, 2].map(() => new nn.Linear(6, 6));
    const x = randn([4, 6]).requiresGrad_();
    const y = randn([4, 6]).requiresGrad_();
    const frozen = randn([4, 6]);
    const leaves = [x, y, ...layers.flatMap((l) => l.parameters())];
    const layer = (i: number) => (a: Tensor, b: Tensor) => dropout(layers[i].forward(a, "gelu"), 0.4).add(b).mul(a);
    const first = layer(0);
    const plain = step(leaves, () =>
      layer(2)(layer(1)(first(frozen, frozen), x), y)
        .square()
        .mean(),
    );
    const saved = step(leaves, () => {
      const h = checkpoint(layer(1), checkpoint(first, frozen, frozen), x);
      return checkpoint(layer(2), h, y).square().mean();
    });
    expect(saved).toEqual(plain);
  });
  it("gives the same gradients, but for the order of sums, nested and where things are used twice", () => {
    const layers = [0, 1, 2].map(() => new nn.Linear(6, 6));
    const x = randn([4, 6]).requiresGrad_();
    const y = randn([4, 6]).requiresGrad_();
    const frozen = randn([4, 6]);
    const leaves = [x, y, ...layers.flatMap((l) => l.parameters())];
    const layer = (i: number) => (a: Tensor, b: Tensor) => dropout(layers[i].forward(a, "gelu"), 0.4).add(b).mul(a);
    const plain = step(leaves, () => {
      const h = layer(0)(x, y);
      return layer(1)(h, frozen)
        .add(layer(2)(layer(1)(h, h), y))
        .add(layer(0)(frozen, frozen))
        .square()
        .mean();
    });
    const saved = step(leaves, () => {
      const h = checkpoint(layer(0), x, y);
      const both = (a: Tensor, b: Tensor) => layer(2)(checkpoint(layer(1), a, a), b);
      return checkpoint(layer(1), h, frozen)
        .add(checkpoint(both, h, y))
        .add(checkpoint(layer(0), frozen, frozen))
        .square()
        .mean();
    });
    expect(saved.loss).toBe(plain.loss);
    expect(saved.random).toEqual(plain.random);
    plain.gradients.forEach((want, i) => {
      const got = saved.gradients[i] as number[];
      const scale = Math.hypot(...(want as number[]));
      (want as number[]).forEach((w, j) => {
        expect(Math.abs(got[j] - w)).toBeLessThan(1e-6 * scale);
      });
    });
  });
  it("does nothing where nothing is recorded, and keeps no tensors", () => {
    const layer = new nn.Linear(3, 3);
    const x = randn([2, 3]).requiresGrad_();
    noGrad(() => expect(checkpoint((a) => layer.forward(a), x).requiresGrad).toBe(false));
    const once = () =>
      checkpoint((a) => layer.forward(a, "silu"), x)
        .sum()
        .backward();
    once();
    once();
    const before = memory().liveTensors;
    for (let i = 0; i < 5; i++) once();
    expect(memory().liveTensors).toBe(before);
  });
  it("notices inputs that were edited since", () => {
    const x = randn([2, 3]).requiresGrad_();
    const h = x.mul(2);
    const y = checkpoint((a) => a.square(), h).sum();
    noGrad(() => h.zero_());
    expect(() => y.backward()).toThrow(/checkpoint: .* was edited in place/);
  });
});

const ids = (batch: number, t: number) =>
  tensor(
    Int32Array.from({ length: batch * t }, (_, i) => 1 + ((i * 7) % 30)),
    [batch, t],
  );
const SIZE = { vocabSize: 40, hiddenSize: 32, intermediateSize: 64, numHiddenLayers: 6, numAttentionHeads: 2 };
const MODELS: [string, () => PreTrainedModel, (batch: number) => object][] = [
  [
    "gpt2",
    () => new GPT2LMHeadModel(gpt2Config.make({ vocabSize: 40, nPositions: 64, nEmbd: 32, nLayer: 6, nHead: 2 })),
    (batch) => ({ inputIds: ids(batch, 24), labels: ids(batch, 24) }),
  ],
  [
    "llama",
    () => new LlamaForCausalLM(llamaConfig.make({ ...SIZE, numKeyValueHeads: 1, attentionDropout: 0.1 })),
    (batch) => ({ inputIds: ids(batch, 24), labels: ids(batch, 24) }),
  ],
  [
    "bert",
    () => new BertForSequenceClassification(BertForSequenceClassification.configKind.make(SIZE)),
    (batch) => ({ inputIds: ids(batch, 24), labels: tensor(new Int32Array(batch)) }),
  ],
  [
    "t5",
    () =>
      new T5ForConditionalGeneration(
        t5Config.make({ vocabSize: 40, dModel: 32, dKv: 16, dFf: 64, numLayers: 4, numHeads: 2 }),
      ),
    (batch) => ({ inputIds: ids(batch, 24), labels: ids(batch, 20) }),
  ],
  [
    "marian",
    () =>
      new MarianMTModel(
        marianConfig.make({
          ...{ vocabSize: 40, dModel: 32, encoderLayers: 4, decoderLayers: 4, maxPositionEmbeddings: 32 },
          ...{ encoderAttentionHeads: 2, decoderAttentionHeads: 2, encoderFfnDim: 64, decoderFfnDim: 64 },
          ...{ padTokenId: 39, decoderStartTokenId: 39, attentionDropout: 0.1, activationDropout: 0.1 },
        }),
      ),
    (batch) => ({ inputIds: ids(batch, 24), labels: ids(batch, 20) }),
  ],
];

describe.each(MODELS)("gradientCheckpointing of %s", (_name, make, inputs) => {
  it("gives the same loss and gradients, bit for bit, in less memory", () => {
    manualSeed(3);
    const model = make() as PreTrainedModel & Module;
    const batch = inputs(8);
    const used = () => {
      // What the step before left.
      reclaim();
      const before = memory().liveBytes;
      let held = 0;
      const result = step(model.parameters(), () => {
        const { loss } = model.forward(batch);
        held = memory().liveBytes - before;
        return loss;
      });
      return { result, held };
    };
    used();
    const plain = used();
    expect(model.gradientCheckpointing).toBe(false);
    model.gradientCheckpointing = true;
    expect(model.gradientCheckpointing).toBe(true);
    const saved = used();
    expect(saved.result).toEqual(plain.result);
    expect(saved.held).toBeGreaterThan(0);
    expect(saved.held).toBeLessThan(0.5 * plain.held);
  });
});

it("says so where a model has no layers to do it with", () => {
  class Bare extends PreTrainedModel {
    static override readonly architecture = "Bare";
    forward(x: Tensor): Tensor {
      return x;
    }
  }
  const bare = new Bare(gpt2Config.make());
  expect(() => {
    bare.gradientCheckpointing = true;
  }).toThrow(/Bare has no gradient checkpointing/);
});
