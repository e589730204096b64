import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DataError } from "../../../src/data/index.ts";
import {
  AutoTokenizer,
  batchTensors,
  PreTrainedTokenizer,
  Tokenizer,
  trainTokenizer,
} from "../../../src/text/index.ts";
import { folderIn, temporaryFolder } from "../../folder.ts";
import recorded from "./recorded.json" with { type: "json" };
import { MARIAN, spm } from "./spm.ts";

const root = temporaryFolder();
const folder = () => folderIn(root);
const write = (to: string, name: string, value: unknown) =>
  writeFileSync(
    join(to, name),
    value instanceof Uint8Array || typeof value === "string" ? value : JSON.stringify(value),
  );

const VOCAB = [
  "[PAD]",
  "[UNK]",
  "[CLS]",
  "[SEP]",
  "[MASK]",
  "the",
  "cat",
  "sat",
  "on",
  "mat",
  "##s",
  ".",
  "!",
  "'",
  "t",
];

async function bert(config = {}): Promise<PreTrainedTokenizer> {
  const to = folder();
  write(to, "vocab.txt", `${VOCAB.join("\n")}\n`);
  write(to, "tokenizer_config.json", { tokenizer_class: "BertTokenizer", model_max_length: 8, ...config });
  return AutoTokenizer.fromPretrained(to);
}

// The values are of transformers 4.57.3, BertTokenizerFast on the same vocab.txt, with the arguments of the same names.
describe("BERT's tokenizer from vocab.txt", () => {
  it("puts pairs together and says which text a token is of", async () => {
    const tokenizer = await bert();
    expect(tokenizer.encode("The cats sat!", "on the mat", { returnOffsetsMapping: true })).toEqual({
      inputIds: [2, 5, 6, 10, 7, 12, 3, 8, 5, 9, 3],
      attentionMask: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
      tokenTypeIds: [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1],
      offsetMapping: [
        [0, 0],
        [0, 3],
        [4, 7],
        [7, 8],
        [9, 12],
        [12, 13],
        [0, 0],
        [0, 2],
        [3, 6],
        [7, 10],
        [0, 0],
      ],
    });
    expect([tokenizer.clsTokenId, tokenizer.padToken, tokenizer.maskTokenId, tokenizer.bosToken]).toEqual([
      2,
      "[PAD]",
      4,
      undefined,
    ]);
    expect(tokenizer.convertTokensToIds(["cat", "dog"])).toEqual([6, 1]);
    expect(tokenizer.decode([2, 5, 6, 13, 14, 7, 11, 3])).toBe("the cat't sat.");
  });

  it("cuts and fills up batches", async () => {
    const tokenizer = await bert();
    const texts = ["the cat sat on the mat.", "cats"];
    const batch = tokenizer.encodeBatch(texts, { padding: true, truncation: true });
    expect(batch.inputIds).toEqual([
      [2, 5, 6, 7, 8, 5, 9, 3],
      [2, 6, 10, 3, 0, 0, 0, 0],
    ]);
    expect(batch.attentionMask[1]).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
    const { inputIds, tokenTypeIds } = batchTensors(batch);
    expect([inputIds.shape, inputIds.dtype, tokenTypeIds?.shape]).toEqual([[2, 8], "int32", [2, 8]]);
    const left = tokenizer.encodeBatch(["cats"], { padding: "max_length", maxLength: 6, paddingSide: "left" });
    expect(left.inputIds).toEqual([[0, 0, 2, 6, 10, 3]]);
    const pairs = { textPairs: ["the mat.", "on"], maxLength: 8, truncation: true };
    expect(tokenizer.encodeBatch(texts, pairs).inputIds).toEqual([
      [2, 5, 6, 7, 3, 5, 9, 3],
      [2, 6, 10, 3, 8, 3],
    ]);
    const first = tokenizer.encode(texts[0], "the mat.", { maxLength: 8, truncation: "only_first" });
    expect(first.inputIds).toEqual([2, 5, 6, 3, 5, 9, 11, 3]);
    expect(() => tokenizer.encode("cat", "the mat on the mat", { maxLength: 6, truncation: "only_first" })).toThrow(
      /maxLength is too small/,
    );
    expect(() => tokenizer.encode("cat", { maxLength: 1, truncation: true })).toThrow(/maxLength is 1/);
    expect(() => tokenizer.encodeBatch(texts, { textPairs: ["a"] })).toThrow(/2 texts, but 1/);
    expect(() => batchTensors(tokenizer.encodeBatch(texts))).toThrow(/padding: true/);
  });

  it("is the same after saving", async () => {
    const tokenizer = await bert();
    const to = folder();
    tokenizer.savePretrained(to);
    const again = await AutoTokenizer.fromPretrained(to);
    expect(again.encode("The cat", "sat")).toEqual(tokenizer.encode("The cat", "sat"));
    expect([again.modelMaxLength, again.specialTokensMap]).toEqual([8, tokenizer.specialTokensMap]);
  });
});

