import { pushAll } from "../../backend/arrays.ts";
import { readRecords, resolveSource, streamRecords, taggedFormatOf, textExamples } from "../../data/index.ts";
import type { Module } from "../../nn/index.ts";
import { splitWords, type WordSpan } from "../../text/index.ts";
import { areEntityTags, entitiesOf, type Metrics, measure } from "../../train/index.ts";
import { TaskError } from "../error.ts";
import type { PredictOptions } from "../predict-options.ts";
import { partToPredict } from "../reading.ts";
import type { TaskOptions } from "../settings.ts";
import type { Opened } from "../task.ts";
import { readPart, type Sentence, type TagsAbout, tagIds } from "./data.ts";

/** Tags of sentences of words. */
export interface Tagged {
  /** Per sentence and word the id of the likeliest tag, and its probability. */
  best: number[][];
  scores: number[][];
  /** Sum over all words that have a tag. */
  loss: number;
}

/** A model at work: tags words; the loss is that of `labels`, ids by sentence and word. */
export type Tagging = (
  sentences: readonly { tokens: readonly string[] }[],
  labels?: readonly Int32Array[],
) => Promise<Tagged>;

/** `loss` per word and `accuracy`; of tags that mark entities also `precision`, `recall` and `f1` of whole entities. */
export async function scoreTags(
  tag: Tagging,
  sentences: readonly { tokens: readonly string[] }[],
  targets: readonly Int32Array[],
  names: readonly string[],
): Promise<Metrics> {
  const { best, loss } = await tag(sentences, targets);
  const named = (list: readonly ArrayLike<number>[]) => list.map((ids) => Array.from(ids, (id) => names[id]));
  const words = targets.reduce((n, ids) => n + ids.length, 0);
  return { loss: loss / words, ...measure("tags", { predicted: named(best), targets: named(targets), names }) };
}

/** A whole entity of a text. */
export interface Entity {
  entity_group: string;
  score: number;
  word: string;
  start: number;
  end: number;
}
/** A word of a text, and its label. */
export interface TaggedWord {
  entity: string;
  score: number;
  index: number;
  word: string;
  start: number;
  end: number;
}

const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;

/** Labels that are left out. Throws {@link TaskError} for no list of labels. */
function ignoredOf({ ignoreLabels = ["O"] }: PredictOptions): ReadonlySet<string> {
  if (Array.isArray(ignoreLabels) && ignoreLabels.every((label) => typeof label === "string"))
    return new Set(ignoreLabels);
  throw new TaskError("ignoreLabels: expected a list of labels");
}

/** What Hugging Face's pipeline gives for a sentence: whole entities where tags mark them, else every word but those tagged O. */
function describe(
  text: string,
  words: readonly WordSpan[],
  tags: readonly string[],
  scores: number[],
  whole: boolean,
  ignored: ReadonlySet<string>,
): TaggedWord[] | Entity[] {
  if (whole) {
    const found = entitiesOf(tags).map(({ type, start: first, end: behind }) => {
      const [start, end] = [words[first].start, words[behind - 1].end];
      return { entity_group: type, score: mean(scores.slice(first, behind)), word: text.slice(start, end), start, end };
    });
    return found.filter(({ entity_group }) => !ignored.has(entity_group));
  }
  return words.flatMap(({ word, start, end }, w) =>
    ignored.has(tags[w]) ? [] : [{ entity: tags[w], score: scores[w], index: w + 1, word, start, end }],
  );
}

/** Words that are given, as the text that they make with spaces between. */
export function spansOf(tokens: readonly string[]): { text: string; words: WordSpan[] } {
  let at = 0;
  const words = tokens.map((word) => {
    const start = at;
    at += word.length + 1;
    return { word, start, end: start + word.length };
  });
  return { text: tokens.join(" "), words };
}

/** Whether a file holds words, not texts to be cut into words. */
async function holdsWords(path: string): Promise<boolean> {
  const format = taggedFormatOf(path);
  if (format !== "records") return format !== undefined && !/\.(txt|tsv|tab)(\.gz)?$/i.test(path);
  for await (const record of streamRecords(path)) return Array.isArray(record.tokens ?? record.words);
  return false;
}

/** A tagger in use. `settings`: what it was trained with; names of columns among it serve again. */
export function openedTagger(
  model: Module,
  tag: Tagging,
  names: readonly string[],
  { textColumn, labelColumn }: Partial<TaskOptions>,
): Opened<Sentence, TagsAbout> {
  const whole = areEntityTags(names);
  const tagWords = async (list: readonly { text: string; words: WordSpan[] }[], options: PredictOptions) => {
    const ignored = ignoredOf(options);
    const { best, scores } = await tag(list.map(({ words }) => ({ tokens: words.map(({ word }) => word) })));
    return list.map(({ text, words }, s) => {
      const tags = best[s].map((id) => names[id]);
      return describe(text, words, tags, scores[s], whole && ignored.has("O"), ignored);
    });
  };
  const predict = (texts: readonly string[], options: PredictOptions) =>
    tagWords(
      texts.map((text) => ({ text, words: splitWords(text) })),
      options,
    );
  return {
    model,
    remembered: { textColumn, labelColumn },
    predict,
    async predictFile(path, options, columns) {
      const source = resolveSource(path, "tagged");
      const part = partToPredict(source);
      const results: Awaited<ReturnType<typeof predict>> = [];
      for (const file of source.parts[part] ?? []) {
        if (await holdsWords(file)) {
          const { sentences } = await readPart({ ...source, parts: { test: [file] } }, "test", columns, false);
          const spans = sentences.map(({ tokens }) => spansOf(tokens));
          pushAll(results, await tagWords(spans, options));
        } else {
          const { examples } = textExamples(await readRecords(file), columns, false);
          const texts = examples.map((e) => e.text);
          pushAll(results, await predict(texts, options));
        }
      }
      return results;
    },
    evaluate: async ({ examples }) => ({ metrics: await scoreTags(tag, examples, tagIds(examples, names), names) }),
  };
}
