/** Ways of cutting text into words for BLEU, under sacreBLEU's names. */
export type BleuTokenizer = "13a" | "intl" | "zh" | "char" | "none";

// What Python's str.split() cuts at; JavaScript's \s lacks U+001C to U+001F and U+0085, and has U+FEFF.
const SPACES = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACE = new RegExp(`[${SPACES}]`);
const WORD = new RegExp(`[^${SPACES}]+`, "g");

/** The words between white space, as Python's `str.split()`. */
export const splitWords = (text: string): string[] => text.match(WORD) ?? [];

/** Text without the white space at its end, as Python's `str.rstrip()`. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && SPACE.test(text[end - 1])) end--;
  return text.slice(0, end);
}
function trimStart(text: string): string {
  let start = 0;
  while (start < text.length && SPACE.test(text[start])) start++;
  return text.slice(start);
}

/** Puts spaces around ASCII's punctuation and symbols except `'`, `,`, `-` and `.`. */
export const spacePunctuation = (text: string): string => text.replace(/([{-~[-` -&(-+:-@/])/g, " $1 ");

/** Puts spaces around periods and commas that are not within a number, and around a dash behind a digit. */
export const spaceNumbers = (text: string): string =>
  text
    .replace(/([^0-9])([.,])/g, "$1 $2 ")
    .replace(/([.,])([^0-9])/g, " $1 $2")
    .replace(/([0-9])(-)/g, "$1 $2 ");

/** Gives XML's escaped `"`, `&`, `<` and `>` back. */
export const unescapeXml = (text: string): string =>
  text.includes("&")
    ? text.replaceAll("&quot;", '"').replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">")
    : text;

// U+2001 to U+2A6D stand where the original means U+20000 to U+2A6D6: it splits off dashes and quotation marks so.
const CHINESE =
  /([\u2001-\u2a6d\u2e80-\u2fdf\u2ff0-\u303f\u3100-\u312f\u31a0-\u31ef\u3200-\u4db5\u4e00-\u9fbb\uf900-\ufa2d\ufa30-\ufa6a\ufa70-\ufad9\ufe10-\ufe1f\ufe30-\ufe4f\uff00-\uffef])/g;

const TOKENIZERS: Record<BleuTokenizer, (text: string) => string[]> = {
  "13a": (text) => {
    const line = unescapeXml(text.replaceAll("<skipped>", "").replaceAll("-\n", "").replaceAll("\n", " "));
    return splitWords(spaceNumbers(spacePunctuation(` ${line} `)));
  },
  intl: (text) =>
    splitWords(
      text
        .replace(/(\P{N})(\p{P})/gu, "$1 $2 ")
        .replace(/(\p{P})(\P{N})/gu, " $1 $2")
        .replace(/(\p{S})/gu, " $1 "),
    ),
  zh: (text) => splitWords(spaceNumbers(spacePunctuation(trimStart(text).replace(CHINESE, " $1 ")))),
  char: (text) => Array.from(text).filter((char) => !SPACE.test(char)),
  none: splitWords,
};
export const BLEU_TOKENIZERS = Object.keys(TOKENIZERS) as BleuTokenizer[];

/**
 * Words of a text as sacreBLEU (Post 2018) cuts them: `13a` as WMT's mteval-v13a, `intl` at Unicode's punctuation and symbols
 * as mteval-v14, `zh` each Chinese character alone and the rest as `13a`, `char` characters, `none` at white space.
 */
export function bleuTokenize(text: string, tokenizer: BleuTokenizer = "13a"): string[] {
  return TOKENIZERS[tokenizer](trimEnd(text));
}