const CHATML =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const MARKED =
  "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}!{% endgeneration %}{% else %}<{{ m.content }}>{% endif %}{% endfor %}";
const CHAT = [
  { role: "user", content: "hi" },
  { role: "assistant", content: "ho" },
  { role: "user", content: "on" },
  { role: "assistant", content: "yes" },
];

describe("chat templates", () => {
  const make = async (chat_template?: unknown) => {
    const trained = await trainTokenizer("bpe", ["hi ho on yes user assistant"], { vocabSize: 300 });
    return new PreTrainedTokenizer(trained, { config: { chat_template } });
  };

  it("write a conversation and mark what the assistant said, its end included", async () => {
    const tokenizer = await make(CHATML);
    const text = tokenizer.applyChatTemplate(CHAT.slice(0, 1), { tokenize: false, addGenerationPrompt: true });
    expect(text).toBe("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n");
    const { inputIds, assistantMasks } = tokenizer.encodeChat(CHAT);
    expect(inputIds).toEqual(tokenizer.applyChatTemplate(CHAT));
    const answers = tokenizer.decode(inputIds.filter((_, i) => assistantMasks[i] === 1));
    expect(answers).toBe("ho<|im_end|>\nyes<|im_end|>\n");
  });

  it("know generation blocks", async () => {
    const tokenizer = await make([{ name: "default", template: MARKED }]);
    expect(tokenizer.applyChatTemplate(CHAT, { tokenize: false })).toBe("<hi>ho!<on>yes!");
    const { inputIds, assistantMasks } = tokenizer.encodeChat(CHAT);
    expect(tokenizer.decode(inputIds.filter((_, i) => assistantMasks[i] === 1))).toBe("ho!yes!");
  });

  it("say what is wrong", async () => {
    await expect(make().then((t) => t.applyChatTemplate(CHAT))).rejects.toThrow(/no chat template/);
    await expect(make("{% if %}").then((t) => t.applyChatTemplate(CHAT))).rejects.toThrow(DataError);
    const refuses = await make("{{ raise_exception('roles must alternate') }}");
    expect(() => refuses.applyChatTemplate(CHAT)).toThrow(/roles must alternate/);
    const changes = await make("{{ messages | length }}");
    expect(() => changes.encodeChat(CHAT)).toThrow(/answer cannot be found/);
  });
});

const LLAMA = spm(2, [
  ["<unk>", 0, 2],
  ["<s>", 0, 3],
  ["</s>", 0, 3],
  ["▁c", -1, 1],
  ["at", -2, 1],
  ["▁cat", -3, 1],
  ["▁", -4, 1],
  ["c", -5, 1],
  ["a", -6, 1],
  ["t", -7, 1],
]);
const T5 = spm(1, [
  ["<pad>", 0, 3],
  ["</s>", 0, 3],
  ["<unk>", 0, 2],
  ["▁cat", -3, 1],
  ["▁", -4, 1],
  ["s", -5, 1],
]);

