import { describe, expect, it } from "vitest";
import { manualSeed, memory, noGrad, tensor, tidy } from "../../src/index.ts";
import { RNN_CELLS, RnnForTokenClassification, TransformerForTokenClassification } from "../../src/models/index.ts";
import { crossEntropy } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/index.ts";

const config = {
  vocabSize: 20,
  numLabels: 3,
  embeddingSize: 6,
  featureBuckets: 50,
  featureSize: 4,
  hiddenSize: 5,
  numHiddenLayers: 2,
  dropout: 0.3,
  padTokenId: 0,
};
const int = (values: number[], shape = [values.length]) => tensor(Int32Array.from(values), shape);

/** Sentences of word ids, features made of them; `filler` stands where padding does. */
function batchOf(sentences: number[][], filler = 0) {
  const [T, B] = [Math.max(...sentences.map((s) => s.length)), sentences.length];
  const [ids, features, offsets, labels]: number[][] = [[], [], [], []];
  for (let t = 0; t < T; t++) {
    for (const sentence of sentences) {
      offsets.push(features.length);
      const id = sentence[t];
      ids.push(id ?? filler);
      labels.push(id === undefined ? -100 : id % 3);
      if (id !== undefined) features.push((id * 7) % 50, (id * 11) % 50);
      else if (filler > 0) features.push(filler);
    }
  }
  return {
    ids: int(ids, [T, B]),
    lengths: int(sentences.map((s) => s.length)),
    features: int(features),
    offsets: int(offsets),
    labels: int(labels, [T, B]),
  };
}

const transformerConfig = {
  ...config,
  hiddenSize: 8,
  maxPositionEmbeddings: 7,
  numAttentionHeads: 2,
  intermediateSize: 16,
};
const make = (type: (typeof RNN_CELLS)[number] | "transformer", dropout = 0.3) =>
  type === "transformer"
    ? new TransformerForTokenClassification({ ...transformerConfig, dropout })
    : new RnnForTokenClassification({ ...config, modelType: type, dropout });

describe.each([...RNN_CELLS, "transformer"] as const)("a tagger with %s", (modelType) => {
  it("gives a word the same logits whatever stands in the padding, and beside whichever sentences", () => {
    manualSeed(1);
    const model = make(modelType);
    model.eval();
    const sentences = [[3, 9, 4], [7], [5, 6, 2, 8, 11, 12]];
    const logits = (list: number[][], filler = 0) => {
      const out = noGrad(() => model.forward(batchOf(list, filler)));
      const data = out.data();
      return list.map((s, b) =>
        s.map((_, t) => Array.from(data.subarray((t * list.length + b) * 3, (t * list.length + b) * 3 + 3))),
      );
    };
    const together = logits(sentences);
    logits(sentences, 13)
      .flat(2)
      .forEach((value, at) => {
        expect(value).toBeCloseTo(together.flat(2)[at], 6);
      });
    sentences.forEach((sentence, i) => {
      const [alone] = logits([sentence]);
      alone.flat().forEach((value, at) => {
        expect(value).toBeCloseTo(together[i].flat()[at], 5);
      });
    });
    // The words around count: it is no lookup.
    expect(logits([[3, 9, 5]])[0][0]).not.toEqual(logits([[3, 9, 4]])[0][0]);
  });

  it("learns, and holds as many tensors after every step", () => {
    manualSeed(2);
    const model = make(modelType, 0.1);
    const optimizer = new AdamW(model.parameters(), { lr: 0.02 });
    const batch = batchOf([[3, 9, 4, 5], [7, 1], [6]]);
    const losses: number[] = [];
    const held: number[] = [];
    for (let step = 0; step < 40; step++) {
      // As the Trainer does: the mask that the Transformer makes has no other owner.
      losses.push(
        tidy(() => {
          const loss = crossEntropy(model.forward(batch), batch.labels, { ignoreIndex: -100 });
          loss.backward();
          return loss.item();
        }),
      );
      optimizer.step();
      optimizer.zeroGrad();
      held.push(memory().liveTensors);
    }
    expect(losses[39]).toBeLessThan(losses[0] / 3);
    // Others may be collected meanwhile: fewer is fine.
    for (const n of held.slice(2)) expect(n).toBeLessThanOrEqual(held[1]);
    // Padding learns nothing.
    expect(Array.from(model.embeddings.weight.data().subarray(0, 6))).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

// Parameters by name, the k-th 0.5 · cos(n · (1 + 0.1 k) + k) over its elements n, plus 1 for the weights of norms; the first
// row of embeddings 0. PyTorch 2.13 in float64, norm_first, gelu, no dropout:
// for _ in range(10): loss = F.cross_entropy(model(…).reshape(-1, 3), labels.reshape(-1), ignore_index=-100); loss.backward() …
// with AdamW(lr=0.01, weight_decay=0.01)
describe("TransformerForTokenClassification", () => {
  const build = () => {
    const model = make("transformer", 0);
    const named = [...model.namedParameters()].sort(([a], [b]) => (a < b ? -1 : 1));
    named.forEach(([name, p], k) => {
      const one = name.startsWith("encoder") && name.includes("norm") && name.endsWith("weight") ? 1 : 0;
      noGrad(
        () =>
          void p.copy_(Float32Array.from({ length: p.numel }, (_, n) => 0.5 * Math.cos(n * (1 + k * 0.1) + k) + one)),
      );
    });
    noGrad(() => void model.embeddings.weight.detach().select(0, 0).zero_());
    return model;
  };
  const batch = () => batchOf([[3, 9, 4], [7], [5, 6, 2, 8, 11, 12]]);

  it("gives PyTorch's logits, and its losses over ten steps", () => {
    const model = build();
    const logits = noGrad(() => model.forward(batch()).select(0, 0).flatten()).data();
    const want = [0.0744156, 0.2405978, 0.2654519, 0.2704823, 0.207628, 0.1228684, 0.2351178, 0.1394961, 0.2687556];
    want.forEach((x, i) => {
      expect(logits[i]).toBeCloseTo(x, 5);
    });
    const optimizer = new AdamW(model.parameters(), { lr: 0.01, weightDecay: 0.01 });
    const losses = Array.from({ length: 10 }, () => {
      const data = batch();
      const loss = crossEntropy(model.forward(data), data.labels, { ignoreIndex: -100 });
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      return loss.item();
    });
    const theirs = [1.049993, 0.984668, 0.846292, 0.651937, 0.505663, 0.441066, 0.396732, 0.356394, 0.32741, 0.30136];
    theirs.forEach((x, i) => {
      expect(losses[i]).toBeCloseTo(x, 4);
    });
  });

  it("refuses a sentence longer than its positions, and heads that do not divide the width", () => {
    expect(() => build().forward(batchOf([[1, 2, 3, 4, 5, 6, 7, 8]]))).toThrow(
      /8 tokens, but the model has 7 positions/,
    );
    const config = { ...transformerConfig, numAttentionHeads: 3 };
    expect(() => new TransformerForTokenClassification(config)).toThrow(/head/);
  });
});
