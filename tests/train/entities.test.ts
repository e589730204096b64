import { describe, expect, it } from "vitest";
import { areEntityTags, entitiesOf, entityScores } from "../../src/train/index.ts";

const spans = (tags: string) => entitiesOf(tags.split(" ")).map(({ type, start, end }) => [type, start, end]);

describe("entities", () => {
  // from seqeval.metrics.sequence_labeling import get_entities  # 1.2.2; its ends are the last word, ours one behind it
  // for s in […]: print(get_entities(s.split()))
  it.each([
    ["B-PER I-PER O B-LOC", "PER 0 1, LOC 3 3"],
    ["I-ORG I-ORG B-ORG O I-PER", "ORG 0 1, ORG 2 2, PER 4 4"],
    ["S-PER E-PER I-PER I-LOC E-LOC B-LOC", "PER 0 0, PER 1 1, PER 2 2, LOC 3 4, LOC 5 5"],
    ["B-PER I-LOC I-LOC E-LOC I-LOC", "PER 0 0, LOC 1 3, LOC 4 4"],
    ["B-creative-work I-creative-work B-creative-work", "creative-work 0 1, creative-work 2 2"],
    ["O", ""],
  ])("of %s", (tags, expected) => {
    expect(
      spans(tags)
        .map(([type, start, end]) => `${type} ${start} ${Number(end) - 1}`)
        .join(", "),
    ).toBe(expected);
  });
  it("reads BILOU as IOBES", () => {
    expect(spans("U-X U-X B-Y I-Y L-Y L-Y")).toEqual(spans("S-X S-X B-Y I-Y E-Y E-Y"));
    expect(spans("U-X U-X")).toHaveLength(2);
  });

  // import seqeval.metrics as s
  // tags = ["O", "B-A", "I-A", "E-A", "S-A", "B-B", "I-B", "E-B", "S-B"]; x = 1
  // def draw(n): global x; x = (x * 1103515245 + 12345) % 2147483648; return (x >> 16) % n
  // for k in (3, 9):
  //   target = [[tags[draw(k)] for _ in range(1 + draw(12))] for _ in range(60)]
  //   predicted = [[draw(3) and t or tags[draw(k)] for t in row] for row in target]
  //   print(s.precision_score(target, predicted), s.recall_score(target, predicted), s.f1_score(target, predicted))
  it("gives seqeval's scores", () => {
    const tags = ["O", "B-A", "I-A", "E-A", "S-A", "B-B", "I-B", "E-B", "S-B"];
    let x = 1;
    const draw = (n: number) => {
      x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
      return (x >> 16) % n;
    };
    const expected = [
      [3, 0.6699507389162561, 0.6868686868686869, 0.6783042394014961],
      [9, 0.7255520504731862, 0.71875, 0.7221350078492936],
    ];
    for (const [k, precision, recall, f1] of expected) {
      const target = Array.from({ length: 60 }, () => Array.from({ length: 1 + draw(12) }, () => tags[draw(k)]));
      const predicted = target.map((row) => row.map((tag) => (draw(3) ? tag : tags[draw(k)])));
      const scores = entityScores(predicted, target);
      expect(scores.precision).toBeCloseTo(precision, 12);
      expect(scores.recall).toBeCloseTo(recall, 12);
      expect(scores.f1).toBeCloseTo(f1, 12);
    }
  });
  it("gives 0 where there are none, and refuses what does not fit", () => {
    expect(entityScores([["O", "O"]], [["O", "B-A"]])).toEqual({ precision: 0, recall: 0, f1: 0 });
    expect(() => entityScores([["O"]], [["O", "O"]])).toThrow(/differ in length/);
    expect(() => entityScores([["O"]], [])).toThrow(/differ in length/);
  });
  it("tells entity tags from others", () => {
    expect(areEntityTags(["O", "B-a", "I-a"])).toBe(true);
    expect(areEntityTags(["B-a", "S-b", "L-b"])).toBe(true);
    expect(areEntityTags(["NOUN", "VERB"])).toBe(false);
    expect(areEntityTags(["O"])).toBe(false);
    expect(areEntityTags(["O", "B-a", "NOUN"])).toBe(false);
  });
});
