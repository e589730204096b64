import { asByteCharacters } from "./normalize.ts";
import { compilePattern, escaped } from "./patterns.ts";
import type { MetaspaceJson, PreTokenizerJson, SplitBehavior } from "./schema.ts";
import type { Span } from "./span.ts";
import { category, table } from "./unicode.ts";

/** Cuts a text into pieces; tokens never cross their borders. */
export type PreTokenizer = (span: Span) => Span[];

// Expressions that match every part of a text, spaces too, so that positions follow from lengths. `\s` and `\w` are spelled out,
// and the classes have their own tables: JavaScript's differ from those of Rust and of Oniguruma.
const [L, N, P, W] = [category("L"), category("N"), table("PUNCTUATION"), table("RUST_WORD")];
const GPT2 = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?[${L}]+| ?[${N}]+| ?[^\\p{White_Space}${L}${N}]+|\\p{White_Space}+(?!\\P{White_Space})|\\p{White_Space}+`,
  "gu",
);
const BERT = new RegExp(`[${P}]|[^${P}\\p{White_Space}]+|\\p{White_Space}+`, "gu");
const WORDS = new RegExp(`[${W}]+|[^${W}\\p{White_Space}]+|\\p{White_Space}+`, "gu");
const SPACED = /\P{White_Space}+|\p{White_Space}+/gu;
const PUNCTUATION = new RegExp(`[${P}]`, "gu");

function cut(span: Span, pattern: RegExp, dropSpaces: boolean): Span[] {
  const parts: Span[] = [];
  let at = 0;
  for (const text of span.text.match(pattern) ?? []) {
    if (!dropSpaces || !isSpace(text)) parts.push(span.part(text, at));
    at += text.length;
  }
  return parts;
}

function isSpace(text: string): boolean {
  const code = text.charCodeAt(0);
  if (code < 0x80) return code === 32 || (code >= 9 && code <= 13);
  return /^\p{White_Space}/u.test(text);
}

/** What becomes of the parts that match and of those between them, as `NormalizedString::split` of `tokenizers` has it. */
function splitter(pattern: RegExp, behavior: SplitBehavior, invert = false): PreTokenizer {
  if (behavior === "Isolated") {
    return (span) => {
      const { text } = span;
      const parts: Span[] = [];
      let at = 0;
      for (const match of text.matchAll(pattern)) {
        if (match.index > at) parts.push(span.part(text.slice(at, match.index), at));
        at = match.index + match[0].length;
        if (match[0] !== "") parts.push(span.part(match[0], match.index));
      }
      if (at < text.length) parts.push(span.part(text.slice(at), at));
      return parts;
    };
  }
  return (span) => {
    const { text } = span;
    const parts: { from: number; to: number; match: boolean }[] = [];
    let at = 0;
    for (const match of text.matchAll(pattern)) {
      if (match.index > at) parts.push({ from: at, to: match.index, match: invert });
      at = match.index + match[0].length;
      parts.push({ from: match.index, to: at, match: !invert });
    }
    if (at < text.length) parts.push({ from: at, to: text.length, match: invert });
    const kept = joined(parts, behavior).filter(({ from, to }) => to > from);
    return kept.map(({ from, to }) => (to - from === text.length ? span : span.part(text.slice(from, to), from)));
  };
}

function joined(parts: { from: number; to: number; match: boolean }[], behavior: SplitBehavior): typeof parts {
  if (behavior === "Removed") return parts.filter(({ match }) => !match);
  const out: typeof parts = [];
  let before = false;
  for (const part of behavior === "MergedWithNext" ? [...parts].reverse() : parts) {
    const last = out.at(-1);
    const joins = behavior === "Contiguous" ? part.match === before : part.match && !before;
    if (!joins || last === undefined) out.push({ ...part });
    else if (behavior === "MergedWithNext") last.from = part.from;
    else last.to = part.to;
    before = part.match;
  }
  return behavior === "MergedWithNext" ? out.reverse() : out;
}

/** Older files say it with a flag. */
export const prependScheme = ({ prepend_scheme, add_prefix_space }: MetaspaceJson): "always" | "first" | "never" =>
  prepend_scheme ?? (add_prefix_space === false ? "never" : "always");

/**
 * The function that a `pre_tokenizer` describes. `bytes`: a last step `ByteLevel` leaves it to the model to go from characters to
 * bytes. Throws {@link DataError}; `where` names the field.
 */
export function preTokenizer(json: PreTokenizerJson | null, where: string, bytes = false): PreTokenizer {
  if (json === null) return (span) => [span];
  switch (json.type) {
    case "Sequence": {
      const { length } = json.pretokenizers;
      const steps = json.pretokenizers.map((step, i) =>
        preTokenizer(step, `${where}.pretokenizers.${i}`, bytes && i === length - 1),
      );
      return (span) => steps.reduce((spans, step) => spans.flatMap(step), [span]);
    }
    case "ByteLevel":
      return (span) => {
        const spaced = json.add_prefix_space && !span.text.startsWith(" ") ? span.prepend(" ") : span;
        const pieces = json.use_regex ? cut(spaced, GPT2, false) : [spaced];
        return bytes ? pieces : pieces.map(asByteCharacters);
      };
    case "BertPreTokenizer":
      return (span) => cut(span, BERT, true);
    case "Whitespace":
      return (span) => cut(span, WORDS, true);
    case "WhitespaceSplit":
      return (span) => cut(span, SPACED, true);
    case "Split":
      return splitter(compilePattern(json.pattern, `${where}.pattern`), json.behavior, json.invert);
    case "Digits":
      return splitter(/\p{N}/gu, json.individual_digits ? "Isolated" : "Contiguous");
    case "Punctuation":
      return splitter(PUNCTUATION, json.behavior);
    case "CharDelimiterSplit":
      return splitter(new RegExp(escaped(json.delimiter), "gu"), "Removed");
    case "FixedLength":
      return splitter(new RegExp(`[\\s\\S]{1,${json.length}}`, "gu"), "Isolated");
    case "Metaspace": {
      const { replacement, split } = json;
      const scheme = prependScheme(json);
      const sign = escaped(replacement);
      const pattern = new RegExp(`${sign}[^${sign}]*|[^${sign}]+`, "gu");
      return (span) => {
        const signed = span.rewritten(span.text.replaceAll(" ", replacement));
        const before = scheme === "always" || (scheme === "first" && span.text !== "" && span.range(0, 1)[0] === 0);
        const whole = before && !signed.text.startsWith(replacement) ? signed.prepend(replacement) : signed;
        return split ? cut(whole, pattern, false) : [whole];
      };
    }
  }
}

/** Whether the last step is `ByteLevel`, so that pieces stand for bytes. */
export function endsInBytes(json: PreTokenizerJson | null): boolean {
  return json?.type === "Sequence" ? endsInBytes(json.pretokenizers.at(-1) ?? null) : json?.type === "ByteLevel";
}
