import { DataError } from "./lines.ts";

/** Languages as the user names them: codes (`de`, `pt_BR`, `eng`) or English names. */
export interface LanguageOptions {
  sourceLanguage?: string;
  targetLanguage?: string;
}

const NAMES = new Intl.DisplayNames("en", { type: "language", fallback: "none" });
const CODE = /^[a-z]{2,3}([_-][A-Za-z]{2,4})?$/;
/** Endings and columns that stand for a side of a pair, of which one (Logudorese) would be a language. */
const SIDES = /^(src|tgt|trg)$/;

/** BCP 47's spelling: eng → en, cmn → zh, pt_br → pt-BR; undefined for what is no code. */
function locale(code: string): Intl.Locale | undefined {
  try {
    return new Intl.Locale(code.replaceAll("_", "-"));
  } catch {
    return undefined;
  }
}

const nameOf = (code: string): string | undefined => {
  const language = locale(code)?.language;
  return language === undefined ? undefined : NAMES.of(language);
};

let named: Map<string, string> | undefined;
/** Codes of two letters by their English names in small letters. */
function codesByName(): Map<string, string> {
  if (named === undefined) {
    named = new Map();
    const letters = [..."abcdefghijklmnopqrstuvwxyz"];
    for (const code of letters.flatMap((a) => letters.map((b) => a + b))) {
      const name = nameOf(code)?.toLowerCase();
      if (name !== undefined && !named.has(name)) named.set(name, code);
    }
  }
  return named;
}

/** The language that a column's name tells, as it is written where it is a code; undefined if none. */
export function languageOf(name: string): string | undefined {
  if (SIDES.test(name)) return undefined;
  if (CODE.test(name)) return nameOf(name) === undefined ? undefined : name;
  return name.length > 3 ? codesByName().get(name.toLowerCase()) : undefined;
}

/** A file's ending as a language, whether its name is known or not; undefined for `src`, `tgt`. */
export const languageOfEnding = (ending: string): string | undefined => (SIDES.test(ending) ? undefined : ending);

/**
 * Where a language stands among others (undefined: no language there): as it is written, else in another spelling (eng, en),
 * else the only one of it in another region (zh for zh_CN). −1 if none.
 */
export function indexOfLanguage(wanted: string, among: readonly (string | undefined)[]): number {
  const exact = among.indexOf(wanted);
  if (exact >= 0) return exact;
  const want = locale(languageOf(wanted) ?? wanted);
  if (want === undefined) return -1;
  const have = among.map((code) => (code === undefined ? undefined : locale(code)));
  const same = have.findIndex((code) => code?.toString() === want.toString());
  if (same >= 0) return same;
  const near = have.flatMap((code, i) => (code?.language === want.language ? [i] : []));
  return near.length === 1 ? near[0] : -1;
}

/**
 * Source and target among the languages of a text. Of two, those that are not named follow: English is the source if it is
 * one of them, else the first of the alphabet.
 * @throws DataError where one is missing, or which of several are meant is not said
 */
export function pickLanguages(
  available: readonly string[],
  { sourceLanguage, targetLanguage }: LanguageOptions,
  where: string,
): [string, string] {
  const list = [...available].sort();
  const find = (language: string): string => {
    const at = indexOfLanguage(language, list);
    if (at < 0) throw new DataError(`${where}: there is no text in ${language}`, `It has: ${list.join(", ")}.`);
    return list[at];
  };
  if (list.length < 2) throw new DataError(`${where}: holds text in ${list[0] ?? "no language"} only`);
  let source = sourceLanguage === undefined ? undefined : find(sourceLanguage);
  let target = targetLanguage === undefined ? undefined : find(targetLanguage);
  const english = list.find((language) => locale(language)?.language === "en");
  if (source === undefined || target === undefined) {
    if (list.length !== 2) {
      const first = source ?? [english, ...list].find((language) => language !== undefined && language !== target);
      const other = target ?? list.find((language) => language !== first);
      throw new DataError(
        `${where}: which of ${list.join(", ")} are meant?`,
        `Name them: --source-language ${first} --target-language ${other}.`,
      );
    }
    const rest = (language: string) => list[1 - list.indexOf(language)];
    source ??= target === undefined ? (english ?? list[0]) : rest(target);
    target ??= rest(source);
  }
  if (source === target) throw new DataError(`${where}: ${source} is both the source and the target language`);
  return [source, target];
}

/** Scripts that are not one of Unicode's: several together, or a form of one. */
const MIXED: Readonly<Record<string, string>> = {
  Hans: "\\p{sc=Han}",
  Hant: "\\p{sc=Han}",
  Jpan: "\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}",
  Kore: "\\p{sc=Hangul}\\p{sc=Han}",
};

/** Share of the letters of texts, 0 to 1, that are of the script in which a language is written; 0 for unknown ones. */
export function scriptShare(texts: readonly string[], language: string): number {
  const script = locale(languageOf(language) ?? language)?.maximize().script;
  if (script === undefined) return 0;
  const text = texts.join("");
  const count = (set: string) => text.match(new RegExp(`[${set}]`, "gu"))?.length ?? 0;
  try {
    return count(MIXED[script] ?? `\\p{sc=${script}}`) / Math.max(1, count("\\p{L}"));
  } catch {
    return 0;
  }
}
