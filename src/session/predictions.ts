import type { ClassScore, Entity, FilledMask, GeneratedText, TaggedWord, TranslatedText } from "../tasks/index.ts";

/** What `predict` gives for one input, by task: `session.predict<"fill-mask">(texts)`. */
export interface Predictions {
  /** With `topK` a list, best first. */
  "text-classification": ClassScore | ClassScore[];
  "token-classification": Entity[] | TaggedWord[];
  /** For a text with several masks a list for each. */
  "fill-mask": FilledMask[] | FilledMask[][];
  /** With `pooling` a vector; without one a vector for each token. */
  "feature-extraction": number[] | number[][][];
  /** With `numReturnSequences` above 1 a list. */
  "text-generation": GeneratedText | GeneratedText[];
  translation: TranslatedText | TranslatedText[];
  "sentence-similarity": { score: number };
  "tabular-classification": ClassScore;
  "tabular-regression": { value: number };
  "image-classification": ClassScore;
}
