import { z } from "zod";
import { ShoshinError } from "../backend/errors.ts";
import { checkOptions, type Known } from "../backend/options.ts";
import { checkIterable } from "./check.ts";
import { isUnspaced, words } from "./words.ts";

/** A saved vectorizer is damaged or of another version. */
export class VectorizerError extends ShoshinError {}

export interface BagOfWordsOptions {
  /** Lengths of runs of words, from and to; runs of unspaced characters are one longer. */
  ngramRange?: readonly [number, number];
  /** Runs that occur in fewer texts are left out. */
  minCount?: number;
  /** The most frequent so many are kept. */
  maxFeatures?: number;
  lowercase?: boolean;
}

/** A text as a sparse vector: positions in the vocabulary and their weights. */
const KNOWN: Known<BagOfWordsOptions> = { ngramRange: true, minCount: true, maxFeatures: true, lowercase: true };

export interface SparseVector {
  ids: Int32Array;
  weights: Float32Array;
}

const schema = z.object({
  version: z.literal(1),
  type: z.literal("bag-of-words"),
  options: z.object({
    ngramRange: z.tuple([z.number().int().min(1).max(8), z.number().int().min(1).max(8)]),
    minCount: z.number().int().min(1),
    maxFeatures: z.number().int().min(1),
    lowercase: z.boolean(),
  }),
  vocabulary: z.array(z.string()),
  idf: z.array(z.number()),
});
export type BagOfWordsState = z.infer<typeof schema>;

/**
 * Texts as weighted runs of words: term frequency (damped, $1 + \ln f$) times inverse document frequency
 * ($\ln\frac{1+n}{1+d} + 1$), scaled to length 1, as scikit-learn's TfidfVectorizer with `sublinear_tf`.
 */
export class BagOfWordsVectorizer {
  readonly options: Required<BagOfWordsOptions>;
  #index = new Map<string, number>();
  #idf = new Float64Array(0);

  constructor(options: BagOfWordsOptions = {}) {
    checkOptions("BagOfWordsVectorizer", options, KNOWN);
    this.options = { ngramRange: [1, 2], minCount: 1, maxFeatures: 300_000, lowercase: true, ...options };
  }

  get size(): number {
    return this.#index.size;
  }
  /** The runs of words by their positions. */
  get vocabulary(): string[] {
    return [...this.#index.keys()];
  }

  *#runs(text: string): Generator<string> {
    const list = words(text, this.options.lowercase);
    const [low, high] = this.options.ngramRange;
    for (let i = 0; i < list.length; i++) {
      const longest = isUnspaced(list[i]) ? high + 1 : high;
      let run = list[i];
      if (low <= 1) yield run;
      for (let n = 2; n <= longest && i + n <= list.length; n++) {
        run += ` ${list[i + n - 1]}`;
        if (n >= low) yield run;
      }
    }
  }

  /** Learns the vocabulary and the document frequencies. Throws {@link VectorizerError} if no text has a word. */
  fit(texts: Iterable<string>): this {
    const frequency = new Map<string, number>();
    let documents = 0;
    checkIterable("fit", texts, "texts");
    for (const text of texts) {
      documents++;
      for (const run of new Set(this.#runs(text))) frequency.set(run, (frequency.get(run) ?? 0) + 1);
    }
    const { minCount, maxFeatures } = this.options;
    const kept = [...frequency].filter(([, count]) => count >= minCount);
    // By frequency, then by name: the same vocabulary whatever the order of the texts.
    kept.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    kept.length = Math.min(kept.length, maxFeatures);
    if (kept.length === 0) {
      throw new VectorizerError(
        "no words were found in the texts",
        "Is the right column named as text? (--text-column)",
      );
    }
    this.#index = new Map(kept.map(([run], i) => [run, i]));
    this.#idf = Float64Array.from(kept, ([, count]) => Math.log((1 + documents) / (1 + count)) + 1);
    return this;
  }

  /** Known runs of the text, rising; empty when it has none. */
  transform(text: string): SparseVector {
    const counts = new Map<number, number>();
    for (const run of this.#runs(text)) {
      const id = this.#index.get(run);
      if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    const ids = Int32Array.from(counts.keys()).sort();
    const weights = Float32Array.from(ids, (id) => (1 + Math.log(counts.get(id) as number)) * this.#idf[id]);
    let norm = 0;
    for (const w of weights) norm += w * w;
    norm = Math.sqrt(norm);
    for (let i = 0; i < weights.length; i++) weights[i] /= norm;
    return { ids, weights };
  }

  toJSON(): BagOfWordsState {
    const { ngramRange, ...rest } = this.options;
    return {
      version: 1,
      type: "bag-of-words",
      options: { ngramRange: [...ngramRange], ...rest },
      vocabulary: this.vocabulary,
      idf: [...this.#idf],
    };
  }

  /** Throws {@link VectorizerError} for anything that `toJSON` did not make. */
  static fromJSON(value: unknown): BagOfWordsVectorizer {
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new VectorizerError(`the saved vectorizer is damaged: ${issue.path.join(".")}: ${issue.message}`);
    }
    const { options, vocabulary, idf } = parsed.data;
    const made = new BagOfWordsVectorizer(options);
    made.#index = new Map(vocabulary.map((run, i) => [run, i]));
    made.#idf = Float64Array.from(idf);
    if (idf.length !== vocabulary.length || made.#index.size !== vocabulary.length) {
      throw new VectorizerError("the saved vectorizer is damaged: vocabulary and idf do not fit");
    }
    return made;
  }
}
