import { basename } from "#platform";
import { formatOf } from "./records.ts";

const LANGUAGE_FILE = /^(.+)\.([a-z]{2,3}(?:[_-][A-Z][A-Za-z]{1,3})?)$/;
/** Endings of two or three letters that lie beside texts and are no language. */
const OTHER_ENDING = /^(ids|idx|xml|sgm|log|md|zip|tar|bin)$/;

/** `train.en.gz`, `Europarl.de-en.en`: a text in one language, line by line. */
export interface LanguageFile {
  path: string;
  stem: string;
  language: string;
}

export function languageFile(path: string): LanguageFile | undefined {
  const match = LANGUAGE_FILE.exec(basename(path).replace(/\.gz$/, ""));
  if (match === null || formatOf(path) !== undefined || OTHER_ENDING.test(match[2])) return undefined;
  return { path, stem: match[1], language: match[2] };
}

export const languageFiles = (paths: readonly string[]): LanguageFile[] =>
  paths.map(languageFile).filter((file) => file !== undefined);

/** Of the names in a folder those that hold its parallel texts: a file for each language, else files of rows. */
export function pairedFiles(names: readonly string[]): string[] {
  const files = languageFiles(names);
  const stems = new Map<string, Set<string>>();
  for (const { stem, language } of files) stems.set(stem, (stems.get(stem) ?? new Set()).add(language));
  const languages = new Set([...stems.values()].filter(({ size }) => size > 1).flatMap((set) => [...set]));
  if (languages.size > 0) return files.filter(({ language }) => languages.has(language)).map(({ path }) => path);
  // Anki's archives say in _about.txt where they come from.
  const rows = names.filter((name) => formatOf(name) !== undefined && name !== "_about.txt");
  return rows.length > 0 ? rows : files.map(({ path }) => path);
}
