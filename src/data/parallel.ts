import { basename } from "#platform";
import { checkOptions, type Known } from "../backend/options.ts";
import { type LanguageOptions, languageOf, languageOfEnding, pickLanguages } from "./languages.ts";
import { DataError, readLines } from "./lines.ts";
import { columnsByName, columnsByPlace } from "./pair-columns.ts";
import { languageFile, languageFiles } from "./pair-files.ts";
import { formatOf, readRecords, streamRecords } from "./records.ts";
import type { Part, Source } from "./source.ts";
import { shuffled } from "./split.ts";

/** A sentence and its translation. */
export interface SentencePair {
  source: string;
  target: string;
}

/** Which language is translated into which, and the columns of a file of rows: by name, or by position from 0. */
export interface PairOptions extends LanguageOptions {
  sourceColumn?: string;
  targetColumn?: string;
}

export const PAIRS: Known<PairOptions> = {
  ...{ sourceColumn: true, targetColumn: true, sourceLanguage: true, targetLanguage: true },
};

export interface PairedTexts {
  pairs: SentencePair[];
  /** What was found, for the reader: `source: train.en.gz, target: train.de.gz`. */
  chosen: string;
  /** As it was named, else as the files, columns or objects call it. */
  sourceLanguage?: string;
  targetLanguage?: string;
}

/** Pairs as they stand in a file, white space and empty sides included. */
interface Found extends Pick<PairedTexts, "pairs" | "chosen"> {
  languages: readonly [string | undefined, string | undefined];
}

async function linesOf(path: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const { text } of readLines(path)) lines.push(text);
  return lines;
}

async function readLanguageFiles(source: Source, part: Part, options: PairOptions): Promise<Found> {
  const column = options.sourceColumn ?? options.targetColumn;
  if (column !== undefined)
    throw new DataError(`${source.name}: there is no column ${column}`, "Its files hold a language each.");
  const available = new Set(languageFiles(Object.values(source.parts).flat()).map(({ language }) => language));
  if (available.size < 2) {
    throw new DataError(
      `${source.name}: holds sentences in ${[...available][0]} only`,
      "Parallel texts lie side by side, as train.en and train.de: name the folder that holds both.",
    );
  }
  const languages = pickLanguages([...available], options, source.name);
  const stems = new Map<string, Map<string, string>>();
  for (const { path, stem, language } of languageFiles(source.parts[part] ?? [])) {
    const paths = stems.get(stem) ?? new Map<string, string>();
    // Packed and unpacked, a text is wanted once.
    if (!paths.has(language)) paths.set(language, path);
    stems.set(stem, paths);
  }
  const chosen: string[][] = [];
  const pairs: SentencePair[] = [];
  for (const paths of stems.values()) {
    const both = languages.map((language) => paths.get(language)).filter((path) => path !== undefined);
    if (both.length < 2) continue;
    const [from, to] = [await linesOf(both[0]), await linesOf(both[1])];
    if (from.length !== to.length) {
      throw new DataError(
        `${both[0]} has ${from.length} lines, ${both[1]} ${to.length}`,
        "Line i of one file is the translation of line i of the other.",
      );
    }
    chosen.push(both.map((path) => basename(path)));
    for (let i = 0; i < from.length; i++) pairs.push({ source: from[i], target: to[i] });
  }
  if (chosen.length === 0) {
    const names = (source.parts[part] ?? []).map((path) => basename(path));
    throw new DataError(
      `${source.name}: no ${part} file in ${languages[0]} has one in ${languages[1]} beside it`,
      `There is: ${names.join(", ")}.`,
    );
  }
  const [from, to] = [0, 1].map((side) => chosen.map((both) => both[side]).join(" + "));
  return {
    pairs,
    chosen: `source: ${from}, target: ${to}`,
    languages: [languageOfEnding(languages[0]), languageOfEnding(languages[1])],
  };
}

