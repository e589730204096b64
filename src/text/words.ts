import { checkText } from "./check.ts";

/** Scripts that are written without spaces; there every character counts as a word. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;
const TOKEN =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{M}\p{N}]+(?:['’][\p{L}]+)*|[!?！？]+|\p{Extended_Pictographic}/gu;

/**
 * Words of a text, normalised (NFKC) and in lower case: runs of letters and digits, single characters where a script has no
 * spaces, exclamation and question marks, emoji. Other punctuation is left out.
 */
export function words(text: string, lowercase = true): string[] {
  checkText("words", text);
  const normal = text.normalize("NFKC");
  return (lowercase ? normal.toLowerCase() : normal).match(TOKEN) ?? [];
}

export const isUnspaced = (word: string): boolean => UNSPACED.test(word);
