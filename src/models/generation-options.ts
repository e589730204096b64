import { either, flag, handed, list, nothing, oneOf, real, type TableOf, text, whole } from "../options/index.ts";
import type { SamplingOptions } from "./sampling.ts";
import type { WritingRules } from "./writing-rules.ts";

/** What turns ids into text; every tokenizer here does. */
export interface Decoder {
  decode(ids: readonly number[]): string;
}

/**
 * How texts are written; names, defaults and meaning of Transformers' GenerationConfig. What is left out follows from the
 * model's generation_config.json, else from its configuration, else from Transformers' defaults.
 */
export interface WritingOptions extends SamplingOptions, WritingRules {
  /** Tokens that are written at most; 20. */
  maxNewTokens?: number;
  /** The same, with the prompt (or the start token) counted; one of the two. */
  maxLength?: number;
  /** Draws tokens instead of taking the likeliest; only with one beam. false. */
  doSample?: boolean;
  /** Texts that are kept while the best is looked for; 1: none is looked for. */
  numBeams?: number;
  /** Of beam search: an ended text's score is its log-likelihood / length^penalty: above 0 favours long texts. 1. */
  lengthPenalty?: number;
  /** Of beam search; see {@link BeamSettings}. false. */
  earlyStopping?: boolean | "never";
  /** Texts for each prompt, one behind another: of sampling, or the best of several beams. 1. */
  numReturnSequences?: number;
  /** Of beam search: the rules' scores are made likelihoods again. false. */
  renormalizeLogits?: boolean;
  /** A text ends with one of these; it is part of the result. `null`: none. */
  eosTokenId?: number | readonly number[] | null;
  /** @deprecated The name of `eosTokenId` in older versions. */
  eosTokenIds?: readonly number[];
  /** A text ends as soon as one of these stands in what is written; needs `tokenizer`. */
  stopStrings?: string | readonly string[];
  /** Reads the text for `stopStrings`. */
  tokenizer?: Decoder;
  /** The same seed gives the same text. 0. */
  seed?: number;
  /** Understood and without effect: results are lists as long as their texts. */
  padTokenId?: number | null;
  /** Understood and without effect: the tokenizer puts it before a text. */
  bosTokenId?: number | null;
  /** Keys and values are always kept. */
  useCache?: true;
}

/** How a text is continued. */
export interface GenerationOptions extends WritingOptions {
  /** Texts that are continued together, one pass for a token of each. 16. */
  batchSize?: number;
  /** Called with every new token of every text (its position in the batch first); returning true ends that text. */
  onToken?: (text: number, id: number) => boolean | void;
}

/** How a text is written for one that was read. */
export interface Seq2SeqGenerationOptions extends WritingOptions {
  decoderStartTokenId?: number;
}

const id = whole({ from: 0, argument: "id", help: "the id of a token" });
const ids = list(id, { help: "ids of tokens" });

/** Only of drawing. */
export const SAMPLING: TableOf<Omit<SamplingOptions, "repetitionPenalty" | "suppressTokens">> = {
  temperature: real({
    from: 0,
    below: 1e6,
    help: "draw tokens, likelier ones more the lower it is; 0 takes the likeliest always",
  }),
  topK: whole({ from: 0, help: "draw, only from the k likeliest tokens", argument: "k" }),
  topP: real({ above: 0, to: 1, argument: "p", help: "draw, only from the likeliest tokens that make up this share" }),
  minP: real({
    from: 0,
    to: 1,
    argument: "p",
    help: "draw, only from tokens at least so likely as this share of the likeliest",
  }),
  topH: real({
    above: 0,
    to: 1,
    hidden: true,
    help: "draw, only from the likeliest that make up this share of entropy",
  }),
  typicalP: real({
    above: 0,
    to: 1,
    hidden: true,
    help: "draw, only from the tokens of about the expected information",
  }),
  epsilonCutoff: real({ from: 0, below: 1, hidden: true, help: "draw, only from tokens at least so likely" }),
  etaCutoff: real({ from: 0, below: 1, hidden: true, help: "the same, less where the entropy is high" }),
};

