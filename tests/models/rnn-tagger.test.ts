import { describe, expect, it } from "vitest";
import { manualSeed, memory, noGrad, tensor } from "../../src/index.ts";
import { RNN_CELLS, RnnForTokenClassification } from "../../src/models/index.ts";
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

describe.each(RNN_CELLS)("RnnForTokenClassification with %s", (modelType) => {
  it("gives a word the same logits whatever stands in the padding, and beside whichever sentences", () => {
    manualSeed(1);
    const model = new RnnForTokenClassification({ ...config, modelType });
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
    expect(logits(sentences, 13)).toEqual(together);
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
    const model = new RnnForTokenClassification({ ...config, modelType, dropout: 0.1 });
    const optimizer = new AdamW(model.parameters(), { lr: 0.02 });
    const batch = batchOf([[3, 9, 4, 5], [7, 1], [6]]);
    const losses: number[] = [];
    const held: number[] = [];
    for (let step = 0; step < 40; step++) {
      const loss = crossEntropy(model.forward(batch), batch.labels, { ignoreIndex: -100 });
      loss.backward();
      losses.push(loss.item());
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
