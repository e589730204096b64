import { describe, expect, it } from "vitest";
import {
  full,
  manualSeed,
  noGrad,
  ones,
  randn,
  scaledDotProductAttention,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import {
  GPT2LMHeadModel,
  generate,
  gpt2Config,
  RnnForCausalLM,
  RnnForSequenceClassification,
  TransformerForSequenceClassification,
} from "../../src/models/index.ts";
import { crossEntropy, MultiheadAttention } from "../../src/nn/index.ts";

const int = (values: number[], shape = [values.length]) => tensor(Int32Array.from(values), shape);
const finite = (x: Tensor) => [...x.data()].every(Number.isFinite);

describe("language models", () => {
  const gpt = new GPT2LMHeadModel(
    gpt2Config.make({ vocabSize: 11, nPositions: 4, nEmbd: 8, nLayer: 1, nHead: 2, nInner: 16 }),
  );
  const shape = {
    vocabSize: 11,
    embeddingSize: 4,
    hiddenSize: 4,
    numHiddenLayers: 1,
    dropout: 0,
    tieWordEmbeddings: false,
  };
  const gru = new RnnForCausalLM({ modelType: "gru", ...shape });

  it.each<[string, () => unknown, RegExp]>([
    [
      "an id past the vocabulary",
      () => gpt.forward({ inputIds: int([1, 11], [1, 2]) }),
      /index 11 at position 1 is outside the table of 11/,
    ],
    ["a negative id", () => gpt.forward({ inputIds: int([-1, 1], [1, 2]) }), /index -1 at position 0/],
    ["the same of a recurrent model", () => gru.forward(int([11], [1, 1])), /index 11 at position 0/],
    [
      "a target past the vocabulary",
      () => crossEntropy(gpt.forward({ inputIds: int([1], [1, 1]) }).logits.flatten(0, 1), int([11])),
      /target 11 at row 0/,
    ],
    [
      "more tokens than positions",
      () => gpt.forward({ inputIds: int([1, 2, 3, 4, 5], [1, 5]) }),
      /5 tokens, but the model has 4 positions/,
    ],
    ["no tokens", () => gpt.forward({ inputIds: int([], [1, 0]) }), /there are no tokens/],
    ["state of another batch", () => gru.forward(int([1], [1, 1]), [zeros([1, 2, 4])]), /expected a state \[1, 1, 4\]/],
    ["an empty prompt", () => generate(gpt, [[]]), /the prompt is empty/],
    ["half a token", () => generate(gpt, [[1.5]]), /token 1.5 is outside/],
  ])("refuse %s", (_, run, message) => {
    expect(run).toThrow(message);
  });

  it("write on past their positions from what they still see", () => {
    gpt.eval();
    const [made] = generate(gpt, [[1, 2, 3, 4, 5, 6]], { maxNewTokens: 6 });
    expect(made).toHaveLength(6);
    expect(generate(gpt, [[3, 4, 5, 6]], { maxNewTokens: 1 })[0][0]).toBe(made[0]);
  });
});

describe("a mask that hides everything", () => {
  it("gives 0 and gradients of 0 to that query alone, as documented", () => {
    manualSeed(1);
    const [q, k, v] = [0, 1, 2].map(() => {
      const x = randn([1, 2, 3, 4]);
      x.requiresGrad = true;
      return x;
    });
    const rows = (value: number, hidden: number, dtype: "uint8" | "float32") => {
      const mask = full([3, 3], value, { dtype });
      mask.select(0, 1).fill_(hidden);
      return mask;
    };
    for (const attnMask of [rows(1, 0, "uint8"), rows(0, Number.NEGATIVE_INFINITY, "float32")]) {
      const out = scaledDotProductAttention(q, k, v, { attnMask });
      const hidden = [...out.detach().select(2, 1).contiguous().data()];
      out.sum().backward();
      expect(hidden).toEqual(new Array(8).fill(0));
      for (const x of [q, k, v]) expect(finite(x.grad as Tensor)).toBe(true);
      const grad = q.grad as Tensor;
      expect([...grad.select(2, 1).contiguous().data()]).toEqual(new Array(8).fill(0));
      expect([...grad.select(2, 0).contiguous().data()].some((g) => g !== 0)).toBe(true);
      for (const x of [q, k, v]) x.grad = undefined;
    }
    const attention = new MultiheadAttention(8, 2, { batchFirst: true });
    const x = randn([2, 3, 8]);
    const keyPaddingMask = ones([2, 3], { dtype: "uint8" });
    expect(finite(attention.forward(x, x, x, { keyPaddingMask }).output)).toBe(true);
    const other = ones([2, 4], { dtype: "uint8" });
    expect(() => attention.forward(x, x, x, { keyPaddingMask: other })).toThrow(/does not broadcast/);
  });
});

describe("classifiers of texts", () => {
  const shared = { vocabSize: 9, numLabels: 2, hiddenSize: 8, numHiddenLayers: 1, dropout: 0, padTokenId: 0 };
  const shape = { maxPositionEmbeddings: 4, numAttentionHeads: 2, intermediateSize: 8 };
  it.each([
    ["transformer", new TransformerForSequenceClassification({ ...shared, ...shape })],
    ["lstm", new RnnForSequenceClassification({ ...shared, modelType: "lstm", embeddingSize: 4 })],
  ])("%s: a text without tokens is finite and changes no other; a wrong length is an error", (_, model) => {
    model.eval();
    const run = (ids: number[], lengths: number[]) =>
      noGrad(() =>
        model.forward({ ids: int(ids, [ids.length / lengths.length, lengths.length]), lengths: int(lengths) }),
      );
    const both = run([1, 0, 2, 0], [2, 0]);
    expect(finite(both)).toBe(true);
    const alone = run([1, 2], [2]).data();
    both
      .select(0, 0)
      .data()
      .forEach((x, i) => {
        expect(x).toBeCloseTo(alone[i], 5);
      });
    expect(() => run([1, 2], [3])).toThrow(/length 3 of \w+ 0 is outside 0 to 2/);
    expect(() => run([1, 9], [2])).toThrow(/index 9/);
  });
});
