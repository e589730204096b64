import { knownOptions } from "../backend/options.ts";
import {
  DataError,
  fetchSource,
  type Part,
  parseRange,
  readPairs,
  type SentencePair,
  type Source,
  splitPairs,
} from "../data/index.ts";
import { PAIRS } from "../data/parallel.ts";
import { DEFAULTS } from "../train/index.ts";
import { downloads } from "./downloads.ts";
import type { EvaluateOptions, TaskOptions } from "./settings.ts";

export interface PairData {
  train: SentencePair[];
  validation: SentencePair[];
  /** What was found, for the reader. */
  chosen: string;
  sourceLanguage?: string;
  targetLanguage?: string;
}

const first = (source: Source, order: readonly Part[]): Part =>
  order.find((part) => source.parts[part] !== undefined) ?? order[0];

/**
 * Pairs to learn from and to validate on: the source's own part, that of `--validation`, or a tenth or another share, so cut that
 * no text lies on both sides.
 * @throws DataError.
 */
export async function readTraining(options: TaskOptions): Promise<PairData> {
  const { data, validation } = options;
  const [from, to] = parseRange(options.range);
  const source = await fetchSource(data, "pairs", downloads(options));
  const part = first(source, ["train", "validation", "test"]);
  const { pairs, ...about } = await readPairs(source, part, knownOptions(options, PAIRS));
  const train = pairs.slice(from, to);
  if (train.length === 0) throw new DataError(`${data}: no pairs of texts`);
  if (validation === "none") return { ...about, train, validation: [] };
  const share = validation === undefined ? 0.1 : Number(validation);
  const named = { ...options, ...about };
  if (validation !== undefined && !(share > 0 && share < 1)) {
    const other = await fetchSource(validation, "pairs", downloads(options));
    const held = await readPairs(other, first(other, ["validation", "test", "train"]), knownOptions(named, PAIRS));
    return { ...about, train, validation: held.pairs };
  }
  if (validation === undefined && part === "train" && source.parts.validation !== undefined)
    return { ...about, train, validation: (await readPairs(source, "validation", knownOptions(named, PAIRS))).pairs };
  const split = splitPairs(train, share, options.args?.seed ?? DEFAULTS.seed);
  return { ...about, train: split.train, validation: split.held };
}

/** Pairs to measure on, those of `--range`: of the source's test part, else of validation, else all. Throws {@link DataError}. */
export async function readToTranslate(options: EvaluateOptions): Promise<SentencePair[]> {
  const [from, to] = parseRange(options.range);
  const source = await fetchSource(options.data, "pairs", downloads(options));
  const { pairs } = await readPairs(
    source,
    first(source, ["test", "validation", "train"]),
    knownOptions(options, PAIRS),
  );
  const some = pairs.slice(from, to);
  if (some.length === 0) throw new DataError(`${options.data}: no pairs of texts`);
  return some;
}
