import { grown, PairTable } from "./pair-table.ts";

/** Words as sequences of ids, each with the number of its occurrences. */
export interface WordTable {
  /** All words, one after the other; `learnMerges` shortens them in place. */
  ids: Int32Array;
  /** Word w is `ids[starts[w]] … ids[starts[w + 1] - 1]`. */
  starts: Int32Array;
  counts: Float64Array;
}

export interface MergeOptions {
  /** Tokens of the ids so far; new ones are appended. */
  tokens: string[];
  vocabSize: number;
  /** Pairs that occur in fewer places are left apart. */
  minFrequency: number;
  /** The token of two tokens; by default one after the other. */
  join?: (first: string, second: string) => string;
  onProgress?: (done: number, total: number) => void;
}

/** Pairs, the most frequent first, equals by rising ids. Counts may be out of date: see `learnMerges`. */
class PairHeap {
  size = 0;
  #pairs = new Int32Array(1024);
  #counts = new Float64Array(1024);
  readonly #table: PairTable;

  constructor(table: PairTable) {
    this.#table = table;
  }

  #before(count: number, pair: number, other: number): boolean {
    if (count !== this.#counts[other]) return count > this.#counts[other];
    const { first, second } = this.#table;
    const q = this.#pairs[other];
    return first[pair] !== first[q] ? first[pair] < first[q] : second[pair] < second[q];
  }

  push(pair: number, count: number): void {
    if (this.size === this.#pairs.length) {
      this.#pairs = grown(this.#pairs);
      this.#counts = grown(this.#counts);
    }
    let at = this.size++;
    for (let up = (at - 1) >> 1; at > 0 && this.#before(count, pair, up); up = (at - 1) >> 1) {
      this.#pairs[at] = this.#pairs[up];
      this.#counts[at] = this.#counts[up];
      at = up;
    }
    this.#pairs[at] = pair;
    this.#counts[at] = count;
  }

  pop(): { pair: number; count: number } {
    const top = { pair: this.#pairs[0], count: this.#counts[0] };
    const last = --this.size;
    const pair = this.#pairs[last];
    const count = this.#counts[last];
    let at = 0;
    for (let down = 1; down < last; down = 2 * at + 1) {
      if (down + 1 < last && this.#before(this.#counts[down + 1], this.#pairs[down + 1], down)) down++;
      if (this.#before(count, pair, down)) break;
      this.#pairs[at] = this.#pairs[down];
      this.#counts[at] = this.#counts[down];
      at = down;
    }
    this.#pairs[at] = pair;
    this.#counts[at] = count;
    return top;
  }
}

/**
 * Byte-pair encoding (Sennrich, Haddow and Birch 2016, algorithm 1): joins the most frequent pair of neighbours until the vocabulary is full.
 * Equal counts are decided by the smaller ids, as Hugging Face's trainer does. Each pair knows the words that may hold it, so a
 * merge touches those only and changes the counts of the pairs around it.
 * @returns the merges in order, as pairs of ids
 */
export function learnMerges(words: WordTable, options: MergeOptions): [number, number][] {
  const { ids, starts, counts } = words;
  const { tokens, vocabSize, minFrequency, join = (a, b) => a + b, onProgress } = options;
  const ends = starts.slice(1);
  const byToken = new Map(tokens.map((token, id) => [token, id]));
  const table = new PairTable();
  let pairCounts = new Float64Array(1024);
  // Per pair a linked list of words: the newest entry of each pair, and for each entry its word and the entry before.
  let newest = new Int32Array(1024).fill(-1);
  let entryWord = new Int32Array(1 << 16);
  let entryBefore = new Int32Array(1 << 16);
  let entries = 0;

  const count = (a: number, b: number, n: number, word: number): number => {
    const pair = table.add(a, b);
    if (pair === pairCounts.length) {
      pairCounts = grown(pairCounts);
      newest = grown(newest).fill(-1, pair);
    }
    pairCounts[pair] += n;
    const head = newest[pair];
    if (head < 0 || entryWord[head] !== word) {
      if (entries === entryWord.length) {
        entryWord = grown(entryWord);
        entryBefore = grown(entryBefore);
      }
      entryWord[entries] = word;
      entryBefore[entries] = head;
      newest[pair] = entries++;
    }
    return pair;
  };

  for (let word = 0; word < counts.length; word++) {
    for (let i = starts[word] + 1; i < ends[word]; i++) count(ids[i - 1], ids[i], counts[word], word);
  }
  const heap = new PairHeap(table);
  for (let pair = 0; pair < table.size; pair++) heap.push(pair, pairCounts[pair]);

  const merges: [number, number][] = [];
  const merged = new Set<number>();
  const changed = new Set<number>();
  const room = vocabSize - tokens.length;
  while (tokens.length < vocabSize && heap.size > 0) {
    const { pair, count: stated } = heap.pop();
    const now = pairCounts[pair];
    if (stated !== now) {
      if (stated > now && now > 0) heap.push(pair, now);
      continue;
    }
    if (now < Math.max(1, minFrequency)) break;
    const a = table.first[pair];
    const b = table.second[pair];
    const token = join(tokens[a], tokens[b]);
    // Two merges may give one token ("a" + "bc", "ab" + "c"): it keeps its id.
    let id = byToken.get(token);
    if (id === undefined) {
      id = tokens.length;
      tokens.push(token);
      byToken.set(token, id);
    }
    // A pair comes back when one of its halves is formed in a second way; it is joined there too, by the rule it has.
    if (!merged.has(pair)) merges.push([a, b]);
    merged.add(pair);
    changed.clear();
    for (let entry = newest[pair]; entry >= 0; entry = entryBefore[entry]) {
      const word = entryWord[entry];
      const n = counts[word];
      const end = ends[word];
      let to = starts[word];
      for (let from = to; from < end; from++, to++) {
        if (ids[from] !== a || from + 1 >= end || ids[from + 1] !== b) {
          ids[to] = ids[from];
          continue;
        }
        if (to > starts[word]) {
          pairCounts[table.get(ids[to - 1], a)] -= n;
          changed.add(count(ids[to - 1], id, n, word));
        }
        if (from + 2 < end) {
          pairCounts[table.get(b, ids[from + 2])] -= n;
          changed.add(count(id, ids[from + 2], n, word));
        }
        ids[to] = id;
        from++;
      }
      ends[word] = to;
    }
    pairCounts[pair] = 0;
    newest[pair] = -1;
    for (const other of changed) if (pairCounts[other] > 0) heap.push(other, pairCounts[other]);
    onProgress?.(tokens.length - (vocabSize - room), room);
  }
  return merges;
}
