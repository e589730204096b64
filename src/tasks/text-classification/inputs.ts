import { join } from "#platform";
import { collateSparse } from "../../data/index.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { BagOfWordsVectorizer, type SparseVector, Tokenizer, trainTokenizer } from "../../text/index.ts";
import { readJson } from "../folder.ts";
import { VOCABULARY } from "./options.ts";

/** How texts become what a model takes; learned from the training texts and saved with the model. */
export interface TextInputs<E = unknown> {
  /** Words or tokens that are known. */
  readonly size: number;
  /** The same by their ids. */
  readonly vocabulary: readonly string[];
  encode(text: string): E;
  collate(examples: readonly E[]): Record<string, Tensor>;
  /** Files of the model's folder besides the weights: JSON by name. */
  files(): Record<string, unknown>;
  save?(folder: string): void;
}

/** Weighted words without order. */
export class VectorInputs implements TextInputs<SparseVector> {
  readonly #vectorizer: BagOfWordsVectorizer;
  private constructor(vectorizer: BagOfWordsVectorizer) {
    this.#vectorizer = vectorizer;
  }
  static fit(texts: readonly string[], maxFeatures: number = VOCABULARY.counted): VectorInputs {
    // Larger data can spare the words that occur only once.
    const vectorizer = new BagOfWordsVectorizer({ minCount: texts.length < 10_000 ? 1 : 2, maxFeatures });
    vectorizer.fit(texts);
    return new VectorInputs(vectorizer);
  }
  static load(folder: string): VectorInputs {
    return new VectorInputs(BagOfWordsVectorizer.fromJSON(readJson(join(folder, "vectorizer.json"))));
  }
  get size(): number {
    return this.#vectorizer.size;
  }
  get vocabulary(): string[] {
    return this.#vectorizer.vocabulary;
  }
  encode(text: string): SparseVector {
    return this.#vectorizer.transform(text);
  }
  collate(examples: readonly SparseVector[]): Record<string, Tensor> {
    return { ...collateSparse(examples) };
  }
  files(): Record<string, unknown> {
    return { "vectorizer.json": this.#vectorizer.toJSON() };
  }
}

/** Token ids in order, cut at `maxLength`. */
export class SequenceInputs implements TextInputs<Int32Array> {
  readonly #tokenizer: Tokenizer;
  readonly #maxLength: number;
  readonly padTokenId: number;
  private constructor(tokenizer: Tokenizer, maxLength: number) {
    this.#tokenizer = tokenizer;
    this.#maxLength = maxLength;
    this.padTokenId = tokenizer.tokenToId("[PAD]") ?? tokenizer.tokenToId("<pad>") ?? 0;
  }
  /** WordPiece cuts Chinese into characters, keeps frequent words whole and spells rare ones. Words are what has vectors. */
  static async fit(
    texts: readonly string[],
    maxLength: number,
    { vocabSize, words = false }: { vocabSize?: number; words?: boolean } = {},
  ): Promise<SequenceInputs> {
    const tokenizer = words
      ? await trainTokenizer("word", texts, { vocabSize: vocabSize ?? VOCABULARY.words, lowercase: true })
      : await trainTokenizer("wordpiece", texts, { vocabSize: vocabSize ?? VOCABULARY.tokens });
    return new SequenceInputs(tokenizer, maxLength);
  }
  static load(folder: string, maxLength: number): SequenceInputs {
    return new SequenceInputs(Tokenizer.fromFile(join(folder, "tokenizer.json")), maxLength);
  }
  get size(): number {
    return this.#tokenizer.vocabSize;
  }
  get vocabulary(): string[] {
    return this.#tokenizer.vocabulary;
  }
  encode(text: string): Int32Array {
    return Int32Array.from(this.#tokenizer.encode(text).ids.slice(0, this.#maxLength));
  }
  collate(examples: readonly Int32Array[]): Record<string, Tensor> {
    // A text without tokens is one token of padding: there must be something to take the mean of.
    const lengths = Int32Array.from(examples, (ids) => Math.max(1, ids.length));
    const steps = lengths.reduce((a, b) => Math.max(a, b), 1);
    const ids = new Int32Array(steps * examples.length).fill(this.padTokenId);
    examples.forEach((example, b) => {
      example.forEach((id, t) => {
        ids[t * examples.length + b] = id;
      });
    });
    return { ids: tensor(ids, [steps, examples.length]), lengths: tensor(lengths) };
  }
  files(): Record<string, unknown> {
    return {};
  }
  save(folder: string): void {
    this.#tokenizer.save(folder);
  }
}
