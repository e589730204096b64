import { z } from "zod";
import { DataError } from "../../data/lines.ts";

/**
 * `tokenizer.json` of Hugging Face's `tokenizers`, all of it but what no published model of the known kinds uses (custom
 * components, `UnicodeScripts`). Unknown keys are left out, as there.
 */

/** A vocabulary. Its own check, because zod's records lose the word `__proto__`. */
const vocab = z.custom<Record<string, number>>(
  (value) => value !== null && typeof value === "object" && !Array.isArray(value),
  { error: "expected an object of tokens and ids" },
);
/** Long lists are checked by the models, entry by entry. */
const list = <T>(what: string) => z.custom<T[]>(Array.isArray, { error: `expected a list of ${what}` });
/** More tokens than any model has; an id above would only fill the memory. */
export const MAX_ID = 2 ** 24 - 1;
const id = z.number().int().min(0).max(MAX_ID);

const addedToken = z.object({
  id,
  content: z.string().min(1),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().default(true),
  special: z.boolean().default(false),
});

const pattern = z.union([z.object({ String: z.string().min(1) }), z.object({ Regex: z.string().min(1) })], {
  error: "expected { String } or { Regex }",
});

const plain = <T extends string>(type: T) => z.object({ type: z.literal(type) });
const normalizerStep = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("BertNormalizer"),
    clean_text: z.boolean(),
    handle_chinese_chars: z.boolean(),
    strip_accents: z.boolean().nullable().default(null),
    lowercase: z.boolean(),
  }),
  plain("Lowercase"),
  plain("StripAccents"),
  plain("NFC"),
  plain("NFD"),
  plain("NFKC"),
  plain("NFKD"),
  plain("Nmt"),
  plain("ByteLevel"),
  z.object({ type: z.literal("Strip"), strip_left: z.boolean(), strip_right: z.boolean() }),
  z.object({ type: z.literal("Replace"), pattern, content: z.string() }),
  z.object({ type: z.literal("Prepend"), prepend: z.string() }),
  // `longest` is ours, for tokenizers that have no tokenizer.json: as SentencePiece itself applies the map.
  z.object({ type: z.literal("Precompiled"), precompiled_charsmap: z.string(), longest: z.boolean().optional() }),
]);
// Sequences in sequences go one level deep: deeper ones say nothing more, and endless ones end the program.
const normalizerList = z.object({ type: z.literal("Sequence"), normalizers: z.array(normalizerStep) });
const normalizer = z.discriminatedUnion("type", [
  ...normalizerStep.options,
  z.object({
    type: z.literal("Sequence"),
    normalizers: z.array(z.discriminatedUnion("type", [...normalizerStep.options, normalizerList])),
  }),
]);

const byteLevel = z.object({
  type: z.literal("ByteLevel"),
  add_prefix_space: z.boolean().default(true),
  trim_offsets: z.boolean().default(true),
  use_regex: z.boolean().default(true),
});
const metaspace = z.object({
  type: z.literal("Metaspace"),
  replacement: z.string().length(1),
  prepend_scheme: z.enum(["always", "first", "never"]).optional(),
  add_prefix_space: z.boolean().optional(),
  split: z.boolean().default(true),
});
const behavior = z.enum(["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]);
const preTokenizerStep = z.discriminatedUnion("type", [
  byteLevel,
  metaspace,
  plain("BertPreTokenizer"),
  plain("Whitespace"),
  plain("WhitespaceSplit"),
  z.object({ type: z.literal("Split"), pattern, behavior, invert: z.boolean().default(false) }),
  z.object({ type: z.literal("Digits"), individual_digits: z.boolean().default(false) }),
  z.object({ type: z.literal("Punctuation"), behavior: behavior.default("Isolated") }),
  z.object({ type: z.literal("CharDelimiterSplit"), delimiter: z.string().min(1) }),
  z.object({ type: z.literal("FixedLength"), length: z.number().int().min(1).default(5) }),
]);
const preTokenizerList = z.object({ type: z.literal("Sequence"), pretokenizers: z.array(preTokenizerStep) });
const preTokenizer = z.discriminatedUnion("type", [
  ...preTokenizerStep.options,
  z.object({
    type: z.literal("Sequence"),
    pretokenizers: z.array(z.discriminatedUnion("type", [...preTokenizerStep.options, preTokenizerList])),
  }),
]);

const templatePart = z.union([
  z.object({ Sequence: z.object({ id: z.enum(["A", "B"]), type_id: id }) }),
  z.object({ SpecialToken: z.object({ id: z.string(), type_id: id }) }),
]);
const token = z.tuple([z.string(), id]);
const postProcessorStep = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("TemplateProcessing"),
    single: z.array(templatePart),
    pair: z.array(templatePart),
    special_tokens: z.record(z.string(), z.object({ id: z.string(), ids: z.array(id), tokens: z.array(z.string()) })),
  }),
  z.object({ type: z.literal("BertProcessing"), sep: token, cls: token }),
  z.object({
    type: z.literal("RobertaProcessing"),
    sep: token,
    cls: token,
    trim_offsets: z.boolean().default(true),
    add_prefix_space: z.boolean().default(true),
  }),
  byteLevel,
]);
const postProcessor = z.discriminatedUnion("type", [
  ...postProcessorStep.options,
  z.object({ type: z.literal("Sequence"), processors: z.array(postProcessorStep) }),
]);

