import { knownOptions } from "../backend/options.ts";
import { COLUMNS } from "../data/columns.ts";
import {
  builtinPart,
  DataError,
  fetchSource,
  type GlueExample,
  type GluePart,
  type GlueTask,
  glueTask,
  type Part,
  parseRange,
  readGlue,
  readRecords,
  type Source,
  stratifiedSplit,
  type TextExample,
  textExamples,
} from "../data/index.ts";
import { DEFAULTS } from "../train/index.ts";
import { downloads } from "./downloads.ts";
import type { EvaluateOptions, TaskOptions } from "./task.ts";

/** Examples of one part of a source, and what was chosen among its columns. */
export async function readPart(
  source: Source,
  part: Part,
  options: { textColumn?: string; labelColumn?: string },
  needsLabels = true,
) {
  const examples: TextExample[] = [];
  let chosen = "";
  for (const path of source.parts[part] ?? []) {
    const read = textExamples(await readRecords(path), knownOptions(options, COLUMNS), needsLabels);
    chosen = read.chosen;
    for (let i = 0; i < read.examples.length; i++) {
      if (!source.builtin || builtinPart(i) === part) examples.push(read.examples[i]);
    }
  }
  return { examples, chosen };
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

async function heldOut(
  options: TaskOptions,
  source: Source,
  train: TextExample[],
): Promise<{ train: TextExample[]; validation: TextExample[] }> {
  const { validation } = options;
  const seed = options.args?.seed ?? DEFAULTS.seed;
  if (validation === "none") return { train, validation: [] };
  const share = validation === undefined ? 0.1 : Number(validation);
  if (validation !== undefined && !(share > 0 && share < 1)) {
    const other = await fetchSource(validation, "rows", downloads(options));
    const part = other.parts.validation ? "validation" : other.parts.test ? "test" : "train";
    return { train, validation: (await readPart(other, part, options)).examples };
  }
  if (validation === undefined && source.parts.validation) {
    return { train, validation: (await readPart(source, "validation", options)).examples };
  }
  const split = stratifiedSplit(
    train.length,
    share,
    seed,
    train.map((e) => e.label ?? ""),
  );
  return { train: split.train.map((i) => train[i]), validation: split.held.map((i) => train[i]) };
}

export interface TextData {
  train: TextExample[];
  validation: TextExample[];
  /** What was found, for the reader. */
  chosen: string;
}

/** Training and held-out examples of `--data`, `--validation` and `--range`. Throws {@link DataError}. */
export async function readTexts(options: TaskOptions): Promise<TextData> {
  const [from, to] = parseRange(options.range);
  const task = glueOf(options.data);
  if (task !== undefined && task.parts.train !== undefined && options.validation === undefined) {
    const train = (await glueTexts(task, "train", options)).slice(from, to);
    const validation = await glueTexts(task, task.validation[0], options);
    return { train, validation, chosen: `text: ${task.columns.join(" + ")}, label: ${task.labelColumn}` };
  }
  const source = await fetchSource(options.data, "rows", downloads(options));
  const part = source.parts.train ? "train" : source.parts.validation ? "validation" : "test";
  const { examples, chosen } = await readPart(source, part, options);
  if (examples.length === 0) throw new DataError(`${options.data}: no examples`);
  return { ...(await heldOut(options, source, examples.slice(from, to))), chosen };
}

/** The labelled part of a source to measure on: test, else validation, else all. Throws {@link DataError}. */
export async function readLabelled(options: EvaluateOptions): Promise<TextExample[]> {
  const [from, to] = parseRange(options.range);
  const task = glueOf(options.data);
  if (task !== undefined && task.validation.length > 0) {
    return (await glueTexts(task, task.validation[0], options)).slice(from, to);
  }
  const source = await fetchSource(options.data, "rows", downloads(options));
  const order: Part[] = ["test", "validation", "train"];
  let examples: TextExample[] = [];
  for (const part of order) {
    if (source.parts[part] === undefined) continue;
    examples = (await readPart(source, part, options, part === "train")).examples;
    // A test part without labels, as GLUE's, cannot be measured.
    if (examples.length > 0 && examples.every((e) => e.label !== undefined && e.label !== "")) break;
  }
  examples = examples.slice(from, to);
  if (examples.length === 0) throw new DataError(`${options.data}: no labelled examples`);
  return examples;
}
