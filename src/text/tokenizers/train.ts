import { checkOptions, type Known, OptionError } from "../../backend/options.ts";
import { DataError } from "../../data/lines.ts";
import { checkIterable, checkList, checkOneOf, checkText, checkWhole } from "../check.ts";
import { BYTE_CHARACTERS } from "./bpe.ts";
import { learnMerges } from "./bpe-train.ts";
import { countWords, type OnTokenizerProgress, type WordCounts } from "./count-words.ts";
import { describeKind, SPECIAL_TOKENS, TOKENIZER_KINDS, type TokenizerKind } from "./kinds.ts";
import { Pipeline } from "./pipeline.ts";
import type { ModelJson } from "./schema.ts";
import { Tokenizer } from "./tokenizer.ts";
import { trainUnigram } from "./unigram-train.ts";
import { trainWords } from "./word.ts";
import { trainWordPiece } from "./wordpiece-train.ts";

export interface TokenizerTrainOptions {
  /** Tokens in all, special ones included: at most so many (fewer when the texts do not give more). 30,000 by default. */
  vocabSize?: number;
  /** By their ids; the kind's usual ones by default. The unknown token is the one whose name has "unk" in it. */
  specialTokens?: readonly string[];
  /** BPE and WordPiece: pairs that occur less often are not joined (2 by default); words and characters: left out (1). */
  minFrequency?: number;
  /** By default WordPiece alone lowers case (and strips accents), as BERT's uncased models do. */
  lowercase?: boolean;
  /** Words: punctuation is a word of its own (the default); false cuts at spaces only, for texts that are tokenised already. */
  splitPunctuation?: boolean;
  onProgress?: OnTokenizerProgress;
}

const KNOWN: Known<TokenizerTrainOptions> = {
  ...{ vocabSize: true, specialTokens: true, minFrequency: true, lowercase: true, splitPunctuation: true },
  onProgress: true,
};
/** What the tokenizers library's trainers have besides. */
const TRAINERS = {
  showProgress: "onProgress hears of it.",
  initialAlphabet: "Byte-level BPE has all bytes; the others learn the characters of the texts.",
  limitAlphabet: "Rare characters become the unknown token by vocabSize.",
  continuingSubwordPrefix: "WordPiece has ##.",
  endOfWordSuffix: "Words end where their texts have spaces.",
  unkToken: "Name it among specialTokens.",
  maxTokenLength: "Pieces are as long as the texts have them.",
};

function byteMerges(
  { words, counts }: WordCounts,
  options: {
    vocabSize: number;
    specialTokens: readonly string[];
    minFrequency: number;
    onProgress?: (done: number, total: number) => void;
  },
): ModelJson {
  const { specialTokens } = options;
  const characters = [...BYTE_CHARACTERS].sort();
  const tokens = [...specialTokens, ...characters];
  const idOf = Int32Array.from(BYTE_CHARACTERS, (c) => specialTokens.length + characters.indexOf(c));
  const starts = new Int32Array(words.length + 1);
  const encoder = new TextEncoder();
  const encoded = words.map((word) => encoder.encode(word));
  for (let w = 0; w < words.length; w++) starts[w + 1] = starts[w] + encoded[w].length;
  const bytes = new Uint8Array(starts[words.length]);
  for (let w = 0; w < words.length; w++) bytes.set(encoded[w], starts[w]);
  const ids = Int32Array.from(bytes, (byte) => idOf[byte]);
  const merges = learnMerges({ ids, starts, counts }, { ...options, tokens });
  return {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges: merges.map(([a, b]): [string, string] => [tokens[a], tokens[b]]),
  };
}

/**
 * Trains a tokenizer on texts: byte-level BPE as GPT-2's, WordPiece as BERT's, Unigram as SentencePiece's, words, or
 * characters. The same texts give the same tokenizer.
 * @throws OptionError for sizes that cannot be; DataError when the texts are empty
 */
export async function trainTokenizer(
  kind: TokenizerKind,
  texts: Iterable<string> | AsyncIterable<string>,
  options: TokenizerTrainOptions = {},
): Promise<Tokenizer> {
  checkOptions("trainTokenizer", options, KNOWN, TRAINERS);
  checkOneOf("the kind of tokenizer", kind, TOKENIZER_KINDS);
  if (kind === undefined) throw new OptionError(`no kind of tokenizer; there are ${TOKENIZER_KINDS.join(", ")}`);
  checkIterable("trainTokenizer", texts, "texts");
  const { vocabSize = 30_000, specialTokens = SPECIAL_TOKENS[kind], onProgress } = options;
  const { minFrequency = kind === "bpe" || kind === "wordpiece" ? 2 : 1 } = options;
  const { lowercase = kind === "wordpiece", splitPunctuation = true } = options;
  checkWhole("minFrequency", minFrequency, 1);
  checkList("specialTokens", specialTokens, "texts");
  specialTokens.forEach((token, i) => void checkText(`specialTokens.${i}`, token));
  if (new Set(specialTokens).size < specialTokens.length || specialTokens.includes(""))
    throw new OptionError(`special tokens must differ and not be empty: ${JSON.stringify(specialTokens)}`);
  const unknown = specialTokens.find((token) => /unk/i.test(token));
  if (unknown === undefined && kind !== "bpe")
    throw new OptionError(`${kind}: the special tokens need an unknown token, such as <unk>`);
  checkWhole("vocabSize", vocabSize, specialTokens.length + (kind === "bpe" ? 256 : 2));

  const description = describeKind(kind, { specialTokens, lowercase, splitPunctuation });
  const counted = await countWords(texts, new Pipeline(description, "tokenizer"), onProgress);
  if (counted.words.length === 0) throw new DataError("there is no text to train a tokenizer on");
  const settings = {
    vocabSize,
    specialTokens,
    minFrequency,
    onProgress: onProgress && ((done: number, total: number) => onProgress({ stage: "learn", done, total })),
  };
  const unk_token = unknown as string;
  const vocab = (tokens: string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]));
  let model: ModelJson;
  if (kind === "bpe") model = byteMerges(counted, settings);
  else if (kind === "unigram") {
    const pieces = trainUnigram(counted, settings);
    model = { type: "Unigram", unk_id: specialTokens.indexOf(unk_token), vocab: pieces, byte_fallback: false };
  } else if (kind === "wordpiece") {
    const prefix = "##";
    const tokens = trainWordPiece(counted, { ...settings, prefix });
    model = {
      type: "WordPiece",
      unk_token,
      continuing_subword_prefix: prefix,
      max_input_chars_per_word: 100,
      vocab: vocab(tokens),
    };
  } else model = { type: "WordLevel", vocab: vocab(trainWords(counted, settings)), unk_token };
  return Tokenizer.fromJSON({ ...description, model }, `the trained ${kind} tokenizer`);
}
