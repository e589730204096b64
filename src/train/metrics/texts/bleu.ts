import { ShoshinError } from "../../../backend/errors.ts";
import { checkOptions, type Known } from "../../../backend/options.ts";
import { defineMetric } from "../metric.ts";
import { BLEU_TOKENIZERS, type BleuTokenizer, bleuTokenize } from "./bleu-tokenize.ts";
import { type References, translationPairs } from "./references.ts";

export interface BleuOptions {
  /** `13a` by default; `zh` for Chinese. */
  tokenize?: BleuTokenizer;
  /**
   * What stands for the matches of an order that has none (Chen and Cherry 2014): 1/2, 1/4, … (`exp`, the default),
   * `smoothValue` (`floor`), nothing (`none`); `add-k` adds `smoothValue` to matches and totals of every order above 1.
   */
  smoothMethod?: "exp" | "floor" | "add-k" | "none";
  /** 0.1 for `floor`, 1 for `add-k` by default; the others do not use it. */
  smoothValue?: number;
  lowercase?: boolean;
  /** 4 by default. */
  maxNgramOrder?: number;
  /** Leaves out orders longer than the text; by default for `sentenceBleu` only. */
  effectiveOrder?: boolean;
}

export interface BleuScore {
  /** 0 to 100. */
  score: number;
  /** Matches of each order; `add-k` has added to them, and to the totals. */
  counts: number[];
  /** n-grams of the hypotheses, of each order. */
  totals: number[];
  /** Smoothed, each 0 to 100; all 0 where nothing matches. */
  precisions: number[];
  brevityPenalty: number;
  /** Words of all hypotheses. */
  systemLength: number;
  /** Words of the reference nearest in length to each hypothesis. */
  referenceLength: number;
}

const SMOOTH_VALUES = { exp: 0, floor: 0.1, "add-k": 1, none: 0 };

/**
 * How many n-grams of `tokens` occur in `references`, of each order from 1 to `order`; one counts at most as often as it occurs
 * in the reference that has it most (Papineni et al. 2002).
 */
export function clippedMatches(
  tokens: readonly string[],
  references: readonly (readonly string[])[],
  order: number,
): number[] {
  const ids = new Map<string, number>();
  let length = 0;
  for (const reference of references) {
    length += reference.length;
    for (const token of reference) if (!ids.has(token)) ids.set(token, ids.size);
  }
  // The references' n-grams are a trie's nodes, found under (the node of all but the last token) · |ids| + (the last token).
  const nodes = new Map<number, number>();
  const limits = new Int32Array(length * order + 1);
  const seen = new Int32Array(length * order + 1);
  for (const reference of references) {
    const line = reference.map((token) => ids.get(token) as number);
    seen.fill(0);
    for (let start = 0; start < line.length; start++) {
      const end = Math.min(start + order, line.length);
      for (let i = start, node = 0; i < end; i++) {
        const key = node * ids.size + line[i];
        node = nodes.get(key) ?? nodes.size + 1;
        if (node > nodes.size) nodes.set(key, node);
        seen[node]++;
        if (seen[node] > limits[node]) limits[node] = seen[node];
      }
    }
  }
  const matches = new Array<number>(order).fill(0);
  const line = tokens.map((token) => ids.get(token) ?? -1);
  seen.fill(0);
  for (let start = 0; start < line.length; start++) {
    const end = Math.min(start + order, line.length);
    for (let i = start, node: number | undefined = 0; i < end && line[i] >= 0; i++) {
      node = nodes.get(node * ids.size + line[i]);
      if (node === undefined) break;
      if (seen[node]++ < limits[node]) matches[i - start]++;
    }
  }
  return matches;
}

/** The length nearest to `length`, the shorter of two as near. */
function nearest(length: number, lengths: readonly number[]): number {
  return lengths.reduce((best, other) => {
    const nearer = Math.abs(other - length) - Math.abs(best - length);
    return nearer < 0 || (nearer === 0 && other < best) ? other : best;
  });
}

const KNOWN: Known<BleuOptions> = {
  tokenize: true,
  smoothMethod: true,
  smoothValue: true,
  lowercase: true,
  maxNgramOrder: true,
  effectiveOrder: true,
};
/** As Hugging Face's `evaluate` calls them. */
const REFUSED = {
  smooth: 'Give smoothMethod: "add-k".',
  maxOrder: "It is called maxNgramOrder.",
  useEffectiveOrder: "It is called effectiveOrder.",
};

