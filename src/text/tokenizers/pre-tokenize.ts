import { grown } from "./pair-table.ts";
import type { NormalizerJson, PreTokenizerJson } from "./schema.ts";

/** For each UTF-16 unit of a rewritten text the range in the original that it came from. */
interface Origins {
  from: Int32Array;
  to: Int32Array;
}

/** A piece of a text, possibly rewritten, that knows where each UTF-16 unit of it came from. */
export class Span {
  readonly text: string;
  /** Where it begins: in the original, or in `origins` if the text was rewritten. */
  readonly #at: number;
  readonly #origins: Origins | undefined;

  constructor(text: string, at: number, origins?: Origins) {
    this.text = text;
    this.#at = at;
    this.#origins = origins;
  }

  /** The original range of the units `a … b − 1`; there is at least one. */
  range(a: number, b: number): [number, number] {
    const at = this.#at;
    if (this.#origins === undefined) return [at + a, at + b];
    return [this.#origins.from[at + a], this.#origins.to[at + b - 1]];
  }

  /** The part that starts at unit `at` and reads `text`. */
  part(text: string, at: number): Span {
    return new Span(text, this.#at + at, this.#origins);
  }

  /** Another text of the same length in this one's place. */
  rewritten(text: string): Span {
    return new Span(text, this.#at, this.#origins);
  }

  /** With a character before it that shares the first character's range, as in Hugging Face's `NormalizedString`. */
  prepend(character: string): Span {
    const { text } = this;
    if (text === "") return this;
    const origins = { from: new Int32Array(text.length + 1), to: new Int32Array(text.length + 1) };
    for (let i = 0; i < text.length; i++) [origins.from[i + 1], origins.to[i + 1]] = this.range(i, i + 1);
    const first = (text.codePointAt(0) as number) > 0xffff ? 2 : 1;
    [origins.from[0], origins.to[0]] = this.range(0, first);
    return new Span(character + text, 0, origins);
  }
}

const CHINESE =
  /^[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]$/u;
const REMOVED = /^[\p{Cc}\p{Cf}\p{Co}\ufffd]$/u;
const SPACE = /^\p{White_Space}$/u;
const MARK = /\p{Mn}/gu;
/** Runs that at most change their case, and single other characters. */
const RUNS = /[ -~]+|[^ -~]/gu;

/** What a normalizer makes of one character. */
function rewrite(character: string, options: NormalizerJson): string {
  if (options.type === "Lowercase") return character.toLowerCase();
  const { clean_text, handle_chinese_chars, lowercase } = options;
  let text = character;
  if (clean_text && !(text >= " " && text <= "~")) {
    if ("\t\n\r".includes(text)) text = " ";
    else if (REMOVED.test(text)) text = "";
    else if (SPACE.test(text)) text = " ";
  }
  if (handle_chinese_chars && CHINESE.test(text)) text = ` ${text} `;
  if (options.strip_accents ?? lowercase) text = text.normalize("NFD").replace(MARK, "");
  return lowercase ? text.toLowerCase() : text;
}

/**
 * A text as the model shall see it, character by character as Hugging Face does it (so a final sigma stays σ). Marks and
 * punctuation follow this Node's Unicode; Hugging Face's tables for BERT are older and know fewer.
 */
export function normalize(span: Span, options: NormalizerJson | null): Span {
  if (options === null) return span;
  const lowercase = options.type === "Lowercase" || options.lowercase;
  const parts: string[] = [];
  let from = new Int32Array(span.text.length + 16);
  let to = new Int32Array(span.text.length + 16);
  let at = 0;
  let size = 0;
  for (const run of span.text.match(RUNS) ?? []) {
    const plain = run >= " " && run < "\x7f";
    const made = plain ? (lowercase ? run.toLowerCase() : run) : rewrite(run, options);
    parts.push(made);
    if (size + made.length > from.length) {
      from = grown(from);
      to = grown(to);
    }
    const [start, end] = span.range(at, at + run.length);
    for (let i = 0; i < made.length; i++) {
      from[size] = plain ? start + i : start;
      to[size++] = plain ? start + i + 1 : end;
    }
    at += run.length;
  }
  return new Span(parts.join(""), 0, { from, to });
}

/** Cuts a text into pieces; tokens never cross their borders. */
export type PreTokenizer = (span: Span) => Span[];

// Expressions that match every part of a text, spaces too, so that positions follow from lengths. `\s` and `\w` are spelled out:
// JavaScript's differ from those of Rust.
const GPT2 =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;
const BERT = /[\p{P}!-/:-@[-`{-~]|[^\p{P}!-/:-@[-`{-~\p{White_Space}]+|\p{White_Space}+/gu;
const WORDS =
  /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+|\p{White_Space}+/gu;
const SPACED = /\P{White_Space}+|\p{White_Space}+/gu;
const CHARACTERS = /[\s\S]/gu;

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
  return SPACE.test(text[0]);
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/** The function that a `pre_tokenizer` describes. */
export function preTokenizer(json: PreTokenizerJson): PreTokenizer {
  switch (json.type) {
    case "Sequence": {
      const steps = json.pretokenizers.map(preTokenizer);
      return (span) => steps.reduce((spans, step) => spans.flatMap(step), [span]);
    }
    case "ByteLevel":
      return (span) => {
        const spaced = json.add_prefix_space && !span.text.startsWith(" ") ? span.prepend(" ") : span;
        return json.use_regex ? cut(spaced, GPT2, false) : [spaced];
      };
    case "BertPreTokenizer":
      return (span) => cut(span, BERT, true);
    case "Whitespace":
      return (span) => cut(span, WORDS, true);
    case "WhitespaceSplit":
      return (span) => cut(span, SPACED, true);
    case "Split": {
      const string = "String" in json.pattern ? escaped(json.pattern.String) : undefined;
      const pattern = string === undefined ? CHARACTERS : new RegExp(`${string}|(?:(?!${string})[\\s\\S])+`, "gu");
      return (span) => cut(span, pattern, false);
    }
    case "Metaspace": {
      const { replacement, prepend_scheme: scheme } = json;
      const sign = escaped(replacement);
      const pattern = new RegExp(`${sign}[^${sign}]*|[^${sign}]+`, "gu");
      return (span) => {
        const signed = span.rewritten(span.text.replaceAll(" ", replacement));
        const before = scheme === "always" || (scheme === "first" && span.text !== "" && span.range(0, 1)[0] === 0);
        return cut(
          before && !signed.text.startsWith(replacement) ? signed.prepend(replacement) : signed,
          pattern,
          false,
        );
      };
    }
  }
}
