/** Rules about what may be written next; names of Transformers' GenerationConfig. */
export interface WritingRules {
  /** Scores of tokens that occurred are divided by it (multiplied when negative); 1: off. */
  repetitionPenalty?: number;
  /** No run of so many tokens occurs twice; 0: off. */
  noRepeatNgramSize?: number;
  /** Texts of tokens that are never written. */
  badWordsIds?: readonly (readonly number[])[];
  /** The last token of texts that reach `maxNewTokens`. */
  forcedEosTokenId?: number | null;
}

/**
 * Applies the rules to the scores of the next token, in place, in Transformers' order.
 * @param ids what is written so far, the start token included.
 * @param last no token comes after this one.
 */
export function applyRules(
  scores: Float64Array | Float32Array,
  ids: readonly number[],
  last: boolean,
  rules: WritingRules,
): void {
  const { repetitionPenalty = 1, noRepeatNgramSize = 0, badWordsIds = [], forcedEosTokenId } = rules;
  if (repetitionPenalty !== 1) {
    for (const id of new Set(ids)) scores[id] *= scores[id] < 0 ? repetitionPenalty : 1 / repetitionPenalty;
  }
  const ends = (at: number, run: readonly number[]) => run.every((id, i) => ids[at - run.length + i] === id);
  if (noRepeatNgramSize > 0) {
    const tail = ids.slice(ids.length - noRepeatNgramSize + 1);
    for (let at = noRepeatNgramSize - 1; at < ids.length; at++)
      if (ends(at, tail)) scores[ids[at]] = Number.NEGATIVE_INFINITY;
  }
  for (const word of badWordsIds) {
    const before = word.slice(0, -1);
    if (before.length <= ids.length && ends(ids.length, before))
      scores[word[word.length - 1]] = Number.NEGATIVE_INFINITY;
  }
  if (last && forcedEosTokenId != null) {
    scores.fill(Number.NEGATIVE_INFINITY);
    scores[forcedEosTokenId] = 0;
  }
}
