import { describe, expect, it } from "vitest";
import { Tokenizer } from "../../../src/text/index.ts";
import recorded from "./recorded.json" with { type: "json" };

const { texts, pairs, tokenizers } = recorded;

/** Offsets in code points, as Python counts them, each in the text that its token is of. */
function inCodePoints(from: string[], offsets: [number, number][], sequences: (number | null)[]): number[] {
  return offsets.flatMap((pair, i) => pair.map((unit) => [...from[sequences[i] ?? 0].slice(0, unit)].length));
}

// record.py says what was recorded, and how.
describe("tokenizer.json of published kinds, as tokenizers reads it", () => {
  it.each(Object.entries(tokenizers))("%s", (_, { json, rows }) => {
    const tokenizer = Tokenizer.fromJSON(json);
    const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer)));
    const inputs = [...texts.map((text) => [text]), ...pairs];
    inputs.forEach((input, i) => {
      const encoding = tokenizer.encode(input[0], { pair: input[1] });
      const { ids, tokens, offsets, typeIds, specialTokensMask, sequenceIds } = encoding;
      const got = {
        ids,
        tokens,
        offsets: inCodePoints(input, offsets, sequenceIds),
        types: typeIds,
        mask: specialTokensMask,
        decoded: tokenizer.decode(ids),
      };
      expect([input, got]).toEqual([input, rows[i]]);
      expect(again.encode(input[0], { pair: input[1] })).toEqual(encoding);
    });
  });
});
