import { env, existsSync, join } from "#platform";
import { pushAll } from "../backend/arrays.ts";
import { shownAs } from "../backend/inspect.ts";
import { checkOptions } from "../backend/options.ts";
import type { HubOptions } from "../hub/index.ts";
import { HUB_OPTIONS, HUB_REFUSED } from "../hub/settings.ts";
import { ArrayDataset } from "./dataset.ts";
import { fetchSource } from "./fetch.ts";
import { glueFiles, readGlue } from "./glue.ts";
import { type GluePart, glueTask } from "./glue-tasks.ts";
import { DataError } from "./lines.ts";
import { formatOf, streamRecords } from "./records.ts";
import { builtinPart, type Part } from "./source.ts";

/** Values by column name: text, numbers, and what else JSONL and Parquet hold. */
export type DatasetRow = Record<string, unknown>;

/** The parts of a data set, as the `DatasetDict` of Hugging Face's `datasets`. */
export class DatasetDict<T> {
  readonly name: string;
  readonly parts: Readonly<Record<string, ArrayDataset<T>>>;

  constructor(name: string, parts: Readonly<Record<string, ArrayDataset<T>>>) {
    this.name = name;
    this.parts = parts;
  }

  /** Throws {@link DataError} that lists the parts there are. */
  part(name: string): ArrayDataset<T> {
    if (Object.hasOwn(this.parts, name)) return this.parts[name];
    throw new DataError(`${this.name} has no part ${name}`, `It has: ${Object.keys(this.parts).join(", ")}.`);
  }
  /** Throws {@link DataError} where there is none, as the next two. */
  get train(): ArrayDataset<T> {
    return this.part("train");
  }
  get validation(): ArrayDataset<T> {
    return this.part("validation");
  }
  get test(): ArrayDataset<T> {
    return this.part("test");
  }

  /** Every part with its examples replaced by what `fn` makes of them. */
  map<U>(fn: (example: T, index: number) => U): DatasetDict<U> {
    return this.#each((part) => part.map(fn));
  }
  /** Every part with the examples that `keep` is true of. */
  filter(keep: (example: T, index: number) => boolean): DatasetDict<T> {
    return this.#each((part) => part.filter(keep));
  }
  #each<U>(fn: (part: ArrayDataset<T>) => ArrayDataset<U>): DatasetDict<U> {
    const parts = Object.entries(this.parts).map(([name, part]) => [name, fn(part)] as const);
    return new DatasetDict(this.name, Object.fromEntries(parts));
  }
}

/**
 * A data set by its parts, as `datasets.load_dataset`: `loadDataset("glue", "sst2")`, `loadDataset("OWNER/NAME", "CONFIG")` of the
 * hub, `loadDataset("FILE or FOLDER")`, and whatever else `--data` takes. Rows are objects of values by column; columns of CSV and
 * TSV that hold nothing but numbers are numbers. GLUE has Hugging Face's columns, `label` as a class from 0 on (STS-B: 0 to 5),
 * −1 where it is kept secret, and of its parts those whose files are there; elsewhere the labels of Parquet files have their names.
 * @typeParam T the rows, if you know them; not checked
 * @throws DataError for what is unknown or damaged, HubError for what cannot be fetched
 */
export async function loadDataset<T = DatasetRow>(
  path: string,
  name?: string,
  options: HubOptions = {},
): Promise<DatasetDict<T>> {
  checkOptions("loadDataset", options, HUB_OPTIONS, HUB_REFUSED);
  const task = path === "glue" || path === "nyu-mll/glue" ? (name ?? "") : /^glue:(.*)/.exec(path)?.[1];
  const data = task === undefined ? await loadParts(path, name, options) : await loadGlue(task, options);
  return data as DatasetDict<T>;
}

async function loadParts(path: string, name: string | undefined, options: HubOptions) {
  const config = name === undefined ? "" : `:${name}`;
  const source = await fetchSource(spelled(path, config), "rows", options);
  const parts: Record<string, ArrayDataset<DatasetRow>> = {};
  for (const part of ["train", "validation", "test"] as const) {
    const files = source.parts[part];
    if (files === undefined) continue;
    const rows: DatasetRow[] = [];
    for (const file of files) pushAll(rows, await readRows(file, source.builtin ? part : undefined));
    parts[part] = new ArrayDataset(rows);
  }
  return new DatasetDict(source.name, parts);
}

/** `OWNER/NAME` is a data set of the hub unless it is here. */
function spelled(path: string, config: string): string {
  const data = env("SHOSHIN_DATA");
  const here = existsSync(path) || (data !== undefined && existsSync(join(data, path)));
  const isName = /^[\w.-]+\/[\w.-]+(@.+)?$/.test(path);
  return isName && !here ? `hub:${path.replace(/(?=@|$)/, config)}` : path + config;
}

async function loadGlue(name: string, options: HubOptions): Promise<DatasetDict<DatasetRow>> {
  const task = glueTask(name);
  const parts: Record<string, ArrayDataset<DatasetRow>> = {};
  for (const part of Object.keys(task.parts) as GluePart[]) {
    if ((await glueFiles(task, part, options)).found.length === 0) continue;
    const [first, second] = task.hubColumns;
    const examples = await readGlue(task.name, part, options);
    parts[part] = new ArrayDataset(
      examples.map(({ sentence1, sentence2, label = -1 }, idx) => ({
        [first]: sentence1,
        ...(second !== undefined && { [second]: sentence2 }),
        label,
        idx,
      })),
    );
  }
  return new DatasetDict(`glue:${task.name}`, parts);
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

async function readRows(path: string, cut: Part | undefined): Promise<DatasetRow[]> {
  const rows: DatasetRow[] = [];
  let at = 0;
  for await (const row of streamRecords(path)) if (cut === undefined || builtinPart(at++) === cut) rows.push(row);
  if (!["csv", "tsv"].includes(formatOf(path) ?? "") || rows.length === 0) return rows;
  for (const column of Object.keys(rows[0])) {
    const cells = rows.map((row) => row[column] as string);
    if (!cells.every((cell) => NUMBER.test(cell.trim()))) continue;
    rows.forEach((row, i) => {
      row[column] = Number(cells[i]);
    });
  }
  return rows;
}

shownAs(DatasetDict, ({ name, parts }) => {
  const lines = Object.entries(parts).map(([part, data]) => `  ${part}: ${data}`);
  return `DatasetDict(${JSON.stringify(name)}, {\n${lines.join("\n")}\n})`;
});
