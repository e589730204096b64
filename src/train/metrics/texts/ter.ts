import { checkOptions, type Known } from "../../../backend/options.ts";
import { spaceNumbers, spacePunctuation, splitWords, trimEnd, unescapeXml } from "./bleu-tokenize.ts";
import { type References, translationPairs } from "./references.ts";

export interface TerOptions {
  /** Splits punctuation off words, as Tercom. */
  normalized?: boolean;
  /** Leaves `. , ? : ; ! " ( )` out. */
  noPunct?: boolean;
  /** With `normalized`, each Chinese character is a word; with `noPunct`, Asian punctuation is left out too. */
  asianSupport?: boolean;
  /** Tells upper from lower case; by default all is lower case. */
  caseSensitive?: boolean;
}

const KNOWN: Known<TerOptions> = { normalized: true, noPunct: true, asianSupport: true, caseSensitive: true };
/** As Hugging Face's `evaluate` calls them. */
const REFUSED = {
  ignorePunct: "It is called noPunct.",
  supportZhJaChars: "It is called asianSupport.",
  lowercase: "All is lower case unless caseSensitive is true.",
};

export interface TerScore {
  /** Edits per word of the references, in percent: 0 is best, and it may pass 100. */
  score: number;
  edits: number;
  /** Words of the references; the mean where a hypothesis has several. */
  referenceLength: number;
}

const ASIAN_PUNCTUATION =
  /([\u3001\u3002\u3008-\u3011\u3014-\u301f\uff61-\uff65\u30fb\uff0e\uff0c\uff1f\uff1a\uff1b\uff01\uff02\uff08\uff09])/g;
const CHINESE = /([\u2e80-\u2eff\u31c0-\u31ef\u3200-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f])/g;

