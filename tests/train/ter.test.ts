import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { corpusTer, sentenceTer, type TerOptions } from "../../src/train/index.ts";
import { hasCases, hypotheses, near, publishedCases, references, TEXTS } from "./translations.ts";

describe("TER", () => {
  // from sacrebleu.metrics import TER  # 2.6.0; TEXTS of translations.ts, and options under Python's names
  // def streams(rows):
  //     n = max(len(refs) for _, refs in rows)
  //     return [h for h, _ in rows], [[refs[k] if k < len(refs) else None for _, refs in rows] for k in range(n)]
  // s = TER(**options).corpus_score(*streams(TEXTS[name]))
  // print(s.score, s.num_edits, s.ref_length)
  it.each<[string, TerOptions, number, number, number]>([
    ["english", {}, 43.40425531914893, 17, 39.16666666666667],
    ["english", { normalized: true }, 34.504792332268366, 18, 52.16666666666667],
    ["german", {}, 45.28301886792453, 12, 26.5],
    ["german", { normalized: true }, 34.78260869565217, 12, 34.5],
    ["chinese", {}, 83.33333333333334, 5, 6.0],
    ["chinese", { normalized: true }, 83.33333333333334, 5, 6.0],
    ["no match", {}, 100.0, 3, 3.0],
    ["no match", { normalized: true }, 100.0, 3, 3.0],
    ["empty", {}, 100.0, 2, 2.0],
    ["empty", { normalized: true }, 100.0, 2, 2.0],
    ["english", { caseSensitive: true }, 51.06382978723404, 20, 39.16666666666667],
    ["english", { noPunct: true }, 30.63829787234042, 12, 39.16666666666667],
    ["chinese", { normalized: true, asianSupport: true }, 33.80281690140845, 12, 35.5],
    ["chinese", { noPunct: true, asianSupport: true, normalized: true }, 33.33333333333333, 11, 33.0],
    ["german", { caseSensitive: true, noPunct: true }, 41.509433962264154, 11, 26.5],
  ])("of %s with %o is sacreBLEU's", (name, options, score, edits, length) => {
    const result = corpusTer(hypotheses(TEXTS[name]), references(TEXTS[name]), options);
    expect(near(result.score, score), `${result.score}, recorded ${score}`).toBe(true);
    expect(near(result.referenceLength, length)).toBe(true);
    expect(result.edits).toBe(edits);
  });

  // x = 1
  // def draw(n): global x; x = (x * 1103515245 + 12345) % 2147483648; return (x >> 16) % n
  // for words, longest in ((3, 12), (40, 30), (4, 90), (30, 200)):
  //     rows = [[" ".join("w%d" % draw(words) for _ in range(draw(longest))) for _ in range(2)] for _ in range(20)]
  //     s = TER().corpus_score([h for h, _ in rows], [[r for _, r in rows]])
  //     print(s.num_edits, s.ref_length)
  it("of drawn words is sacreBLEU's, at its limits too", () => {
    let x = 1;
    const draw = (n: number) => {
      x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
      return (x >> 16) % n;
    };
    for (const [words, longest, edits, length] of [
      [3, 12, 112, 114],
      [40, 30, 386, 258],
      [4, 90, 771, 830],
      [30, 200, 2201, 1561],
    ]) {
      const line = () => Array.from({ length: draw(longest) }, () => `w${draw(words)}`).join(" ");
      const rows = Array.from({ length: 20 }, (): [string, string[]] => [line(), [line()]]);
      const result = corpusTer(hypotheses(rows), references(rows));
      expect([result.edits, result.referenceLength]).toEqual([edits, length]);
    }
  });

  it("counts a moved run of words as one edit", () => {
    expect(sentenceTer("d e f g a b c", "a b c d e f g").edits).toBe(1);
    expect(sentenceTer("a b c", "a x c d")).toEqual({ score: 50, edits: 2, referenceLength: 4 });
  });
  it("refuses what does not fit", () => {
    expect(() => corpusTer([], [])).toThrow(/TER: no hypotheses/);
    expect(() => corpusTer(["a"], [])).toThrow(/1 hypotheses, but references for 0/);
    expect(() => sentenceTer("a", [])).toThrow(/has no reference/);
  });

  it("takes no more edits than writing all anew, and none for the reference itself", () => {
    const text = fc
      .array(fc.constantFrom("a", "b", "c", "d.", "e's"), { maxLength: 12 })
      .map((words) => words.join(" "));
    fc.assert(
      fc.property(text, text, (line, other) => {
        const length = (s: string) => (s === "" ? 0 : s.split(" ").length);
        const { edits, referenceLength } = sentenceTer(line, other);
        expect(referenceLength).toBe(length(other));
        expect(edits).toBeLessThanOrEqual(Math.max(length(line), length(other)));
        expect(edits).toBeGreaterThanOrEqual(Math.abs(length(line) - length(other)));
        expect(sentenceTer(line, [other, line]).edits).toBe(0);
      }),
    );
  });
});

describe.skipIf(!hasCases)("sacreBLEU's own cases (skipped without data)", () => {
  type Case = [hypotheses: string | string[], references: string[], score: number];
  const read = (start: string) => publishedCases<Case>(start);
  it("TER", () => {
    for (const [own, list, rate] of read("ter(")) {
      expect(corpusTer(own as string[], list).score).toBeCloseTo(100 * rate, 3);
    }
  });
});
