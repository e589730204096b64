import { knownOptions } from "../../backend/options.ts";
import { COLUMNS } from "../../data/columns.ts";
import {
  type ColumnOptions,
  DataError,
  fetchSource,
  type Part,
  readTagged,
  type Source,
  type TaggedSentence,
} from "../../data/index.ts";
import type { HubOptions } from "../../hub/index.ts";
import { areEntityTags } from "../../train/index.ts";
import { downloads } from "../downloads.ts";
import { TaskError } from "../error.ts";
import type { Lessons, Reader } from "../reading.ts";
import type { TaskOptions } from "../settings.ts";
import { collectLabels } from "../shared/classes.ts";

/** A sentence and the file that it is from. */
export interface Sentence extends TaggedSentence {
  path: string;
}

/** What was found in a source of sentences. */
export interface TagsAbout {
  /** Which columns were chosen, for the reader. */
  chosen: string;
}

/** Finds a source of tagged words. Throws DataError for one that is none. */
async function taggedSource(data: string, options: HubOptions): Promise<Source> {
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

/** Sentences of words with a tag each. */
export const taggedReader: Reader<Sentence, TagsAbout> = {
  called: "sentences",
  async find(data, options) {
    const source = await taggedSource(data, downloads(options));
    const parts = Object.keys(source.parts) as Part[];
    const reads =
      (part: Part) =>
      async ({ labels }: { labels: boolean }) => {
        const { sentences: examples, chosen } = await readPart(source, part, options, labels);
        return { examples, about: { chosen } };
      };
    return { files: source.parts, parts: Object.fromEntries(parts.map((part) => [part, reads(part)])) };
  },
  labelled: ({ tags }) => tags !== undefined,
};

/** The tags of what is learned and what is held out, which may alone have a rare one; tells what there is. */
export function tagsOf(
  { train, validation }: Lessons<Sentence, TagsAbout>,
  { data, say }: TaskOptions,
): { names: string[] /** Whether they mark entities. */; entities: boolean } {
  const names = collectTags([...train.examples, ...validation.examples], data);
  const entities = areEntityTags(names);
  say?.(
    `${train.about.chosen}; ${train.examples.length} sentences to train on, ${validation.examples.length} to validate; ${entities ? "entity tags" : "tags"}: ${names.join(", ")}`,
  );
  return { names, entities };
}
