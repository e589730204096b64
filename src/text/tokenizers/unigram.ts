import { DataError } from "../../data/lines.ts";
import { fallbackIds } from "./bpe.ts";
import { type Model, type Piece, WordCache } from "./model.ts";
import { PairTable } from "./pair-table.ts";
import type { UnigramJson } from "./schema.ts";

const utf8 = new TextEncoder();

/** How much worse than the worst piece an unknown character is, in log probability (SentencePiece's constant). */
const UNKNOWN_PENALTY = 10;

/**
 * Unigram language model (Kudo 2018): of all ways to cut a word into pieces the one with the greatest product of probabilities,
 * found by dynamic programming from left to right. Neighbouring unknown characters make one unknown token.
 */
export class Unigram implements Model {
  readonly type = "Unigram";
  readonly vocabulary: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
  /** −1: there is no unknown token. */
  readonly unknownKeepsText: number;
  readonly #fallback: (number | undefined)[] | undefined;
  readonly #scores: Float64Array;
  readonly #unknownScore: number;
  /** A trie: the pair (node, UTF-16 unit) with number c leads to node c + 1; node 0 is the root. */
  readonly #trie = new PairTable();
  readonly #idOf: Int32Array;
  readonly #cache = new WordCache();

  /** Throws {@link DataError} for an entry that is no piece with a score and for an unknown token that is none. */
  constructor(json: UnigramJson, source: string) {
    json.vocab.forEach((entry, id) => {
      if (!Array.isArray(entry) || typeof entry[0] !== "string" || entry[0] === "" || !Number.isFinite(entry[1])) {
        const found = JSON.stringify(entry)?.slice(0, 60);
        throw new DataError(`${source}: model.vocab.${id}: expected a piece and its score, found ${found}`);
      }
    });
    this.vocabulary = json.vocab.map(([piece]) => piece);
    // Of equal pieces the last counts, as in a map.
    this.ids = new Map(this.vocabulary.map((piece, id) => [piece, id]));
    this.#scores = Float64Array.from(json.vocab, ([, score]) => score);
    this.unknownKeepsText = json.unk_id ?? -1;
    if (this.unknownKeepsText >= json.vocab.length) {
      throw new DataError(`${source}: model.unk_id is ${json.unk_id}, but there are ${json.vocab.length} pieces`);
    }
    if (json.byte_fallback) this.#fallback = fallbackIds(this.ids);
    const ends: number[] = [];
    this.vocabulary.forEach((piece) => {
      let node = 0;
      for (let i = 0; i < piece.length; i++) node = this.#trie.add(node, piece.charCodeAt(i)) + 1;
      ends.push(node);
    });
    this.#idOf = new Int32Array(this.#trie.size + 1).fill(-1);
    ends.forEach((node, id) => {
      this.#idOf[node] = id;
    });
    this.#unknownScore = this.#scores.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY) - UNKNOWN_PENALTY;
  }

  tokenize(word: string): Piece {
    return this.#cache.get(word, () => this.#best(word));
  }

  #best(word: string): Piece {
    const n = word.length;
    const score = new Float64Array(n + 1);
    const from = new Int32Array(n + 1).fill(-1);
    const by = new Int32Array(n + 1);
    const offer = (start: number, end: number, id: number, value: number): void => {
      if (from[end] >= 0 && value <= score[end]) return;
      score[end] = value;
      from[end] = start;
      by[end] = id;
    };
    for (let start = 0, width = 1; start < n; start += width) {
      width = (word.codePointAt(start) as number) > 0xffff ? 2 : 1;
      let single = false;
      let node = 0;
      for (let end = start; end < n; ) {
        node = this.#trie.get(node, word.charCodeAt(end++)) + 1;
        if (node === 0) break;
        const id = this.#idOf[node];
        if (id < 0) continue;
        offer(start, end, id, this.#scores[id] + score[start]);
        if (end - start === width) single = true;
      }
      if (!single) offer(start, start + width, this.unknownKeepsText, this.#unknownScore + score[start]);
    }
    const piece: Piece = { ids: [], starts: [], ends: [] };
    for (let end = n; end > 0; end = from[end]) {
      const unknown = by[end] === this.unknownKeepsText;
      if (unknown && piece.ids.at(-1) === this.unknownKeepsText) piece.starts[piece.starts.length - 1] = from[end];
      else {
        piece.ids.push(by[end]);
        piece.starts.push(from[end]);
        piece.ends.push(end);
      }
    }
    piece.ids.reverse();
    piece.starts.reverse();
    piece.ends.reverse();
    if (!piece.ids.includes(this.unknownKeepsText)) return piece;
    if (this.#fallback !== undefined) return this.#inBytes(word, piece, this.#fallback);
    if (this.unknownKeepsText < 0)
      throw new DataError(
        `there is no piece for ${JSON.stringify(word.slice(0, 60))}`,
        "The tokenizer has no unknown token (model.unk_id).",
      );
    return piece;
  }

  /** Unknown parts as their bytes, if all of them have tokens. */
  #inBytes(word: string, { ids, starts, ends }: Piece, fallback: (number | undefined)[]): Piece {
    const piece: Piece = { ids: [], starts: [], ends: [] };
    ids.forEach((id, i) => {
      let parts: (number | undefined)[] = [id];
      if (id === this.unknownKeepsText) {
        const bytes = Array.from(utf8.encode(word.slice(starts[i], ends[i])), (byte) => fallback[byte]);
        if (!bytes.includes(undefined)) parts = bytes;
        else if (id < 0) throw new DataError(`no piece and not all bytes for ${JSON.stringify(word.slice(0, 60))}`);
      }
      for (const part of parts) {
        piece.ids.push(part as number);
        piece.starts.push(starts[i]);
        piece.ends.push(ends[i]);
      }
    });
    return piece;
  }

  toJSON(): UnigramJson {
    return {
      type: "Unigram",
      unk_id: this.unknownKeepsText < 0 ? null : this.unknownKeepsText,
      vocab: this.vocabulary.map((piece, id) => [piece, this.#scores[id]]),
      byte_fallback: this.#fallback !== undefined,
    };
  }
}
