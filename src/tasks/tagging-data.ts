import { knownOptions } from "../backend/options.ts";
import { COLUMNS } from "../data/columns.ts";
import {
  type ColumnOptions,
  DataError,
  fetchSource,
  type Part,
  parseRange,
  readTagged,
  type Source,
  stratifiedSplit,
  type TaggedSentence,
} from "../data/index.ts";
import type { HubOptions } from "../hub/index.ts";
import { areEntityTags, DEFAULTS } from "../train/index.ts";
import { collectLabels } from "./classes.ts";
import { downloads } from "./downloads.ts";
import { TaskError } from "./error.ts";
import type { EvaluateOptions, TaskOptions } from "./task.ts";

/** A sentence and the file that it is from. */
export interface Sentence extends TaggedSentence {
  path: string;
}

/** Finds a source of tagged words. Throws DataError for one that is none. */
export async function taggedSource(data: string, options: HubOptions): Promise<Source> {
  const source = await fetchSource(data, "tagged", options);
  if (source.builtin) {
    throw new TaskError("builtin are reviews without tags", "Name a file or folder: CoNLL-U, CoNLL columns or JSONL.");
  }
  return source;
}

/** Sentences of one part of a source, and what was chosen among its columns. */
export async function readPart(
  source: Source,
  part: Part,
  options: ColumnOptions,
  needsTags = true,
): Promise<{ sentences: Sentence[]; chosen: string }> {
  const sentences: Sentence[] = [];
  let chosen = "";
  for (const path of source.parts[part] ?? []) {
    const read = await readTagged(path, knownOptions(options, COLUMNS), needsTags);
    chosen = read.chosen;
    for (const sentence of read.sentences) sentences.push({ ...sentence, path });
  }
  return { sentences, chosen };
}

/** Training and validation sentences, as `--validation` says. */
async function heldOut(
  options: TaskOptions,
  source: Source,
  train: Sentence[],
): Promise<{ train: Sentence[]; validation: Sentence[] }> {
  const { validation } = options;
  if (validation === "none") return { train, validation: [] };
  const share = validation === undefined ? 0.1 : Number(validation);
  if (validation !== undefined && !(share > 0 && share < 1)) {
    const other = await taggedSource(validation, downloads(options));
    const part = other.parts.validation ? "validation" : other.parts.test ? "test" : "train";
    return { train, validation: (await readPart(other, part, options)).sentences };
  }
  if (validation === undefined && source.parts.train && source.parts.validation) {
    return { train, validation: (await readPart(source, "validation", options)).sentences };
  }
  const split = stratifiedSplit(train.length, share, options.args?.seed ?? DEFAULTS.seed);
  return { train: split.train.map((i) => train[i]), validation: split.held.map((i) => train[i]) };
}

/** The tags of all sentences in a fixed order. Throws {@link DataError} unless there are two or more. */
const collectTags = (sentences: readonly Sentence[], path: string): string[] =>
  collectLabels([...new Set(sentences.flatMap(({ tags }) => tags ?? []))], path);

/**
 * Ids of each sentence's tags: names, or whole numbers that mean ids where they are no names.
 * @throws DataError naming file and line of the first unknown tag.
 */
export function tagIds(sentences: readonly Sentence[], names: readonly string[]): Int32Array[] {
  const ids = new Map(names.map((name, i) => [name, i]));
  return sentences.map(({ tokens, tags = [], path, line }) =>
    Int32Array.from(tags, (tag, w) => {
      const id = ids.get(tag) ?? (/^\d+$/.test(tag) && Number(tag) < names.length ? Number(tag) : undefined);
      if (id !== undefined) return id;
      throw new DataError(
        `${path}: the sentence from line ${line} has the unknown tag ${JSON.stringify(tag)} (${tokens[w]})`,
        `The model knows: ${names.slice(0, 20).join(", ")}${names.length > 20 ? ", …" : ""}.`,
      );
    }),
  );
}

/** Training and held-out sentences of `--data`, `--validation` and `--range`, and their tags. */
export async function readTaggedData(options: TaskOptions): Promise<{
  train: Sentence[];
  validation: Sentence[];
  names: string[];
  /** Whether the tags mark entities. */
  entities: boolean;
}> {
  const source = await taggedSource(options.data, downloads(options));
  const part = source.parts.train ? "train" : source.parts.validation ? "validation" : "test";
  const { sentences, chosen } = await readPart(source, part, options);
  const [from, to] = parseRange(options.range);
  const data = await heldOut(options, source, sentences.slice(from, to));
  if (data.train.length === 0) throw new DataError(`${options.data}: no sentences to train on`);
  // A rare tag may be in the held-out part alone.
  const names = collectTags([...data.train, ...data.validation], options.data);
  const entities = areEntityTags(names);
  options.say?.(
    `${chosen}; ${data.train.length} sentences to train on, ${data.validation.length} to validate; ${entities ? "entity tags" : "tags"}: ${names.join(", ")}`,
  );
  return { ...data, names, entities };
}

/** The tagged part of a source to measure on: test, else validation, else train. Throws {@link DataError}. */
export async function readTagsToMeasure(options: EvaluateOptions): Promise<Sentence[]> {
  const source = await taggedSource(options.data, downloads(options));
  const order: Part[] = ["test", "validation", "train"];
  let sentences: Sentence[] = [];
  for (const part of order) {
    if (source.parts[part] === undefined) continue;
    sentences = (await readPart(source, part, options, part === "train")).sentences;
    // A test part without tags cannot be measured.
    if (sentences.every((s) => s.tags !== undefined)) break;
    sentences = [];
  }
  const [from, to] = parseRange(options.range);
  sentences = sentences.slice(from, to);
  if (sentences.length === 0) throw new DataError(`${options.data}: no tagged sentences`);
  return sentences;
}
