import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataError } from "../../../src/data/index.ts";
import { TOKENIZER_KINDS, Tokenizer, trainTokenizer } from "../../../src/text/index.ts";

const texts = [
  "the cat sat on the mat.\n",
  "The dog, it seems, isn't there!\n",
  "初心不忘，方得始终。\n",
  "naïve café 🙂 ok\n",
];
const train = (kind: (typeof TOKENIZER_KINDS)[number], more = {}) =>
  trainTokenizer(kind, texts, { vocabSize: 400, ...more });

describe.each(TOKENIZER_KINDS)("%s tokenizer", (kind) => {
  it("gives the same encodings after a round through JSON", async () => {
    const tokenizer = await train(kind);
    const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer)));
    expect(again.kind).toBe(kind);
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...texts), fc.string({ unit: "grapheme" })), (text) => {
        expect(again.encode(text)).toEqual(tokenizer.encode(text));
      }),
    );
  });
  it("says where every token lies, in order, and never leaves the vocabulary", async () => {
    const tokenizer = await train(kind);
    fc.assert(
      fc.property(fc.oneof(fc.constantFrom(...texts), fc.string({ unit: "binary" })), (text) => {
        const { ids, tokens, offsets } = tokenizer.encode(text, { addSpecialTokens: false });
        expect([tokens.length, offsets.length]).toEqual([ids.length, ids.length]);
        let at = 0;
        offsets.forEach(([from, to], i) => {
          expect(from).toBeGreaterThanOrEqual(kind === "bpe" ? 0 : at);
          expect(to).toBeLessThanOrEqual(text.length);
          expect(to).toBeGreaterThanOrEqual(from);
          at = from;
          expect(ids[i]).toBeLessThan(tokenizer.vocabSize);
        });
      }),
    );
  });
  it("is trained to the same file twice, within the size asked for", async () => {
    const [a, b] = [await train(kind, { vocabSize: 300 }), await train(kind, { vocabSize: 300 })];
    expect(JSON.stringify(a)).toBe(JSON.stringify(b));
    expect(a.vocabSize).toBeLessThanOrEqual(300);
    await expect(trainTokenizer(kind, [], {})).rejects.toThrow(DataError);
    await expect(trainTokenizer(kind, texts, { vocabSize: 1 })).rejects.toThrow(/vocabSize is 1/);
  });
});

it("bytes lose nothing: decoding gives back any text", async () => {
  const tokenizer = await train("bpe");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const { ids } = tokenizer.encode(text);
      expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(text);
    }),
  );
  const characters = await train("character");
  for (const text of texts) expect(characters.decode(characters.encode(text).ids)).toBe(text);
});

it("names the field of a damaged tokenizer.json", async () => {
  const json = JSON.parse(JSON.stringify(await train("bpe")));
  const broken = (edit: (copy: typeof json) => void) => {
    const copy = structuredClone(json);
    edit(copy);
    return () => Tokenizer.fromJSON(copy, "t.json");
  };
  expect(
    broken((c) => {
      c.model.type = "Neural";
    }),
  ).toThrow(/t\.json.*model/s);
  expect(
    broken((c) => {
      c.model.merges[0] = ["never", "seen"];
    }),
  ).toThrow(DataError);
  expect(broken((c) => void delete c.model.vocab)).toThrow(/vocab/);
  expect(
    broken((c) => {
      c.added_tokens[0].id = 7;
    }),
  ).toThrow(/has the id 7/);
  expect(() => Tokenizer.fromJSON(null, "t.json")).toThrow(/t\.json/);
  expect(() => Tokenizer.fromFile("/nowhere/tokenizer.json")).toThrow(/no such file/);
  const tokenizer = Tokenizer.fromJSON(json);
  // Tables of models are padded: what has no token decodes to nothing, as in Transformers.
  expect(tokenizer.decode([9999, ...tokenizer.encode("cat").ids, 400, 2 ** 31])).toBe("cat");
  for (const ids of [[-1], [1.5], [Number.NaN], ["1"], [null]] as number[][])
    expect(() => tokenizer.decode(ids)).toThrow(DataError);
});
