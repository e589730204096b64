import { basename } from "#platform";
import { minimum } from "../backend/arrays.ts";
import { checkOptions } from "../backend/options.ts";
import type { ColumnOptions } from "./columns.ts";
import { COLUMNS } from "./columns.ts";
import { DataError, readLines } from "./lines.ts";
import { streamRecords } from "./records.ts";

/** A sentence cut into words, with a tag for each where the file has tags. */
export interface TaggedSentence {
  tokens: string[];
  tags: string[] | undefined;
  /** Line of the file on which it begins (JSONL and Parquet: the record), from 1. */
  line: number;
}

/** Kinds of files with tagged words, in the order in which a folder is searched for them: the first that occurs is taken. */
const KINDS = [
  { format: "conllu", endings: ["conllu"] },
  // CoNLL-2003 calls its files eng.train, eng.testa, eng.testb; WNUT-17 its gold test file emerging.test.annotated.
  { format: "columns", endings: ["conll", "bio", "iob", "iob2", "iobes", "annotated", "train", "testa", "testb"] },
  { format: "records", endings: ["jsonl", "ndjson", "parquet"] },
  { format: "columns", endings: ["tsv", "tab", "txt"] },
] as const;
export type TaggedFormat = (typeof KINDS)[number]["format"];

const kindOf = (path: string): number => {
  const name = basename(path).toLowerCase().replace(/\.gz$/, "");
  return KINDS.findIndex(({ endings }) => endings.some((ending) => name.endsWith(`.${ending}`)));
};

/** The format of tagged words that a file's name tells, `.gz` set aside; undefined if none. */
export const taggedFormatOf = (path: string): TaggedFormat | undefined => KINDS[kindOf(path)]?.format;

/**
 * Of the names in a folder those that hold its tagged words: files of one kind, so that the plain texts which a treebank
 * ships beside its `.conllu` are left out, and of `X.annotated` and `X.conll` only the annotated one.
 */
export function taggedFiles(names: readonly string[]): string[] {
  const kinds = names.map(kindOf);
  const first = minimum(kinds.filter((kind) => kind >= 0));
  const list = names.filter((_, i) => kinds[i] === first);
  const present = new Set(list);
  return list.filter((name) => !present.has(name.replace(/\.conll$/, ".annotated")) || !name.endsWith(".conll"));
}

const CONLLU = ["id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc"];
const TOKENS = ["tokens", "words"];
const TAGS = ["tags", "ner_tags", "labels", "upos", "pos_tags"];

/** Cells of a line: between tabs if it has any, else between spaces. */
const cellsOf = (text: string): string[] =>
  text.includes("\t") ? text.split("\t").map((cell) => cell.trim()) : text.split(" ").filter((cell) => cell !== "");
const isConllu = (cells: readonly string[]) => cells.length === CONLLU.length && /^\d+([-.]\d+)?$/.test(cells[0]);

function position(column: string, width: number, path: string): number {
  const at = Number(column);
  if (column.trim() !== "" && Number.isInteger(at) && at >= 0 && at < width) return at;
  throw new DataError(
    `${path}: there is no column ${column}`,
    `The file has ${width} columns without names: give a position from 0 to ${width - 1}.`,
  );
}

function conlluColumn(column: string, path: string): number {
  const at = CONLLU.indexOf(column.toLowerCase());
  if (at >= 0) return at;
  throw new DataError(`${path}: there is no column ${column}`, `CoNLL-U has: ${CONLLU.join(", ")}.`);
}

/** Where words and tags stand; `tag` is −1 where the file has none. */
interface Layout {
  conllu: boolean;
  width: number;
  token: number;
  tag: number;
}

function layoutOf(cells: readonly string[], path: string, { textColumn, labelColumn }: ColumnOptions): Layout {
  const width = cells.length;
  if (taggedFormatOf(path) === "conllu" || isConllu(cells)) {
    const [token, tag] = [conlluColumn(textColumn ?? "form", path), conlluColumn(labelColumn ?? "upos", path)];
    return { conllu: true, width: CONLLU.length, token, tag };
  }
  const token = textColumn === undefined ? 0 : position(textColumn, width, path);
  const last = width === 1 ? -1 : width - 1;
  return { conllu: false, width, token, tag: labelColumn === undefined ? last : position(labelColumn, width, path) };
}