/** Every option of writing; to add one, add it here and to {@link WritingOptions}. */
export const WRITING: TableOf<WritingOptions> = {
  maxNewTokens: whole({ from: 0, help: "tokens that are written at most" }),
  maxLength: whole({ from: 1, hidden: true, help: "the same, with the prompt counted" }),
  ...SAMPLING,
  doSample: flag({ hidden: true, help: "draw tokens instead of taking the likeliest" }),
  repetitionPenalty: real({ above: 0, below: 1e6, help: "above 1: tokens that occurred are less likely" }),
  encoderRepetitionPenalty: real({ above: 0, below: 1e6, hidden: true, help: "above 1: the prompt's are likelier" }),
  noRepeatNgramSize: whole({ from: 0, help: "no run of so many tokens occurs twice" }),
  encoderNoRepeatNgramSize: whole({ from: 0, hidden: true, help: "no run of so many tokens of the prompt is written" }),
  minNewTokens: whole({ from: 0, help: "no text ends before" }),
  minLength: whole({ from: 0, hidden: true, help: "the same, with the prompt counted" }),
  numBeams: whole({ from: 1, help: "beam search for the likeliest text, in place of drawing" }),
  lengthPenalty: real({ help: "of beam search: above 0 favours long texts" }),
  earlyStopping: either([flag({ help: "" }), oneOf(["never"], { help: "" })], {
    hidden: true,
    argument: "true|false|never",
    help: "of beam search: when it ends",
  }),
  numReturnSequences: whole({ from: 1, hidden: true, help: "texts for each prompt" }),
  renormalizeLogits: flag({ hidden: true, help: "of beam search: scores are made likelihoods again" }),
  seed: whole({ from: 0, help: "the same seed gives the same text" }),
  stopStrings: either([text({ help: "" }), list(text({ help: "" }), { help: "" })], {
    hidden: true,
    argument: "text,…",
    help: "a text ends with any of these",
  }),
  suppressTokens: either([ids, nothing], { hidden: true, help: "never written" }),
  beginSuppressTokens: either([ids, nothing], { hidden: true, help: "not written first" }),
  badWordsIds: handed({ help: "texts of tokens that are never written" }),
  sequenceBias: handed({ help: "texts of tokens, and what is added to their scores" }),
  forcedBosTokenId: either([id, nothing], { hidden: true, help: "the first token: the language, for models of many" }),
  forcedEosTokenId: either([id, ids, nothing], { hidden: true, help: "the last token of the longest texts" }),
  exponentialDecayLengthPenalty: handed({ help: "the end becomes likelier after so many tokens, by this factor" }),
  removeInvalidValues: flag({ hidden: true, help: "NaN counts as 0, infinity as the greatest number" }),
  eosTokenId: either([id, ids, nothing], { hidden: true, help: "a text ends with one of these" }),
  eosTokenIds: handed({ help: "eosTokenId" }),
  padTokenId: either([id, nothing], { hidden: true, help: "without effect" }),
  bosTokenId: either([id, nothing], { hidden: true, help: "without effect" }),
  useCache: handed({ help: "keys and values are always kept" }),
  tokenizer: handed({ help: "reads the text for stopStrings" }),
};
export const GENERATION: TableOf<GenerationOptions> = {
  ...WRITING,
  batchSize: whole({ from: 1, help: "texts that are continued together" }),
  onToken: handed({ help: "called with every new token" }),
};
export const SEQ2SEQ: TableOf<Seq2SeqGenerationOptions> = {
  ...WRITING,
  decoderStartTokenId: either([id], { hidden: true, help: "begins every text" }),
};

