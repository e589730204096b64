import { basename, dirname, existsSync, join } from "#platform";
import { pushAll } from "../backend/arrays.ts";
import { checkOptions } from "../backend/options.ts";
import { writeFileAtomic } from "../formats/index.ts";
import type { HubOptions } from "../hub/index.ts";
import { HUB_OPTIONS, HUB_REFUSED } from "../hub/settings.ts";
import { fetchSource } from "./fetch.ts";
import { type GluePart, type GlueTask, glueTask } from "./glue-tasks.ts";
import { DataError, readLines } from "./lines.ts";
import { formatOf, readRecords } from "./records.ts";
import type { Part } from "./source.ts";

export interface GlueExample {
  sentence1: string;
  /** Undefined for CoLA and SST-2. */
  sentence2: string | undefined;
  /** A label's id, or STS-B's number from 0 to 5; undefined in test parts, whose labels GLUE keeps. */
  label: number | undefined;
}

/** Rows under named columns; cells are undefined where a line is too short. */
type Row = (column: string) => string | undefined;

/** Lines of a file without quoting: a quotation mark is a character of the text. */
async function* tsvRows(path: string, names?: readonly string[]): AsyncGenerator<{ line: number; row: Row }> {
  let at: Map<string, number> | undefined = names && new Map(names.map((name, i) => [name, i]));
  for await (const { line, text } of readLines(path)) {
    if (text === "") continue;
    const cells = text.split("\t");
    if (at === undefined) {
      at = new Map(cells.map((name, i) => [name.trim(), i]));
      continue;
    }
    const columns = at;
    yield { line, row: (column) => cells[columns.get(column) ?? -1] };
  }
}

async function* parquetRows(path: string): AsyncGenerator<{ line: number; row: Row }> {
  const { names = [], rows, lines } = await readRecords(path);
  for (let i = 0; i < rows.length; i++) yield { line: lines[i], row: (column) => rows[i][names.indexOf(column)] };
}

function labelOf(cell: string | undefined, task: GlueTask, where: string): number | undefined {
  const text = cell?.trim() ?? "";
  // Hugging Face's data sets say −1 where the label is kept secret.
  if (text === "" || text === "-1") return undefined;
  const value = Number(text);
  if (task.labels === undefined) {
    if (Number.isFinite(value) && value >= 0 && value <= 5) return value;
    throw new DataError(`${where}: expected a number from 0 to 5, found ${text.slice(0, 40)}`);
  }
  const id = task.labels.indexOf(text);
  if (id >= 0) return id;
  if (Number.isInteger(value) && value >= 0 && value < task.labels.length) return value;
  throw new DataError(`${where}: unknown label ${text.slice(0, 40)}`, `${task.folder} has: ${task.labels.join(", ")}.`);
}

/** Ids of the pairs that MRPC holds out, from `dev_ids.tsv`. */
async function heldOutPairs(path: string): Promise<Set<string>> {
  const ids = new Set<string>();
  for await (const { text } of readLines(path)) ids.add(text.trim());
  return ids;
}

/**
 * Examples of one file: GLUE's own TSV, or Parquet as on the hub. CoLA's train and dev files have no header; rows of QQP that
 * are broken in the published file are left out, as Hugging Face does.
 * @throws DataError naming file and line of a row that lacks a text or has an unknown label.
 */
async function readFile(
  path: string,
  task: GlueTask,
  keep: (row: Row) => boolean = () => true,
): Promise<GlueExample[]> {
  const parquet = formatOf(path) === "parquet";
  const name = basename(path);
  const bare = task.name === "cola" && !parquet && !name.startsWith("test");
  const rows = parquet ? parquetRows(path) : tsvRows(path, bare ? ["source", "label", "star", "sentence"] : undefined);
  const [first, second] = parquet ? task.hubColumns : task.columns;
  const labelColumn = parquet ? "label" : task.labelColumn;
  const labelled = !/^(test|diagnostic)/.test(name);
  const out: GlueExample[] = [];
  for await (const { line, row } of rows) {
    if (!keep(row)) continue;
    const [sentence1, sentence2] = [row(first), second === undefined ? undefined : row(second)];
    const cell = row(labelColumn);
    const broken =
      sentence1 === undefined || (second !== undefined && sentence2 === undefined) || (labelled && cell === undefined);
    if (broken) {
      if (task.name === "qqp") continue;
      const wanted = [...(parquet ? task.hubColumns : task.columns), ...(labelled ? [labelColumn] : [])];
      throw new DataError(`${path}, line ${line}: expected the columns ${wanted.join(", ")}`, "Is it GLUE's own file?");
    }
    out.push({ sentence1, sentence2, label: labelOf(cell, task, `${path}, line ${line}`) });
  }
  if (out.length === 0) throw new DataError(`${path}: no examples`);
  return out;
}

/**
 * MRPC as published by Microsoft, which GLUE's scripts cut into train and dev by a list of ids: copies of `train.tsv` that lack
 * a pair are about. Undefined where those files are not beside the part's own.
 */
