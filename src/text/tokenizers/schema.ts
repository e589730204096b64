import { z } from "zod";
import { DataError } from "../../data/lines.ts";

/** `tokenizer.json` of Hugging Face's `tokenizers`, as far as the five kinds of tokenizer that Shoshin trains use it. */

/** A vocabulary. Its own check, because zod's records lose the word `__proto__`. */
const vocab = z.custom<Record<string, number>>(
  (value) => value !== null && typeof value === "object" && !Array.isArray(value),
  { error: "expected an object of tokens and ids" },
);
const id = z.number().int().min(0);

const addedToken = z.strictObject({
  id,
  content: z.string().min(1),
  single_word: z.literal(false),
  lstrip: z.literal(false),
  rstrip: z.literal(false),
  normalized: z.boolean(),
  special: z.boolean(),
});

const normalizer = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("BertNormalizer"),
    clean_text: z.boolean(),
    handle_chinese_chars: z.boolean(),
    strip_accents: z.boolean().nullable(),
    lowercase: z.boolean(),
  }),
  z.strictObject({ type: z.literal("Lowercase") }),
]);

const byteLevel = z.strictObject({
  type: z.literal("ByteLevel"),
  add_prefix_space: z.boolean(),
  trim_offsets: z.boolean(),
  use_regex: z.boolean().default(true),
});
const metaspace = z.strictObject({
  type: z.literal("Metaspace"),
  replacement: z.string().length(1),
  prepend_scheme: z.enum(["always", "first", "never"]),
  split: z.literal(true),
});
const step = z.discriminatedUnion("type", [
  byteLevel,
  metaspace,
  z.strictObject({ type: z.literal("BertPreTokenizer") }),
  z.strictObject({ type: z.literal("Whitespace") }),
  z.strictObject({ type: z.literal("WhitespaceSplit") }),
  z.strictObject({
    type: z.literal("Split"),
    // Dialects of regular expressions differ: one expression is known, other patterns are plain strings.
    pattern: z.union([z.strictObject({ String: z.string().min(1) }), z.strictObject({ Regex: z.literal("[\\s\\S]") })]),
    behavior: z.literal("Isolated"),
    invert: z.literal(false),
  }),
]);
const preTokenizer = z.discriminatedUnion("type", [
  ...step.options,
  z.strictObject({ type: z.literal("Sequence"), pretokenizers: z.array(step) }),
]);

const templatePart = z.union([
  z.strictObject({ Sequence: z.strictObject({ id: z.enum(["A", "B"]), type_id: id }) }),
  z.strictObject({ SpecialToken: z.strictObject({ id: z.string(), type_id: id }) }),
]);
const postProcessor = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("TemplateProcessing"),
    single: z.array(templatePart),
    pair: z.array(templatePart),
    special_tokens: z.record(
      z.string(),
      z.strictObject({ id: z.string(), ids: z.array(id), tokens: z.array(z.string()) }),
    ),
  }),
  byteLevel.extend({ trim_offsets: z.literal(false) }),
]);

const decoder = z.discriminatedUnion("type", [
  byteLevel,
  metaspace,
  z.strictObject({ type: z.literal("WordPiece"), prefix: z.string(), cleanup: z.boolean() }),
  z.strictObject({ type: z.literal("Fuse") }),
]);

const bpe = z.strictObject({
  type: z.literal("BPE"),
  dropout: z.null().default(null),
  unk_token: z.null().default(null),
  continuing_subword_prefix: z.literal("").nullable().default(null),
  end_of_word_suffix: z.literal("").nullable().default(null),
  fuse_unk: z.boolean().default(false),
  byte_fallback: z.literal(false).default(false),
  ignore_merges: z.literal(false).default(false),
  vocab,
  merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
});
const wordPiece = z.strictObject({
  type: z.literal("WordPiece"),
  unk_token: z.string(),
  continuing_subword_prefix: z.string(),
  max_input_chars_per_word: id,
  vocab,
});
const unigram = z.strictObject({
  type: z.literal("Unigram"),
  unk_id: id,
  vocab: z.array(z.tuple([z.string(), z.number()])).min(1),
  byte_fallback: z.literal(false).default(false),
});
const wordLevel = z.strictObject({ type: z.literal("WordLevel"), vocab, unk_token: z.string() });

const tokenizer = z.strictObject({
  version: z.literal("1.0"),
  truncation: z.unknown(),
  padding: z.unknown(),
  added_tokens: z.array(addedToken),
  normalizer: normalizer.nullable(),
  pre_tokenizer: preTokenizer,
  post_processor: postProcessor.nullable(),
  decoder: decoder.nullable(),
  model: z.discriminatedUnion("type", [bpe, wordPiece, unigram, wordLevel]),
});

export type NormalizerJson = z.infer<typeof normalizer>;
export type PreTokenizerJson = z.infer<typeof preTokenizer>;
export type PostProcessorJson = z.infer<typeof postProcessor>;
export type DecoderJson = z.infer<typeof decoder>;
export type BpeJson = z.infer<typeof bpe>;
export type WordPieceJson = z.infer<typeof wordPiece>;
export type UnigramJson = z.infer<typeof unigram>;
export type WordLevelJson = z.infer<typeof wordLevel>;
export type ModelJson = BpeJson | WordPieceJson | UnigramJson | WordLevelJson;
export type TokenizerJson = z.infer<typeof tokenizer>;

const short = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};

/** The value as a tokenizer's description. Throws {@link DataError} that names the field, what was found and what was expected. */
export function parseTokenizerJson(value: unknown, source: string): TokenizerJson {
  const parsed = tokenizer.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  let found = value;
  let missing = false;
  for (const key of issue.path) {
    missing = found === null || typeof found !== "object" || !Object.hasOwn(found, key);
    found = missing ? undefined : (found as Record<PropertyKey, unknown>)[key];
  }
  const where = issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  const what = missing ? "missing" : `found ${short(found)}`;
  throw new DataError(
    `${source}: ${where}${what}; ${issue.message}`,
    "Known are the tokenizers that Shoshin trains: byte-level BPE, WordPiece, Unigram, words and characters.",
  );
}
