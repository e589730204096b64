import { DataError } from "../../data/lines.ts";
import { type Model, type Piece, vocabularyOf, WordCache } from "./model.ts";
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

/** For each byte of a text's UTF-8 the UTF-16 range of the character that it belongs to. */
function characterRanges(text: string, bytes: number): { from: Int32Array; to: Int32Array } {
  const from = new Int32Array(bytes);
  const to = new Int32Array(bytes);
  let byte = 0;
  let unit = 0;
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    const end = byte + (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
    from.fill(unit, byte, end);
    unit += character.length;
    to.fill(unit, byte, end);
    byte = end;
  }
  return { from, to };
}

/**
 * Byte-level BPE: a word's UTF-8 bytes, neighbours joined by the rule of the lowest rank, the leftmost first, until no rule fits.
 * Every text has an encoding and comes back from it whole.
 */
export class Bpe implements Model {
  readonly type = "BPE";
  readonly vocabulary: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
  readonly #merges: [string, string][];
  readonly #byteIds: Int32Array;
  readonly #table = new PairTable();
  #rank = new Int32Array(1024);
  #joined = new Int32Array(1024);
  readonly #cache = new WordCache();
  #heap = new Float64Array(64);

  /** Throws {@link DataError} when a byte is missing from the vocabulary or a merge names an unknown token. */
  constructor(json: BpeJson, source: string) {
    const { tokens, ids } = vocabularyOf(json.vocab, `${source}: model.vocab`);
    this.vocabulary = tokens;
    this.ids = ids;
    this.#byteIds = Int32Array.from(BYTE_CHARACTERS, (character, byte) => {
      const id = ids.get(character);
      if (id === undefined)
        throw new DataError(
          `${source}: model.vocab has no token ${JSON.stringify(character)} for the byte ${byte}`,
          "Only byte-level BPE can be read: its vocabulary holds all 256 bytes.",
        );
      return id;
    });
    this.#merges = json.merges.map((merge, i) => {
      const parts = typeof merge === "string" ? merge.split(" ") : merge;
      const where = `${source}: model.merges.${i}`;
      if (parts.length !== 2 || parts.includes("")) {
        throw new DataError(`${where}: expected two tokens, found ${JSON.stringify(merge)}`);
      }
      const [a, b, joined] = [parts[0], parts[1], parts[0] + parts[1]].map((token) => {
        const id = ids.get(token);
        if (id === undefined) throw new DataError(`${where}: ${JSON.stringify(token)} is not in the vocabulary`);
        return id;
      });
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
    return this.#cache.get(word, () => this.#merge(word));
  }

  #merge(word: string): Piece {
    const bytes = utf8.encode(word);
    const n = bytes.length;
    const symbols = Int32Array.from(bytes, (byte) => this.#byteIds[byte]);
    // A symbol lies at its first byte and ends before `next`; 0 marks bytes that another symbol has taken.
    const next = Int32Array.from(bytes, (_, i) => i + 1);
    const before = Int32Array.from(bytes, (_, i) => i - 1);
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
    const ranges = n === word.length ? undefined : characterRanges(word, n);
    for (let at = 0; at < n; at = next[at]) {
      piece.ids.push(symbols[at]);
      piece.starts.push(ranges === undefined ? at : ranges.from[at]);
      piece.ends.push(ranges === undefined ? next[at] : ranges.to[next[at] - 1]);
    }
    return piece;
  }

  toJSON(): BpeJson {
    return {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(this.ids),
      // The older form, which every version of `tokenizers` reads: byte-level tokens hold no space.
      merges: this.#merges.map(([a, b]) => `${a} ${b}`),
    };
  }
}