async function readCells(path: string, format: "csv" | "tsv", options: PairOptions): Promise<Found> {
  const { rows } = await readRecords(path, format);
  if (rows[0].length < 2) {
    throw new DataError(
      `${path}: one column, where a sentence and its translation are expected`,
      format === "tsv" ? "They stand on a line with a tab between them." : "They stand in a row of two cells.",
    );
  }
  const header = rows[0].map((name) => name.trim());
  const columns = columnsByName(header, options, path, false);
  if (columns !== undefined && rows.length === 1)
    throw new DataError(`${path}: there is a header and nothing below it`);
  const [from, to] = columns ?? columnsByPlace(rows, options, path);
  const show = (at: number) => (columns === undefined ? `column ${at}` : header[at]);
  return {
    pairs: rows.slice(columns === undefined ? 0 : 1).map((row) => ({ source: row[from], target: row[to] })),
    chosen: `source: ${show(from)}, target: ${show(to)}${columns === undefined ? " (no header)" : ""}`,
    languages: columns === undefined ? [undefined, undefined] : [languageOf(header[from]), languageOf(header[to])],
  };
}

type Row = Record<string, unknown>;
const isObject = (value: unknown): value is Row =>
  value !== null && typeof value === "object" && !Array.isArray(value) && !ArrayBuffer.isView(value);

/** Reads JSONL and Parquet: columns, or a column `translation` of objects of texts by language. */
async function readObjects(path: string, options: PairOptions): Promise<Found> {
  const pairs: SentencePair[] = [];
  let layout: { nested: boolean; names: readonly string[] } | undefined;
  for await (const row of streamRecords(path)) {
    const where = `${path}, record ${pairs.length + 1}`;
    if (layout === undefined) {
      const keys = Object.keys(row);
      const noColumn = options.sourceColumn === undefined && options.targetColumn === undefined;
      const nested =
        noColumn && (isObject(row.translation) || keys.every((key) => key === "translation" || key === "id"));
      layout =
        nested && isObject(row.translation)
          ? { nested, names: pickLanguages(Object.keys(row.translation), options, path) }
          : { nested, names: nested ? [] : (columnsByName(keys, options, path, true) ?? []).map((at) => keys[at]) };
    }
    const texts = layout.nested ? row.translation : row;
    if (!isObject(texts)) {
      throw new DataError(
        `${where}: expected an object of texts in translation, found ${shown(texts)}`,
        'Hugging Face’s form is {"translation": {"en": "…", "de": "…"}}.',
      );
    }
    const [source, target] = layout.names.map((name) => textOf(texts, name, where));
    pairs.push({ source, target });
  }
  const { nested = false, names = [] } = layout ?? {};
  const [from, to] = names.map((name) => (nested ? `translation.${name}` : name));
  const told = nested ? languageOfEnding : languageOf;
  return {
    pairs,
    chosen: `source: ${from}, target: ${to}`,
    languages: [told(names[0]), told(names[1])],
  };
}

const isPlain = (value: unknown) => ["string", "number", "bigint", "boolean"].includes(typeof value);
const shown = (value: unknown): string => {
  if (isPlain(value)) return JSON.stringify(String(value).slice(0, 60));
  return value === null || value === undefined ? "nothing" : Array.isArray(value) ? "a list" : "an object";
};

function textOf(row: Row, name: string, where: string): string {
  const has = Object.hasOwn(row, name);
  const value = has ? row[name] : undefined;
  if (value === null || (has && value === undefined)) return "";
  if (isPlain(value)) return String(value);
  throw new DataError(`${where}: expected a text in ${name}, found ${shown(value)}`);
}

function readRows(path: string, options: PairOptions): Promise<Found> {
  const format = formatOf(path);
  if (format === "jsonl" || format === "parquet") return readObjects(path, options);
  if (format !== undefined) return readCells(path, format === "csv" ? "csv" : "tsv", options);
  throw new DataError(
    `${path}: unknown kind of file`,
    "Known: .csv .tsv .jsonl .txt .parquet (and .gz of them), and folders of texts as train.en beside train.de.",
  );
}

/**
 * Sentences of one part of a source of kind `pairs` with their translations, without white space around them; those of which
 * a side is empty are left out.
 * - A folder with a file for each language, `train.en.gz` and `train.de.gz`: line i belongs to line i.
 * - CSV, TSV or lines with tabs: the columns named, those of the languages named, the usual names; without a header the
 *   first two.
 * - JSONL and Parquet: such columns, or Hugging Face's `{"translation": {"en": "…", "de": "…"}}`.
 *
 * @throws DataError where source and target cannot be told, files have different counts of lines, or nothing is there.
 */
