import { basename, csvRows } from "#platform";
import { checkOptions } from "../backend/options.ts";
import { DataError, fileError, KNOWN_LIMITS, type ReadLimits, readLines, readText } from "./lines.ts";

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
  // WikiText's files.
  ".tokens": "text",
  ".raw": "text",
  ".parquet": "parquet",
};

/** The format that a file's name tells, `.gz` set aside; undefined if none. */
export function formatOf(path: string): Records["format"] | undefined {
  const name = basename(path).toLowerCase().replace(/\.gz$/, "");
  const dot = name.lastIndexOf(".");
  return dot < 0 ? undefined : FORMATS[name.slice(dot)];
}

/** What JSON has no form for, as its nearest: whole numbers beyond 2^53 as their digits, arrays of numbers as lists. */
const plainValue = (_key: string, value: unknown): unknown =>
  typeof value === "bigint"
    ? Number.isSafeInteger(Number(value))
      ? Number(value)
      : String(value)
    : ArrayBuffer.isView(value)
      ? Array.from(value as unknown as ArrayLike<unknown>)
      : value;

function cell(value: unknown, where: () => string): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "object") return String(value);
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  try {
    return JSON.stringify(value, plainValue);
  } catch (error) {
    throw new DataError(`${where()}: a value that is nested too deep: ${(error as Error).message}`);
  }
}

/** Cells of a table that are made whatever its rows hold; beyond them only so many times those that have something in them. */
const MAX_EMPTY = 1 << 24;
const MAX_SPARSE = 20;

function fromObjects(
  path: string,
  objects: Iterable<[number, Row]>,
  rows: string[][],
  lines: number[],
): { names: string[] } {
  let filled = 0;
  const names: string[] = [];
  const at = new Map<string, number>();
  for (const [line, object] of objects) {
    const row: string[] = new Array(names.length).fill("");
    for (const [key, value] of Object.entries(object)) {
      let i = at.get(key);
      if (i === undefined) {
        i = names.length;
        at.set(key, i);
        names.push(key);
      }
      row[i] = cell(value, () => `${path}, line ${line}, ${key.slice(0, 80)}`);
      filled++;
    }
    if ((rows.length + 1) * names.length > MAX_EMPTY + MAX_SPARSE * filled) {
      throw new DataError(
        `${path}, line ${line}: ${names.length} different keys in ${rows.length + 1} records, most of them in few: such a table would be nearly empty`,
        "Are keys data here, as ids? Read the records one by one with streamRecords.",
      );
    }
    rows.push(row);
    lines.push(line);
  }
  for (const row of rows) while (row.length < names.length) row.push("");
  return { names };
}

/** Rows of cells with their lines, as the file is read. */
async function* cellRows(
  path: string,
  format: "csv" | "tsv" | "text",
  limits: ReadLimits,
): AsyncGenerator<[number, string[]]> {
  if (format !== "csv") {
    for await (const { line, text } of readLines(path, undefined, limits)) {
      if (text === "" || (format === "tsv" && text.trim() === "")) continue;
      yield [line, format === "tsv" ? text.split("\t") : [text]];
    }
    return;
  }
  try {
    for await (const { record, line } of csvRows(readText(path, undefined, limits))) yield [line, record];
  } catch (error) {
    if (error instanceof DataError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith("CSV_"))
      throw new DataError(`${path}: ${message}`, "Quotes inside a quoted cell are doubled (RFC 4180).");
    throw fileError(path, error);
  }
}

type Row = Record<string, unknown>;

/** Objects with their lines, as the file is read. */
async function* objectRows(
  path: string,
  format: "jsonl" | "parquet",
  limits: ReadLimits,
): AsyncGenerator<[number, Row]> {
  if (format === "parquet") {
    // A page that reads no such file loads none of it.
    const { parquetRows } = await import("./parquet.ts");
    yield* parquetRows(path, limits);
    return;
  }
  for await (const { line, text } of readLines(path, undefined, limits)) {
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
    yield [line, value as Row];
  }
}

function requireFormat(path: string): Records["format"] {
  const format = formatOf(path);
  if (format !== undefined) return format;
  throw new DataError(
    `${path}: unknown kind of file`,
    "Known: .csv .tsv .jsonl .txt .parquet (and .gz of them), IDX images.",
  );
}

/** Reads a file of rows whole. Throws {@link DataError} for an empty or ragged file, bad JSON, or an unknown format. */
export async function readRecords(
  path: string,
  format = requireFormat(path),
  limits: ReadLimits = {},
): Promise<Records> {
  checkOptions("readRecords", limits, KNOWN_LIMITS);
  const rows: string[][] = [];
  const lines: number[] = [];
  let names: string[] | undefined;
  if (format === "jsonl" || format === "parquet") {
    const objects: [number, Row][] = [];
    for await (const row of objectRows(path, format, limits)) objects.push(row);
    ({ names } = fromObjects(path, objects, rows, lines));
  } else {
    for await (const [line, row] of cellRows(path, format, limits)) {
      if (rows.length > 0 && row.length !== rows[0].length) throw ragged(path, format, line, row, rows[0].length);
      rows.push(row);
      lines.push(line);
    }
    if (format === "text") names = ["text"];
  }
  if (rows.length === 0) throw new DataError(`${path}: the file is empty`);
  return { path, format, names, rows, lines };
}

/**
 * Rows one by one, without holding the file: objects of cells by column name (JSONL and Parquet: of values). The first row of
 * CSV and TSV is the header; text has one column, `text`.
 * @throws DataError as {@link readRecords}, when the row comes up.
 */
export async function* streamRecords(path: string, limits: ReadLimits = {}): AsyncGenerator<Row> {
  checkOptions("streamRecords", limits, KNOWN_LIMITS);
  const format = requireFormat(path);
  let seen = false;
  if (format === "jsonl" || format === "parquet") {
    for await (const [, row] of objectRows(path, format, limits)) {
      seen = true;
      yield row;
    }
  } else {
    let names = format === "text" ? ["text"] : undefined;
    for await (const [line, row] of cellRows(path, format, limits)) {
      seen = true;
      if (names === undefined) {
        names = row.map((name) => name.trim());
        continue;
      }
      if (row.length !== names.length) throw ragged(path, format, line, row, names.length);
      yield Object.fromEntries(names.map((name, i) => [name, row[i]]));
    }
  }
  if (!seen) throw new DataError(`${path}: the file is empty`);
}

function ragged(path: string, format: Records["format"], line: number, row: string[], width: number): DataError {
  return new DataError(
    `${path}, line ${line}: ${row.length} columns, where the first row has ${width}`,
    format === "tsv"
      ? "TSV has no quoting: a tab inside a text must be replaced."
      : "A comma inside a cell needs quotes around the cell.",
  );
}
