import { grown } from "./pair-table.ts";

/** A corpus of distinct words as numbers of characters. Words are cut where a character is not in the alphabet. */
export interface Corpus {
  /** All words, one after the other. */
  text: Int32Array;
  /** Word w is `text[starts[w]] … text[starts[w + 1] - 1]`. */
  starts: Int32Array;
  counts: Float64Array;
  /** The characters by number. */
  alphabet: readonly string[];
}

/** Possible pieces. Piece k reads `text[at[k]] … text[at[k] + length[k] - 1]`; the single characters come first. */
export interface Seeds {
  at: Int32Array;
  length: Int32Array;
  /** Occurrences, each weighted with its word's count. */
  frequency: Float64Array;
  /** The pieces that begin at position p: `edges[first[p]] … edges[first[p + 1] - 1]`. */
  first: Int32Array;
  edges: Int32Array;
}

/**
 * Substrings that occur at least twice and cannot be made longer without losing occurrences (the inner nodes of the suffix
 * tree), the `size` ones of greatest frequency × length, and every single character. Positions are grouped by their first
 * character, each group by the second, and so on up to `longest`.
 */
export function findSeeds(corpus: Corpus, size: number, longest: number): Seeds {
  const { text, starts, counts, alphabet } = corpus;
  const n = text.length;
  const wordOf = new Int32Array(n);
  for (let w = 0; w < counts.length; w++) wordOf.fill(w, starts[w], starts[w + 1]);

  // Candidate c: positions order[low[c]] … order[high[c] - 1], `lengths[c]` characters long.
  let low = new Int32Array(1 << 12);
  let high = new Int32Array(1 << 12);
  let lengths = new Int32Array(1 << 12);
  let weights = new Float64Array(1 << 12);
  let found = 0;
  const emit = (from: number, to: number, length: number, weight: number): void => {
    if (length < 2 || weight < 2) return;
    if (found === low.length) {
      low = grown(low);
      high = grown(high);
      lengths = grown(lengths);
      weights = grown(weights);
    }
    low[found] = from;
    high[found] = to;
    lengths[found] = length;
    weights[found++] = weight;
  };

  const order = Int32Array.from(text, (_, p) => p);
  const scratch = new Int32Array(n);
  const tally = new Int32Array(alphabet.length);
  const frequency = new Float64Array(alphabet.length);
  const firstAt = new Int32Array(alphabet.length).fill(-1);
  for (let p = n - 1; p >= 0; p--) {
    frequency[text[p]] += counts[wordOf[p]];
    firstAt[text[p]] = p;
  }
  const stack = n > 0 ? [0, n, 0] : [];
  while (stack.length > 0) {
    const depth = stack.pop() as number;
    const to = stack.pop() as number;
    const from = stack.pop() as number;
    if (to - from === 1) {
      // In one word only: worth a piece if it is that word.
      const w = wordOf[order[from]];
      const length = starts[w + 1] - starts[w];
      if (order[from] === starts[w] && length <= longest) emit(from, to, length, counts[w]);
      continue;
    }
    let weight = 0;
    let ended = 0;
    const next: number[] = [];
    for (let i = from; i < to; i++) {
      const p = order[i];
      const w = wordOf[p];
      weight += counts[w];
      if (p + depth === starts[w + 1]) ended++;
      else if (tally[text[p + depth]]++ === 0) next.push(text[p + depth]);
    }
    if (ended > 0 || next.length > 1 || depth === longest) emit(from, to, depth, weight);
    // Ended ones go first, then one group after the other.
    let place = from + ended;
    for (const c of next) {
      const group = tally[c];
      if (depth < longest) stack.push(place, place + group, depth + 1);
      tally[c] = place;
      place += group;
    }
    if (depth < longest) {
      let done = from;
      for (let i = from; i < to; i++) {
        const p = order[i];
        scratch[p + depth === starts[wordOf[p] + 1] ? done++ : tally[text[p + depth]]++] = p;
      }
      order.set(scratch.subarray(from, to), from);
    }
    for (const c of next) tally[c] = 0;
  }

  const scores = Float64Array.from({ length: found }, (_, c) => weights[c] * lengths[c]);
  const room = Math.max(0, size - alphabet.length);
  const limit = found > room ? scores.slice().sort()[found - room] : 0;
  const chosen: number[] = [];
  for (let c = 0; c < found && chosen.length < room; c++) if (scores[c] >= limit) chosen.push(c);

  const pieces = alphabet.length + chosen.length;
  const seeds: Seeds = {
    at: new Int32Array(pieces),
    length: new Int32Array(pieces).fill(1),
    frequency: new Float64Array(pieces),
    first: new Int32Array(n + 1),
    edges: new Int32Array(0),
  };
  seeds.at.set(firstAt);
  seeds.frequency.set(frequency);
  const perPosition = new Int32Array(n).fill(1);
  chosen.forEach((c, k) => {
    seeds.at[alphabet.length + k] = order[low[c]];
    seeds.length[alphabet.length + k] = lengths[c];
    seeds.frequency[alphabet.length + k] = weights[c];
    for (let i = low[c]; i < high[c]; i++) perPosition[order[i]]++;
  });
  for (let p = 0; p < n; p++) seeds.first[p + 1] = seeds.first[p] + perPosition[p];
  seeds.edges = new Int32Array(seeds.first[n]);
  const place = seeds.first.slice(0, n);
  for (let p = 0; p < n; p++) seeds.edges[place[p]++] = text[p];
  chosen.forEach((c, k) => {
    for (let i = low[c]; i < high[c]; i++) seeds.edges[place[order[i]]++] = alphabet.length + k;
  });
  return seeds;
}