async function readColumns(path: string, options: ColumnOptions): Promise<{ list: TaggedSentence[]; chosen: string }> {
  const list: TaggedSentence[] = [];
  let open: { tokens: string[]; tags: string[]; line: number } | undefined;
  let layout: Layout | undefined;
  const close = () => {
    if (open === undefined) return;
    // Treebanks without annotation have _ everywhere.
    const bare = layout?.tag === -1 || (layout?.conllu && open.tags.every((tag) => tag === "_"));
    list.push({ ...open, tags: bare ? undefined : open.tags });
    open = undefined;
  };
  for await (const { line, text } of readLines(path)) {
    if (/^[\t ]*$/.test(text)) {
      close();
      continue;
    }
    if (text.startsWith("-DOCSTART-")) continue;
    const cells = cellsOf(text);
    // Elsewhere a word may be a hash sign, or begin with one: a comment is what has not the columns of a word.
    const conllu = layout?.conllu ?? taggedFormatOf(path) === "conllu";
    if (conllu ? text.startsWith("#") : text.startsWith("# ") && cells.length !== layout?.width) continue;
    layout ??= layoutOf(cells, path, options);
    if (cells.length !== layout.width) {
      throw new DataError(
        `${path}, line ${line}: ${cells.length} columns, where ${layout.width} are expected`,
        layout.conllu
          ? "CoNLL-U has ten columns, separated by tabs; https://universaldependencies.org/format.html"
          : "One word on a line with its tag behind a tab or space; an empty line ends a sentence.",
      );
    }
    if (layout.conllu) {
      if (/^\d+[-.]\d+$/.test(cells[0])) continue;
      if (!/^\d+$/.test(cells[0])) {
        throw new DataError(`${path}, line ${line}: expected the number of a word, found ${JSON.stringify(cells[0])}`);
      }
    }
    const [token, tag] = [cells[layout.token], cells[layout.tag] ?? ""];
    if (token === "" || (layout.tag >= 0 && tag === "")) {
      throw new DataError(`${path}, line ${line}: ${token === "" ? "a tag without a word" : `no tag for ${token}`}`);
    }
    open ??= { tokens: [], tags: [], line };
    open.tokens.push(token);
    open.tags.push(tag);
  }
  close();
  const name = (at: number) => (layout?.conllu ? CONLLU[at].toUpperCase() : `column ${at}`);
  const tag = layout === undefined || layout.tag < 0 ? "no tags" : `tags: ${name(layout.tag)}`;
  return { list, chosen: `words: ${name(layout?.token ?? 0)}, ${tag}` };
}

/** A list of words or tags as texts; undefined where the record has none. */
function listOf(value: unknown, where: string, what: string): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const sound = (x: unknown) => (typeof x === "string" && x !== "") || Number.isInteger(x) || typeof x === "bigint";
  const list = ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<unknown>) : value;
  if (!Array.isArray(list) || !list.every(sound)) {
    throw new DataError(`${where}: expected a list of texts in ${what}, found ${JSON.stringify(value).slice(0, 60)}`);
  }
  return list.map(String);
}

async function readTaggedRecords(
  path: string,
  { textColumn, labelColumn }: ColumnOptions,
): Promise<{ list: TaggedSentence[]; chosen: string }> {
  const list: TaggedSentence[] = [];
  let [tokenName, tagName]: (string | undefined)[] = [textColumn, labelColumn];
  let line = 0;
  for await (const record of streamRecords(path)) {
    line++;
    const where = `${path}, record ${line}`;
    tokenName ??= TOKENS.find((name) => name in record);
    tagName ??= TAGS.find((name) => name in record);
    const tokens = tokenName === undefined ? undefined : listOf(record[tokenName], where, tokenName);
    if (tokens === undefined) {
      throw new DataError(
        `${where}: no words${tokenName === undefined ? "" : ` in ${tokenName}`}`,
        `It has: ${Object.keys(record).join(", ")}. Expected a list called ${TOKENS.join(" or ")}; others are named with --text-column.`,
      );
    }
    const tags = tagName === undefined ? undefined : listOf(record[tagName], where, tagName);
    if (tags !== undefined && tags.length !== tokens.length) {
      throw new DataError(`${where}: ${tags.length} tags for ${tokens.length} words`);
    }
    if (tokens.length > 0) list.push({ tokens, tags, line });
  }
  return { list, chosen: `words: ${tokenName}, ${tagName === undefined ? "no tags" : `tags: ${tagName}`}` };
}

/**
 * Sentences of a file of tagged words, and a note of what was chosen among its columns:
 * - CoNLL-U: FORM and UPOS, or the columns named; ranges such as `3-4`, empty nodes such as `5.1` and comments are left out;
 * - one word on a line, an empty line after each sentence (CoNLL-2003, WNUT-17): the first column and the last, or those
 *   named by position from 0; `-DOCSTART-` lines and comments (`# …`) are left out;
 * - JSONL and Parquet: lists called `tokens` (`words`) and `tags` (`ner_tags`, `labels`, …), or those named.
 *
 * @param needsTags throws when a sentence has no tags.
 * @throws DataError naming the line for columns that do not fit, a word without a tag, an empty file.
 */
export async function readTagged(
  path: string,
  options: ColumnOptions = {},
  needsTags = true,
): Promise<{ sentences: TaggedSentence[]; chosen: string }> {
  checkOptions("readTagged", options, COLUMNS);
  if (/\.csv(\.gz)?$/i.test(path)) {
    throw new DataError(
      `${path}: CSV holds no sentences of tagged words`,
      "Known: .conllu .conll .jsonl .parquet .tsv .txt.",
    );
  }
  const { list, chosen } =
    taggedFormatOf(path) === "records" ? await readTaggedRecords(path, options) : await readColumns(path, options);
  if (list.length === 0) throw new DataError(`${path}: the file is empty`);
  const bare = needsTags ? list.find((sentence) => sentence.tags === undefined) : undefined;
  if (bare !== undefined) {
    throw new DataError(
      `${path}, line ${bare.line}: words without tags`,
      "Is the right column named as tags? (--label-column)",
    );
  }
  return { sentences: list, chosen };
}
