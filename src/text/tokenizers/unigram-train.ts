import { byCodePoint, type WordCounts } from "./count-words.ts";
import { type Corpus, findSeeds, type Seeds } from "./unigram-seeds.ts";

export interface UnigramTrainOptions {
  vocabSize: number;
  specialTokens: readonly string[];
  /** Pieces to start from. */
  seedSize?: number;
  /** Share of the pieces that a round of pruning keeps. */
  shrinkingFactor?: number;
  /** Steps of expectation and maximisation between two prunings. */
  subIterations?: number;
  /** Longest piece, in characters. */
  maxPieceLength?: number;
  onProgress?: (done: number, total: number) => void;
}

/** Derivative of $\ln\Gamma$, for x > 0: the recurrence up to 7, then the asymptotic series (Abramowitz and Stegun 6.3.18). */
function digamma(x: number): number {
  let value = 0;
  for (; x < 7; x++) value -= 1 / x;
  const r = 1 / (x * x);
  return value + Math.log(x) - 0.5 / x - r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r / 132))));
}

function corpusOf({ words, counts }: WordCounts, limit: number): Corpus {
  const frequency = new Map<string, number>();
  words.forEach((word, w) => {
    for (const character of word) frequency.set(character, (frequency.get(character) ?? 0) + counts[w]);
  });
  const alphabet = [...frequency]
    .sort(([a, m], [b, n]) => n - m || byCodePoint(a, b))
    .slice(0, limit)
    .map(([character]) => character);
  const number = new Map(alphabet.map((character, i) => [character, i]));
  const text: number[] = [];
  const starts = [0];
  const kept: number[] = [];
  const close = (count: number): void => {
    if (text.length === starts[starts.length - 1]) return;
    starts.push(text.length);
    kept.push(count);
  };
  words.forEach((word, w) => {
    for (const character of word) {
      const id = number.get(character);
      if (id === undefined) close(counts[w]);
      else text.push(id);
    }
    close(counts[w]);
  });
  return { text: Int32Array.from(text), starts: Int32Array.from(starts), counts: Float64Array.from(kept), alphabet };
}

/** Expectation, maximisation and pruning over a lattice of pieces per word. */
class Lattice {
  readonly #corpus: Corpus;
  #seeds: Seeds;
  #scores: Float64Array;
  #longest: number;

  constructor(corpus: Corpus, seeds: Seeds) {
    this.#corpus = corpus;
    this.#seeds = seeds;
    const total = Math.log(seeds.frequency.reduce((a, b) => a + b, 0));
    this.#scores = seeds.frequency.map((f) => Math.log(f) - total);
    this.#longest = corpus.counts.reduce((most, _, w) => Math.max(most, corpus.starts[w + 1] - corpus.starts[w]), 0);
  }

  get size(): number {
    return this.#scores.length;
  }

