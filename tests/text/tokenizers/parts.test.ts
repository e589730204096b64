import { describe, expect, it } from "vitest";
import { BYTE_CHARACTERS } from "../../../src/text/tokenizers/bpe.ts";
import { decoder } from "../../../src/text/tokenizers/decode.ts";
import { normalizer } from "../../../src/text/tokenizers/normalize.ts";
import { preTokenizer } from "../../../src/text/tokenizers/pre-tokenize.ts";
import { parseTokenizerJson } from "../../../src/text/tokenizers/schema.ts";
import { Span } from "../../../src/text/tokenizers/span.ts";
import { Tokenizer } from "../../../src/text/tokenizers/tokenizer.ts";
import recorded from "./parts.json" with { type: "json" };

const { texts } = recorded;

/** FNV-1a over UTF-16 units, as scripts/record/tokenizer_parts.py has it. */
function hashed(text: string): string {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(36);
}

/** What differs, with the text that it is of. */
function differing(inputs: readonly string[], hashes: string, made: (text: string) => string): [string, string][] {
  const expected = hashes === "" ? [] : hashes.split(" ");
  expect(expected.length).toBe(inputs.length);
  return inputs.map((text): [string, string] => [text, made(text)]).filter(([, got], i) => hashed(got) !== expected[i]);
}

const inCodePoints = (text: string, at: number) => [...text.slice(0, at)].length;
const MODEL = { type: "WordLevel", vocab: { "?": 0 }, unk_token: "?" };
/** The description as a file's reader has it, with its defaults. */
const read = (parts: object) =>
  parseTokenizerJson({ version: "1.0", added_tokens: [], ...parts, model: MODEL }, "t.json");

describe("normalisers give what tokenizers gives", () => {
  it.each(Object.entries(recorded.normalizers))("%s", (_, { json, hashes }) => {
    const normalize = normalizer(read({ normalizer: json }).normalizer, "t.json");
    expect(differing(texts, hashes, (text) => normalize(new Span(text, 0)).text)).toEqual([]);
  });
});

describe("pre-tokenisers give what tokenizers gives, with offsets", () => {
  it.each(Object.entries(recorded.preTokenizers))("%s", (_, { json, hashes }) => {
    const cut = preTokenizer(read({ pre_tokenizer: json }).pre_tokenizer, "t.json");
    const made = (text: string) =>
      JSON.stringify(
        cut(new Span(text, 0)).map((span) => [
          span.text,
          span.range(0, span.text.length).map((at) => inCodePoints(text, at)),
        ]),
      );
    expect(differing(texts, hashes, made)).toEqual([]);
  });
});

describe("decoders give what tokenizers gives", () => {
  const { tokens, rows, kinds } = recorded.decoders;
  it.each(Object.entries(kinds))("%s", (_, { json, hashes }) => {
    const decode = decoder(read({ decoder: json }).decoder, "t.json");
    const made = (row: string) => decode(row.split(" ").map((i) => tokens[Number(i)])).join("");
    expect(differing(rows, hashes, made)).toEqual([]);
  });
});

describe("added tokens of every kind are found as tokenizers finds them", () => {
  const vocab = Object.fromEntries([...BYTE_CHARACTERS].sort().map((c, id) => [c, id]));
  it.each(recorded.added.map((set, i) => [i, set] as const))("set %i", (_, set) => {
    const tokenizer = Tokenizer.fromJSON({
      version: "1.0",
      added_tokens: set.added,
      normalizer: set.normalizer,
      pre_tokenizer: set.pre,
      model: { type: "BPE", vocab, merges: [] },
    });
    const made = (text: string) => {
      const { ids, offsets } = tokenizer.encode(text);
      return JSON.stringify([ids, offsets.map((pair) => pair.map((at) => inCodePoints(text, at)))]);
    };
    expect(differing(set.texts, set.hashes, made)).toEqual([]);
  });
});
