import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeyedVectors, WordVectorsError } from "../../src/text/index.ts";

const small = () =>
  new KeyedVectors(["king", "man", "woman", "queen", "tree"], Float32Array.of(2, 1, 1, 0, 1, 2, 2, 3, -1, 0), 2);

describe("KeyedVectors", () => {
  it("gives rows, and says what it does not know", () => {
    const vectors = small();
    expect([vectors.length, vectors.vectorSize]).toEqual([5, 2]);
    expect([...vectors.vector("woman")]).toEqual([1, 2]);
    expect([vectors.has("king"), vectors.has("King"), vectors.indexOf("tree")]).toEqual([true, false, 4]);
    expect(() => vectors.vector("King")).toThrow('there is no vector of "King"');
  });

  it("measures cosines", () => {
    const vectors = small();
    expect(vectors.similarity("king", "king")).toBeCloseTo(1, 12);
    expect(vectors.similarity("man", "tree")).toBeCloseTo(-1, 12);
    expect(vectors.similarity("king", "woman")).toBeCloseTo(4 / 5, 12);
  });

  it("finds the nearest, analogies too, without the words asked with", () => {
    const vectors = small();
    expect(vectors.mostSimilar("king").map(({ word }) => word)).toEqual(["man", "queen", "woman", "tree"]);
    const [best, ...others] = vectors.mostSimilar({ positive: ["king", "woman"], negative: ["man"], topn: 2 });
    expect([best.word, others.length]).toEqual(["queen", 1]);
    expect(vectors.mostSimilar({ positive: ["king"], restrictVocab: 2 })).toHaveLength(1);
    expect(vectors.mostSimilar({ positive: [Float32Array.of(-5, 0)], topn: 1 })).toEqual([{ word: "tree", score: 1 }]);
  });

  it("orders as a full sort does", () => {
    const numbers = fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 12, maxLength: 60 });
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 8 }), (list, topn) => {
        const rows = Math.floor(list.length / 3);
        const words = Array.from({ length: rows }, (_, i) => `w${i}`);
        const vectors = new KeyedVectors(words, Float32Array.from(list.slice(0, 3 * rows)), 3);
        const scores = words.slice(1).map((word) => vectors.similarity("w0", word));
        const found = vectors.mostSimilar({ positive: ["w0"], topn });
        scores.sort((a, b) => b - a);
        expect(found).toHaveLength(Math.min(topn, rows - 1));
        found.forEach(({ score }, i) => {
          expect(score).toBeCloseTo(scores[i], 6);
        });
      }),
    );
  });

  it.each([
    ["sizes that do not fit", () => new KeyedVectors(["a"], new Float32Array(3), 2), "need 2, found 3"],
    ["a word twice", () => new KeyedVectors(["a", "a"], new Float32Array(4), 2), "comes twice"],
    ["nothing to look for", () => small().mostSimilar({}), "nothing to look for"],
    ["a vector of another size", () => small().mostSimilar({ positive: [new Float32Array(3)] }), "found 3"],
  ])("refuses %s", (_, make, message) => {
    expect(make).toThrow(WordVectorsError);
    expect(make).toThrow(message);
  });
});