  /**
   * Expected number of uses of each piece over all ways to cut the words. From right to left $\beta_p = \ln\sum e^{s_k + \beta_{p + |k|}}$;
   * the terms are the odds of the pieces at p, with which the probability of passing p flows from left to right.
   */
  #expected(): Float64Array {
    const { starts, counts } = this.#corpus;
    const { first, edges, length } = this.#seeds;
    const scores = this.#scores;
    const expected = new Float64Array(this.size);
    const beta = new Float64Array(this.#longest + 1);
    const passing = new Float64Array(this.#longest + 1);
    let odds = new Float64Array(1024);
    for (let w = 0; w < counts.length; w++) {
      const start = starts[w];
      const end = starts[w + 1];
      const base = first[start];
      if (first[end] - base > odds.length) odds = new Float64Array(2 * (first[end] - base));
      beta[end - start] = 0;
      for (let p = end - 1; p >= start; p--) {
        let most = Number.NEGATIVE_INFINITY;
        for (let e = first[p]; e < first[p + 1]; e++) {
          const k = edges[e];
          const value = scores[k] + beta[p + length[k] - start];
          odds[e - base] = value;
          if (value > most) most = value;
        }
        let sum = 0;
        for (let e = first[p]; e < first[p + 1]; e++) sum += odds[e - base] = Math.exp(odds[e - base] - most);
        for (let e = first[p]; e < first[p + 1]; e++) odds[e - base] /= sum;
        beta[p - start] = most + Math.log(sum);
      }
      passing.fill(0, 0, end - start + 1);
      passing[0] = counts[w];
      for (let p = start; p < end; p++) {
        const flow = passing[p - start];
        for (let e = first[p]; e < first[p + 1]; e++) {
          const k = edges[e];
          const part = flow * odds[e - base];
          expected[k] += part;
          passing[p + length[k] - start] += part;
        }
      }
    }
    return expected;
  }

  /** One step of EM. Pieces that are hardly used go; the scores follow a Dirichlet prior, $\psi(c_k) - \psi(\sum c)$. */
  step(): void {
    const expected = this.#expected();
    const characters = this.#corpus.alphabet.length;
    const kept: number[] = [];
    let sum = 0;
    for (let k = 0; k < this.size; k++) {
      if (k < characters) expected[k] = Math.max(expected[k], 0.5);
      else if (expected[k] < 0.5) continue;
      kept.push(k);
      sum += expected[k];
    }
    this.#keep(kept);
    const total = digamma(sum);
    this.#scores = Float64Array.from(kept, (k) => digamma(expected[k]) - total);
  }

  #keep(kept: readonly number[]): void {
    const { at, length, frequency, first, edges } = this.#seeds;
    const number = new Int32Array(this.size).fill(-1);
    kept.forEach((k, i) => {
      number[k] = i;
    });
    let to = 0;
    let from = 0;
    for (let p = 0; p + 1 < first.length; p++) {
      const end = first[p + 1];
      for (; from < end; from++) if (number[edges[from]] >= 0) edges[to++] = number[edges[from]];
      first[p + 1] = to;
    }
    this.#seeds = {
      at: Int32Array.from(kept, (k) => at[k]),
      length: Int32Array.from(kept, (k) => length[k]),
      frequency: Float64Array.from(kept, (k) => frequency[k]),
      first,
      edges: edges.subarray(0, to),
    };
    this.#scores = Float64Array.from(kept, (k) => this.#scores[k]);
  }

  /** The best way to cut the positions from `start` to `end` without piece `without`; its pieces go to `path`. */
  #viterbi(start: number, end: number, without: number, path: number[], best: Float64Array, by: Int32Array): number {
    const { first, edges, length } = this.#seeds;
    best[end - start] = 0;
    for (let p = end - 1; p >= start; p--) {
      let most = Number.NEGATIVE_INFINITY;
      for (let e = first[p]; e < first[p + 1]; e++) {
        const k = edges[e];
        const to = p + length[k];
        if (to > end || k === without) continue;
        const value = this.#scores[k] + best[to - start];
        if (value > most) {
          most = value;
          by[p - start] = k;
        }
      }
      best[p - start] = most;
    }
    path.length = 0;
    for (let p = start; p < end; p += length[by[p - start]]) path.push(by[p - start]);
    return best[0];
  }

  /**
   * Keeps the pieces whose loss would cost most likelihood: with a piece gone, its uses go to the pieces of its next best
   * cut (Kudo 2018, section 3.2). Single characters stay.
   */
  prune(size: number): void {
    const { starts, counts, alphabet } = this.#corpus;
    const best = new Float64Array(this.#longest + 1);
    const by = new Int32Array(this.#longest + 1);
    const path: number[] = [];
    const uses = new Float64Array(this.size);
    for (let w = 0; w < counts.length; w++) {
      this.#viterbi(starts[w], starts[w + 1], -1, path, best, by);
      for (const k of path) uses[k] += counts[w];
    }
    const sum = uses.reduce((a, b) => a + b, 0);
    const { at, length } = this.#seeds;
    const loss = new Float64Array(this.size);
    const candidates: number[] = [];
    for (let k = alphabet.length; k < this.size; k++) {
      if (uses[k] === 0) continue;
      if (this.#viterbi(at[k], at[k] + length[k], k, path, best, by) > this.#scores[k]) continue;
      const now = Math.log(uses[k]) - Math.log(sum);
      const logSum = Math.log(sum + uses[k] * (path.length - 1));
      const then = path.reduce((total, other) => total + Math.log(uses[other] + uses[k]) - logSum, 0);
      loss[k] = (uses[k] / sum) * (now - then);
      candidates.push(k);
    }
    candidates.sort((a, b) => loss[b] - loss[a] || a - b);
    const kept = candidates.slice(0, Math.max(0, size - alphabet.length)).sort((a, b) => a - b);
    this.#keep([...alphabet.keys(), ...kept]);
  }

  /** Pieces and scores: single characters, then others of falling score until there are `size`; all in falling order. */
  result(size: number): [string, number][] {
    const { text, alphabet } = this.#corpus;
    const { at, length } = this.#seeds;
    const scores = this.#scores;
    const ranked = [...scores.keys()].slice(alphabet.length).sort((a, b) => scores[b] - scores[a] || a - b);
    const kept = [...alphabet.keys(), ...ranked.slice(0, Math.max(0, size - alphabet.length))];
    return kept
      .sort((a, b) => scores[b] - scores[a] || a - b)
      .map((k) => [
        Array.from(text.subarray(at[k], at[k] + length[k]), (c) => alphabet[c]).join(""),
        // Fifteen digits at most: readers that round longer numbers carelessly, as Rust's serde_json, read these exactly.
        Number(scores[k].toFixed(10)),
      ]);
  }
}

/**
 * A Unigram vocabulary (Kudo 2018, "Subword Regularization"): from many frequent substrings to `vocabSize` pieces by
 * expectation–maximisation and pruning, with SentencePiece's constants.
 * @returns pieces and their log probabilities; the special tokens come first, with 0 as Hugging Face writes them
 */
export function trainUnigram(counted: WordCounts, options: UnigramTrainOptions): [string, number][] {
  const { vocabSize, specialTokens, seedSize = 1_000_000, shrinkingFactor = 0.75 } = options;
  const { subIterations = 2, maxPieceLength = 16, onProgress } = options;
  const room = vocabSize - specialTokens.length;
  // Of scripts with many characters the rarest stay out, so that at least half of the vocabulary is left for longer pieces.
  const corpus = corpusOf(counted, Math.max(1, Math.floor(room / 2)));
  const lattice = new Lattice(corpus, findSeeds(corpus, seedSize, maxPieceLength));
  const wanted = Math.floor(room * 1.1);
  const start = Math.log(lattice.size);
  for (;;) {
    for (let i = 0; i < subIterations; i++) lattice.step();
    const size = lattice.size;
    // The number of pieces falls by a constant factor: its logarithm measures the way.
    const way = start - Math.log(wanted);
    onProgress?.(Math.round(1000 * Math.min(1, way > 0 ? (start - Math.log(size)) / way : 1)), 1000);
    if (size <= wanted) break;
    lattice.prune(Math.max(wanted, Math.floor(size * shrinkingFactor)));
  }
  const special = specialTokens.map((token): [string, number] => [token, 0]);
  return [...special, ...lattice.result(room).filter(([piece]) => !specialTokens.includes(piece))];
}
