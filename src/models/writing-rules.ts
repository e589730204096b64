/** Rules about what may be written next; names of Transformers' GenerationConfig. */
export interface WritingRules {
  /** Scores of tokens that occurred are divided by it (multiplied when negative; Keskar et al., 2019); 1: off. */
  repetitionPenalty?: number;
  /** The contrary for tokens of what was read (the prompt of a language model): above 1 favours them; 1: off. */
  encoderRepetitionPenalty?: number;
  /** No run of so many tokens occurs twice; 0: off. */
  noRepeatNgramSize?: number;
  /** No run of so many tokens of what was read (the prompt of a language model) is written; 0: off. */
  encoderNoRepeatNgramSize?: number;
  /** Texts of tokens that are never written. */
  badWordsIds?: readonly (readonly number[])[] | null;
  /** Texts of tokens, and what is added to the score of the last one where the others stand before it. */
  sequenceBias?: readonly (readonly [ids: readonly number[], bias: number])[] | null;
  /** Tokens that are never written. */
  suppressTokens?: readonly number[] | null;
  /** Tokens that are not written first. */
  beginSuppressTokens?: readonly number[] | null;
  /** No text ends before it has so many tokens, those of the prompt (or the start token) counted; 0. */
  minLength?: number;
  /** No text ends before so many tokens are written. */
  minNewTokens?: number;
  /** The first token behind a prompt of one token: the language, for models of many. */
  forcedBosTokenId?: number | null;
  /** The last token of texts that reach their greatest length; one of several. */
  forcedEosTokenId?: number | readonly number[] | null;
  /** After so many new tokens the end becomes likelier, by the factor to the power of how many there are above. */
  exponentialDecayLengthPenalty?: readonly [start: number, factor: number] | null;
  /** NaN counts as 0, infinity as the greatest number. */
  removeInvalidValues?: boolean;
}

type Scores = Float64Array | Float32Array;
const NEVER = Number.NEGATIVE_INFINITY;
const MOST = 3.4028234663852886e38;

/** Where a text stands. */
export interface Place {
  /** Tokens before the first written one: of the prompt, or the start token. */
  begin: number;
  /** No token comes after this one. */
  last: boolean;
  /** What was read. */
  source: readonly number[];
}

const scale = (scores: Scores, ids: Iterable<number>, penalty: number) => {
  for (const id of new Set(ids)) scores[id] *= scores[id] < 0 ? penalty : 1 / penalty;
};
/** Whether `ids` has `run` right before position `at`. */
const stands = (ids: readonly number[], at: number, run: readonly number[]) =>
  at >= run.length && run.every((id, i) => ids[at - run.length + i] === id);
/** Forbids what would repeat a run of `size` tokens of `text`. */
function forbidRuns(scores: Scores, ids: readonly number[], text: readonly number[], size: number): void {
  if (ids.length + 1 < size) return;
  const tail = ids.slice(ids.length - size + 1);
  for (let at = size - 1; at < text.length; at++) if (stands(text, at, tail)) scores[text[at]] = NEVER;
}
function force(scores: Scores, ids: readonly number[]): void {
  scores.fill(NEVER);
  for (const id of ids) scores[id] = 0;
}

/**
 * Applies the rules to the scores of the next token, in place, in Transformers' order.
 * @param ids what there is so far, the prompt or the start token included.
 * @param eos tokens that end a text.
 */
export function applyRules(
  scores: Scores,
  ids: readonly number[],
  rules: WritingRules,
  eos: readonly number[],
  { begin, last, source }: Place,
): void {
  const {
    repetitionPenalty = 1,
    encoderRepetitionPenalty = 1,
    noRepeatNgramSize = 0,
    badWordsIds,
    sequenceBias,
  } = rules;
  const { encoderNoRepeatNgramSize = 0, minLength = 0, minNewTokens = 0, forcedBosTokenId, forcedEosTokenId } = rules;
  const { exponentialDecayLengthPenalty: decay } = rules;
  for (const [text, bias] of sequenceBias ?? [])
    if (stands(ids, ids.length, text.slice(0, -1))) scores[text[text.length - 1]] += bias;
  if (encoderRepetitionPenalty !== 1) scale(scores, source, 1 / encoderRepetitionPenalty);
  if (repetitionPenalty !== 1) scale(scores, ids, repetitionPenalty);
  if (noRepeatNgramSize > 0) forbidRuns(scores, ids, ids, noRepeatNgramSize);
  if (encoderNoRepeatNgramSize > 0) forbidRuns(scores, ids, source, encoderNoRepeatNgramSize);
  for (const word of badWordsIds ?? []) {
    // To end is no bad word.
    if (word.length === 1 && eos.includes(word[0])) continue;
    if (stands(ids, ids.length, word.slice(0, -1))) scores[word[word.length - 1]] = NEVER;
  }
  if (ids.length < minLength || ids.length - begin < minNewTokens) for (const id of eos) scores[id] = NEVER;
  if (forcedBosTokenId != null && ids.length === 1) force(scores, [forcedBosTokenId]);
  if (last && forcedEosTokenId != null) force(scores, [forcedEosTokenId].flat());
  if (rules.removeInvalidValues) {
    for (let i = 0; i < scores.length; i++) {
      if (Number.isNaN(scores[i])) scores[i] = 0;
      else if (!Number.isFinite(scores[i])) scores[i] = scores[i] > 0 ? MOST : -MOST;
    }
  }
  if (decay != null && ids.length > begin + decay[0]) {
    const factor = decay[1] ** (ids.length - begin - decay[0]) - 1;
    for (const id of eos) if (Number.isFinite(scores[id])) scores[id] += Math.abs(scores[id]) * factor;
  }
  for (const id of rules.suppressTokens ?? []) scores[id] = NEVER;
  if (rules.beginSuppressTokens != null) {
    const first = begin + (begin > 1 || forcedBosTokenId == null ? 0 : 1);
    if (ids.length === first) for (const id of rules.beginSuppressTokens) scores[id] = NEVER;
  }
}

/** Log-likelihoods of scores, in place. */
export function logNormalize(scores: Scores): void {
  let most = NEVER;
  for (let i = 0; i < scores.length; i++) if (scores[i] > most) most = scores[i];
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += Math.exp(scores[i] - most);
  const log = most + Math.log(sum);
  for (let i = 0; i < scores.length; i++) scores[i] -= log;
}
