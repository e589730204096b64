import { basename } from "node:path";
import { Readable } from "node:stream";
import { parse } from "csv-parse";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { DataError, fileError, readLines, readText } from "./lines.ts";

/** A file of rows as text cells. `names` are known for JSONL and Parquet; elsewhere the first row may be a header. */
export interface Records {
  path: string;
  format: "csv" | "tsv" | "jsonl" | "text" | "parquet";
  names: string[] | undefined;
  rows: string[][];
  /** Line of each row, from 1. */
  lines: number[];
}

const FORMATS: Record<string, Records["format"]> = {
  ".csv": "csv",
  ".tsv": "tsv",
  ".tab": "tsv",
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".txt": "text",
  ".parquet": "parquet",
};

/** The format that a file's name tells, `.gz` set aside; undefined if none. */
export function formatOf(path: string): Records["format"] | undefined {
  const name = basename(path).toLowerCase().replace(/\.gz$/, "");
  const dot = name.lastIndexOf(".");
  return dot < 0 ? undefined : FORMATS[name.slice(dot)];
}

const cell = (value: unknown): string =>
  value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);

function fromObjects(objects: Iterable<[number, Record<string, unknown>]>): Pick<Records, "names" | "rows" | "lines"> {
  const names: string[] = [];
  const at = new Map<string, number>();
  const rows: string[][] = [];
  const lines: number[] = [];
  for (const [line, object] of objects) {
    const row: string[] = new Array(names.length).fill("");
    for (const [key, value] of Object.entries(object)) {
      let i = at.get(key);
      if (i === undefined) {
        i = names.length;
        at.set(key, i);
        names.push(key);
      }
      row[i] = cell(value);
    }
    rows.push(row);
    lines.push(line);
  }
  for (const row of rows) while (row.length < names.length) row.push("");
  return { names, rows, lines };
}

async function readCsvRows(path: string): Promise<Pick<Records, "rows" | "lines">> {
  const rows: string[][] = [];
  const lines: number[] = [];
  const parser = parse({ relax_column_count: true, skip_empty_lines: true, info: true, max_record_size: 64 * 2 ** 20 });
  const source = Readable.from(readText(path));
  source.on("error", (error) => parser.destroy(error));
  try {
    for await (const { record, info } of source.pipe(parser)) {
      rows.push(record as string[]);
      lines.push(info.lines as number);
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith("CSV_"))
      throw new DataError(`${path}: ${message}`, "Quotes inside a quoted cell are doubled (RFC 4180).");
    throw fileError(path, error);
  }
  return { rows, lines };
}

/** Reads a file of rows whole. Throws {@link DataError} for an empty or ragged file, bad JSON, or an unknown format. */
export async function readRecords(path: string): Promise<Records> {
  const format = formatOf(path);
  if (format === undefined) {
    throw new DataError(
      `${path}: unknown kind of file`,
      "Known: .csv .tsv .jsonl .txt .parquet (and .gz of them), IDX images.",
    );
  }
  const rows: string[][] = [];
  const lines: number[] = [];
  let names: string[] | undefined;
  if (format === "csv") {
    const read = await readCsvRows(path);
    return finish({ path, format, names, ...read });
  }
  if (format === "parquet") {
    try {
      const file = await asyncBufferFromFile(path);
      const objects = (await parquetReadObjects({ file, compressors })) as Record<string, unknown>[];
      return finish({ path, format, ...fromObjects(objects.map((o, i) => [i + 1, o])) });
    } catch (error) {
      throw fileError(path, error);
    }
  }
  if (format === "jsonl") {
    const objects: [number, Record<string, unknown>][] = [];
    for await (const { line, text } of readLines(path)) {
      if (text.trim() === "") continue;
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch (error) {
        throw new DataError(`${path}, line ${line}: no JSON: ${(error as Error).message}`);
      }
      if (value === null || typeof value !== "object" || Array.isArray(value)) {
        throw new DataError(`${path}, line ${line}: expected an object, found ${text.slice(0, 60)}`);
      }
      objects.push([line, value as Record<string, unknown>]);
    }
    return finish({ path, format, ...fromObjects(objects) });
  }
  for await (const { line, text } of readLines(path)) {
    if (text === "" || (format === "tsv" && text.trim() === "")) continue;
    rows.push(format === "tsv" ? text.split("\t") : [text]);
    lines.push(line);
  }
  if (format === "text") names = ["text"];
  return finish({ path, format, names, rows, lines });
}

function finish(records: Records): Records {
  const { path, rows, lines } = records;
  if (rows.length === 0) throw new DataError(`${path}: the file is empty`);
  const width = rows[0].length;
  const odd = rows.findIndex((row) => row.length !== width);
  if (odd >= 0) {
    throw new DataError(
      `${path}, line ${lines[odd]}: ${rows[odd].length} columns, where the first row has ${width}`,
      records.format === "tsv"
        ? "TSV has no quoting: a tab inside a text must be replaced."
        : "A comma inside a cell needs quotes around the cell.",
    );
  }
  return records;
}
