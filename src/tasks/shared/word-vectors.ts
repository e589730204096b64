import { readWordVectors } from "../../formats/index.ts";
import type { Module, Parameter } from "../../nn/index.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import type { KeyedVectors } from "../../text/index.ts";
import { TaskError } from "../error.ts";
import type { TaskOptions } from "../settings.ts";

/** Vectors for the words of a vocabulary, from the file that `--embeddings` names. */
export interface WordVectors {
  /** Numbers in a vector: the embedding's width. */
  readonly size: number;
  /** Writes the vectors over the rows of a model's table, in the order of the words; those of words without one stay. */
  initialize(model: Module, table: string): void;
}

/**
 * Reads the vectors of these words: as they are written, else in lower case. Says how many have one. Undefined without
 * `--embeddings`.
 * @param words one for each row of the table to come
 * @throws TaskError if `--embedding-size` is another or no word has a vector; WordVectorsError for what is no file of vectors
 */
export async function readVectors(
  { embeddings, embeddingSize, say }: TaskOptions,
  words: readonly string[],
): Promise<WordVectors | undefined> {
  if (embeddings === undefined) return undefined;
  // Runs of words, as a bag of words has them, cannot have one.
  const single = words.filter((word) => !word.includes(" "));
  const vocabulary = new Set(single.flatMap((word) => [word, word.toLowerCase()]));
  const vectors = await readWordVectors(embeddings, { vocabulary });
  const size = vectors.vectorSize;
  if (embeddingSize !== undefined && embeddingSize !== size) {
    throw new TaskError(
      `--embedding-size ${embeddingSize}, but the vectors in ${embeddings} have ${size} numbers`,
      "Leave --embedding-size out: the file gives it.",
    );
  }
  const found = words.map((word) => keyOf(vectors, word));
  const [exact, all] = [found.filter((key, i) => key === words[i]).length, found.filter((key) => key !== "").length];
  if (all === 0) {
    throw new TaskError(
      `${embeddings} has no vector for any of the ${single.length} words`,
      "Are the vectors of the same language?",
    );
  }
  say?.(
    `embeddings: ${all.toLocaleString("en-US")} of ${single.length.toLocaleString("en-US")} words (${((100 * all) / single.length).toFixed(1)} %) have a vector of ${size} numbers, ${(all - exact).toLocaleString("en-US")} of them in lower case`,
  );
  return {
    size,
    initialize(model, table) {
      const weight = new Map(model.namedParameters()).get(table) as Parameter;
      const rows = Float32Array.from(weight.data());
      found.forEach((key, row) => {
        if (key !== "") rows.set(vectors.vector(key), row * size);
      });
      noGrad(() => void weight.copy_(rows));
    },
  };
}

const keyOf = (vectors: KeyedVectors, word: string): string =>
  [word, word.toLowerCase()].find((key) => key !== "" && vectors.has(key)) ?? "";

/** The width of a model that is as wide as its embedding. Throws {@link TaskError} where the vectors are not so wide. */
export function widthOf(options: TaskOptions, pretrained: WordVectors | undefined, otherwise: number): number {
  if (pretrained === undefined) return options.hiddenSize ?? otherwise;
  if (options.hiddenSize !== undefined && options.hiddenSize !== pretrained.size) {
    throw new TaskError(
      `--hidden-size ${options.hiddenSize}, but the vectors in ${options.embeddings} have ${pretrained.size} numbers`,
      "This model is as wide as its embedding: leave --hidden-size out.",
    );
  }
  return pretrained.size;
}
