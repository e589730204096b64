import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { manualSeed, memory, noGrad, type Tensor, tensor } from "../../../src/index.ts";
import {
  beamSearchSeq2Seq,
  generateSeq2Seq,
  LstmAttentionForConditionalGeneration,
  lstmAttentionConfig,
  MarianMTModel,
  marianConfig,
  type Seq2SeqModel,
  type Seq2SeqState,
  T5ForConditionalGeneration,
  t5Config,
} from "../../../src/models/index.ts";

const VOCAB = 13;
type Make = (heads: number, layers: number) => Seq2SeqModel;
const MODELS: [string, Make][] = [
  [
    "t5",
    (heads, layers) =>
      new T5ForConditionalGeneration(
        t5Config.make({
          ...{ vocabSize: VOCAB, dModel: 8, dKv: 4, dFf: 12, numLayers: layers, numHeads: heads },
          ...{ relativeAttentionNumBuckets: 8, relativeAttentionMaxDistance: 10 },
        }),
      ),
  ],
  [
    "marian",
    (heads, layers) =>
      new MarianMTModel(
        marianConfig.make({
          ...{ vocabSize: VOCAB, dModel: 4 * heads, encoderLayers: layers, decoderLayers: layers },
          ...{ encoderAttentionHeads: heads, decoderAttentionHeads: heads, encoderFfnDim: 8, decoderFfnDim: 8 },
          ...{ maxPositionEmbeddings: 16, padTokenId: 12, decoderStartTokenId: 12, eosTokenId: 0, initStd: 0.5 },
        }),
      ),
  ],
  [
    "lstm-attention",
    (heads, layers) =>
      new LstmAttentionForConditionalGeneration(
        lstmAttentionConfig.make({
          ...{ vocabSize: VOCAB, embeddingSize: 6, hiddenSize: 4 * heads, numHiddenLayers: layers, initRange: 0.5 },
          ...{ padTokenId: 12, decoderStartTokenId: 12, eosTokenId: 0 },
        }),
      ),
  ],
];
const close = (got: Tensor, want: Tensor) => {
  const [a, b] = [got.data(), want.data()];
  expect(a.length).toBe(b.length);
  for (let i = 0; i < a.length; i++) expect(Math.abs(a[i] - b[i])).toBeLessThan(3e-5 * (1 + Math.abs(b[i])));
};
const ids = (values: readonly number[]) => tensor(Int32Array.from(values), [1, values.length]);
/** Texts side by side, padded at their ends. */
function together(texts: readonly (readonly number[])[]) {
  const longest = Math.max(...texts.map((t) => t.length));
  const pad = (t: readonly number[], fill: number) => [...t, ...Array(longest - t.length).fill(fill)];
  const of = (rows: number[][]) => tensor(Int32Array.from(rows.flat()), [texts.length, longest]);
  return {
    inputIds: of(texts.map((t) => pad(t, 1))),
    attentionMask: of(
      texts.map((t) =>
        pad(
          t.map(() => 1),
          0,
        ),
      ),
    ),
  };
}

const shapes = fc.record({
  heads: fc.integer({ min: 1, max: 3 }),
  layers: fc.integer({ min: 1, max: 2 }),
  seed: fc.integer({ min: 0, max: 1000 }),
  lengths: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
});

