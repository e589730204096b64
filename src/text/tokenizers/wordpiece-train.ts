import { learnMerges } from "./bpe-train.ts";
import { byCodePoint, type WordCounts } from "./count-words.ts";

/**
 * A WordPiece vocabulary: characters, then the joins of the most frequent pairs, as Hugging Face's trainer makes it (it counts
 * pairs as BPE does; the likelihood ratio of Schuster and Nakajima 2012 was never published as code).
 * @returns the tokens by id: special tokens, characters that begin a word, `##` continuations, joins
 */
export function trainWordPiece(
  { words, counts }: WordCounts,
  options: {
    vocabSize: number;
    specialTokens: readonly string[];
    minFrequency: number;
    prefix: string;
    onProgress?: (done: number, total: number) => void;
  },
): string[] {
  const { prefix, specialTokens, vocabSize } = options;
  const frequency = new Map<string, number>();
  words.forEach((word, w) => {
    let first = true;
    for (const character of word) {
      const token = first ? character : prefix + character;
      frequency.set(token, (frequency.get(token) ?? 0) + counts[w]);
      first = false;
    }
  });
  // Of scripts with many characters the rarest stay out, so that at least half of the vocabulary is left for longer pieces.
  const room = Math.max(1, Math.floor((vocabSize - specialTokens.length) / 2));
  const alphabet = [...frequency]
    .sort(([a, m], [b, n]) => n - m || byCodePoint(a, b))
    .slice(0, room)
    .map(([token]) => token);
  const inside = (token: string) => Number(token.length > prefix.length && token.startsWith(prefix));
  alphabet.sort((a, b) => inside(a) - inside(b) || byCodePoint(a, b));
  const tokens = [...specialTokens, ...alphabet.filter((token) => !specialTokens.includes(token))];
  const ids = new Map(tokens.map((token, id) => [token, id]));

  const flat: number[] = [];
  const starts = [0];
  const kept: number[] = [];
  words.forEach((word, w) => {
    const at = flat.length;
    let first = true;
    for (const character of word) {
      const id = ids.get(first ? character : prefix + character);
      first = false;
      if (id === undefined) {
        // Such a word will be unknown as a whole: nothing is to be learned from it.
        flat.length = at;
        return;
      }
      flat.push(id);
    }
    starts.push(flat.length);
    kept.push(counts[w]);
  });
  learnMerges(
    { ids: Int32Array.from(flat), starts: Int32Array.from(starts), counts: Float64Array.from(kept) },
    {
      tokens,
      vocabSize,
      minFrequency: options.minFrequency,
      join: (a, b) => a + (b.startsWith(prefix) ? b.slice(prefix.length) : b),
      onProgress: options.onProgress,
    },
  );
  return tokens;
}
