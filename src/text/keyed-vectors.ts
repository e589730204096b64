import { ShoshinError } from "../backend/errors.ts";
import { named, shownAs } from "../backend/inspect.ts";
import { checkOptions, type Known } from "../backend/options.ts";

/** A file of word vectors is damaged or of an unknown kind, or a word has no vector. */
export class WordVectorsError extends ShoshinError {}

export interface MostSimilarOptions {
  /** Words or vectors whose mean is looked for. */
  positive?: readonly (string | Float32Array)[];
  /** Those that count against it. */
  negative?: readonly (string | Float32Array)[];
  /** How many to give; 10 by default. */
  topn?: number;
  /** Only the first so many words, the most frequent ones in most files. */
  restrictVocab?: number;
}

const KNOWN: Known<MostSimilarOptions> = { positive: true, negative: true, topn: true, restrictVocab: true };

/** Vectors of words, as Gensim's KeyedVectors. */
export class KeyedVectors {
  readonly words: readonly string[];
  readonly vectorSize: number;
  /** [words, vectorSize], row by row in the order of `words`. */
  readonly vectors: Float32Array;
  readonly #index: ReadonlyMap<string, number>;
  readonly #compose: ((word: string) => Float32Array | undefined) | undefined;
  #lengths: Float64Array | undefined;

  /**
   * @param vectors [words, vectorSize]
   * @param compose makes the vector of a word that is not among `words` (fastText's subwords); undefined where it cannot
   * @throws WordVectorsError for sizes that do not fit or a word that comes twice
   */
  constructor(
    words: readonly string[],
    vectors: Float32Array,
    vectorSize: number,
    compose?: (word: string) => Float32Array | undefined,
  ) {
    if (!Number.isInteger(vectorSize) || vectorSize < 1 || vectors.length !== words.length * vectorSize) {
      throw new WordVectorsError(
        `${words.length} words of ${vectorSize} numbers need ${words.length * vectorSize}, found ${vectors.length}`,
      );
    }
    this.words = words;
    this.vectors = vectors;
    this.vectorSize = vectorSize;
    this.#index = new Map(words.map((word, i) => [word, i]));
    if (this.#index.size < words.length) throw new WordVectorsError("a word comes twice");
    this.#compose = compose;
  }

  get length(): number {
    return this.words.length;
  }
  /** The row of a word; undefined for words that are not in the vocabulary. */
  indexOf(word: string): number | undefined {
    return this.#index.get(word);
  }
  /** Whether {@link vector} has something to give, be it made of subwords. */
  has(word: string): boolean {
    return this.#index.has(word) || this.#compose?.(word) !== undefined;
  }
  /** [vectorSize], a view of the table for words in the vocabulary. Throws {@link WordVectorsError} for an unknown word. */
  vector(word: string): Float32Array {
    const row = this.#index.get(word);
    if (row !== undefined) return this.vectors.subarray(row * this.vectorSize, (row + 1) * this.vectorSize);
    const made = this.#compose?.(word);
    if (made !== undefined) return made;
    throw new WordVectorsError(`there is no vector of ${JSON.stringify(word)}`, "Ask has(word) first.");
  }

  /** Cosine of the angle between two words, −1 … 1; 0 where a vector is 0. Throws {@link WordVectorsError} for unknown words. */
  similarity(a: string, b: string): number {
    const [x, y] = [this.vector(a), this.vector(b)];
    const lengths = norm(x) * norm(y);
    return lengths === 0 ? 0 : dot(x, y, 0) / lengths;
  }

  /**
   * The words nearest by cosine to the mean of unit vectors, those against it turned round; the words asked with are left out.
   * Analogies (Mikolov et al., 2013): `{ positive: ["king", "woman"], negative: ["man"] }`.
   * @throws WordVectorsError for an unknown word, a vector of another size, or nothing to look for
   */
  mostSimilar(query: string | MostSimilarOptions): { word: string; score: number }[] {
    const options = typeof query === "string" ? { positive: [query] } : query;
    checkOptions("mostSimilar", options, KNOWN);
    const { positive = [], negative = [], topn = 10, restrictVocab = this.length } = options;
    const target = new Float64Array(this.vectorSize);
    for (const [list, sign] of [[positive, 1] as const, [negative, -1] as const]) {
      for (const item of list) {
        const v = typeof item === "string" ? this.vector(item) : item;
        if (v.length !== this.vectorSize) {
          throw new WordVectorsError(`expected a vector of ${this.vectorSize} numbers, found ${v.length}`);
        }
        const length = norm(v) || 1;
        for (let i = 0; i < v.length; i++) target[i] += (sign * v[i]) / length;
      }
    }
    if (positive.length + negative.length === 0) throw new WordVectorsError("nothing to look for: name a word");
    const length = norm(target) || 1;
    const asked = new Set<unknown>([...positive, ...negative]);
    const lengths = this.#norms();
    const best: { word: string; score: number }[] = [];
    for (let row = 0; row < Math.min(restrictVocab, this.length); row++) {
      const score = dot(target, this.vectors, row * this.vectorSize) / (length * (lengths[row] || 1));
      if (best.length === topn && !(score > best[topn - 1].score)) continue;
      if (topn < 1 || asked.has(this.words[row])) continue;
      let at = best.length;
      while (at > 0 && score > best[at - 1].score) at--;
      best.splice(at, 0, { word: this.words[row], score });
      if (best.length > topn) best.pop();
    }
    return best;
  }

  #norms(): Float64Array {
    const { vectors, vectorSize: size } = this;
    this.#lengths ??= Float64Array.from(this.words, (_, row) => norm(vectors.subarray(row * size, (row + 1) * size)));
    return this.#lengths;
  }
}

type Numbers = Float32Array | Float64Array;
function dot(x: Numbers, table: Numbers, from: number): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * table[from + i];
  return sum;
}
const norm = (x: Numbers): number => Math.sqrt(dot(x, x, 0));

shownAs(KeyedVectors, ({ words, vectorSize }) => named("KeyedVectors", { words: words.length, vectorSize }));
