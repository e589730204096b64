import type { Known } from "../backend/options.ts";
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

/** Only of drawing. */
export const SAMPLING: Known<Omit<SamplingOptions, "repetitionPenalty" | "suppressTokens">> = {
  temperature: true,
  topK: true,
  topP: true,
  minP: true,
  topH: true,
  typicalP: true,
  epsilonCutoff: true,
  etaCutoff: true,
};

export const WRITING: Known<WritingOptions> = {
  ...SAMPLING,
  repetitionPenalty: true,
  suppressTokens: true,
  beginSuppressTokens: true,
  encoderRepetitionPenalty: true,
  noRepeatNgramSize: true,
  encoderNoRepeatNgramSize: true,
  badWordsIds: true,
  sequenceBias: true,
  minNewTokens: true,
  minLength: true,
  forcedBosTokenId: true,
  forcedEosTokenId: true,
  exponentialDecayLengthPenalty: true,
  removeInvalidValues: true,
  maxNewTokens: true,
  maxLength: true,
  doSample: true,
  numBeams: true,
  lengthPenalty: true,
  earlyStopping: true,
  numReturnSequences: true,
  renormalizeLogits: true,
  eosTokenId: true,
  eosTokenIds: true,
  stopStrings: true,
  tokenizer: true,
  seed: true,
  padTokenId: true,
  bosTokenId: true,
  useCache: true,
};
export const GENERATION: Known<GenerationOptions> = { ...WRITING, batchSize: true, onToken: true };
export const SEQ2SEQ: Known<Seq2SeqGenerationOptions> = { ...WRITING, decoderStartTokenId: true };

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
