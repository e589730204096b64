import { checkText } from "./check.ts";

/** A word and where it lies in the text: `text.slice(start, end)`, in UTF-16 units. */
export interface WordSpan {
  word: string;
  start: number;
  end: number;
}

const PATTERNS = [
  // Addresses, @names and #tags stay whole.
  String.raw`(?:https?:\/\/|www\.)[^\s<>"]*[^\s<>"'.,;:!?)\]]`,
  String.raw`[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+`,
  String.raw`[@#][\p{L}\p{M}\p{N}_]+`,
  // Scripts written without spaces: every character.
  String.raw`[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]`,
  // Numbers such as 3.5, 10:30 and 1/2, abbreviations such as U.S.
  String.raw`\p{N}+(?:[.,:/]\p{N}+)+`,
  String.raw`(?:\p{L}\.){2,}`,
  // English: do|n't, can|not stays; 's 'm 're 've 'll 'd are words.
  String.raw`[\p{L}\p{M}]+?(?=n['’]t(?![\p{L}\p{N}]))`,
  String.raw`n['’]t(?![\p{L}\p{N}])`,
  String.raw`['’](?:s|m|re|ve|ll|d)(?![\p{L}\p{N}])`,
  String.raw`[\p{L}\p{M}\p{N}_]+`,
  String.raw`\p{Extended_Pictographic}(?:[\u{fe0f}\u{1f3fb}-\u{1f3ff}]|\u{200d}\p{Extended_Pictographic})*`,
  // Anything else: runs of one mark, as ... and !!
  String.raw`([^\s])\1*`,
];
const WORD = new RegExp(PATTERNS.join("|"), "giu");

/**
 * Cuts a text into words and punctuation much as English treebanks do, nothing left out but spaces: runs of letters and
 * digits; runs of one mark (`...`); numbers with their points; `do n't`, `it 's`; addresses, `@names`, `#tags` and emoji whole;
 * single characters in Chinese, Japanese and Thai.
 */
export function splitWords(text: string): WordSpan[] {
  checkText("splitWords", text);
  return Array.from(text.matchAll(WORD), ({ 0: word, index }) => ({ word, start: index, end: index + word.length }));
}
