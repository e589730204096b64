import { describe, expect, it } from "vitest";
import { BagOfWordsVectorizer, VectorizerError, words } from "../../src/text/index.ts";

describe("words", () => {
  it("cuts letters, characters and marks", () => {
    expect(words("It's GREAT, really!!")).toEqual(["it's", "great", "really", "!!"]);
    expect(words("味道很好！ＯＫ")).toEqual(["味", "道", "很", "好", "!", "ok"]);
    expect(words("so 👍 café")).toEqual(["so", "👍", "café"]);
    expect(words("... —")).toEqual([]);
  });
});

describe("BagOfWordsVectorizer", () => {
  const texts = ["a b a", "b c", "c c d"];
  // from sklearn.feature_extraction.text import TfidfVectorizer
  // v = TfidfVectorizer(token_pattern=r"\w", sublinear_tf=True).fit(["a b a", "b c", "c c d"]); v.transform(["a b a b c"]).toarray()
  // columns a b c d
  it("gives scikit-learn's TF-IDF", () => {
    const v = new BagOfWordsVectorizer({ ngramRange: [1, 1] }).fit(texts);
    const vocabulary = v.toJSON().vocabulary;
    const { ids, weights } = v.transform("a b a b c");
    const got = Object.fromEntries([...ids].map((id, i) => [vocabulary[id], weights[i]]));
    const idf = (d: number) => Math.log(4 / (1 + d)) + 1;
    const raw = { a: (1 + Math.log(2)) * idf(1), b: (1 + Math.log(2)) * idf(2), c: idf(2) };
    const norm = Math.hypot(...Object.values(raw));
    for (const [word, value] of Object.entries(raw)) expect(got[word]).toBeCloseTo(value / norm, 6);
  });
  it("takes longer runs of unspaced characters", () => {
    const v = new BagOfWordsVectorizer({ ngramRange: [1, 2] }).fit(["很好吃", "very good food"]);
    expect(v.toJSON().vocabulary).toEqual(expect.arrayContaining(["很 好 吃", "very good"]));
    expect(v.toJSON().vocabulary).not.toContain("very good food");
  });
  it("comes back from JSON and refuses damage", () => {
    const v = new BagOfWordsVectorizer().fit(texts);
    const again = BagOfWordsVectorizer.fromJSON(JSON.parse(JSON.stringify(v)));
    expect(again.transform("b c d")).toEqual(v.transform("b c d"));
    expect(() => BagOfWordsVectorizer.fromJSON({ ...v.toJSON(), idf: [1] })).toThrow(VectorizerError);
    expect(() => BagOfWordsVectorizer.fromJSON("x")).toThrow(VectorizerError);
    expect(() => new BagOfWordsVectorizer().fit(["", "..."])).toThrow(/no words/);
    expect(v.transform("").ids).toHaveLength(0);
  });
});