const decoderStep = z.discriminatedUnion("type", [
  byteLevel,
  metaspace,
  z.object({ type: z.literal("WordPiece"), prefix: z.string(), cleanup: z.boolean() }),
  z.object({ type: z.literal("BPEDecoder"), suffix: z.string() }),
  z.object({
    type: z.literal("Strip"),
    content: z.string().min(1).max(2),
    start: z.number().int().min(0),
    stop: z.number().int().min(0),
  }),
  z.object({ type: z.literal("Replace"), pattern, content: z.string() }),
  z.object({
    type: z.literal("CTC"),
    pad_token: z.string().min(1),
    word_delimiter_token: z.string().min(1),
    cleanup: z.boolean(),
  }),
  plain("ByteFallback"),
  plain("Fuse"),
]);
const decoder = z.discriminatedUnion("type", [
  ...decoderStep.options,
  z.object({ type: z.literal("Sequence"), decoders: z.array(decoderStep) }),
]);

const bpe = z.object({
  type: z.literal("BPE"),
  // Dropout is for training: what it would do to a text here is left to chance.
  dropout: z.literal(0).nullable().default(null),
  unk_token: z.string().nullable().default(null),
  continuing_subword_prefix: z.string().nullable().default(null),
  end_of_word_suffix: z.string().nullable().default(null),
  fuse_unk: z.boolean().default(false),
  byte_fallback: z.boolean().default(false),
  ignore_merges: z.boolean().default(false),
  vocab,
  merges: list<string | [string, string]>("merges"),
});
const wordPiece = z.object({
  type: z.literal("WordPiece"),
  unk_token: z.string(),
  continuing_subword_prefix: z.string(),
  max_input_chars_per_word: z.number().int().min(0),
  vocab,
});
const unigram = z.object({
  type: z.literal("Unigram"),
  unk_id: id.nullable().default(null),
  vocab: list<[string, number]>("pieces and their scores").refine((value) => value.length > 0, "expected pieces"),
  byte_fallback: z.boolean().default(false),
});
const wordLevel = z.object({ type: z.literal("WordLevel"), vocab, unk_token: z.string() });

const tokenizer = z.object({
  version: z.literal("1.0").default("1.0"),
  truncation: z.unknown().default(null),
  padding: z.unknown().default(null),
  added_tokens: z.array(addedToken).default([]),
  normalizer: normalizer.nullable().default(null),
  pre_tokenizer: preTokenizer.nullable().default(null),
  post_processor: postProcessor.nullable().default(null),
  decoder: decoder.nullable().default(null),
  model: z.discriminatedUnion("type", [bpe, wordPiece, unigram, wordLevel]),
});

export type PatternJson = z.infer<typeof pattern>;
export type SplitBehavior = z.infer<typeof behavior>;
export type MetaspaceJson = z.infer<typeof metaspace>;
export type AddedTokenJson = z.infer<typeof addedToken>;
export type NormalizerJson = z.infer<typeof normalizer>;
export type PreTokenizerJson = z.infer<typeof preTokenizer>;
export type PostProcessorJson = z.infer<typeof postProcessor>;
export type TemplatePartJson = z.infer<typeof templatePart>;
export type DecoderJson = z.infer<typeof decoder>;
export type BpeJson = z.infer<typeof bpe>;
export type WordPieceJson = z.infer<typeof wordPiece>;
export type UnigramJson = z.infer<typeof unigram>;
export type WordLevelJson = z.infer<typeof wordLevel>;
export type ModelJson = BpeJson | WordPieceJson | UnigramJson | WordLevelJson;
export type TokenizerJson = z.infer<typeof tokenizer>;

/** Files of the first years name no model type. */
function withModelType(value: unknown): unknown {
  const model = (value as { model?: Record<string, unknown> } | null)?.model;
  if (model === null || typeof model !== "object" || model.type !== undefined) return value;
  const type =
    "merges" in model
      ? "BPE"
      : Array.isArray(model.vocab)
        ? "Unigram"
        : "continuing_subword_prefix" in model
          ? "WordPiece"
          : "WordLevel";
  return { ...(value as object), model: { type, ...model } };
}

const short = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
};

/** The value as a tokenizer's description. Throws {@link DataError} that names the field, what was found and what was expected. */
export function parseTokenizerJson(value: unknown, source: string): TokenizerJson {
  const parsed = tokenizer.safeParse(withModelType(value));
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
    "It is no tokenizer.json, or one with parts that are not known here.",
  );
}
