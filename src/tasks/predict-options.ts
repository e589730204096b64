import { GENERATION, REFUSED as NOT_WRITTEN, SEQ2SEQ } from "../models/generation-options.ts";
import type { GenerationOptions, Seq2SeqGenerationOptions } from "../models/index.ts";
import {
  either,
  flag,
  list,
  nothing,
  omit,
  oneOf,
  type Table,
  text,
  truth,
  type Values,
  whole,
} from "../options/index.ts";
import { TaskError } from "./error.ts";

/** What makes scores of a classifier's outputs. */
export const SCORE_FUNCTIONS = ["softmax", "sigmoid", "none"] as const;
export type ScoreFunction = (typeof SCORE_FUNCTIONS)[number];

const PASS = {
  /** Texts in a pass; 32. */
  batchSize: whole({ from: 1, help: "texts in a pass; 32" }),
};
const CLASSIFICATION = {
  /** So many classes of each text, best first, in a list; `null`: all. Left out: the best one alone. */
  topK: either([whole({ from: 1, help: "" }), nothing], {
    argument: "n",
    help: "so many classes of each text, best first; null: all",
  }),
  /** softmax; sigmoid where there is one class or each is decided by itself; none for numbers. */
  functionToApply: oneOf(SCORE_FUNCTIONS, { help: "what makes scores of a classifier's outputs" }),
  ...PASS,
};
const TAGGING = {
  /** Labels that are left out; `["O"]`. */
  ignoreLabels: list(text({ help: "" }), { argument: "label,…", help: "labels that are left out; O" }),
};
const FILLING = {
  /** Tokens for each mask; 5. */
  topK: whole({ from: 1, help: "tokens for each mask; 5" }),
  /** Only these words (or tokens) are judged. */
  targets: either([text({ help: "" }), list(text({ help: "" }), { help: "" })], {
    argument: "word,…",
    help: "only these words are judged",
  }),
  ...PASS,
};
const FEATURES = {
  /** How a text's vector is made: its tokens' mean, the first token's, or each token's own (`none`). */
  pooling: oneOf(["mean", "cls", "none"], {
    argument: "how",
    help: "a vector for each text, or (none) for each token",
  }),
  /** Vectors of length 1; false. */
  normalize: flag({ help: "vectors of length 1" }),
  ...PASS,
};
const WRITING_RESULT = {
  /** The prompt with what was written behind it; true. */
  returnFullText: truth({ help: "the prompt with what was written behind it; true" }),
  /** Stands before every prompt, and is not given back. */
  prefix: text({ empty: true, help: "stands before every prompt, and is not given back" }),
};

export interface TextClassificationOptions extends Values<typeof CLASSIFICATION> {}
export interface TokenClassificationOptions extends Values<typeof TAGGING> {}
export interface FillMaskOptions extends Values<typeof FILLING> {}
export interface FeatureExtractionOptions extends Values<typeof FEATURES> {}
/** What of a text is given back, besides how it is written. */
export interface WritingResult extends Values<typeof WRITING_RESULT> {}
export interface TextGenerationOptions
  extends WritingResult,
    Omit<GenerationOptions, "tokenizer" | "onToken" | "eosTokenIds"> {}
export interface TranslationOptions extends Omit<Seq2SeqGenerationOptions, "tokenizer" | "eosTokenIds"> {
  /** Texts in a pass; 32. */
  batchSize?: number;
}

/** Options of every task's predictions; each task takes its own. */
export type PredictOptions = Omit<TextClassificationOptions, "topK"> &
  TokenClassificationOptions &
  Omit<FillMaskOptions, "topK"> &
  FeatureExtractionOptions &
  Omit<TextGenerationOptions, "topK"> &
  Omit<TranslationOptions, "topK"> & {
    /** Classes of a text, tokens for a mask, or tokens that are drawn from. */
    topK?: number | null;
  };

/** The options of each task's predictions. */
export const PREDICT = {
  "text-classification": CLASSIFICATION,
  "token-classification": TAGGING,
  "fill-mask": FILLING,
  "feature-extraction": FEATURES,
  "text-generation": { ...omit(GENERATION, "tokenizer", "onToken", "eosTokenIds"), ...WRITING_RESULT },
  translation: { ...omit(SEQ2SEQ, "tokenizer", "eosTokenIds"), ...PASS },
} satisfies Record<string, Table>;

const CUT = "Texts are always cut to what the model takes.";
const TOKENIZER = "Texts are read as the tokenizer's own files say.";
const EVERYWHERE = {
  truncation: CUT,
  padding: "Batches are padded as they need it.",
  tokenizerKwargs: TOKENIZER,
  tokenizeKwargs: TOKENIZER,
  tokenizerEncodeKwargs: TOKENIZER,
  addSpecialTokens: TOKENIZER,
  numWorkers: "Texts are read in this thread.",
  returnTensors: "Results are plain values.",
};
const WORDS = "Words are tagged by their first token, and entities are whole where the labels mark them (B-, I-).";
/** What Transformers' pipelines have and is not done here. */
export const NOT_PREDICTED: Readonly<Record<keyof typeof PREDICT, Readonly<Record<string, string>>>> = {
  "text-classification": { ...EVERYWHERE, maxLength: CUT, returnAllScores: "topK: null gives all scores." },
  "token-classification": {
    ...{ ...EVERYWHERE, aggregationStrategy: WORDS, groupedEntities: WORDS, ignoreSubwords: WORDS },
    stride: "Long texts are cut into parts and put together again.",
    offsetMapping: TOKENIZER,
    isSplitIntoWords: "predictFile takes files of words.",
    delimiter: "Give texts.",
    batchSize: "Words are tagged in batches of 32 texts.",
  },
  "fill-mask": { ...EVERYWHERE },
  "feature-extraction": { ...EVERYWHERE },
  "text-generation": {
    ...{ ...NOT_WRITTEN, ...EVERYWHERE },
    tokenizer: "It is the model's.",
    onToken: "loadGenerator gives a model whose generate has onToken and onText.",
    returnText: "Texts are given back always.",
    cleanUpTokenizationSpaces: TOKENIZER,
    skipSpecialTokens: "They are left out.",
    stopSequence: "stopStrings does it.",
    handleLongGeneration: "A prompt that is too long is read from behind.",
    continueFinalMessage: "Give the conversation as a text.",
    tools: "Give the conversation as a text.",
    documents: "Give the conversation as a text.",
  },
  translation: {
    ...{ ...NOT_WRITTEN, ...EVERYWHERE },
    tokenizer: "It is the model's.",
    srcLang: "A model knows its languages.",
    tgtLang: "forcedBosTokenId says the language, for models of many.",
    returnText: "Texts are given back always.",
    cleanUpTokenizationSpaces: TOKENIZER,
  },
};

/** Throws {@link TaskError} unless a number of texts in a pass is one. */
export function checkBatchSize(size: number | undefined): void {
  if (size !== undefined && !(Number.isInteger(size) && size > 0))
    throw new TaskError(`batchSize is ${size}; expected a whole number from 1 on`);
}
