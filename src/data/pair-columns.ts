import { indexOfLanguage, languageOf, pickLanguages, scriptShare } from "./languages.ts";
import { DataError } from "./lines.ts";
import type { PairOptions } from "./parallel.ts";

const SOURCE = ["source", "src", "source_text", "input", "text"];
const TARGET = ["target", "tgt", "trg", "target_text", "translation", "output"];
const NAME_THEM = "Name them: --source-column NAME --target-column NAME.";

/** Positions of source and target. */
type Columns = [number, number];

/**
 * The columns that names tell: those given, those of the languages given, the usual names, two languages. Undefined where
 * they tell nothing, so that a first row is none of names.
 * @param sure that they are names: throws instead
 */
export function columnsByName(names: string[], options: PairOptions, path: string, sure: boolean): Columns | undefined {
  const given = [options.sourceColumn, options.targetColumn];
  const certain = sure || given.some((column) => column !== undefined && names.includes(column));
  const absent = given.find((column) => column !== undefined && !names.includes(column));
  if (absent !== undefined) {
    const { sourceLanguage, targetLanguage } = options;
    if (!certain && columnsByName(names, { sourceLanguage, targetLanguage }, path, false) === undefined)
      return undefined;
    throw new DataError(`${path}: there is no column ${absent}`, `It has: ${names.join(", ")}.`);
  }
  const codes = names.map(languageOf);
  const languages = [options.sourceLanguage, options.targetLanguage];
  // An id is rarely Indonesian.
  const id = codes.indexOf("id");
  if (id >= 0 && codes.filter((code) => code !== undefined).length > 2 && !languages.includes("id"))
    codes[id] = undefined;
  const columns = given.map((column, side) => {
    if (column !== undefined) return names.indexOf(column);
    const language = languages[side];
    return language === undefined ? -1 : indexOfLanguage(language, codes);
  });
  const open = columns.map((at) => at < 0);
  const usual = [SOURCE, TARGET].map(
    (words) => words.map((word) => names.findIndex((name) => name.toLowerCase() === word)).find((at) => at >= 0) ?? -1,
  );
  const present = codes.filter((code) => code !== undefined);
  if (open.every((isOpen, side) => !isOpen || usual[side] >= 0)) {
    for (const side of [0, 1]) if (open[side]) columns[side] = usual[side];
  } else if (present.length >= 2) {
    const [sourceLanguage, targetLanguage] = languages.map((language, side) => language ?? codes[columns[side]]);
    const picked = pickLanguages(present, { sourceLanguage, targetLanguage }, path);
    for (const side of [0, 1]) if (open[side]) columns[side] = codes.indexOf(picked[side]);
  } else if (names.length === 2 && open[0] !== open[1]) {
    columns[open[0] ? 0 : 1] = 1 - columns[open[0] ? 1 : 0];
  }
  if (columns.some((at) => at < 0)) {
    if (!certain) return undefined;
    throw new DataError(`${path}: which of ${names.join(", ")} are source and target?`, NAME_THEM);
  }
  if (columns[0] === columns[1]) throw new DataError(`${path}: ${names[columns[0]]} is both source and target`);
  return columns as Columns;
}

/** Rows whose letters tell which of two columns is in which language. */
const SCRIPT_ROWS = 1000;

/** The columns of a file without names: those given, else the first two, in the order that the languages' scripts tell. */
export function columnsByPlace(rows: readonly string[][], options: PairOptions, path: string): Columns {
  const width = rows[0].length;
  const given = [options.sourceColumn, options.targetColumn].map((column) => {
    if (column === undefined) return undefined;
    const at = column.trim() === "" ? Number.NaN : Number(column);
    if (Number.isInteger(at) && at >= 0 && at < width) return at;
    throw new DataError(
      `${path}: there is no column ${column}`,
      `Its first row, which is taken for no header, is: ${rows[0].join(", ").slice(0, 100)}. Positions are 0 to ${width - 1}.`,
    );
  });
  const [source, target] = given;
  if (source !== undefined || target !== undefined) {
    const one = (source ?? target) as number;
    if (source === target) throw new DataError(`${path}: column ${one} is both source and target`);
    if ((source === undefined || target === undefined) && one > 1)
      throw new DataError(`${path}: which columns are source and target?`, NAME_THEM);
    return [source ?? 1 - one, target ?? 1 - one];
  }
  const share = (language: string | undefined, column: number) => {
    const texts = rows.slice(0, SCRIPT_ROWS).map((row) => row[column]);
    return language === undefined ? 0 : scriptShare(texts, language);
  };
  const matching = (from: number, to: number) =>
    share(options.sourceLanguage, from) + share(options.targetLanguage, to);
  return matching(1, 0) > matching(0, 1) ? [1, 0] : [0, 1];
}
