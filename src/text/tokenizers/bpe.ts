import { DataError } from "../../data/lines.ts";
import { type Model, type Piece, unknownId, vocabularyOf, WordCache } from "./model.ts";
import { grown, PairTable } from "./pair-table.ts";
import type { BpeJson } from "./schema.ts";

/**
 * GPT-2's visible stand-ins for the 256 bytes: printable Latin-1 characters stand for themselves, the others for the characters
 * from U+0100 on (Radford et al. 2019, `bytes_to_unicode`).
 */
export const BYTE_CHARACTERS: readonly string[] = (() => {
  const itself = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(itself(b) ? b : next++));
})();

const utf8 = new TextEncoder();

/** Ids, and the UTF-16 range of the character or characters that each stands for. */
interface Symbols {
  ids: number[];
  from: number[];
  to: number[];
}

/** The tokens of single bytes in vocabularies with `byte_fallback`: `<0x00>` to `<0xFF>`. */
export function fallbackIds(ids: ReadonlyMap<string, number>): (number | undefined)[] {
  return Array.from({ length: 256 }, (_, b) => ids.get(`<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`));
}

/**
 * Byte-pair encoding (Sennrich et al. 2016): a word's characters, or its UTF-8 bytes, neighbours joined by the rule of the lowest
 * rank, the leftmost first, until no rule fits. With bytes every text has an encoding and comes back from it whole.
 */
export class Bpe implements Model {
  readonly type = "BPE";
  readonly vocabulary: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
  readonly #options: Omit<BpeJson, "type" | "vocab" | "merges">;
  readonly #merges: [string, string][];
  /** Where words are given as text and stand for their bytes: the bytes' ids, −1 for those that are not in the vocabulary. */
  readonly #byteIds: Int32Array | undefined;
  readonly #fallback: (number | undefined)[] | undefined;
  readonly #unknown: number;
  readonly #table = new PairTable();
  #rank = new Int32Array(1024);
  #joined = new Int32Array(1024);
  readonly #cache = new WordCache();
  #heap = new Float64Array(64);

