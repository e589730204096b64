import type { DecoderJson, NormalizerJson, PostProcessorJson, PreTokenizerJson, TokenizerJson } from "./schema.ts";

/** The tokenizers that Shoshin trains. */
export const TOKENIZER_KINDS = ["bpe", "wordpiece", "unigram", "word", "character"] as const;
export type TokenizerKind = (typeof TOKENIZER_KINDS)[number];

/** Special tokens unless others are asked for, by their ids. Byte-level BPE knows every text and needs no unknown token. */
export const SPECIAL_TOKENS: Readonly<Record<TokenizerKind, readonly string[]>> = {
  bpe: ["<|endoftext|>"],
  wordpiece: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
  unigram: ["<pad>", "<unk>", "<s>", "</s>"],
  word: ["<pad>", "<unk>", "<s>", "</s>"],
  character: ["<pad>", "<unk>", "<s>", "</s>"],
};

/** What `tokenizer_config.json` calls the usual special tokens. */
const ROLES: readonly [role: string, names: readonly string[]][] = [
  ["unk_token", ["[UNK]", "<unk>"]],
  ["pad_token", ["[PAD]", "<pad>"]],
  ["bos_token", ["<s>", "<bos>", "[BOS]", "<|endoftext|>"]],
  ["eos_token", ["</s>", "<eos>", "[EOS]", "<|endoftext|>"]],
  ["cls_token", ["[CLS]", "<cls>"]],
  ["sep_token", ["[SEP]", "<sep>"]],
  ["mask_token", ["[MASK]", "<mask>"]],
];

/** The special tokens of a tokenizer under Transformers' names, those that it has. */
export function specialRoles(tokens: readonly string[]): Record<string, string> {
  const roles = ROLES.map(([role, names]) => [role, names.find((name) => tokens.includes(name))] as const);
  return Object.fromEntries(roles.filter(([, token]) => token !== undefined)) as Record<string, string>;
}

/** `[CLS] text [SEP]`, and `[CLS] text [SEP] text [SEP]` for pairs, where the tokens exist. */
function bertTemplate(tokens: readonly string[]): PostProcessorJson | null {
  const [cls, sep] = ["[CLS]", "[SEP]"];
  if (!tokens.includes(cls) || !tokens.includes(sep)) return null;
  const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
  const text = (id: "A" | "B", type_id: number) => ({ Sequence: { id, type_id } });
  return {
    type: "TemplateProcessing",
    single: [special(cls, 0), text("A", 0), special(sep, 0)],
    pair: [special(cls, 0), text("A", 0), special(sep, 0), text("B", 1), special(sep, 1)],
    special_tokens: Object.fromEntries([cls, sep].map((id) => [id, { id, ids: [tokens.indexOf(id)], tokens: [id] }])),
  };
}

const SIGN = { replacement: "▁", prepend_scheme: "first", split: true } as const;
const BYTES = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: true } as const;

const PRE_TOKENIZERS: Readonly<Record<TokenizerKind, PreTokenizerJson>> = {
  bpe: BYTES,
  wordpiece: { type: "BertPreTokenizer" },
  // A line's end is a piece of its own: it would stick to the word before, because ▁ stands for spaces only.
  unigram: {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { String: "\n" }, behavior: "Isolated", invert: false },
      { type: "Metaspace", ...SIGN },
    ],
  },
  word: { type: "Whitespace" },
  character: { type: "Split", pattern: { Regex: "[\\s\\S]" }, behavior: "Isolated", invert: false },
};

const DECODERS: Readonly<Record<TokenizerKind, DecoderJson | null>> = {
  bpe: BYTES,
  wordpiece: { type: "WordPiece", prefix: "##", cleanup: true },
  unigram: { type: "Metaspace", ...SIGN },
  // Null joins with spaces.
  word: null,
  character: { type: "Fuse" },
};

/** A tokenizer of the kind, all but its model. */
export function describeKind(
  kind: TokenizerKind,
  {
    specialTokens,
    lowercase,
    splitPunctuation,
  }: { specialTokens: readonly string[]; lowercase: boolean; splitPunctuation: boolean },
): Omit<TokenizerJson, "model"> {
  const bert: NormalizerJson = {
    type: "BertNormalizer",
    clean_text: true,
    handle_chinese_chars: true,
    // Null: as lowercase.
    strip_accents: kind === "wordpiece" ? null : false,
    lowercase,
  };
  // Every Chinese character is a word, unless the texts say themselves what their words are.
  const bertLike = kind === "wordpiece" || (kind === "word" && lowercase && splitPunctuation);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: bertLike ? bert : lowercase ? { type: "Lowercase" } : null,
    pre_tokenizer: kind === "word" && !splitPunctuation ? { type: "WhitespaceSplit" } : PRE_TOKENIZERS[kind],
    post_processor: kind === "wordpiece" ? bertTemplate(specialTokens) : null,
    decoder: DECODERS[kind],
  };
}
