import { checkOptions, type Known } from "../backend/options.ts";
import { DataError } from "./lines.ts";
import type { Records } from "./records.ts";

const TEXT = [
  "text",
  "sentence",
  "review",
  "content",
  "comment",
  "tweet",
  "body",
  "title",
  "question",
  "utterance",
  "description",
];
const PAIR = [
  ["sentence1", "sentence2"],
  ["question1", "question2"],
  ["premise", "hypothesis"],
  ["question", "sentence"],
  ["text1", "text2"],
];
const LABEL = ["label", "class", "target", "sentiment", "category", "gold_label", "labels", "y"];

/** A text with its label, as tasks take them. */
export interface TextExample {
  /** All of it, joined by spaces where there are several. */
  text: string;
  /** The texts one by one: a pair of sentences, say. */
  texts: readonly string[];
  label: string | undefined;
}

export interface ColumnOptions {
  textColumn?: string;
  labelColumn?: string;
}
export const COLUMNS: Known<ColumnOptions> = { textColumn: true, labelColumn: true };

const named = (names: readonly string[], wanted: readonly string[]): number => {
  for (const want of wanted) {
    const at = names.findIndex((name) => name.trim().toLowerCase() === want);
    if (at >= 0) return at;
  }
  return -1;
};

/** Distinct values of a column, over the rows from `from` on. */
function distinct(rows: readonly string[][], column: number, from = 0): Set<string> {
  const seen = new Set<string>();
  for (let r = from; r < rows.length; r++) seen.add(rows[r][column]);
  return seen;
}

const isNumber = (s: string) => s.trim() !== "" && Number.isFinite(Number(s));

/** Which row, if any, is a header: the first, unless its label cell is itself a label value. */
export function splitHeader(
  records: Records,
  extra: readonly string[] = [],
): { names: string[] | undefined; rows: string[][]; lines: number[] } {
  const { names, rows, lines } = records;
  if (names !== undefined) return { names, rows, lines };
  const first = rows[0];
  const known = [...TEXT, ...PAIR.flat(), ...LABEL, ...extra.map((s) => s.toLowerCase())];
  const drop = () => ({ names: first.map((s) => s.trim()), rows: rows.slice(1), lines: lines.slice(1) });
  if (first.some((name) => known.includes(name.trim().toLowerCase()))) return drop();
  return { names: undefined, rows, lines };
}

function find(names: readonly string[] | undefined, column: string, path: string): number {
  const at = names === undefined ? Number(column) : names.indexOf(column);
  if (names !== undefined && at >= 0) return at;
  if (names === undefined && Number.isInteger(at) && at >= 0) return at;
  throw new DataError(
    `${path}: there is no column ${column}`,
    names === undefined
      ? "The file has no header: name columns by their position, from 0."
      : `It has: ${names.join(", ")}.`,
  );
}

/** The column with the fewest different values, if they are few enough to be labels. */
function labelByValues(rows: readonly string[][], texts: readonly number[]): number {
  const limit = Math.max(2, Math.min(100, rows.length / 3));
  let best = -1;
  let fewest = Number.POSITIVE_INFINITY;
  for (let c = 0; c < rows[0].length; c++) {
    if (texts.includes(c)) continue;
    const count = distinct(rows, c).size;
    if (count <= limit && count < fewest) {
      best = c;
      fewest = count;
    }
  }
  return best;
}

/**
 * Texts and labels of a file of rows, by the names of the columns or by their contents, and a note of what was chosen.
 * @param needsLabels throws {@link DataError} when no label column can be found.
 */
export function textExamples(
  records: Records,
  options: ColumnOptions = {},
  needsLabels = true,
): { examples: TextExample[]; chosen: string } {
  checkOptions("textExamples", options, COLUMNS);
  const { textColumn, labelColumn } = options;
  const { path } = records;
  const { names, rows } = splitHeader(
    records,
    [textColumn, labelColumn].filter((s) => s !== undefined),
  );
  if (rows.length === 0) throw new DataError(`${path}: there is a header and nothing below it`);
  const show = (c: number) => (names === undefined ? `column ${c}` : names[c]);
  let label =
    labelColumn !== undefined ? find(names, labelColumn, path) : names !== undefined ? named(names, LABEL) : -1;
  let texts: number[] = [];
  if (textColumn !== undefined) texts = [find(names, textColumn, path)];
  else if (names !== undefined) {
    const pair = PAIR.find((p) => p.every((name) => named(names, [name]) >= 0));
    const one = named(names, TEXT);
    if (pair !== undefined) texts = pair.map((name) => named(names, [name]));
    else if (one >= 0) texts = [one];
  }
  const width = rows[0].length;
  if (label < 0 && labelColumn === undefined && width > 1) {
    if (texts.length === 1 && width === 2) label = 1 - texts[0];
    else if (names === undefined || texts.length === 0) label = labelByValues(rows, texts);
  }
  if (texts.length === 0) {
    texts = rows[0].map((_, c) => c).filter((c) => c !== label && (width <= 2 || c > label));
    if (names !== undefined && texts.length > 1) {
      throw new DataError(
        `${path}: which of ${names.join(", ")} is the text?`,
        "Name it: --text-column NAME --label-column NAME.",
      );
    }
    // Two texts and what was said of them, as in STS-B; an id before a text is a number.
    if (texts.length === 0 && width === 3 && rows.every((row) => !isNumber(row[0]) && !isNumber(row[1])))
      texts = [0, 1];
    if (texts.length === 0) texts = [0];
  }
  if (label < 0 && needsLabels) {
    throw new DataError(
      `${path}: no label column was found${names === undefined ? "" : ` among ${names.join(", ")}`}`,
      "Name it: --label-column NAME (the text: --text-column NAME).",
    );
  }
  // Hugging Face's data sets say −1 where labels are kept secret.
  const secret = label >= 0 && rows.every((row) => row[label].trim() === "-1");
  const examples = rows.map((row) => {
    const own = texts.map((c) => row[c]);
    return { text: own.join(" "), texts: own, label: label < 0 || secret ? undefined : row[label].trim() };
  });
  const chosen = `text: ${texts.map(show).join(" + ")}${label < 0 ? "" : `, label: ${show(label)}`}${names === undefined ? " (no header)" : ""}`;
  return { examples, chosen };
}

/** The target column of a table: by name, by the usual names, else the last (regression: the last one of numbers). */
export function targetColumn(
  names: readonly string[],
  rows: readonly string[][],
  wanted: string | undefined,
  regression: boolean,
  path: string,
): number {
  if (wanted !== undefined) return find(names, wanted, path);
  const usual = named(names, [...LABEL, "price", "medv", "value", "outcome"]);
  if (usual >= 0) return usual;
  if (!regression) return names.length - 1;
  for (let c = names.length - 1; c >= 0; c--) if (rows.every((row) => row[c] === "" || isNumber(row[c]))) return c;
  throw new DataError(`${path}: no column of numbers to predict`, "Name the target: --label-column NAME.");
}