  /**
   * @param bytes the words stand for their bytes, as after the pre-tokenizer ByteLevel; prefix and suffix are not known with it
   * @throws DataError when a merge or the unknown token is not in the vocabulary
   */
  constructor(json: BpeJson, source: string, bytes = true) {
    const { type: _, vocab, merges, ...options } = json;
    const { tokens, ids } = vocabularyOf(vocab, `${source}: model.vocab`);
    this.vocabulary = tokens;
    this.ids = ids;
    this.#options = options;
    this.#unknown = options.unk_token === null ? -1 : unknownId(ids, options.unk_token, source);
    if (bytes) this.#byteIds = Int32Array.from(BYTE_CHARACTERS, (character) => ids.get(character) ?? -1);
    if (options.byte_fallback) this.#fallback = fallbackIds(ids);
    const inside = options.continuing_subword_prefix?.length ?? 0;
    this.#merges = merges.map((merge, i) => {
      const parts = typeof merge === "string" ? merge.split(" ") : merge;
      const where = `${source}: model.merges.${i}`;
      if (
        !Array.isArray(parts) ||
        parts.length !== 2 ||
        parts.some((part) => typeof part !== "string" || part === "")
      ) {
        throw new DataError(`${where}: expected two tokens, found ${JSON.stringify(merge)?.slice(0, 60)}`);
      }
      const [a, b, joined] = [parts[0], parts[1], parts[0] + parts[1].slice(inside)].map((token) => {
        const id = ids.get(token);
        if (id === undefined) throw new DataError(`${where}: ${JSON.stringify(token)} is not in the vocabulary`);
        return id;
      });
      // The last of equal merges counts, as in a map.
      const pair = this.#table.add(a, b);
      if (pair === this.#rank.length) {
        this.#rank = grown(this.#rank);
        this.#joined = grown(this.#joined);
      }
      this.#rank[pair] = i;
      this.#joined[pair] = joined;
      return [parts[0], parts[1]];
    });
  }

  tokenize(word: string): Piece {
    return this.#cache.get(word, () => {
      const whole = this.#options.ignore_merges ? this.ids.get(this.#byteIds ? visible(word) : word) : undefined;
      if (whole !== undefined) return { ids: [whole], starts: [0], ends: [word.length] };
      return this.#merge(this.#symbols(word));
    });
  }

  #symbols(word: string): Symbols {
    const symbols: Symbols = { ids: [], from: [], to: [] };
    const { continuing_subword_prefix: prefix, end_of_word_suffix: suffix, fuse_unk } = this.#options;
    const bytes = this.#byteIds;
    let at = 0;
    // Unknown neighbours join where the file asks for it, but not over a byte of the fallback.
    let open = false;
    const add = (id: number, end: number): void => {
      symbols.ids.push(id);
      symbols.from.push(at);
      symbols.to.push(end);
      open = false;
    };
    const unknown = (end: number): void => {
      if (open && fuse_unk) symbols.to[symbols.to.length - 1] = end;
      else if (this.#unknown >= 0) add(this.#unknown, end);
      open = this.#unknown >= 0;
    };
    for (const character of word) {
      const end = at + character.length;
      if (bytes !== undefined) {
        const code = character.charCodeAt(0);
        for (const byte of code < 0x80 ? [code] : utf8.encode(character)) {
          if (bytes[byte] >= 0) add(bytes[byte], end);
          else unknown(end);
        }
      } else {
        const marked = `${at > 0 && prefix ? prefix : ""}${character}${end === word.length && suffix ? suffix : ""}`;
        const id = this.ids.get(marked);
        const parts =
          id === undefined && this.#fallback ? Array.from(utf8.encode(marked), (b) => this.#fallback?.[b]) : [];
        if (id !== undefined) add(id, end);
        else if (parts.length > 0 && !parts.includes(undefined)) for (const part of parts) add(part as number, end);
        else unknown(end);
      }
      at = end;
    }
    return symbols;
  }

  #merge({ ids: symbols, from, to }: Symbols): Piece {
    const n = symbols.length;
    // A symbol lies at its first part and ends before `next`; 0 marks parts that another symbol has taken.
    const next = Int32Array.from({ length: n }, (_, i) => i + 1);
    const before = Int32Array.from({ length: n }, (_, i) => i - 1);
    if (this.#heap.length < 3 * n) this.#heap = new Float64Array(3 * n);
    const heap = this.#heap;
    let size = 0;

    // Rank and position in one number, so that the smallest is the lowest rank, then the leftmost.
    const WIDTH = 2 ** 30;
    const offer = (at: number): void => {
      if (at < 0 || next[at] >= n) return;
      const pair = this.#table.get(symbols[at], symbols[next[at]]);
      if (pair < 0) return;
      const key = this.#rank[pair] * WIDTH + at;
      let place = size++;
      for (let up = (place - 1) >> 1; place > 0 && key < heap[up]; up = (place - 1) >> 1) {
        heap[place] = heap[up];
        place = up;
      }
      heap[place] = key;
    };
    const take = (): number => {
      const top = heap[0];
      const last = heap[--size];
      let place = 0;
      for (let down = 1; down < size; down = 2 * place + 1) {
        if (down + 1 < size && heap[down + 1] < heap[down]) down++;
        if (last <= heap[down]) break;
        heap[place] = heap[down];
        place = down;
      }
      heap[place] = last;
      return top;
    };

    for (let i = 0; i + 1 < n; i++) offer(i);
    while (size > 0) {
      const key = take();
      const at = key % WIDTH;
      if (next[at] === 0 || next[at] >= n) continue;
      const right = next[at];
      const pair = this.#table.get(symbols[at], symbols[right]);
      if (pair < 0 || this.#rank[pair] !== (key - at) / WIDTH) continue;
      symbols[at] = this.#joined[pair];
      next[at] = next[right];
      next[right] = 0;
      if (next[at] < n) before[next[at]] = at;
      offer(before[at]);
      offer(at);
    }

    const piece: Piece = { ids: [], starts: [], ends: [] };
    for (let at = 0; at < n; at = next[at]) {
      piece.ids.push(symbols[at]);
      piece.starts.push(from[at]);
      piece.ends.push(to[next[at] - 1]);
    }
    return piece;
  }

  toJSON(): BpeJson {
    // The older form, which every version of `tokenizers` reads, where no token holds a space.
    const spaced = this.#merges.some(([a, b]) => a.includes(" ") || b.includes(" "));
    return {
      type: "BPE",
      ...this.#options,
      vocab: Object.fromEntries(this.ids),
      merges: spaced ? this.#merges : this.#merges.map(([a, b]) => `${a} ${b}`),
    };
  }
}

/** A text's bytes as GPT-2's visible characters. */
function visible(text: string): string {
  let out = "";
  for (const byte of utf8.encode(text)) out += BYTE_CHARACTERS[byte];
  return out;
}
