import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ShoshinError } from "../../src/backend/errors.ts";
import {
  AutoTokenizer,
  BagOfWordsVectorizer,
  batchTensors,
  dataCollatorForTokenClassification,
  dataCollatorWithPadding,
  PreTrainedTokenizer,
  splitWords,
  Tokenizer,
  trainTokenizer,
} from "../../src/text/index.ts";
import { temporaryFolder } from "../folder.ts";
import recorded from "./pretrained/recorded.json" with { type: "json" };
import models from "./pretrained/sentencepiece.json" with { type: "json" };
import { MARIAN } from "./pretrained/spm.ts";

const root = temporaryFolder();

// biome-ignore lint/suspicious/noExplicitAny: what TypeScript forbids and JavaScript allows
const any = (value: unknown): any => value;
const make = () => Tokenizer.fromJSON(recorded.tokenizers.bert.json);
const chat = { chat_template: "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}" };
const wrapped = () =>
  new PreTrainedTokenizer(make(), { tokens: { pad_token: "[PAD]", unk_token: "[UNK]" }, config: chat });

describe("wrong arguments are named by errors of the library's own", () => {
  const t = wrapped();
  const plain = make();
  const CALLS: Record<string, () => unknown> = {
    "encode(null)": () => t.encode(any(null)),
    "encode(5)": () => t.encode(any(5)),
    "encode([text])": () => t.encode(any(["a"])),
    "encode(text, 5)": () => t.encode("a", any(5)),
    "Tokenizer.encode(undefined)": () => plain.encode(any(undefined)),
    "Tokenizer.encode(text, { pair: 5 })": () => plain.encode("a", { pair: any(5) }),
    "tokenize({})": () => t.tokenize(any({})),
    "encodeBatch(text)": () => t.encodeBatch(any("abc")),
    "encodeBatch(null)": () => t.encodeBatch(any(null)),
    "encodeBatch([5])": () => t.encodeBatch(any([5])),
    "encodeBatch, texts that are no pairs": () => t.encodeBatch(["a", "b"], { textPairs: ["a"] }),
    "encodeBatch, a text as textPairs": () => t.encodeBatch(["a"], { textPairs: any("a") }),
    "maxLength -1": () => t.encode("a", { maxLength: -1 }),
    "maxLength 1.5": () => t.encode("a", { maxLength: 1.5 }),
    "maxLength NaN": () => t.encode("a", { maxLength: Number.NaN }),
    'maxLength "5"': () => t.encode("a", { maxLength: any("5") }),
    "maxLength 1 with special tokens": () => t.encode("a", { maxLength: 1 }),
    "a huge maxLength to pad to": () => t.encode("a", { padding: "max_length", maxLength: 1e12 }),
    "padding to no length": () => t.encode("a", { padding: "max_length" }),
    "padding by another name": () => t.encode("a", { padding: any("longes") }),
    "truncation by another name": () => t.encode("a", { truncation: any("first") }),
    "truncation of a second text that is not there": () =>
      t.encode("a the cat", { truncation: "only_second", maxLength: 3 }),
    "paddingSide middle": () => t.encode("a", { padding: true, paddingSide: any("middle") }),
    "padToMultipleOf 0": () => t.encode("a", { padding: true, padToMultipleOf: 0 }),
    "padToMultipleOf -8": () => t.encode("a", { padding: true, padToMultipleOf: -8 }),
    stride: () => t.encode("a", any({ stride: -1 })),
    "padding without a token for it": () =>
      new PreTrainedTokenizer(plain, { tokens: {} }).encode("a", { padding: true }),
    'decode("x")': () => t.decode(any("x")),
    "decode(5)": () => t.decode(any(5)),
    "decode(null)": () => t.decode(any(null)),
    "decode([1.5])": () => t.decode([1.5]),
    "decode([-1])": () => plain.decode([-1]),
    'decode(["a"])': () => t.decode(any(["a"])),
    "batchDecode(5)": () => t.batchDecode(any(5)),
    "pad(null)": () => t.pad(any(null)),
    "pad([{}])": () => t.pad(any([{}])),
    "pad([null])": () => t.pad(any([null])),
    "convertIdsToTokens(99999)": () => t.convertIdsToTokens(99999),
    "convertIdsToTokens(null)": () => t.convertIdsToTokens(any(null)),
    "convertTokensToIds(null)": () => t.convertTokensToIds(any(null)),
    "a token that there is not": () => new PreTrainedTokenizer(plain, { tokens: {} }).convertTokensToIds("zebra"),
    "batchTensors(null)": () => batchTensors(any(null)),
    "batchTensors of rows that differ": () => batchTensors({ inputIds: [[1], [1, 2]], attentionMask: [[1], [1, 1]] }),
    "applyChatTemplate(null)": () => t.applyChatTemplate(any(null)),
    "applyChatTemplate(text)": () => t.applyChatTemplate(any("hi")),
    "applyChatTemplate([null])": () => t.applyChatTemplate(any([null])),
    "applyChatTemplate([text])": () => t.applyChatTemplate(any(["hi"])),
    "applyChatTemplate, no role": () => t.applyChatTemplate(any([{ content: "hi" }])),
    "encodeChat(5)": () => t.encodeChat(any(5)),
    "a token that is none": () => new PreTrainedTokenizer(plain, { tokens: { pad_token: "<none>" } }),
    "fromJSON(5)": () => Tokenizer.fromJSON(5),
    "fromFile(undefined)": () => Tokenizer.fromFile(any(undefined)),
    "splitWords(5)": () => splitWords(any(5)),
    "BagOfWords of a text": () => new BagOfWordsVectorizer().fit("abc"),
    "BagOfWords of numbers": () => new BagOfWordsVectorizer().fit(any([1, 2])),
    "BagOfWords of nothing": () => new BagOfWordsVectorizer().fit([]),
    "labels that do not fit": () =>
      dataCollatorForTokenClassification(t)([{ inputIds: [1, 2], attentionMask: [1, 1], labels: [1] }]),
    "labels of some": () =>
      dataCollatorWithPadding(t)([
        { inputIds: [1], attentionMask: [1], label: 1 },
        { inputIds: [1], attentionMask: [1] },
      ]),
    "trainTokenizer of another kind": () => trainTokenizer(any("neural"), ["a"]),
    "trainTokenizer of no kind": () => trainTokenizer(any(undefined), ["a"]),
    "trainTokenizer(null)": () => trainTokenizer("bpe", any(null)),
    "trainTokenizer of a text": () => trainTokenizer("bpe", any("abc")),
    "trainTokenizer of numbers": () => trainTokenizer("word", any([1])),
    "trainTokenizer on nothing": () => trainTokenizer("unigram", []),
    "trainTokenizer on empty texts": () => trainTokenizer("bpe", ["", ""]),
    "vocabSize 1.5": () => trainTokenizer("bpe", ["a"], { vocabSize: 1.5 }),
    "minFrequency 0": () => trainTokenizer("bpe", ["a"], { minFrequency: 0 }),
    "special tokens twice": () => trainTokenizer("bpe", ["a"], { specialTokens: ["a", "a"] }),
    "special tokens that are none": () => trainTokenizer("bpe", ["a"], { specialTokens: any([5]) }),
    "no unknown token": () => trainTokenizer("word", ["a"], { specialTokens: ["<pad>"] }),
    "fromPretrained(5)": () => AutoTokenizer.fromPretrained(any(5)),
    "fromPretrained(undefined)": () => AutoTokenizer.fromPretrained(any(undefined)),
  };
  it.each(Object.entries(CALLS))("%s", async (_, call) => {
    let error: unknown;
    try {
      await call();
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ShoshinError);
    expect((error as Error).message.length).toBeGreaterThan(10);
  });

  it("nothing is padded to nothing; null is no second text", () => {
    expect(t.pad([]).inputIds).toEqual([]);
    expect(t.encode("the cat", any(null)).inputIds).toEqual(t.encode("the cat").inputIds);
  });
});

