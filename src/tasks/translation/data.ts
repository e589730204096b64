import { knownOptions } from "../../backend/options.ts";
import {
  fetchSource,
  type PairedTexts,
  type PairOptions,
  type Part,
  readPairs,
  type SentencePair,
  type Source,
  splitPairs,
} from "../../data/index.ts";
import { PAIRS } from "../../data/parallel.ts";
import { downloads } from "../downloads.ts";
import type { How, Lessons, Reader } from "../reading.ts";
import type { TaskOptions } from "../settings.ts";

/** What was found in a source of pairs: the languages, and for the reader where they lie. */
export interface PairsAbout extends Omit<PairedTexts, "pairs"> {
  /** Columns that a model was trained with; other data may have others, or none. */
  columns?: Pick<PairOptions, "sourceColumn" | "targetColumn">;
}

/** Pairs of a part in the languages of the training, and from its columns where the data has them. */
function readLike(source: Source, part: Part, asked: PairOptions, like: Partial<PairsAbout> = {}) {
  const options = {
    ...asked,
    sourceLanguage: like.sourceLanguage ?? asked.sourceLanguage,
    targetLanguage: like.targetLanguage ?? asked.targetLanguage,
  };
  const read = () => readPairs(source, part, options);
  if (like.columns === undefined) return read();
  const { sourceColumn, targetColumn } = like.columns;
  const columns = {
    sourceColumn: asked.sourceColumn ?? sourceColumn,
    targetColumn: asked.targetColumn ?? targetColumn,
  };
  return readPairs(source, part, { ...options, ...columns }).catch(read);
}

/** Texts with their translations. No text lies on both sides of a split: a sentence may come several times. */
export const pairReader: Reader<SentencePair, PairsAbout> = {
  called: "pairs of texts",
  async find(data, options) {
    const source = await fetchSource(data, "pairs", downloads(options));
    const asked = knownOptions(options, PAIRS);
    const reads =
      (part: Part) =>
      async ({ like }: How<PairsAbout>) => {
        const { pairs: examples, ...about } = await readLike(source, part, asked, like);
        return { examples, about };
      };
    const parts = Object.keys(source.parts) as Part[];
    return { files: source.parts, parts: Object.fromEntries(parts.map((part) => [part, reads(part)])) };
  },
  split: splitPairs,
};

/** Tells what there is to learn. */
export function sayPairs({ train, validation }: Lessons<SentencePair, PairsAbout>, { say }: TaskOptions): void {
  const number = (n: number) => n.toLocaleString("en-US");
  say?.(
    `${train.about.chosen}; ${number(train.examples.length)} pairs to train on, ${number(validation.examples.length)} to validate`,
  );
}
