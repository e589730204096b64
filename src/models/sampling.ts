import { checkOptions, type Known } from "../backend/options.ts";
import { GenerationError } from "./generation-checks.ts";

/** How the next token is drawn; names of Transformers' GenerationConfig. */
export interface SamplingOptions {
  /** Logits are divided by it; 0 always takes the likeliest token. 1. */
  temperature?: number;
  /** Only the k likeliest tokens; 0: all. 50 where texts are written, as Transformers has it. */
  topK?: number;
  /** Only the likeliest tokens that make up this probability together (Holtzman et al., 2020); 1: all. */
  topP?: number;
  /** Only tokens at least so likely, relative to the likeliest; 0: all. */
  minP?: number;
  /** Only the likeliest tokens whose part of the entropy is at most this share of it, of the 100 likeliest. */
  topH?: number;
  /** Only the tokens nearest to the expected information that make up this probability (Meister et al., 2023); 1: all. */
  typicalP?: number;
  /** Only tokens at least so likely (Hewitt et al., 2022); 0: all. */
  epsilonCutoff?: number;
  /** Only tokens at least so likely, or less where the entropy is high (Hewitt et al., 2022); 0: all. */
  etaCutoff?: number;
  /** Logits of tokens that occurred are divided by it (multiplied when negative; Keskar et al., 2019); 1: off. */
  repetitionPenalty?: number;
  /** Never produced. */
  suppressTokens?: readonly number[] | null;
}

/** Loops, not callbacks: a vocabulary has tens of thousands of entries, and this runs for every token. */
function greatest(x: Float64Array): number {
  let best = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < x.length; i++) if (x[i] > best || Number.isNaN(x[i])) best = x[i];
  return best;
}
/** Sets what is below `limit` to 0. */
function cutBelow(x: Float64Array, limit: number): void {
  for (let i = 0; i < x.length; i++) if (x[i] < limit) x[i] = 0;
}
function normalise(x: Float64Array): void {
  let total = 0;
  for (let i = 0; i < x.length; i++) total += x[i];
  for (let i = 0; i < x.length; i++) x[i] /= total;
}
/** The k-th largest value, 1 ≤ k ≤ length. */
function largest(x: Float64Array, k: number): number {
  if (k > 256) return x.slice().sort()[x.length - k];
  const top = x.slice(0, k).sort();
  for (let i = k; i < x.length; i++) {
    if (!(x[i] > top[0])) continue;
    let at = 0;
    for (; at + 1 < k && top[at + 1] < x[i]; at++) top[at] = top[at + 1];
    top[at] = x[i];
  }
  return top[0];
}
/** Keeps the likeliest that make up `topP` together; of equals the first. */
function nucleus(x: Float64Array, topP: number): void {
  // What is below this sums to less than 1 − topP, so the rest alone makes up topP.
  const low = (1 - topP) / x.length;
  const sorted = x.filter((p) => p >= low).sort();
  let at = sorted.length;
  for (let sum = 0; at > 0 && sum < topP; ) sum += sorted[--at];
  const least = sorted[at];
  let equals = 0;
  for (let i = at; sorted[i] === least; i++) equals++;
  for (let i = 0; i < x.length; i++) {
    if (x[i] < least || (x[i] === least && equals-- <= 0)) x[i] = 0;
  }
}

const entropyOf = (p: Float64Array): number => p.reduce((sum, x) => (x > 0 ? sum - x * Math.log(x) : sum), 0);

