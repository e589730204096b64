import { join } from "#platform";
import { philox } from "../../backend/philox.ts";
import type { Dataset } from "../../data/index.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { Tokenizer, trainTokenizer, wordFeatures } from "../../text/index.ts";

/** The tag of padding, that counts for nothing: crossEntropy's ignoreIndex. */
export const IGNORED = -100;

/** A sentence, or a piece of one, as numbers: for each word its id, its features (word w's from `starts[w]` on) and its tag's id. */
export interface EncodedWords {
  ids: Int32Array;
  features: Int32Array;
  starts: Int32Array;
  labels: Int32Array;
}

/** A batch of sentences for a tagger, [T, batch] throughout; see TaggerBatch. */
export interface TaggingBatch {
  ids: Tensor;
  lengths: Tensor;
  features: Tensor;
  offsets: Tensor;
  labels: Tensor;
}

/** How words become what a tagger takes: ids of the words seen in training, in lower case, and hashed features of all. */
export class TaggerInputs {
  readonly #tokenizer: Tokenizer;
  readonly featureBuckets: number;
  readonly padTokenId: number;
  readonly unkTokenId: number;
  readonly #known = new Map<string, { id: number; features: Int32Array }>();

  private constructor(tokenizer: Tokenizer, featureBuckets: number) {
    this.#tokenizer = tokenizer;
    this.featureBuckets = featureBuckets;
    this.padTokenId = tokenizer.tokenToId("<pad>") ?? 0;
    this.unkTokenId = tokenizer.tokenToId("<unk>") ?? 1;
  }

  static async fit(
    sentences: readonly (readonly string[])[],
    featureBuckets: number,
    vocabSize: number,
  ): Promise<TaggerInputs> {
    const specialTokens = ["<pad>", "<unk>"];
    const options = { vocabSize, lowercase: true, splitPunctuation: false, specialTokens };
    return new TaggerInputs(await trainTokenizer("word", sentences.flat(), options), featureBuckets);
  }
  static load(folder: string, featureBuckets: number): TaggerInputs {
    return new TaggerInputs(Tokenizer.fromFile(join(folder, "tokenizer.json")), featureBuckets);
  }
  get size(): number {
    return this.#tokenizer.vocabSize;
  }
  get vocabulary(): string[] {
    return this.#tokenizer.vocabulary;
  }

  #lookUp(word: string): { id: number; features: Int32Array } {
    let entry = this.#known.get(word);
    if (entry === undefined) {
      const id = this.#tokenizer.tokenToId(word.toLowerCase()) ?? this.unkTokenId;
      entry = { id, features: wordFeatures(word, this.featureBuckets) };
      // Words come again; a stream of ever new ones shall not fill the memory.
      if (this.#known.size < 200_000) this.#known.set(word, entry);
    }
    return entry;
  }

  /** @param labels ids of the tags; left out where there are none */
  encode(tokens: readonly string[], labels?: ArrayLike<number>): EncodedWords {
    const entries = tokens.map((word) => this.#lookUp(word));
    const starts = new Int32Array(entries.length);
    let total = 0;
    entries.forEach(({ features }, w) => {
      starts[w] = total;
      total += features.length;
    });
    const features = new Int32Array(total);
    entries.forEach((entry, w) => {
      features.set(entry.features, starts[w]);
    });
    return {
      ids: Int32Array.from(entries, ({ id }) => id),
      features,
      starts,
      labels: labels === undefined ? new Int32Array(entries.length).fill(IGNORED) : Int32Array.from(labels),
    };
  }

  collate(examples: readonly EncodedWords[]): TaggingBatch {
    const batch = examples.length;
    const steps = examples.reduce((n, { ids }) => Math.max(n, ids.length), 1);
    const ids = new Int32Array(steps * batch).fill(this.padTokenId);
    const labels = new Int32Array(steps * batch).fill(IGNORED);
    const offsets = new Int32Array(steps * batch);
    const features = new Int32Array(examples.reduce((n, e) => n + e.features.length, 0));
    let at = 0;
    for (let t = 0; t < steps; t++) {
      for (let b = 0; b < batch; b++) {
        const cell = t * batch + b;
        offsets[cell] = at;
        const example = examples[b];
        if (t >= example.ids.length) continue;
        ids[cell] = example.ids[t];
        labels[cell] = example.labels[t];
        const own = example.features.subarray(example.starts[t], example.starts[t + 1] ?? example.features.length);
        features.set(own, at);
        at += own.length;
      }
    }
    return {
      ids: tensor(ids, [steps, batch]),
      lengths: tensor(Int32Array.from(examples, (e) => e.ids.length)),
      features: tensor(features),
      offsets: tensor(offsets),
      labels: tensor(labels, [steps, batch]),
    };
  }

  save(folder: string): void {
    this.#tokenizer.save(folder);
  }
}

const WORD_DROPOUT = 0x77647270;
const words = new Uint32Array(4);

/**
 * Training sentences, in which words become the unknown one now and then, rare ones more often: with probability
 * $\alpha / (\alpha + n)$ for a word that occurs n times (Kiperwasser and Goldberg 2016). Which ones is a function of
 * (seed, epoch, sentence, word).
 */
export class WordDropoutDataset implements Dataset<EncodedWords> {
  readonly #items: readonly EncodedWords[];
  readonly #probability: Float64Array;
  readonly #unknown: number;
  readonly #seed: number;
  #epoch = 0;

  constructor(
    items: readonly EncodedWords[],
    { vocabSize, unkTokenId, seed, alpha }: { vocabSize: number; unkTokenId: number; seed: number; alpha: number },
  ) {
    this.#items = items;
    this.#unknown = unkTokenId;
    this.#seed = seed;
    const counts = new Float64Array(vocabSize);
    for (const { ids } of items) for (const id of ids) counts[id]++;
    this.#probability = counts.map((n) => (alpha === 0 ? 0 : alpha / (alpha + n)));
  }
  get length(): number {
    return this.#items.length;
  }
  setEpoch(epoch: number): void {
    this.#epoch = epoch;
  }
  get(index: number): EncodedWords {
    const item = this.#items[index];
    const ids = item.ids.map((id, w) => {
      if (w % 4 === 0) philox(w / 4, index, (this.#seed + this.#epoch * 0x9e3779b1) >>> 0, WORD_DROPOUT, words, 0);
      return words[w % 4] / 2 ** 32 < this.#probability[id] ? this.#unknown : id;
    });
    return { ...item, ids };
  }
}
