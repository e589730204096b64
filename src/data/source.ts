import { assetPath, basename, env, existsSync, join, readdirSync, statSync } from "#platform";
import { glueTask } from "./glue-tasks.ts";
import { DataError } from "./lines.ts";
import { pairedFiles } from "./pair-files.ts";
import { formatOf } from "./records.ts";
import { taggedFiles } from "./tagged.ts";

export type Part = "train" | "validation" | "test";

/** Files of each part of a source. */
export interface Source {
  name: string;
  parts: Partial<Record<Part, string[]>>;
  /** The reviews that ship with the package: parts are cut from the files by {@link builtinPart}. */
  builtin: boolean;
}

const PART_NAMES: [RegExp, Part][] = [
  [/(^|[^a-z])(train|training)([^a-z]|$)/, "train"],
  [/(^|[^a-z])(dev|valid|validation|val|testa|newsdev)([^a-z]|$)/, "validation"],
  [/(^|[^a-z])(test|testb|t10k|eval|newstest|tst)([^a-z]|$)/, "test"],
];
const NOT_DATA = /^(readme|licen[cs]e|source|classes|citation|dev_ids|msr_paraphrase)([._-]|$)/i;

/** The part that a file's or folder's name tells. */
export const partOf = (name: string): Part | undefined =>
  PART_NAMES.find(([pattern]) => pattern.test(name.toLowerCase()))?.[1];

const reviews = (language: string) => assetPath(`reviews/${language}.tsv`);

/** The fixed split of the shipped reviews: of every twenty rows (from 0) 4, 9, 14 and 19 test, 2 and 13 validate. */
export function builtinPart(row: number): Part {
  if (row % 5 === 4) return "test";
  return row % 20 === 2 || row % 20 === 13 ? "validation" : "train";
}

/** What a source holds. */
export type SourceKind = "rows" | "images" | "tagged" | "pairs";

/** The files in a folder that are data. */
const DATA_FILES: Record<SourceKind, (names: readonly string[]) => string[]> = {
  rows: (names) => names.filter((name) => formatOf(name) !== undefined),
  images: (names) => names.filter((name) => /-?idx[13]-ubyte(\.gz)?$|\.idx[13]?(\.gz)?$/.test(name)),
  tagged: taggedFiles,
  pairs: pairedFiles,
};

/** Folders that hold published data sets, inside the one that SHOSHIN_DATA gives. */
const PUBLISHED: Readonly<Record<string, readonly string[]>> = {
  ptb: ["ptb", "penn-treebank", "simple-examples/data"],
  "wikitext:2": ["wikitext-2", "wikitext2", "wikitext-2-v1"],
  "wikitext:103": ["wikitext-103", "wikitext103", "wikitext-103-v1"],
};

/** The folder of a published data set in SHOSHIN_DATA; undefined where it is not there. */
export function publishedFolder(source: string): string | undefined {
  const data = env("SHOSHIN_DATA");
  if (data === undefined) return undefined;
  const name = source.toLowerCase();
  const folders = Object.hasOwn(PUBLISHED, name) ? PUBLISHED[name] : [];
  return folders.map((folder) => join(data, folder)).find((path) => existsSync(path));
}

/** Penn Treebank comes as words and, beside them, as characters: who names the folder means the words. */
const withoutCharacters = (names: readonly string[]): string[] => {
  const words = names.filter((name) => !/^ptb\.char\./.test(name));
  return words.length > 0 ? words : [...names];
};

function folderSource(folder: string, kind: SourceKind): Source {
  const parts: Source["parts"] = {};
  const names = readdirSync(folder).filter(
    (name) => !name.startsWith(".") && !NOT_DATA.test(name) && statSync(join(folder, name)).isFile(),
  );
  const files = DATA_FILES[kind](withoutCharacters(names)).sort();
  const untold: string[] = [];
  for (const name of files) {
    const part = partOf(name);
    if (part === undefined) untold.push(name);
    else {
      parts[part] ??= [];
      parts[part].push(join(folder, name));
    }
  }
  const known = Object.values(parts);
  if (known.length === 0 && untold.length === 0) throw new DataError(`${folder}: no data files in this folder`);
  // A folder that holds only one part is that part.
  if (known.length === 0) parts.train = untold.map((name) => join(folder, name));
  return { name: basename(folder), parts, builtin: false };
}

/**
 * Finds the files behind a SOURCE: `builtin`, a file, a folder in a published layout, `glue:TASK`, or a name inside the folder
 * that SHOSHIN_DATA gives. What is on the hub is for fetchSource. Throws {@link DataError} that lists what is known.
 */
export function resolveSource(source: string, kind: SourceKind = "rows"): Source {
  if (source === "builtin") {
    const files = [reviews("en"), reviews("zh")].filter((path) => existsSync(path));
    return { name: "builtin", parts: { train: files, validation: files, test: files }, builtin: true };
  }
  if (existsSync(source)) {
    if (statSync(source).isDirectory()) return folderSource(source, kind);
    return { name: basename(source), parts: { train: [source] }, builtin: false };
  }
  const published = publishedFolder(source);
  if (published !== undefined) return folderSource(published, kind);
  if (source.startsWith("hub:")) {
    throw new DataError(`${source}: only files that are here can be read for this`, "Download it and give its path.");
  }
  const data = env("SHOSHIN_DATA");
  let inside = source;
  if (source.startsWith("glue:")) inside = join("glue", glueTask(source.slice(5)).folder);
  if (data !== undefined && /^[\w:.-]+([/\\][\w.-]+)*$/.test(inside) && existsSync(join(data, inside))) {
    const path = join(data, inside);
    return statSync(path).isDirectory() ? folderSource(path, kind) : resolveSource(path, kind);
  }
  throw new DataError(
    `${source}: no such file or folder`,
    data === undefined
      ? "Name a file, a folder, builtin, or set SHOSHIN_DATA to a folder of published data sets."
      : `It is neither a path nor a data set in ${data}.`,
  );
}

/** `A:B` → rows A to B − 1; either may be left out. Throws {@link DataError}. */
export function parseRange(text: string | undefined): [number, number] {
  if (text === undefined) return [0, Number.POSITIVE_INFINITY];
  const match = /^(\d*):(\d*)$/.exec(text);
  if (match === null)
    throw new DataError(`--range ${text}: expected A:B`, "Rows A to B − 1, counted from 0: --range 0:8000.");
  const [from, to] = [
    match[1] === "" ? 0 : Number(match[1]),
    match[2] === "" ? Number.POSITIVE_INFINITY : Number(match[2]),
  ];
  if (from >= to) throw new DataError(`--range ${text} is empty`);
  return [from, to];
}