const LISTS = "The result is lists of token ids and nothing else; a forward pass gives the rest.";
const ASSISTED = "Models write alone here, every token in a pass of its own.";
const CACHE = "There is one kind of cache of keys and values here.";
const MOVED = "Transformers 5 has it no more.";

/** What Transformers' GenerationConfig has and is not done here. */
export const REFUSED: Readonly<Record<string, string>> = {
  maxTime: "Return true from onToken to end a text.",
  useCache: "Keys and values are always kept.",
  useMtp: ASSISTED,
  cacheImplementation: CACHE,
  cacheConfig: CACHE,
  maxCacheLen: CACHE,
  returnLegacyCache: CACHE,
  tokenHealing: "End the prompt before the word that shall be completed.",
  guidanceScale: "Texts are written for one prompt alone.",
  watermarkingConfig: "Texts are not marked.",
  outputAttentions: LISTS,
  outputHiddenStates: LISTS,
  outputScores: `${LISTS} beamSearch gives texts with their scores.`,
  outputLogits: LISTS,
  returnDictInGenerate: LISTS,
  isAssistant: ASSISTED,
  assistantModel: ASSISTED,
  numAssistantTokens: ASSISTED,
  numAssistantTokensSchedule: ASSISTED,
  assistantConfidenceThreshold: ASSISTED,
  promptLookupNumTokens: ASSISTED,
  maxMatchingNgramSize: ASSISTED,
  assistantEarlyExit: ASSISTED,
  assistantLookbehind: ASSISTED,
  targetLookbehind: ASSISTED,
  assistantEnsembleWeight: ASSISTED,
  speculationType: ASSISTED,
  compileConfig: "Nothing is compiled here.",
  disableCompile: "Nothing is compiled here.",
  continuousBatchingConfig: "batchSize says how many texts are continued together.",
  prefillChunkSize: "A prompt is read in one pass.",
  lowMemory: MOVED,
  penaltyAlpha: MOVED,
  dolaLayers: MOVED,
  diversityPenalty: MOVED,
  numBeamGroups: MOVED,
  constraints: MOVED,
  forceWordsIds: MOVED,
  logitsProcessor: "Rules are options: badWordsIds, sequenceBias, suppressTokens, noRepeatNgramSize.",
  stoppingCriteria: "Return true from onToken to end a text, or give stopStrings.",
  prefixAllowedTokensFn: "Tokens can be forbidden: suppressTokens, badWordsIds.",
  streamer: "onToken is called with every token, onText of a Generator with every piece of text.",
  generationConfig: "Give its values as options, in camelCase; model.generationConfig.defaults holds the folder's.",
  attentionMask: "Give each prompt as a list of its own length.",
};

/** Values of refused options with which they do nothing: files have them. */
const WITHOUT_EFFECT: Readonly<Record<string, readonly unknown[]>> = {
  useCache: [true],
  guidanceScale: [1],
  numBeamGroups: [1],
  diversityPenalty: [0],
  penaltyAlpha: [0],
};
/** Names that only change how fast Python writes, never what. */
const ONLY_SPEED = new Set(
  `useCache cacheImplementation cacheConfig maxCacheLen returnLegacyCache numAssistantTokens numAssistantTokensSchedule
  assistantConfidenceThreshold maxMatchingNgramSize assistantLookbehind targetLookbehind isAssistant compileConfig
  disableCompile continuousBatchingConfig prefillChunkSize lowMemory promptLookupNumTokens useMtp`.split(/\s+/),
);

/** Whether a refused option has a value that asks for nothing. */
export const asksNothing = (name: string, value: unknown): boolean =>
  value == null || (WITHOUT_EFFECT[name] ?? [false]).includes(value);

/** Whether a key of a file, in camelCase, may stay unheard: what is written is the same. */
export const isHarmless = (name: string, value: unknown): boolean =>
  asksNothing(name, value) || ONLY_SPEED.has(name) || name.startsWith("output") || name === "returnDictInGenerate";
