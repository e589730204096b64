import { type Model, type Piece, unknownId, vocabularyOf, WordCache } from "./model.ts";
import type { WordPieceJson } from "./schema.ts";

/**
 * WordPiece as BERT applies it (Devlin et al. 2019): the longest known beginning of a word, then the longest known continuation
 * (`##…`), and so on. A word with a rest that nothing fits, or longer than the limit, is unknown as a whole.
 */
export class WordPiece implements Model {
  readonly type = "WordPiece";
  readonly vocabulary: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
  readonly #options: Omit<WordPieceJson, "vocab" | "type">;
  readonly #unknown: number;
  readonly #longest: number;
  readonly #cache = new WordCache();

  /** Throws {@link DataError} when the unknown token is not in the vocabulary. */
  constructor(json: WordPieceJson, source: string) {
    const { type: _, vocab, ...options } = json;
    const { tokens, ids } = vocabularyOf(vocab, `${source}: model.vocab`);
    this.vocabulary = tokens;
    this.ids = ids;
    this.#options = options;
    this.#unknown = unknownId(ids, options.unk_token, source);
    this.#longest = tokens.reduce((n, token) => Math.max(n, token.length), 0);
  }

  tokenize(word: string): Piece {
    return this.#cache.get(word, () => this.#longestFirst(word));
  }

  #longestFirst(word: string): Piece {
    const { max_input_chars_per_word: limit, continuing_subword_prefix: prefix } = this.#options;
    const unknown: Piece = { ids: [this.#unknown], starts: [0], ends: [word.length] };
    if (word.length > limit && [...word].length > limit) return unknown;
    const piece: Piece = { ids: [], starts: [], ends: [] };
    for (let start = 0; start < word.length; ) {
      let end = Math.min(word.length, start + this.#longest);
      let id: number | undefined;
      for (; end > start; end--) {
        const part = word.slice(start, end);
        id = this.ids.get(start === 0 ? part : prefix + part);
        if (id !== undefined) break;
      }
      if (id === undefined) return unknown;
      piece.ids.push(id);
      piece.starts.push(start);
      piece.ends.push(end);
      start = end;
    }
    return piece;
  }

  toJSON(): WordPieceJson {
    return { type: "WordPiece", ...this.#options, vocab: Object.fromEntries(this.ids) };
  }
}
