import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ChrfOptions, corpusChrf, sentenceChrf } from "../../src/train/index.ts";
import { hasCases, hypotheses, near, publishedCases, references, TEXTS } from "./translations.ts";

describe("chrF", () => {
  // from sacrebleu.metrics import CHRF  # 2.6.0; TEXTS of translations.ts, and options under Python's names
  // def streams(rows):
  //     n = max(len(refs) for _, refs in rows)
  //     return [h for h, _ in rows], [[refs[k] if k < len(refs) else None for _, refs in rows] for k in range(n)]
  // print(CHRF(**options).corpus_score(*streams(TEXTS[name])).score)
  it.each<[string, ChrfOptions, number]>([
    ["english", {}, 62.49210844417811],
    ["english", { wordOrder: 2 }, 59.732774207940096],
    ["german", {}, 60.72840404377523],
    ["german", { wordOrder: 2 }, 58.271714515669494],
    ["chinese", {}, 42.378714940534365],
    ["chinese", { wordOrder: 2 }, 38.93794259583923],
    ["no match", {}, 8.733501649835015],
    ["no match", { wordOrder: 2 }, 6.550126237376263],
    ["empty", {}, 0.0],
    ["empty", { wordOrder: 2 }, 0.0],
    ["english", { lowercase: true }, 64.82999822637882],
    ["german", { lowercase: true, wordOrder: 2 }, 64.00153147664615],
    ["english", { whitespace: true }, 66.80170262384422],
    ["german", { epsSmoothing: true }, 60.72772510516105],
    ["chinese", { epsSmoothing: true, wordOrder: 2 }, 34.01617906254363],
    ["no match", { epsSmoothing: true }, 8.733164983164992],
    ["english", { charOrder: 3, beta: 1 }, 73.87215896483211],
    ["german", { charOrder: 0, wordOrder: 1, beta: 3 }, 61.53846153846153],
    ["chinese", { whitespace: true, wordOrder: 1, charOrder: 2 }, 49.801825733139374],
  ])("of %s with %o is sacreBLEU's", (name, options, recorded) => {
    const { score } = corpusChrf(hypotheses(TEXTS[name]), references(TEXTS[name]), options);
    expect(near(score, recorded), `${score}, recorded ${recorded}`).toBe(true);
  });

  // print([CHRF(word_order=2).sentence_score(h, refs).score for h, refs in TEXTS[name]])
  it.each<[string, number[]]>([
    ["english", [72.025312648106, 59.86429932715901, 0.0, 100.0, 22.894077990641687, 72.42741430139107]],
    ["german", [80.12910766764185, 32.071911616171064, 65.44980319046496, 36.931082582294124]],
    ["chinese", [48.05461898987232, 21.86857758123257, 100.0, 60.11602115013629]],
  ])("of each sentence of %s is sacreBLEU's", (name, scores) => {
    TEXTS[name].forEach(([hypothesis, own], i) => {
      const { score } = sentenceChrf(hypothesis, own, { wordOrder: 2 });
      expect(near(score, scores[i]), `${score}, recorded ${scores[i]}`).toBe(true);
    });
  });

  it("refuses what does not fit", () => {
    expect(() => corpusChrf([], [])).toThrow(/chrF: no hypotheses/);
    expect(() => corpusChrf(["a"], ["a", "b"])).toThrow(/1 hypotheses, but references for 2/);
    expect(() => sentenceChrf("a", [])).toThrow(/has no reference/);
    expect(() => sentenceChrf("a", "a", { charOrder: 0 })).toThrow(/no n-grams/);
    expect(() => sentenceChrf("a", "a", { charOrder: 1.5 })).toThrow(/charOrder is 1.5/);
    expect(() => sentenceChrf("a", "a", { wordOrder: -1 })).toThrow(/wordOrder is -1/);
    expect(() => sentenceChrf("a", "a", { beta: 0 })).toThrow(/beta is 0/);
  });
});

describe("properties of chrF", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "C", " ", ".", "ä", "猫", "😀"), maxLength: 30 });
  const rows = fc.array(fc.tuple(text, fc.array(text, { minLength: 1, maxLength: 3 })), { minLength: 1, maxLength: 6 });
  const options = fc.record<ChrfOptions>(
    {
      charOrder: fc.integer({ min: 1, max: 6 }),
      wordOrder: fc.integer({ min: 0, max: 3 }),
      beta: fc.constantFrom(0.5, 1, 2, 3),
      lowercase: fc.boolean(),
      whitespace: fc.boolean(),
      epsSmoothing: fc.boolean(),
    },
    { requiredKeys: [] },
  );

  it("is 0 to 100, and order does not matter", () => {
    fc.assert(
      fc.property(rows, options, fc.nat(), (list, o, turn) => {
        const { score } = corpusChrf(hypotheses(list), references(list), o);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThan(100 + 1e-9);
        const at = turn % list.length;
        const turned = [...list.slice(at), ...list.slice(0, at)];
        expect(corpusChrf(hypotheses(turned), references(turned), o).score).toBe(score);
      }),
    );
  });

  it("is 100 for the reference itself, 0 where nothing is shared, and takes the best reference", () => {
    fc.assert(
      fc.property(text, text, options, (line, other, o) => {
        const plain = { ...o, epsSmoothing: false };
        if (line.trim() !== "") expect(sentenceChrf(line, line, plain).score).toBeCloseTo(100, 9);
        expect(sentenceChrf(line, "zzz", plain).score).toBe(0);
        const [one, two] = [line, other].map((reference) => sentenceChrf(line, reference, o).score);
        expect(sentenceChrf(line, [line, other], o).score).toBe(Math.max(one, two));
      }),
    );
  });
});

describe.skipIf(!hasCases)("sacreBLEU's own cases (skipped without data)", () => {
  type Case = [hypotheses: string | string[], references: string[], score: number];
  const read = (start: string) => publishedCases<Case>(start);
  const eps = { beta: 3, epsSmoothing: true };
  it.each<[string, ChrfOptions]>([
    ["chrf(", eps],
    ["chrf_no_eps_smoothing", { ...eps, epsSmoothing: false }],
    ["chrf_keep_whitespace", { ...eps, epsSmoothing: false, whitespace: true }],
  ])("%s", (start, options) => {
    for (const [own, list, score] of read(start)) {
      expect(corpusChrf(own as string[], list, options).score).toBeCloseTo(score, 3);
    }
  });
  it("sentences", () => {
    for (const [own, list, score] of read("sentence_chrf")) {
      expect(sentenceChrf(own as string, list, { epsSmoothing: true }).score).toBeCloseTo(score, 6);
    }
  });
});
