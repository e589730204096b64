import { CATEGORIES, RANGES } from "./unicode-tables.ts";

// Hugging Face's tokenizers carry tables of several versions of Unicode; the engine's own are of another, and change with it.

type Range = [from: number, to: number];

function rangesOf(name: keyof typeof RANGES): Range[] {
  let at = 0;
  return RANGES[name].split(",").map((part) => {
    const [gap, more = "0"] = part.split(" ");
    const from = at + Number.parseInt(gap, 36);
    at = from + Number.parseInt(more, 36);
    return [from, at];
  });
}

/** Ranges as they stand inside the brackets of an expression. */
const written = (ranges: readonly Range[]): string =>
  ranges.map(([from, to]) => `\\u{${from.toString(16)}}${to > from ? `-\\u{${to.toString(16)}}` : ""}`).join("");

const parts = new Map<string, string>();
function once(name: string, make: () => string): string {
  let part = parts.get(name);
  if (part === undefined) {
    part = make();
    parts.set(name, part);
  }
  return part;
}

/** A table as it stands inside the brackets of an expression with the flag `u` or `v`. */
export const table = (name: keyof typeof RANGES): string => once(name, () => written(rangesOf(name)));

/** The letters of CATEGORIES that a general category has. */
const LETTERS: Readonly<Record<string, string>> = {
  L: "ABCDE",
  LC: "ABC",
  Lu: "A",
  Ll: "B",
  Lt: "C",
  Lm: "D",
  Lo: "E",
  M: "FG",
  Mn: "F",
  N: "HI",
  Nd: "H",
  P: "J",
  S: "K",
};

/** A general category of Oniguruma's as it stands inside brackets; undefined for those that the engine's serve as well. */
export function category(name: string): string | undefined {
  const letters = LETTERS[name];
  if (letters === undefined) return undefined;
  return once(`\\p${name}`, () => {
    const ranges: Range[] = [];
    let at = 0;
    for (const [, count, letter] of CATEGORIES.matchAll(/([0-9a-z]*)([A-Z])/g)) {
      const next = at + (count === "" ? 1 : Number.parseInt(count, 36));
      if (letters.includes(letter)) {
        const last = ranges.at(-1);
        if (last !== undefined && last[1] === at - 1) last[1] = next - 1;
        else ranges.push([at, next - 1]);
      }
      at = next;
    }
    return written(ranges);
  });
}

const LONG: Readonly<Record<string, string>> = {
  Letter: "L",
  Cased_Letter: "LC",
  Uppercase_Letter: "Lu",
  Lowercase_Letter: "Ll",
  Titlecase_Letter: "Lt",
  Modifier_Letter: "Lm",
  Other_Letter: "Lo",
  Mark: "M",
  Combining_Mark: "M",
  Nonspacing_Mark: "Mn",
  Number: "N",
  Decimal_Number: "Nd",
  Punctuation: "P",
  punct: "P",
  Symbol: "S",
};

/** What oniguruma-to-es writes for `\w`, and with `^` for `\W`. */
const WORD = /\[(\^?)\\p\{L\}\\p\{M\}\\p\{N\}\\p\{Pc\}/g;
const PROPERTY = /\\([pP])\{(?:(?:gc|General_Category)=)?(?:(?:sc|Script)=(Han|Hani)|([A-Za-z_]+))\}/g;

/**
 * An expression's source (flag `v`) with Oniguruma's characters in place of the engine's. Backslashes come in pairs before
 * anything that is matched here, since the source was written by oniguruma-to-es.
 */
export function withTables(source: string): string {
  return source
    .replace(WORD, (_, not) => `[${not}${table("WORD")}`)
    .replace(PROPERTY, (whole, sign, han, name) => {
      const inside = han !== undefined ? table("HAN") : category(LONG[name] ?? name);
      return inside === undefined ? whole : `[${sign === "P" ? "^" : ""}${inside}]`;
    });
}

/** One character of the table. */
export const one = (name: keyof typeof RANGES): RegExp => new RegExp(`^[${table(name)}]$`, "u");

let combining: RegExp | undefined;
let changed: RegExp | undefined;
const known = new Map<string, boolean>();

/** Whether a character is younger than the tables of normal forms: it stays as it is there, and combines with nothing. */
function young(character: string): boolean {
  let is = known.get(character);
  if (is === undefined) {
    combining ??= one("COMBINING");
    changed ??= one("CHANGED");
    const moves = () =>
      `a${character}\u0334`.normalize("NFD") === `a\u0334${character}` ||
      `a\u0345${character}`.normalize("NFD") === `a${character}\u0345`;
    is =
      (!changed.test(character) && character.normalize("NFKD") !== character) ||
      (!combining.test(character) && moves());
    if (known.size >= 1 << 16) known.clear();
    known.set(character, is);
  }
  return is;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: everything below U+0300 is as old as the tables
const OLD = /^[\u0000-\u02ff]*$/;

/** `text.normalize(form)` with Hugging Face's tables. */
export function normalForm(text: string, form: "NFC" | "NFD" | "NFKC" | "NFKD"): string {
  if (OLD.test(text)) return text.normalize(form);
  let out = "";
  let run = "";
  const close = () => {
    let done = run.normalize(form);
    // What the tables do not know was not composed either.
    if (form.endsWith("C")) {
      let parted = "";
      for (const character of done) parted += young(character) ? character.normalize("NFD") : character;
      done = parted;
    }
    out += done;
    run = "";
  };
  for (const character of text) {
    if (character >= "\u0300" && young(character)) {
      close();
      out += character;
    } else run += character;
  }
  close();
  return out;
}
