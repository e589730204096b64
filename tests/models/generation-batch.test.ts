import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { manualSeed, memory, noGrad, tensor } from "../../src/index.ts";
import {
  type CausalLm,
  GPT2LMHeadModel,
  generate,
  gpt2Config,
  RNN_CELLS,
  RnnForCausalLM,
} from "../../src/models/index.ts";

const VOCAB = 23;
/** Weights large enough that the likeliest token depends on all that came before. */
function spread<M extends CausalLm>(model: M): M {
  model.parameters().forEach((p, k) => {
    if (p.ndim > 1) p.detach().copy_(Float32Array.from({ length: p.numel }, (_, i) => Math.cos(i * 1.7 + k) * 0.6));
  });
  return model.eval() as M;
}
const gpt = (nPositions: number) => {
  manualSeed(1);
  const shape = { vocabSize: VOCAB, nPositions, nEmbd: 16, nLayer: 2, nHead: 2, nInner: 32 };
  return spread(new GPT2LMHeadModel(gpt2Config.make(shape)));
};
const rnn = (modelType: (typeof RNN_CELLS)[number]) => {
  manualSeed(1);
  const size = { embeddingSize: 12, hiddenSize: 12, numHiddenLayers: 2 };
  return spread(new RnnForCausalLM({ modelType, vocabSize: VOCAB, ...size, dropout: 0, tieWordEmbeddings: true }));
};
const models: [string, () => CausalLm][] = [
  ["gpt", () => gpt(64)],
  ["gpt whose window fills up", () => gpt(8)],
  ["gpt of one position", () => gpt(1)],
  ...RNN_CELLS.map((cell): [string, () => CausalLm] => [cell, () => rnn(cell)]),
];
const prompts = fc.array(fc.array(fc.nat(VOCAB - 1), { minLength: 1, maxLength: 14 }), { minLength: 2, maxLength: 7 });

describe.each(models)("%s", (_name, make) => {
  const model = make();
  it("writes the same together as one by one: any lengths, ends and batch sizes", () => {
    fc.assert(
      fc.property(
        prompts,
        fc.nat(20),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(0, 0.8, 1.5),
        fc.array(fc.nat(VOCAB - 1), { maxLength: 2 }),
        (texts, maxNewTokens, batchSize, temperature, eosTokenIds) => {
          const drawn = temperature > 0 ? { doSample: true, topK: 0, temperature } : {};
          const o = { ...drawn, maxNewTokens, eosTokenIds, seed: 5, repetitionPenalty: 1.1 };
          const alone = texts.map((p) => generate(model, [p], o)[0]);
          expect(generate(model, texts, { ...o, batchSize })).toEqual(alone);
        },
      ),
      { numRuns: 60 },
    );
  });
  it("ends a text when its callback says so, whatever the others do, and leaves no tensors behind", () => {
    const before = memory().liveTensors;
    const texts = [[1, 2, 3], [4], [5, 6]];
    const seen: number[][] = [[], [], []];
    const onToken = (text: number, id: number) => seen[text].push(id) > 2 * text;
    const out = generate(model, texts, { maxNewTokens: 12, onToken });
    expect(out.map((ids) => ids.length)).toEqual([1, 3, 5]);
    expect(seen).toEqual(out);
    expect(memory().liveTensors).toBeLessThanOrEqual(before);
  });
});

it("gives padding no influence: logits of a padded text are those of the text alone", () => {
  for (const model of [gpt(64), rnn("lstm"), rnn("gru"), rnn("rnn")]) {
    noGrad(() => {
      const ids = (values: number[], rows: number) => tensor(Int32Array.from(values), [rows, values.length / rows]);
      const alone = model.next(ids([7, 9], 1));
      const padded = model.next(ids([3, 3, 3, 7, 9, 1, 2, 3, 4, 5], 2), undefined, [3, 0]);
      const want = alone.logits.toArray() as number[][][];
      const got = padded.logits.slice(1, 3).toArray() as number[][][];
      got[0].forEach((row, t) => {
        row.forEach((x, i) => {
          expect(x).toBeCloseTo(want[0][t][i], 5);
        });
      });
      const next = model.next(ids([2], 1), alone.past).logits.data();
      model
        .next(ids([2, 2], 2), padded.past, [3, 0])
        .logits.data()
        .slice(0, VOCAB)
        .forEach((x, i) => {
          expect(x).toBeCloseTo(next[i], 5);
        });
    });
  }
});
