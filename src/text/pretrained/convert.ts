import { DataError } from "../../data/lines.ts";
import type { AddedTokenJson, NormalizerJson, PostProcessorJson, TokenizerJson } from "../tokenizers/schema.ts";

/** Settings of tokenizer_config.json, and special tokens by their roles. */
export interface ConvertOptions {
  config: Readonly<Record<string, unknown>>;
  tokens: Readonly<Record<string, string>>;
  className: string;
}

/** `[CLS]`, `$A`, `$B:1` … : a template in the short form of `tokenizers`; special tokens have the ids that `idOf` gives. */
export function template(single: string, pair: string, idOf: (token: string) => number): PostProcessorJson {
  const specials = new Set<string>();
  const read = (text: string) =>
    text.split(" ").map((part) => {
      const [, name, type] = /^(.+?)(?::(\d+))?$/.exec(part) as RegExpExecArray;
      const type_id = Number(type ?? 0);
      if (name === "$A" || name === "$B") return { Sequence: { id: name.slice(1) as "A" | "B", type_id } };
      specials.add(name);
      return { SpecialToken: { id: name, type_id } };
    });
  const parts = { single: read(single), pair: read(pair) };
  const special_tokens = Object.fromEntries([...specials].map((id) => [id, { id, ids: [idOf(id)], tokens: [id] }]));
  return { type: "TemplateProcessing", ...parts, special_tokens };
}

export function idIn(ids: ReadonlyMap<string, number>, source: string): (token: string) => number {
  return (token) => {
    const id = ids.get(token);
    if (id === undefined) throw new DataError(`${source}: ${JSON.stringify(token)} is not in the vocabulary`);
    return id;
  };
}

export const added = (content: string, id: number, special = true, lstrip = false): AddedTokenJson => {
  return { id, content, single_word: false, lstrip, rstrip: false, normalized: false, special };
};
export const whole = { version: "1.0", truncation: null, padding: null } as const;
const BYTES = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true } as const;

/** BERT's tokenizer from the lines of vocab.txt. */
export function fromVocabTxt(text: string, { config, tokens }: ConvertOptions, source: string): TokenizerJson {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  // Of equal lines the last counts, as in Transformers' dictionary.
  const ids = new Map(lines.map((line, id) => [line.replace(/\r$/, ""), id]));
  const idOf = idIn(ids, source);
  const { cls_token: cls, sep_token: sep } = tokens;
  return {
    ...whole,
    added_tokens: [...new Set(Object.values(tokens))].map((token) => added(token, idOf(token))),
    normalizer: bertNormalizer(config),
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: template(`${cls} $A ${sep}`, `${cls} $A ${sep} $B:1 ${sep}:1`, idOf),
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: tokens.unk_token,
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}

/** What tokenizer_config.json of BERT's family says about texts. */
export function bertNormalizer(
  config: Readonly<Record<string, unknown>>,
): Extract<NormalizerJson, { type: "BertNormalizer" }> {
  return {
    type: "BertNormalizer",
    clean_text: true,
    handle_chinese_chars: config.tokenize_chinese_chars !== false,
    strip_accents: typeof config.strip_accents === "boolean" ? config.strip_accents : null,
    lowercase: config.do_lower_case !== false,
  };
}

const QWEN2 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** Byte-level BPE from vocab.json and merges.txt: GPT-2's, RoBERTa's, Qwen2's. */
export function fromVocabJson(
  vocab: Record<string, number>,
  mergesText: string,
  { config, tokens, className }: ConvertOptions,
  source: string,
): TokenizerJson {
  const lines = mergesText.split("\n").map((line) => line.replace(/\r$/, ""));
  const merges = lines.filter((line, i) => line !== "" && !(i === 0 && line.startsWith("#version")));
  const idOf = idIn(new Map(Object.entries(vocab)), source);
  const add_prefix_space = config.add_prefix_space === true;
  const qwen = className === "Qwen2Tokenizer";
  const { cls_token: cls, sep_token: sep, bos_token: bos } = tokens;
  const plain = { ...BYTES, add_prefix_space: true, trim_offsets: false };
  let post_processor: PostProcessorJson = plain;
  if (cls !== undefined && sep !== undefined) {
    post_processor = {
      type: "RobertaProcessing",
      sep: [sep, idOf(sep)],
      cls: [cls, idOf(cls)],
      trim_offsets: true,
      add_prefix_space,
    };
  } else if (config.add_bos_token === true) post_processor = template(`${bos} $A`, `${bos} $A $B:1`, idOf);
  return {
    ...whole,
    added_tokens: [],
    normalizer: qwen ? { type: "NFC" } : null,
    pre_tokenizer: qwen
      ? {
          type: "Sequence",
          pretokenizers: [
            { type: "Split", pattern: { Regex: QWEN2 }, behavior: "Isolated", invert: false },
            { ...BYTES, add_prefix_space, use_regex: false },
          ],
        }
      : { ...BYTES, add_prefix_space },
    post_processor,
    decoder: { ...BYTES, add_prefix_space: true },
    model: { ...BPE, vocab, merges },
  };
}

export const BPE = {
  type: "BPE",
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
} as const;

/** Llama's template: the start before each text, the end after each, as `add_bos_token` and `add_eos_token` say. */
export function llamaTemplate(
  config: Readonly<Record<string, unknown>>,
  tokens: Readonly<Record<string, string>>,
  idOf: (token: string) => number,
): PostProcessorJson {
  const bos = config.add_bos_token !== false ? tokens.bos_token : undefined;
  const eos = config.add_eos_token === true ? tokens.eos_token : undefined;
  const around = (text: string, type: number) =>
    [bos && `${bos}:${type}`, `${text}:${type}`, eos && `${eos}:${type}`].filter(Boolean).join(" ");
  return template(around("$A", 0), `${around("$A", 0)} ${around("$B", 1)}`, idOf);
}
