import { ShoshinError } from "../../../backend/errors.ts";
import { checkOptions, type Known } from "../../../backend/options.ts";
import { defineMetric } from "../metric.ts";
import { clippedMatches } from "./bleu.ts";
import { splitWords } from "./bleu-tokenize.ts";
import { type References, translationPairs } from "./references.ts";

export interface ChrfOptions {
  /** Longest n-gram of characters; 6 by default. */
  charOrder?: number;
  /** Longest n-gram of words: 0 (by default) is chrF, 2 is chrF++. */
  wordOrder?: number;
  /** How many times as much recall counts as precision; 2 by default. */
  beta?: number;
  lowercase?: boolean;
  /** Lets white space count as characters. */
  whitespace?: boolean;
  /** Means over all orders, as chrF++.py, NLTK and Moses, instead of those that both texts are long enough for. */
  epsSmoothing?: boolean;
}

/** n-grams of a hypothesis, of its reference, and of both, of each order. */
interface Statistics {
  hypothesis: number[];
  reference: number[];
  matches: number[];
}

/** A text's characters (code points), and its words with punctuation at one of their ends apart. */
type Units = { order: number; tokens: string[] }[];

const PUNCTUATION = new Set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");

function splitPunctuation(word: string): string[] {
  if (word.length === 1) return [word];
  if (PUNCTUATION.has(word[word.length - 1])) return [word.slice(0, -1), word[word.length - 1]];
  return PUNCTUATION.has(word[0]) ? [word[0], word.slice(1)] : [word];
}

function unitsOf(text: string, { charOrder, wordOrder, lowercase, whitespace }: Required<ChrfOptions>): Units {
  const line = lowercase ? text.toLowerCase() : text;
  const words = splitWords(line);
  const units = [{ order: charOrder, tokens: Array.from(whitespace ? line : words.join("")) }];
  if (wordOrder > 0) units.push({ order: wordOrder, tokens: words.flatMap(splitPunctuation) });
  return units;
}

function compare(hypothesis: Units, reference: Units): Statistics {
  const statistics: Statistics = { hypothesis: [], reference: [], matches: [] };
  hypothesis.forEach(({ order, tokens }, u) => {
    const other = reference[u].tokens;
    statistics.matches.push(...clippedMatches(tokens, [other], order));
    for (let n = 0; n < order; n++) {
      statistics.hypothesis.push(other.length > n ? Math.max(0, tokens.length - n) : 0);
      statistics.reference.push(Math.max(0, other.length - n));
    }
  });
  return statistics;
}

/** The F score of the statistics, 0 to 100. */
function scoreOf({ hypothesis, reference, matches }: Statistics, beta: number, epsSmoothing: boolean): number {
  const EPSILON = 1e-16;
  const factor = beta ** 2;
  let [sum, orders, precisions, recalls] = [0, 0, 0, 0];
  for (let i = 0; i < matches.length; i++) {
    const precision = hypothesis[i] > 0 ? matches[i] / hypothesis[i] : EPSILON;
    const recall = reference[i] > 0 ? matches[i] / reference[i] : EPSILON;
    const under = factor * precision + recall;
    sum += under > 0 ? ((1 + factor) * precision * recall) / under : EPSILON;
    if (hypothesis[i] > 0 && reference[i] > 0) {
      precisions += precision;
      recalls += recall;
      orders++;
    }
  }
  if (epsSmoothing) return (100 * sum) / matches.length;
  if (precisions + recalls === 0) return 0;
  const [precision, recall] = [precisions / orders, recalls / orders];
  return (100 * ((1 + factor) * precision * recall)) / (factor * precision + recall);
}

const KNOWN: Known<ChrfOptions> = {
  charOrder: true,
  wordOrder: true,
  beta: true,
  lowercase: true,
  whitespace: true,
  epsSmoothing: true,
};

function checked(options: ChrfOptions): Required<ChrfOptions> {
  const { charOrder = 6, wordOrder = 0, beta = 2 } = options;
  const { lowercase = false, whitespace = false, epsSmoothing = false } = options;
  for (const [name, value] of Object.entries({ charOrder, wordOrder })) {
    if (!Number.isInteger(value) || value < 0) {
      throw new ShoshinError(`chrF: ${name} is ${value}`, "it is a whole number from 0 on");
    }
  }
  if (charOrder + wordOrder === 0) throw new ShoshinError("chrF: no n-grams", "set charOrder or wordOrder above 0");
  if (!(beta > 0 && beta < Number.POSITIVE_INFINITY)) {
    throw new ShoshinError(`chrF: beta is ${beta}`, "it is a number above 0");
  }
  return { charOrder, wordOrder, beta, lowercase, whitespace, epsSmoothing };
}

/**
 * chrF of a corpus (Popović 2015), or chrF++ (Popović 2017) with `wordOrder` 2, the score of sacreBLEU 2 (Post 2018): the F
 * score of the mean precision and the mean recall of n-grams of characters, and of words. Of several references, the one that
 * gives a hypothesis the highest score counts.
 * @param references of hypothesis i, at i @returns score: 0 to 100
 * @throws ShoshinError for no hypotheses, for one without a reference, and for options that are none.
 */
export function corpusChrf(
  hypotheses: readonly string[],
  references: References,
  options: ChrfOptions = {},
): { score: number } {
  checkOptions("corpusChrf", options, KNOWN);
  const all = checked(options);
  const { beta, epsSmoothing } = all;
  const zeros = () => new Array<number>(all.charOrder + all.wordOrder).fill(0);
  const total: Statistics = { hypothesis: zeros(), reference: zeros(), matches: zeros() };
  for (const [hypothesis, own] of translationPairs("chrF", hypotheses, references)) {
    const units = unitsOf(hypothesis, all);
    let highest = -1;
    let best = total;
    for (const reference of own) {
      const statistics = compare(units, unitsOf(reference, all));
      const score = own.length === 1 ? 0 : scoreOf(statistics, beta, epsSmoothing);
      if (score > highest) [highest, best] = [score, statistics];
    }
    for (const key of ["hypothesis", "reference", "matches"] as const) {
      for (let n = 0; n < total[key].length; n++) total[key][n] += best[key][n];
    }
  }
  return { score: scoreOf(total, beta, epsSmoothing) };
}

/** chrF of one sentence, with the options of `corpusChrf`. @throws ShoshinError as `corpusChrf`. */
export function sentenceChrf(
  hypothesis: string,
  references: string | readonly string[],
  options: ChrfOptions = {},
): { score: number } {
  checkOptions("sentenceChrf", options, KNOWN);
  return corpusChrf([hypothesis], [references], options);
}

export const chrf = defineMetric({
  name: "chrf",
  kind: "texts",
  compute: ({ written, references }) => corpusChrf(written, references).score,
});
