import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { TOKENIZER_KINDS, Tokenizer, trainTokenizer } from "../../../src/text/index.ts";
import { temporaryFolder } from "../../folder.ts";
import { CORPUS, TEXTS } from "./cases.ts";
import expected from "./huggingface.json" with { type: "json" };

const folder = temporaryFolder();

const SIZES = { bpe: 320, wordpiece: 150, unigram: 160, word: 60, character: 80 } as const;

/** Offsets in code points, as Python counts them. */
const inCodePoints = (text: string, offsets: [number, number][]) =>
  offsets.flat().map((unit) => [...text.slice(0, unit)].length);

// The values are of tokenizers 0.23.3, from the folders that this test saves (and TEXTS in texts.json):
//   import json
//   from tokenizers import Tokenizer
//   texts, out = json.load(open("texts.json")), {}
//   for kind in ["bpe", "wordpiece", "unigram", "word", "character"]:
//       t = Tokenizer.from_file(f"{kind}/tokenizer.json")
//       rows = [(x, t.encode(x)) for x in texts]
//       out[kind] = [{"ids": e.ids, "tokens": " ".join(e.tokens), "offsets": [n for o in e.offsets for n in o],
//                     "decoded": t.decode(e.ids), "all": t.decode(e.ids, skip_special_tokens=False)} for x, e in rows]
//   json.dump(out, open("huggingface.json", "w"))
describe("a trained tokenizer saved for Hugging Face", () => {
  it.each(TOKENIZER_KINDS)("encodes and decodes as tokenizers does: %s", async (kind) => {
    const trained = await trainTokenizer(kind, CORPUS, { vocabSize: SIZES[kind] });
    trained.save(join(folder, kind));
    const tokenizer = Tokenizer.fromFile(join(folder, kind));
    expect(tokenizer.toJSON()).toEqual(trained.toJSON());
    expect(tokenizer.kind).toBe(kind);
    expect(tokenizer.vocabSize).toBeLessThanOrEqual(SIZES[kind]);
    const got = TEXTS.map((text) => {
      const { ids, tokens, offsets } = tokenizer.encode(text);
      return {
        ids,
        tokens: tokens.join(" "),
        offsets: inCodePoints(text, offsets),
        decoded: tokenizer.decode(ids),
        all: tokenizer.decode(ids, { skipSpecialTokens: false }),
      };
    });
    expect(got).toEqual(expected[kind]);
  });

  it("names the special tokens for Transformers", async () => {
    (await trainTokenizer("unigram", CORPUS, { vocabSize: 160 })).save(join(folder, "config"));
    expect(JSON.parse(readFileSync(join(folder, "config", "tokenizer_config.json"), "utf8"))).toEqual({
      tokenizer_class: "PreTrainedTokenizerFast",
      clean_up_tokenization_spaces: false,
      unk_token: "<unk>",
      pad_token: "<pad>",
      bos_token: "<s>",
      eos_token: "</s>",
    });
  });
});
