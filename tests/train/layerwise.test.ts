import { describe, expect, it } from "vitest";
import { ArrayDataset } from "../../src/data/index.ts";
import { tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { layerFactors } from "../../src/train/arguments/layerwise.ts";
import { Trainer } from "../../src/train/index.ts";

describe("layer-wise rates", () => {
  it.each([
    [
      ["bert.embeddings.LayerNorm.bias", "bert.encoder.layer.0.output.dense.weight", "bert.encoder.layer.1.x"],
      ["bert.pooler.dense.weight", "classifier.weight"],
    ],
    [
      ["transformer.wte.weight", "transformer.h.0.ln_1.weight", "transformer.h.1.attn.c_attn.lora_A.weight"],
      ["transformer.ln_f.weight", "score.weight"],
    ],
    [
      ["model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"],
      ["model.norm.weight", "lm_head.weight"],
    ],
    [["shared.weight", "encoder.block.0.layer.0.x", "decoder.block.1.layer.2.x"], ["lm_head.weight"]],
  ])("are told by names: %o, %o", (below, above) => {
    expect(layerFactors([...below, ...above], 0.5)).toEqual([0.125, 0.25, 0.5, ...above.map(() => 1)]);
  });

  it("follow the schedule, each from its own", async () => {
    class Stack extends nn.Module {
      embeddings = new nn.Linear(2, 4);
      layer = [new nn.Linear(4, 4), new nn.Linear(4, 4)];
      classifier = new nn.Linear(4, 2);
      forward(x: ReturnType<typeof tensor>) {
        return this.classifier.forward(this.layer.reduce((h, l) => l.forward(h), this.embeddings.forward(x)));
      }
    }
    const seen: number[][] = [];
    const trainer = new Trainer({
      model: new Stack(),
      trainDataset: new ArrayDataset(Array.from({ length: 8 }, (_, i) => ({ x: [i, 1], y: [i, 2] }))),
      collate: () => ({ x: tensor([[1, 2]]), y: tensor([[1, 2]]) }),
      loss: nn.mseLoss,
      callbacks: [{ onStepEnd: () => void seen.push(trainer.optimizer.paramGroups.map((g) => g.lr)) }],
      args: { learningRate: 0.08, layerwiseLrDecay: 0.5, perDeviceTrainBatchSize: 2, numTrainEpochs: 1, quiet: true },
    });
    await trainer.train();
    const initial = [0.08, 0.08, 0.04, 0.04, 0.02, 0.02, 0.01, 0.01];
    expect(seen).toHaveLength(4);
    seen.forEach((rates, i) => {
      rates.forEach((lr, g) => {
        expect(lr).toBeCloseTo(initial[g] * (1 - (i + 1) / 4), 12);
      });
    });
    const [weights] = trainer.optimizer.paramGroups;
    expect(weights.params).toHaveLength(1);
  });
  it("wants a share", () => {
    const model = new nn.Linear(2, 2);
    const make = (args: object) => () =>
      new Trainer({ model, trainDataset: new ArrayDataset([{ x: [1, 2], y: [1, 2] }]), loss: nn.mseLoss, args });
    expect(make({ layerwiseLrDecay: 0 })).toThrow("layerwiseLrDecay is 0");
    expect(make({ layerwiseLrDecay: 1.5 })).toThrow("layerwiseLrDecay is 1.5");
    expect(make({ gradientCheckpointing: true })).toThrow("Linear has no gradient checkpointing");
  });
});