function tokens(text: string, { normalized, noPunct, asianSupport, caseSensitive }: TerOptions): string[] {
  let line = trimEnd(text);
  if (!caseSensitive) line = line.toLowerCase();
  if (normalized) {
    line = unescapeXml(line.replaceAll("\n-", "").replaceAll("\n", " "));
    line = spaceNumbers(spacePunctuation(` ${line} `).replaceAll("'s ", " 's "));
    if (asianSupport) line = line.replace(CHINESE, " $1 ").replace(ASIAN_PUNCTUATION, " $1 ");
  }
  if (noPunct) {
    line = line.replace(/[.,?:;!"()]/g, "");
    if (asianSupport) line = line.replace(ASIAN_PUNCTUATION, "");
  }
  return splitWords(line);
}

// Tercom's limits, and sacreBLEU's on candidates.
const LONGEST_SHIFT = 10;
const FARTHEST_SHIFT = 50;
const BEAM = 25;
const CANDIDATES = 1000;

const FAR = 1e9;
const MATCH = 1;
const SUBSTITUTE = 2;
const DELETE = 3;
const INSERT = 4;

/** Which words of both texts are wrong, and the hypothesis's word (−1: none before it) that each of the reference is at. */
interface Alignment {
  at: number[];
  hypothesisWrong: boolean[];
  referenceWrong: boolean[];
}

/** Edit distance near the diagonal, between a reference and orders of a hypothesis's words. */
class EditDistance {
  readonly #reference: readonly string[];
  readonly #rows: number;
  readonly #width: number;
  readonly #cost: Int32Array;
  readonly #trial: Int32Array;
  readonly #step: Uint8Array;
  #words: readonly string[] = [];

  constructor(reference: readonly string[], length: number) {
    this.#reference = reference;
    this.#rows = length;
    this.#width = reference.length + 1;
    this.#cost = new Int32Array((length + 1) * this.#width);
    this.#trial = new Int32Array((length + 1) * this.#width);
    this.#step = new Uint8Array((length + 1) * this.#width);
    for (let j = 0; j < this.#width; j++) {
      this.#cost[j] = j;
      this.#step[j] = INSERT;
    }
  }

  /** The distance of `words`, which later ones are compared to. */
  set(words: readonly string[]): number {
    this.#words = words;
    return this.#fill(words, 0, this.#cost);
  }

  /** The distance of the words in another order: rows up to the first one that differs are known. */
  of(words: readonly string[]): number {
    let same = 0;
    while (same < words.length && words[same] === this.#words[same]) same++;
    const row = same * this.#width;
    this.#trial.set(this.#cost.subarray(row, row + this.#width), row);
    return this.#fill(words, same, this.#trial);
  }

  #fill(words: readonly string[], known: number, cost: Int32Array): number {
    const width = this.#width;
    const ratio = this.#rows > 0 ? this.#reference.length / this.#rows : 1;
    const beam = BEAM < ratio / 2 ? Math.ceil(ratio / 2 + BEAM) : BEAM;
    cost.fill(FAR, (known + 1) * width);
    for (let i = known + 1; i <= this.#rows; i++) {
      const diagonal = Math.floor(i * ratio);
      const end = i === this.#rows ? width : Math.min(width, diagonal + beam);
      for (let j = Math.max(0, diagonal - beam); j < end; j++) {
        const here = i * width + j;
        const above = here - width;
        let [least, step] = [FAR, 0];
        if (j > 0) {
          const equal = words[i - 1] === this.#reference[j - 1];
          const replaced = cost[above - 1] + (equal ? 0 : 1);
          if (replaced < least) [least, step] = [replaced, equal ? MATCH : SUBSTITUTE];
        }
        if (cost[above] + 1 < least) [least, step] = [cost[above] + 1, DELETE];
        if (j > 0 && cost[here - 1] + 1 < least) [least, step] = [cost[here - 1] + 1, INSERT];
        cost[here] = least;
        if (cost === this.#cost) this.#step[here] = step;
      }
    }
    return cost[this.#rows * width + width - 1];
  }

  /** The alignment of the words that were `set`. */
  alignment(): Alignment {
    const steps: number[] = [];
    for (let i = this.#rows, j = this.#width - 1; i > 0 || j > 0; ) {
      const step = this.#step[i * this.#width + j];
      steps.push(step);
      if (step !== INSERT) i--;
      if (step !== DELETE) j--;
    }
    const result: Alignment = { at: [], hypothesisWrong: [], referenceWrong: [] };
    for (const step of steps.reverse()) {
      if (step !== INSERT) result.hypothesisWrong.push(step !== MATCH);
      if (step !== DELETE) {
        result.referenceWrong.push(step !== MATCH);
        result.at.push(result.hypothesisWrong.length - 1);
      }
    }
    return result;
  }
}

/** Runs of words that both texts have: where in the hypothesis, where in the reference, and how many. */
function* commonRuns(words: readonly string[], reference: readonly string[]): Generator<[number, number, number]> {
  for (let h = 0; h < words.length; h++) {
    const last = Math.min(reference.length - 1, h + FARTHEST_SHIFT);
    for (let r = Math.max(0, h - FARTHEST_SHIFT); r <= last; r++) {
      const longest = Math.min(LONGEST_SHIFT, words.length - h, reference.length - r);
      for (let n = 0; n < longest && words[h + n] === reference[r + n]; n++) yield [h, r, n + 1];
    }
  }
}

/** Words with those from `start` to `end` − 1 before what was at `target`; a target within the run is counted behind it. */
function moved(words: readonly string[], start: number, end: number, target: number): string[] {
  const rest = [...words.slice(0, start), ...words.slice(end)];
  const place = target > end ? target - (end - start) : target;
  rest.splice(place, 0, ...words.slice(start, end));
  return rest;
}

/** Fewest edits found (insertions, deletions, substitutions, shifts of runs of words) that make `words` the reference. */
function editsOf(words: string[], reference: readonly string[]): number {
  if (reference.length === 0) return words.length;
  const distance = new EditDistance(reference, words.length);
  let edits = distance.set(words);
  let candidates = 0;
  for (let shifts = 0; ; shifts++) {
    const { at, hypothesisWrong, referenceWrong } = distance.alignment();
    let best: { gain: number; length: number; start: number; target: number; words: string[] } | undefined;
    for (const [start, r, length] of commonRuns(words, reference)) {
      const end = start + length;
      if (!hypothesisWrong.slice(start, end).includes(true)) continue;
      if (!referenceWrong.slice(r, r + length).includes(true)) continue;
      if (start <= at[r] && at[r] < end) continue;
      let before = -1;
      for (let place = r - 1; place < r + length; place++) {
        const target = place < 0 ? 0 : at[place] + 1;
        if (target === before) continue;
        before = target;
        const other = moved(words, start, end, target);
        const gain = edits - distance.of(other);
        candidates++;
        const order = best && (gain - best.gain || length - best.length || best.start - start || best.target - target);
        if (order === undefined || order > 0) best = { gain, length, start, target, words: other };
      }
      if (candidates >= CANDIDATES) break;
    }
    if (candidates >= CANDIDATES || best === undefined || best.gain <= 0) return shifts + edits;
    words = best.words;
    edits = distance.set(words);
  }
}

/**
 * Translation edit rate of a corpus (Snover et al. 2006), the score of sacreBLEU 2 (Post 2018) and, but for very long texts, of
 * Tercom: edits, of which a shift of a run of words is one, per word of the references. Of several references, the one that
 * takes fewest edits counts.
 * @param references of hypothesis i, at i
 * @throws ShoshinError for no hypotheses, and for one without a reference.
 */
export function corpusTer(hypotheses: readonly string[], references: References, options: TerOptions = {}): TerScore {
  checkOptions("corpusTer", options, KNOWN, REFUSED);
  let [edits, referenceLength] = [0, 0];
  for (const [hypothesis, own] of translationPairs("TER", hypotheses, references)) {
    const words = tokens(hypothesis, options);
    // sacreBLEU cuts references twice, which is other words for "it's." and for escaped escapes.
    const others = own.map((reference) => tokens(tokens(reference, options).join(" "), options));
    edits += Math.min(...others.map((other) => editsOf(words, other)));
    referenceLength += others.reduce((sum, other) => sum + other.length, 0) / others.length;
  }
  const rate = referenceLength > 0 ? edits / referenceLength : edits > 0 ? 1 : 0;
  return { score: 100 * rate, edits, referenceLength };
}

/** Translation edit rate of one sentence, with the options of `corpusTer`. @throws ShoshinError as `corpusTer`. */
export function sentenceTer(
  hypothesis: string,
  references: string | readonly string[],
  options: TerOptions = {},
): TerScore {
  checkOptions("sentenceTer", options, KNOWN, REFUSED);
  return corpusTer([hypothesis], [references], options);
}