function checked(options: BleuOptions): Required<BleuOptions> {
  const { tokenize = "13a", smoothMethod = "exp", lowercase = false, effectiveOrder = false } = options;
  const { smoothValue = SMOOTH_VALUES[smoothMethod], maxNgramOrder = 4 } = options;
  if (!BLEU_TOKENIZERS.includes(tokenize)) {
    throw new ShoshinError(`BLEU: no tokenizer is called ${tokenize}`, `it is one of ${BLEU_TOKENIZERS.join(", ")}`);
  }
  if (!Object.hasOwn(SMOOTH_VALUES, smoothMethod)) {
    const names = Object.keys(SMOOTH_VALUES).join(", ");
    throw new ShoshinError(`BLEU: no smoothing is called ${smoothMethod}`, `it is one of ${names}`);
  }
  if (!(smoothValue >= 0 && smoothValue < Number.POSITIVE_INFINITY)) {
    throw new ShoshinError(`BLEU: smoothValue is ${smoothValue}`, "it is a number from 0 on");
  }
  if (!Number.isInteger(maxNgramOrder) || maxNgramOrder < 1) {
    throw new ShoshinError(`BLEU: maxNgramOrder is ${maxNgramOrder}`, "it is a whole number from 1 on");
  }
  return { tokenize, smoothMethod, smoothValue, lowercase, maxNgramOrder, effectiveOrder };
}

/** @param counts, totals matches and n-grams of each order; `add-k` adds to them. */
function scoreOf(
  counts: number[],
  totals: number[],
  systemLength: number,
  referenceLength: number,
  { smoothMethod, smoothValue, effectiveOrder }: Required<BleuOptions>,
): BleuScore {
  let brevityPenalty = 1;
  if (systemLength < referenceLength) {
    brevityPenalty = systemLength > 0 ? Math.exp(1 - referenceLength / systemLength) : 0;
  }
  const precisions = counts.map(() => 0);
  const result = { score: 0, counts, totals, precisions, brevityPenalty, systemLength, referenceLength };
  if (counts.every((count) => count === 0)) return result;
  let orders = counts.length;
  let halved = 1;
  for (let n = 0; n < counts.length; n++) {
    if (smoothMethod === "add-k" && n > 0) {
      counts[n] += smoothValue;
      totals[n] += smoothValue;
    }
    if (totals[n] === 0) break;
    if (effectiveOrder) orders = n + 1;
    let matches = counts[n];
    if (matches === 0 && smoothMethod === "exp") {
      halved /= 2;
      matches = halved;
    } else if (matches === 0 && smoothMethod === "floor") matches = smoothValue;
    precisions[n] = (100 * matches) / totals[n];
  }
  const logs = precisions.slice(0, orders).reduce((sum, precision) => sum + Math.log(precision / 100), 0);
  result.score = 100 * brevityPenalty * Math.exp(logs / orders);
  return result;
}

/**
 * BLEU of a corpus (Papineni et al. 2002), the score of sacreBLEU 2 (Post 2018): the geometric mean of the precisions of
 * n-grams times a penalty for hypotheses shorter than their references.
 * @param references of hypothesis i, at i; an empty one counts as one of no words
 * @throws ShoshinError for no hypotheses, for one without a reference, and for options that are none.
 */
export function corpusBleu(
  hypotheses: readonly string[],
  references: References,
  options: BleuOptions = {},
): BleuScore {
  checkOptions("corpusBleu", options, KNOWN, REFUSED);
  const all = checked(options);
  const order = all.maxNgramOrder;
  const counts = new Array<number>(order).fill(0);
  const totals = new Array<number>(order).fill(0);
  let [systemLength, referenceLength] = [0, 0];
  const tokens = (text: string) => bleuTokenize(all.lowercase ? text.toLowerCase() : text, all.tokenize);
  for (const [hypothesis, own] of translationPairs("BLEU", hypotheses, references)) {
    const words = tokens(hypothesis);
    const others = own.map(tokens);
    systemLength += words.length;
    referenceLength += nearest(
      words.length,
      others.map((other) => other.length),
    );
    clippedMatches(words, others, order).forEach((matches, n) => {
      counts[n] += matches;
      totals[n] += Math.max(0, words.length - n);
    });
  }
  return scoreOf(counts, totals, systemLength, referenceLength, all);
}

/**
 * BLEU of one sentence, of the orders that it is long enough for unless `effectiveOrder` is false; BLEU is made for corpora,
 * and the mean over sentences is another number.
 * @throws ShoshinError as `corpusBleu`.
 */
export function sentenceBleu(
  hypothesis: string,
  references: string | readonly string[],
  options: BleuOptions = {},
): BleuScore {
  checkOptions("sentenceBleu", options, KNOWN, REFUSED);
  return corpusBleu([hypothesis], [references], { ...options, effectiveOrder: options.effectiveOrder ?? true });
}

export const bleu = defineMetric({
  name: "bleu",
  kind: "texts",
  compute: ({ written, references, tokenize }) => corpusBleu(written, references, { tokenize }).score,
});