/** Keeps the likeliest that make up the share `topH` of the entropy of the 100 likeliest, and the likeliest always. */
function entropyShare(x: Float64Array, topH: number): void {
  const order = [...x.keys()].sort((a, b) => x[b] - x[a] || a - b).slice(0, 100);
  const top = Float64Array.from(order, (id) => x[id]);
  normalise(top);
  const limit = topH * entropyOf(top);
  const kept = new Set<number>();
  let sum = 0;
  top.forEach((p, rank) => {
    sum -= p > 0 ? p * Math.log(p) : 0;
    if (rank === 0 || sum <= limit) kept.add(order[rank]);
  });
  for (let i = 0; i < x.length; i++) if (!kept.has(i)) x[i] = 0;
}
/** Keeps the tokens whose information is nearest to the expected one and that make up `mass`. */
function typical(x: Float64Array, mass: number): void {
  const entropy = entropyOf(x);
  const distance = x.map((p) => Math.abs(-Math.log(p) - entropy));
  const order = [...x.keys()].sort((a, b) => distance[a] - distance[b]);
  let at = 0;
  for (let sum = x[order[0]]; sum < mass && at + 1 < order.length; ) sum += x[order[++at]];
  const most = distance[order[at]];
  for (let i = 0; i < x.length; i++) if (distance[i] > most) x[i] = 0;
}
/** Cuts what is less likely than `limit`, but not the likeliest. */
const cutUnlikely = (x: Float64Array, limit: number) => cutBelow(x, Math.min(limit, greatest(x)));

const KNOWN: Known<SamplingOptions> = {
  ...{ temperature: true, topK: true, topP: true, minP: true, topH: true, typicalP: true, epsilonCutoff: true },
  ...{ etaCutoff: true, repetitionPenalty: true, suppressTokens: true },
};

/**
 * The likelihoods that a token is drawn from, in place of logits; those that are cut off become 0.
 * @throws OptionError for unknown options, GenerationError when nothing is left.
 */
export function nextProbabilities(
  logits: Float64Array,
  seen: Iterable<number>,
  options: SamplingOptions = {},
): Float64Array {
  checkOptions("nextProbabilities", options, KNOWN);
  return likelihoods(logits, seen, options);
}

/** {@link nextProbabilities} of settings that were checked. */
export function likelihoods(logits: Float64Array, seen: Iterable<number>, o: SamplingOptions): Float64Array {
  const { temperature = 1, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 } = o;
  const { topH, typicalP = 1, epsilonCutoff = 0, etaCutoff = 0 } = o;
  if (repetitionPenalty !== 1) {
    for (const id of new Set(seen)) logits[id] *= logits[id] < 0 ? repetitionPenalty : 1 / repetitionPenalty;
  }
  for (const id of o.suppressTokens ?? []) logits[id] = Number.NEGATIVE_INFINITY;
  const best = greatest(logits);
  if (!Number.isFinite(best)) {
    throw new GenerationError(
      Number.isNaN(best) ? "the model gives NaN" : "no token is left to choose from",
      Number.isNaN(best) ? "Its weights are damaged, or training has run away." : "All of them are suppressed.",
    );
  }
  if (temperature === 0) {
    const at = logits.indexOf(best);
    return logits.fill(0).fill(1, at, at + 1);
  }
  for (let i = 0; i < logits.length; i++) logits[i] = Math.exp((logits[i] - best) / temperature);
  if (topH !== undefined) entropyShare(logits, topH);
  if (topK > 0 && topK < logits.length) cutBelow(logits, largest(logits, topK));
  normalise(logits);
  if (topP < 1) {
    nucleus(logits, topP);
    normalise(logits);
  }
  if (minP > 0) {
    cutBelow(logits, minP * greatest(logits));
    normalise(logits);
  }
  if (typicalP < 1) {
    typical(logits, typicalP);
    normalise(logits);
  }
  if (epsilonCutoff > 0) {
    cutUnlikely(logits, epsilonCutoff);
    normalise(logits);
  }
  if (etaCutoff > 0) {
    cutUnlikely(logits, Math.min(etaCutoff, Math.sqrt(etaCutoff) * Math.exp(-entropyOf(logits))));
    normalise(logits);
  }
  return logits;
}

/** The token at which the sum of likelihoods passes u, 0 ≤ u < 1. */
export function draw(p: Float64Array, u: number): number {
  let sum = 0;
  let last = 0;
  for (let id = 0; id < p.length; id++) {
    if (p[id] === 0) continue;
    sum += p[id];
    last = id;
    if (u < sum) return id;
  }
  return last;
}