describe("damaged files", () => {
  const regex = recorded.tokenizers.regex.json.model;
  const GPT2 = { tokenizer_class: "GPT2Tokenizer", bos_token: "a", eos_token: "a", unk_token: "a" };
  const vocabTxt = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s"].join("\n");
  const spm = (i: number) => Uint8Array.from(atob(models.models[i].model), (c) => c.charCodeAt(0));
  /** The file that is damaged comes first. */
  const FOLDERS: Record<string, [name: string, content: Uint8Array | string | object][]> = {
    "vocab.txt": [
      ["vocab.txt", vocabTxt],
      ["tokenizer_config.json", { tokenizer_class: "BertTokenizer" }],
    ],
    "merges.txt": [
      ["merges.txt", "#version: 0.2\na t\nt h\n"],
      ["vocab.json", regex.vocab],
      ["tokenizer_config.json", GPT2],
    ],
    "vocab.json": [
      ["vocab.json", regex.vocab],
      ["merges.txt", "a t"],
      ["tokenizer_config.json", GPT2],
    ],
    "unigram .model": [
      ["spiece.model", spm(4)],
      ["tokenizer_config.json", { tokenizer_class: "T5Tokenizer" }],
    ],
    "BPE .model": [
      ["tokenizer.model", spm(12)],
      ["tokenizer_config.json", {}],
    ],
    "own pieces": [
      ["tokenizer.model", spm(16)],
      ["tokenizer_config.json", { tokenizer_class: "LlamaTokenizer" }],
    ],
    "source.spm": Object.entries(MARIAN).sort(([a], [b]) => (a === "source.spm" ? -1 : b === "source.spm" ? 1 : 0)),
    "Marian's vocab.json": Object.entries(MARIAN).sort(([a], [b]) =>
      a === "vocab.json" ? -1 : b === "vocab.json" ? 1 : 0,
    ),
    "tokenizer_config.json": [
      [
        "tokenizer_config.json",
        {
          tokenizer_class: "BertTokenizer",
          cls_token: "[CLS]",
          model_max_length: 9,
          padding_side: "left",
          added_tokens_decoder: { 30: { content: "<x>", lstrip: true } },
          chat_template: "{{ messages[0].content }}",
        },
      ],
      ["tokenizer.json", recorded.tokenizers.bert.json],
    ],
    "special_tokens_map.json": [
      [
        "special_tokens_map.json",
        { unk_token: { content: "[UNK]" }, additional_special_tokens: ["<z>", { content: "<w>" }] },
      ],
      ["vocab.txt", vocabTxt],
      ["tokenizer_config.json", { tokenizer_class: "BertTokenizer" }],
    ],
    "tokenizer.json, Unigram": [["tokenizer.json", recorded.tokenizers.unigram.json]],
    "tokenizer.json, BPE": [["tokenizer.json", recorded.tokenizers.fallback.json]],
  };
  const JUNK: unknown[] = [
    null,
    -1,
    2 ** 31,
    1e300,
    1.5,
    "",
    "(",
    [],
    {},
    [[]],
    true,
    "__proto__",
    0,
    "(a+)+$",
    [null],
    { "": 1 },
  ];
  /** Another value in one place of it. */
  function swapped(value: unknown, random: (n: number) => number): unknown {
    const places: [Record<string, unknown>, string][] = [];
    const visit = (at: unknown, depth: number): void => {
      if (at === null || typeof at !== "object" || depth > 9) return;
      for (const key of Object.keys(at).slice(0, 20)) {
        places.push([at as Record<string, unknown>, key]);
        visit((at as Record<string, unknown>)[key], depth + 1);
      }
    };
    visit(value, 0);
    const [at, key] = places[random(places.length)];
    if (random(4) === 0) delete at[key];
    else at[key] = JUNK[random(JUNK.length)];
    return value;
  }
  const bytes = (content: Uint8Array | string | object): Uint8Array =>
    content instanceof Uint8Array
      ? content
      : new TextEncoder().encode(typeof content === "string" ? content : JSON.stringify(content));

  it.each(Object.entries(FOLDERS))("%s: opens, or says what is wrong", async (name, files) => {
    let seed = 16;
    const random = (n: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * n);
    };
    const folder = join(root, name.replace(/\W/g, "-"));
    mkdirSync(folder);
    for (const [file, content] of files) writeFileSync(join(folder, file), bytes(content));
    const [file, content] = files[0];
    for (let run = 0; run < 60; run++) {
      let damaged: Uint8Array = bytes(content).slice();
      const mode = random(3);
      if (mode === 0 && file.endsWith(".json")) {
        const json = JSON.parse(new TextDecoder().decode(damaged));
        damaged = bytes(swapped(json, random) as object);
      } else if (mode === 1) damaged = damaged.subarray(0, random(damaged.length));
      else for (let i = 0; i <= random(5); i++) damaged[random(damaged.length)] = random(256);
      writeFileSync(join(folder, file), damaged);
      try {
        const tokenizer = await AutoTokenizer.fromPretrained(folder);
        tokenizer.decode(tokenizer.encode("the cat 🙂\n x", "b").inputIds);
        JSON.stringify(tokenizer.backend);
        if (tokenizer.hasChatTemplate) tokenizer.applyChatTemplate([{ role: "user", content: "hi" }]);
      } catch (error) {
        if (!(error instanceof ShoshinError)) throw new Error(`${file}, run ${run}: ${error}`, { cause: error });
      }
    }
  });
});
