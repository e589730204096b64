import { byCodePoint, type WordCounts } from "./count-words.ts";
import { type Model, type Piece, unknownId, vocabularyOf } from "./model.ts";
import type { WordLevelJson } from "./schema.ts";

/** Each piece of the pre-tokenizer is one token: words, or single characters. What is not in the vocabulary is unknown. */
export class WordLevel implements Model {
  readonly type = "WordLevel";
  readonly vocabulary: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
  readonly #unknownToken: string;
  readonly #unknown: number;

  /** Throws {@link DataError} when the unknown token is not in the vocabulary. */
  constructor(json: WordLevelJson, source: string) {
    const { tokens, ids } = vocabularyOf(json.vocab, `${source}: model.vocab`);
    this.vocabulary = tokens;
    this.ids = ids;
    this.#unknownToken = json.unk_token;
    this.#unknown = unknownId(ids, json.unk_token, source);
  }

  tokenize(word: string): Piece {
    return { ids: [this.ids.get(word) ?? this.#unknown], starts: [0], ends: [word.length] };
  }

  toJSON(): WordLevelJson {
    return { type: "WordLevel", vocab: Object.fromEntries(this.ids), unk_token: this.#unknownToken };
  }
}

/** The special tokens, then the words by falling frequency, equals in the order of their code points. */
export function trainWords(
  { words, counts }: WordCounts,
  options: { vocabSize: number; specialTokens: readonly string[]; minFrequency: number },
): string[] {
  const { specialTokens, minFrequency, vocabSize } = options;
  const order = words.map((_, w) => w).filter((w) => counts[w] >= minFrequency && !specialTokens.includes(words[w]));
  order.sort((v, w) => counts[w] - counts[v] || byCodePoint(words[v], words[w]));
  return [...specialTokens, ...order.map((w) => words[w])].slice(0, vocabSize);
}