// Of transformers 4.57.3 on the same files.
describe("SentencePiece models", () => {
  const open = (name: string, bytes: Uint8Array, config: object) => {
    const to = folder();
    write(to, name, bytes);
    write(to, "tokenizer_config.json", config);
    return AutoTokenizer.fromPretrained(to);
  };

  it("Llama's", async () => {
    const tokenizer = await open("tokenizer.model", LLAMA, { tokenizer_class: "LlamaTokenizer" });
    expect(tokenizer.encode("cat catx").inputIds).toEqual([1, 5, 5, 0]);
    expect(tokenizer.encode("cat").tokenTypeIds).toBeUndefined();
    expect(tokenizer.decode([1, 5, 5])).toBe("cat cat");
  });
  it("T5's", async () => {
    const tokenizer = await open("spiece.model", T5, { tokenizer_class: "T5Tokenizer", extra_ids: 2 });
    expect([tokenizer.vocabSize, tokenizer.padTokenId]).toEqual([8, 0]);
    expect(tokenizer.encode("cats <extra_id_0>").inputIds).toEqual([3, 5, 7, 1]);
  });
  it("MarianMT's two, and as one tokenizer.json the same but for codes of languages", async () => {
    const to = folder();
    for (const [name, content] of Object.entries(MARIAN)) write(to, name, content);
    const tokenizer = await AutoTokenizer.fromPretrained(to);
    expect(tokenizer.encode(">>fr<< cats 9").inputIds).toEqual([13, 2, 6, 5, 4, 0]);
    expect(tokenizer.decode([7, 3, 0, 14])).toBe("chat 9");
    const one = Tokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer.backend)), "one");
    // Runs of characters that the source does not know are looked up whole only in SentencePiece: here they are pieces, or in none.
    const word = fc.oneof(fc.stringMatching(/^[cats]{1,5}$/), fc.constantFrom("9", "99", "cats9", "9s", "z", "szz"));
    const words = fc.array(word, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(words, (list) => {
        const text = list.join(" ");
        expect(one.encode(text).ids, text).toEqual(tokenizer.encode(text).inputIds);
        expect(one.decode(one.encode(text).ids).trim()).toBe(tokenizer.decode(tokenizer.encode(text).inputIds));
      }),
    );
  });
  it("cut off or changed anywhere: a DataError that names the file", async () => {
    for (let i = 0; i < T5.length; i += 3) {
      await open("spiece.model", T5.subarray(0, i), { tokenizer_class: "T5Tokenizer" }).catch((error) => {
        expect(error).toBeInstanceOf(DataError);
        expect(error.message).toMatch(/spiece\.model/);
      });
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(T5.length - 1), fc.nat(255), async (at, byte) => {
        const changed = T5.slice();
        changed[at] = byte;
        const tokenizer = await open("spiece.model", changed, { tokenizer_class: "T5Tokenizer" }).catch((error) => {
          expect(error).toBeInstanceOf(DataError);
        });
        tokenizer?.encode("cats");
      }),
      { numRuns: 60 },
    );
  });
});

describe("a tokenizer.json that is not one", () => {
  it.each(Object.entries(recorded.tokenizers))("changed anywhere, it opens or is a DataError: %s", (_, { json }) => {
    /** Every place in a value, as a path. */
    function* paths(value: unknown, path: (string | number)[] = []): Generator<(string | number)[]> {
      if (path.length > 0) yield path;
      if (value === null || typeof value !== "object") return;
      for (const key of Object.keys(value).slice(0, 12))
        yield* paths((value as Record<string, unknown>)[key], [...path, key]);
    }
    const all = [...paths(json)];
    const junk = fc.constantFrom<unknown>(
      null,
      -1,
      2 ** 31,
      1.5,
      "",
      "(",
      "x".repeat(30_000),
      [],
      {},
      [[]],
      true,
      undefined,
    );
    fc.assert(
      fc.property(fc.constantFrom(...all), junk, (path, value) => {
        const copy = structuredClone(json) as Record<string, unknown>;
        let at = copy;
        for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
        const last = path.at(-1) as string;
        if (value === undefined) delete at[last];
        else at[last] = value;
        try {
          Tokenizer.fromJSON(JSON.parse(JSON.stringify(copy)), "hostile.json").encode("the cat <mask> 12", {
            pair: "x",
          });
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("names files and fields", async () => {
    await expect(AutoTokenizer.fromPretrained(join(root, "nowhere"))).rejects.toThrow(/nowhere: no such file/);
    const to = folder();
    await expect(AutoTokenizer.fromPretrained(to)).rejects.toThrow(/no tokenizer that is known/);
    write(to, "tokenizer.json", "{");
    await expect(AutoTokenizer.fromPretrained(to)).rejects.toThrow(/tokenizer\.json: not JSON/);
    await expect(bert({ pad_token: "<none>" })).rejects.toThrow(/"<none>" is not in the vocabulary/);
    const deep = {
      ...recorded.tokenizers.bert.json,
      normalizer: JSON.parse(`${'{"type":"Sequence","normalizers":['.repeat(2000)}${"]}".repeat(2000)}`),
    };
    expect(() => Tokenizer.fromJSON(deep, "deep.json")).toThrow(/deep\.json: normalizer/);
  });
});