async function readMrpc(folder: string, part: GluePart, task: GlueTask): Promise<GlueExample[] | undefined> {
  const path = join(folder, `msr_paraphrase_${part === "test" ? "test" : "train"}.txt`);
  const ids = join(folder, "dev_ids.tsv");
  if (!existsSync(path) || (part !== "test" && !existsSync(ids))) return undefined;
  if (part === "test") return readFile(path, task);
  const held = await heldOutPairs(ids);
  return readFile(path, task, (row) => held.has(`${row("#1 ID")}\t${row("#2 ID")}`) === (part === "validation"));
}

/** MNLI's `validation` and `test` are the matched ones. */
const ownPart = (task: GlueTask, part: GluePart): GluePart =>
  task.parts[part] === undefined && task.name === "mnli" ? (`${part}_matched` as GluePart) : part;

/** The files of a part, and those of its kind in the source: MNLI has two parts in one. Throws what {@link fetchSource} throws. */
export async function glueFiles(
  task: GlueTask,
  part: GluePart,
  { from, ...options }: HubOptions & { from?: string } = {},
): Promise<{ found: string[]; files: string[]; source: string }> {
  const source = await fetchSource(from ?? `glue:${task.name}`, "rows", options);
  const files = source.parts[part.replace(/_.*/, "") as Part] ?? source.parts.train ?? [];
  const found = files.filter((path) => {
    const stem = basename(path).replace(/(-\d{5}-of-\d{5})?\.\w+$/, "");
    return formatOf(path) === "parquet" ? stem === part : `${stem}.tsv` === task.parts[part]?.file;
  });
  return { found, files, source: source.name };
}

/**
 * A part of a GLUE task: from the folder `glue` in SHOSHIN_DATA in GLUE's own layout, else from the hub (`nyu-mll/glue`).
 * @param part as in Hugging Face's `glue`; MNLI's `validation` and `test` are the matched ones.
 * @param from a folder that holds the task's files, in place of those.
 * @throws DataError for an unknown task or part, or a damaged file; HubError for what cannot be fetched.
 */
export async function readGlue(
  name: string,
  part: GluePart,
  options: HubOptions & { from?: string } = {},
): Promise<GlueExample[]> {
  checkOptions("readGlue", options, { ...HUB_OPTIONS, from: true }, HUB_REFUSED);
  const task = glueTask(name);
  const own = ownPart(task, part);
  const file = task.parts[own];
  if (file === undefined) {
    throw new DataError(`glue:${task.name} has no part ${part}`, `It has: ${Object.keys(task.parts).join(", ")}.`);
  }
  const { found, files, source } = await glueFiles(task, own, options);
  const suffix = /_.*/.exec(own)?.[0] ?? "";
  if (found.length === 0) {
    const hint = `Expected ${file.file}, or ${own}-00000-of-00001.parquet${suffix === "" ? "" : " (as on the hub)"}.`;
    throw new DataError(`glue:${task.name}: no file of the part ${own} in ${dirname(files[0] ?? source)}`, hint);
  }
  if (task.name === "mrpc") {
    const original = await readMrpc(dirname(found[0]), own, task);
    if (original !== undefined) return original;
  }
  const read: GlueExample[] = [];
  for (const path of found) pushAll(read, await readFile(path, task));
  return read;
}

/**
 * Writes predictions of a test part as the GLUE site takes them (`index<TAB>prediction`, counted from 0) and returns the path.
 * @param predictions a label's id for each example in the order of the test file; STS-B: numbers, which are cut to 0 … 5.
 * @param part `test_mismatched` for MNLI's second file; default the first test part. For the diagnostic set: ids of MNLI.
 * @throws DataError for a count that is not the test part's, or an id that is no label; WriteError.
 */
export function writeGlueSubmission(
  name: string,
  folder: string,
  predictions: ArrayLike<number>,
  part?: GluePart,
): string {
  const task = glueTask(name);
  const wanted = part ?? (task.name === "mnli" ? "test_matched" : "test");
  const file = task.parts[wanted];
  if (file?.submission === undefined) throw new DataError(`glue:${task.name}: ${wanted} is no test part`);
  if (predictions.length !== file.rows) {
    throw new DataError(
      `glue:${task.name}: ${predictions.length} predictions, where ${wanted} has ${file.rows} examples`,
      "The site takes whole files only: predict every example, in order.",
    );
  }
  // The site wants names where GLUE's own files have them, and ids elsewhere.
  const names = ["mnli", "ax", "qnli", "rte"].includes(task.name) ? task.labels : undefined;
  const line = (i: number): string => {
    const value = predictions[i];
    if (task.regression) {
      if (Number.isNaN(value)) throw new DataError(`glue:${task.name}: prediction ${i} is no number`);
      return Math.min(5, Math.max(0, value)).toFixed(3);
    }
    if (task.labels?.[value] === undefined)
      throw new DataError(`glue:${task.name}: prediction ${i} is ${value}, no label's id`);
    return names?.[value] ?? String(value);
  };
  let text = "index\tprediction\n";
  for (let i = 0; i < predictions.length; i++) text += `${i}\t${line(i)}\n`;
  const path = join(folder, file.submission);
  writeFileAtomic(path, text);
  return path;
}