export async function readPairs(source: Source, part: Part, options: PairOptions = {}): Promise<PairedTexts> {
  checkOptions("readPairs", options, PAIRS);
  if (source.builtin) throw new DataError(`${source.name}: no parallel texts`, "Name a file or folder of them.");
  const files = source.parts[part] ?? [];
  if (files.length === 0) {
    throw new DataError(
      `${source.name}: there is no ${part} part`,
      `It has: ${Object.keys(source.parts).join(", ") || "nothing"}.`,
    );
  }
  const found: Found[] = [];
  if (files.every((path) => languageFile(path) !== undefined)) {
    found.push(await readLanguageFiles(source, part, options));
  } else for (const path of files) found.push(await readRows(path, options));
  const languages = [0, 1].map((side) => {
    const told = new Set(found.map((file) => file.languages[side]).filter((language) => language !== undefined));
    const asked = side === 0 ? options.sourceLanguage : options.targetLanguage;
    if (asked !== undefined || told.size < 2) return asked ?? [...told][0];
    throw new DataError(
      `${source.name}: its ${part} files are in ${[...told].join(" and ")}`,
      "Name one file, or the languages: --source-language en --target-language de.",
    );
  });
  const pairs: SentencePair[] = [];
  let halves = 0;
  for (const file of found) {
    for (const pair of file.pairs) {
      const [from, to] = [pair.source.trim(), pair.target.trim()];
      if (from !== "" && to !== "") pairs.push({ source: from, target: to });
      else if (from !== to) halves++;
    }
  }
  if (pairs.length === 0) throw new DataError(`${source.name}: the ${part} part holds no pairs`);
  const chosen = [...new Set(found.map((file) => file.chosen))].join("; ");
  return {
    pairs,
    chosen: halves === 0 ? chosen : `${chosen}; left out with an empty side: ${halves}`,
    sourceLanguage: languages[0],
    targetLanguage: languages[1],
  };
}

/** For each pair the number, from 0, of the group of pairs that sentences connect, and the size of each group. */
function connected(pairs: readonly SentencePair[]): { group: Int32Array; sizes: number[] } {
  const parent = Int32Array.from(pairs, (_, i) => i);
  const root = (at: number): number => {
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]];
      at = parent[at];
    }
    return at;
  };
  for (const side of ["source", "target"] as const) {
    const first = new Map<string, number>();
    pairs.forEach((pair, i) => {
      const earlier = first.get(pair[side]);
      if (earlier === undefined) first.set(pair[side], i);
      else parent[root(i)] = root(earlier);
    });
  }
  const numbers = new Map<number, number>();
  const sizes: number[] = [];
  const group = Int32Array.from(pairs, (_, i) => {
    const at = root(i);
    const number = numbers.get(at) ?? numbers.size;
    numbers.set(at, number);
    sizes[number] = (sizes[number] ?? 0) + 1;
    return number;
  });
  return { group, sizes };
}

/**
 * Holds out about `share` of the pairs (0 to 1), at random, so that no source and no target sentence is on both sides: pairs
 * that share one, directly or through others, stay together. Never more than the share, but one group at least and not all,
 * where there are two. Both sides keep the order of the pairs.
 */
export function splitPairs(
  pairs: readonly SentencePair[],
  share: number,
  seed: number,
): { train: SentencePair[]; held: SentencePair[] } {
  if (!(share >= 0 && share <= 1)) throw new DataError(`a share of ${share} to hold out: expected 0 to 1`);
  const { group, sizes } = connected(pairs);
  let room = Math.round(pairs.length * share);
  if (share < 1) room = Math.min(room, pairs.length - 1);
  const held = new Set<number>();
  const order = shuffled(sizes.length, seed);
  for (const number of order) {
    if (sizes[number] > room) continue;
    room -= sizes[number];
    held.add(number);
  }
  if (held.size === 0 && share > 0 && sizes.length > 1) {
    held.add(order.reduce((least, number) => (sizes[number] < sizes[least] ? number : least)));
  }
  const side = (out: boolean) => pairs.filter((_, i) => held.has(group[i]) === out);
  return { train: side(false), held: side(true) };
}
