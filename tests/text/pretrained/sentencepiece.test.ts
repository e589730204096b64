import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../../src/text/index.ts";
import { folderIn, temporaryFolder } from "../../folder.ts";
import recorded from "./sentencepiece.json" with { type: "json" };
import { MARIAN } from "./spm.ts";

const root = temporaryFolder();

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
function open(model: Uint8Array, config: object = {}, name = "tokenizer.model"): Promise<PreTrainedTokenizer> {
  const folder = folderIn(root);
  writeFileSync(join(folder, name), model);
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
  return AutoTokenizer.fromPretrained(folder);
}
const { texts } = recorded;
const all = (tokenizer: PreTrainedTokenizer) =>
  texts.map((text) => [text, tokenizer.encode(text, { addSpecialTokens: false }).inputIds]);
const expected = (ids: number[][]) => texts.map((text, i) => [text, ids[i]]);

// scripts/record/sentencepiece_models.py says what was recorded, and how.
describe("SentencePiece models with flags of their own", () => {
  it.each(recorded.models.map(({ options, ...rest }) => [JSON.stringify(options), { options, ...rest }] as const))(
    "%s",
    async (_, { options, model, ids, decoded, ...rest }) => {
      const bytes = bytesOf(model);
      const tokenizer = await open(bytes);
      expect(all(tokenizer)).toEqual(expected(ids));
      const back = ids.map((one, i) => decoded[i] !== null && tokenizer.decode(one));
      expect(back).toEqual(decoded.map((text) => text ?? false));
      // What is saved reads the same, without the model.
      const saved = folderIn(root);
      tokenizer.savePretrained(saved);
      rmSync(join(saved, "tokenizer.model"));
      expect(all(await AutoTokenizer.fromPretrained(saved))).toEqual(expected(ids));

      // Classes keep the flags: only their own pieces and the ids of their special tokens differ.
      if (!("user_defined_symbols" in options)) {
        const llama = await open(bytes, { tokenizer_class: "LlamaTokenizer" });
        expect(all(llama)).toEqual(expected(ids));
        expect(all(await open(bytes, { tokenizer_class: "GemmaTokenizer" }, "tokenizer.model"))).toEqual(expected(ids));
        const t5 = await open(bytes, { tokenizer_class: "T5Tokenizer", extra_ids: 3 }, "spiece.model");
        // T5 takes every space for one, as Transformers does, where the model's flags are T5's own.
        const plain = texts.flatMap((text, i) => (/[\t\n▁]/.test(text) ? [] : [i]));
        expect(plain.map((i) => all(t5)[i])).toEqual(plain.map((i) => expected(ids)[i]));
      }
      if ("xlmRoberta" in rest && rest.xlmRoberta) {
        const xlm = await open(bytes, { tokenizer_class: "XLMRobertaTokenizer" }, "sentencepiece.bpe.model");
        expect(all(xlm)).toEqual(expected(rest.xlmRoberta));
      }
    },
  );

  it("a model of whole words is refused by name", async () => {
    await expect(open(bytesOf(recorded.word))).rejects.toThrow(/model_type is 3 \(word\)/);
  });

  it("has the special tokens that its trainer was told", async () => {
    const { model } = recorded.models.find(({ options }) => "unk_piece" in options) as { model: string };
    const tokenizer = await open(bytesOf(model));
    const { padTokenId, bosTokenId, eosTokenId, unkTokenId, unkToken } = tokenizer;
    expect([padTokenId, bosTokenId, eosTokenId, unkTokenId, unkToken]).toEqual([0, 1, 2, 3, "[UNK]"]);
    expect(tokenizer.decode([0, 1, 2, 3])).toBe("");
  });

  it("MarianMT's two keep theirs", async () => {
    const folder = folderIn(root);
    const find = (prefix: boolean, extra: boolean) =>
      recorded.models.find(
        ({ options: o }) =>
          o.model_type === "unigram" &&
          o.byte_fallback === false &&
          o.add_dummy_prefix === prefix &&
          o.remove_extra_whitespaces === extra,
      ) as { model: string; ids: number[][] };
    const { model, ids } = find(false, false);
    const pieces = (await open(bytesOf(model))).backend;
    const names = Array.from({ length: pieces.vocabSize }, (_, id) => pieces.idToToken(id) as string);
    const vocab = Object.fromEntries([...names, "<pad>"].map((name, id) => [name, id]));
    writeFileSync(join(folder, "source.spm"), bytesOf(model));
    writeFileSync(join(folder, "target.spm"), bytesOf(find(true, true).model));
    writeFileSync(join(folder, "vocab.json"), JSON.stringify(vocab));
    writeFileSync(join(folder, "tokenizer_config.json"), MARIAN["tokenizer_config.json"] as string);
    expect(all(await AutoTokenizer.fromPretrained(folder))).toEqual(expected(ids));
  });
});