describe.each(MODELS)("%s", (_name, make) => {
  it("gives the same logits through its cache in any pieces as all at once", () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shapes, cuts, ({ heads, layers, seed, lengths }, cuts) => {
        manualSeed(seed);
        const model = make(heads, layers).eval() as Seq2SeqModel;
        const texts = lengths.map((n, b) => Array.from({ length: n }, (_, i) => 1 + ((i * 5 + b + seed) % 11)));
        const inputs = together(texts);
        const written = tensor(
          Int32Array.from({ length: texts.length * 8 }, (_, i) => (i * 7 + seed) % VOCAB),
          [texts.length, 8],
        );
        const whole = noGrad(() => model.forward({ ...inputs, decoderInputIds: written }).logits);
        let state: Seq2SeqState = noGrad(() => ({ ...model.encode(inputs) }));
        for (let at = 0, c = 0; at < 8; c++) {
          const end = Math.min(8, at + cuts[c % cuts.length]);
          const [before, from] = [state, at];
          const { logits, cross, past } = noGrad(() => {
            const out = model.next(written.slice(1, from, end), before);
            return { logits: out.logits, cross: out.state.cross, past: out.state.past };
          });
          close(logits, whole.slice(1, at, end));
          state = { cross, crossMask: before.crossMask, past };
          at = end;
        }
      }),
      { numRuns: 20 },
    );
  });
  it("writes the same texts alone and together, greedily, drawn and by beams, and keeps no tensors", () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 4 }), ({ heads, layers, seed, lengths }, numBeams) => {
        manualSeed(seed);
        const model = make(heads, layers);
        const texts = lengths.map((n, b) => Array.from({ length: n }, (_, i) => 1 + ((i * 5 + b + seed) % 11)));
        const inputs = together(texts);
        const alone = texts.map((t) => ({ inputIds: ids(t) }));
        const before = memory().liveTensors;
        for (const options of [{ maxNewTokens: 7 }, { maxNewTokens: 7, numBeams, noRepeatNgramSize: 3 }]) {
          const got = generateSeq2Seq(model, inputs, options);
          expect(got).toEqual(alone.map((one) => generateSeq2Seq(model, one, options)[0]));
        }
        const drawn = { maxNewTokens: 7, doSample: true, topK: 5, seed };
        expect(generateSeq2Seq(model, inputs, drawn)).toEqual(generateSeq2Seq(model, inputs, drawn));
        expect(memory().liveTensors).toBe(before);
        expect(model.training).toBe(true);
      }),
      { numRuns: 15 },
    );
  });
  it("keeps to its rules, and refuses what cannot be", () => {
    manualSeed(1);
    const model = make(2, 1);
    const inputs = { inputIds: ids([1, 2, 3]) };
    const never = [[0], [3], [5, 6], [12]];
    for (const numBeams of [1, 3]) {
      const [text] = generateSeq2Seq(model, inputs, {
        maxNewTokens: 8,
        numBeams,
        badWordsIds: never,
        eosTokenIds: [],
        forcedEosTokenId: null,
      });
      expect(text.some((id) => [0, 3, 12].includes(id))).toBe(false);
      const [forced] = generateSeq2Seq(model, inputs, {
        maxNewTokens: 4,
        numBeams,
        forcedEosTokenId: 4,
        eosTokenIds: [],
      });
      expect(forced[3]).toBe(4);
      const [once] = generateSeq2Seq(model, inputs, {
        maxNewTokens: 8,
        numBeams,
        noRepeatNgramSize: 1,
        eosTokenIds: [],
        forcedEosTokenId: null,
      });
      expect(new Set(once).size).toBe(once.length);
    }
    expect(beamSearchSeq2Seq(model, inputs, { maxNewTokens: 0, numBeams: 2 })).toEqual([[]]);
    expect(() => generateSeq2Seq(model, inputs, { numBeams: 0 })).toThrow(/numBeams is 0/);
    expect(() => generateSeq2Seq(model, inputs, { numBeams: 2, doSample: true })).toThrow(/several beams/);
    expect(() => generateSeq2Seq(model, inputs, { badWordsIds: [[VOCAB]] })).toThrow(/outside the vocabulary of 13/);
    expect(() => generateSeq2Seq(model, { inputIds: ids([VOCAB]) })).toThrow(/13/);
    expect(() => model.forward({ ...inputs, attentionMask: ids([1]), labels: ids([1]) })).toThrow(/attentionMask/);
    expect(() => model.forward(inputs)).toThrow(/neither decoderInputIds nor labels/);
    if (Number.isFinite(model.maxPositions)) {
      expect(() => generateSeq2Seq(model, inputs, { maxNewTokens: 17 })).toThrow(/the model has 16 positions/);
      expect(() => model.encode({ inputIds: ids(Array(17).fill(1)) })).toThrow(/17 tokens, but the model has 16/);
    }
  });
});
