import { knownOptions } from "../../backend/options.ts";
import { COLUMNS } from "../../data/columns.ts";
import {
  builtinPart,
  DataError,
  fetchSource,
  type GlueExample,
  type GluePart,
  type GlueTask,
  glueTask,
  type Part,
  readGlue,
  readRecords,
  resolveSource,
  type Source,
  type TextExample,
  textExamples,
} from "../../data/index.ts";
import { downloads } from "../downloads.ts";
import { settingsOf } from "../folder.ts";
import { type Corpus, type Found, partToPredict, type Reader } from "../reading.ts";
import type { EvaluateOptions, TaskOptions } from "../settings.ts";

type Columns = { textColumn?: string; labelColumn?: string };
/** What was found in a source of texts. */
export interface TextsAbout {
  /** Which columns were chosen, for the reader. */
  chosen: string;
  /** Columns that a model was trained with by name; other data may have others, or none. */
  columns?: Columns;
  glue?: GlueTask;
}

/** Columns that were named at the training of the model in a folder: data that has them is read by them again. */
export function columnsOf(folder: string): TextsAbout {
  const { textColumn, labelColumn } = settingsOf(folder);
  return { chosen: "", columns: { textColumn, labelColumn } };
}

/** By the columns that are asked for, else by those of the training where the file has them. */
async function readByColumns(path: string, asked: Columns, labels: boolean, like: Columns) {
  const records = await readRecords(path);
  const given = Object.entries(asked).filter(([, value]) => value !== undefined);
  const remembered = Object.values(like).some((name) => name !== undefined);
  if (remembered) {
    try {
      return textExamples(records, { ...like, ...Object.fromEntries(given) }, labels);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
  return textExamples(records, asked, labels);
}

/** Examples of one part of a source, and what was chosen among its columns. */
async function readPart(source: Source, part: Part, options: Columns, labels: boolean, like: Columns = {}) {
  const examples: TextExample[] = [];
  let chosen = "";
  for (const path of source.parts[part] ?? []) {
    const read = await readByColumns(path, knownOptions(options, COLUMNS), labels, like);
    chosen = read.chosen;
    for (let i = 0; i < read.examples.length; i++) {
      if (!source.builtin || builtinPart(i) === part) examples.push(read.examples[i]);
    }
  }
  return { examples, about: { chosen } };
}

/** The GLUE task that a source names (`glue:cola`); undefined for others. */
export const glueOf = (source: string): GlueTask | undefined =>
  source.startsWith("glue:") ? glueTask(source.slice("glue:".length)) : undefined;

/** GLUE's examples, labels under their names; STS-B's as numbers. */
function named(examples: readonly GlueExample[], task: GlueTask): TextExample[] {
  return examples.map(({ sentence1, sentence2, label }) => {
    const texts = sentence2 === undefined ? [sentence1] : [sentence1, sentence2];
    const name = label === undefined ? undefined : (task.labels?.[label] ?? String(label));
    return { text: texts.join(" "), texts, label: name };
  });
}
export const glueTexts = async (task: GlueTask, part: GluePart, options: Parameters<typeof downloads>[0]) =>
  named(await readGlue(task.name, part, downloads(options)), task);

/** A task of GLUE, whose test parts have no labels. */
async function glueCorpus(
  name: string,
  task: GlueTask,
  options: TaskOptions | EvaluateOptions,
): Promise<Corpus<TextExample, TextsAbout>> {
  const { parts: files } = await fetchSource(name, "rows", downloads(options));
  const chosen = `text: ${task.columns.join(" + ")}, label: ${task.labelColumn}`;
  const reads = (part: GluePart) => async (): Promise<Found<TextExample, TextsAbout>> => ({
    examples: await glueTexts(task, part, options),
    about: { chosen, glue: task },
  });
  const [validation, mismatched] = task.validation;
  return {
    parts: {
      train: task.parts.train && reads("train"),
      validation: validation && reads(validation),
    },
    beside: mismatched === undefined ? {} : { _mm: reads(mismatched) },
    files,
  };
}

/** Rows of texts, or of pairs of texts, with labels or numbers. */
export const textReader: Reader<TextExample, TextsAbout> = {
  called: "examples",
  async find(name, options) {
    const task = glueOf(name);
    if (task !== undefined && task.validation.length > 0) return glueCorpus(name, task, options);
    const source = await fetchSource(name, "rows", downloads(options));
    const parts = Object.keys(source.parts) as Part[];
    return {
      files: source.parts,
      parts: Object.fromEntries(
        parts.map((part) => [part, ({ labels, like }) => readPart(source, part, options, labels, like?.columns)]),
      ),
    };
  },
  labelled: ({ label }) => label !== undefined && label !== "",
  stratum: ({ label }) => label ?? "",
};

/** Texts of a file to predict on. */
export async function readTexts(path: string, columns: Columns): Promise<TextExample[]> {
  const task = glueOf(path);
  if (task !== undefined) return glueTexts(task, task.parts.test ? "test" : "test_matched", {});
  const source = resolveSource(path);
  return (await readPart(source, partToPredict(source), columns, false)).examples;
}
