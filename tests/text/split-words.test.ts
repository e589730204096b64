import { expect, it } from "vitest";
import { splitWords, wordFeatures } from "../../src/text/index.ts";

const cut = (text: string) => splitWords(text).map(({ word }) => word);

it.each([
  ["I don't think it's 3.5%.", ["I", "do", "n't", "think", "it", "'s", "3.5", "%", "."]],
  ["We’ll see (in the U.S.)...", ["We", "’ll", "see", "(", "in", "the", "U.S.", ")", "..."]],
  ["well-known, 10:30!!", ["well", "-", "known", ",", "10:30", "!!"]],
  ["@me #tag a@b.org http://a.b/c.", ["@me", "#tag", "a@b.org", "http://a.b/c", "."]],
  ["味道很好！ 👍🏽 ok", ["味", "道", "很", "好", "！", "👍🏽", "ok"]],
  ["café naïve Übung", ["café", "naïve", "Übung"]],
  ["  \n\t ", []],
  ["", []],
])("cuts %j", (text, expected) => {
  expect(cut(text)).toEqual(expected);
});

it("leaves nothing out but spaces, and tells where each word lies", () => {
  const text = "Odd «bits»: ½ € \u{1f469}‍\u{1f4bb} a_b \u0301x don't’s — x'";
  const spans = splitWords(text);
  expect(spans.map(({ word }) => word).join("")).toBe(text.replace(/\s/g, ""));
  for (const { word, start, end } of spans) expect(text.slice(start, end)).toBe(word);
});

it("gives words that look alike features in common", () => {
  const common = (a: string, b: string) => {
    const other = new Set(wordFeatures(b, 2 ** 20));
    return wordFeatures(a, 2 ** 20).filter((f) => other.has(f)).length;
  };
  expect(common("walking", "talking")).toBeGreaterThan(common("walking", "walked"));
  expect(common("Rome", "rome")).toBeGreaterThan(common("Rome", "Oslo"));
  // The shape: Xxxx and Xx.
  expect(common("Rome", "Oslo")).toBeGreaterThanOrEqual(2);
  for (const word of ["a", "👍", "x".repeat(5000), "19:30"]) {
    const features = wordFeatures(word, 97);
    expect(features.length).toBeGreaterThan(3);
    expect(features.every((f) => f >= 0 && f < 97)).toBe(true);
  }
});
