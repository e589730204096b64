import { DataError } from "../../data/lines.ts";
import { BYTE_CHARACTERS } from "./bpe.ts";
import { CharsMap } from "./charsmap.ts";
import { grown } from "./pair-table.ts";
import { compilePattern } from "./patterns.ts";
import type { NormalizerJson } from "./schema.ts";
import { Span } from "./span.ts";
import { normalForm, one } from "./unicode.ts";

/** A text as the model shall see it. */
export type Normalizer = (span: Span) => Span;

const CHINESE =
  /^[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]$/u;
const REMOVED = one("CONTROLS");
const SPACE = /^\p{White_Space}$/u;
const MARK = one("MARKS");
const NONSPACING = one("NONSPACING");
/** Where the order of marks may change, which a look at one character does not show. */
const MARKS = /\p{M}\p{M}/u;
/** Runs that at most change their case, and single other characters. */
const RUNS = /[ -~]+|[^ -~]/gu;

type BertJson = Extract<NormalizerJson, { type: "BertNormalizer" }>;

/** What BERT's normalizer makes of one character. */
function rewriteBert(
  character: string,
  { clean_text, handle_chinese_chars, strip_accents, lowercase }: BertJson,
): string {
  let text = character;
  if (clean_text && !(text >= " " && text <= "~")) {
    if ("\t\n\r".includes(text)) text = " ";
    else if (REMOVED.test(text)) text = "";
    else if (SPACE.test(text)) text = " ";
  }
  if (handle_chinese_chars && CHINESE.test(text)) text = ` ${text} `;
  if (strip_accents ?? lowercase) {
    let kept = "";
    for (const part of character > "\x7f" ? normalForm(text, "NFD") : text) if (!NONSPACING.test(part)) kept += part;
    text = kept;
  }
  return lowercase ? text.toLowerCase() : text;
}

/**
 * Rewrites character by character as Hugging Face does it (so a final sigma stays σ); printable ASCII at most changes its case.
 * What comes of a character has its range.
 */
function byCharacter(span: Span, lowercase: boolean, rewrite: (character: string) => string): Span {
  const parts: string[] = [];
  let from = new Int32Array(span.text.length + 16);
  let to = new Int32Array(span.text.length + 16);
  let at = 0;
  let size = 0;
  for (const run of span.text.match(RUNS) ?? []) {
    const plain = run >= " " && run < "\x7f";
    const made = plain ? (lowercase ? run.toLowerCase() : run) : rewrite(run);
    parts.push(made);
    while (size + made.length > from.length) {
      from = grown(from);
      to = grown(to);
    }
    if (plain) {
      for (let i = 0; i < made.length; i++) [from[size + i], to[size + i]] = span.range(at + i, at + i + 1);
    } else {
      const [start, end] = span.range(at, at + run.length);
      from.fill(start, size, size + made.length);
      to.fill(end, size, size + made.length);
    }
    size += made.length;
    at += run.length;
  }
  return new Span(parts.join(""), 0, { from, to });
}

/** Starters with what may combine with them: normal forms never reach over such a piece's borders. */
const COMBINING = /[\p{M}\u1160-\u11ff\uff9e\uff9f]*/uy;

function inNormalForm(span: Span, form: "NFC" | "NFD" | "NFKC" | "NFKD"): Span {
  const { text } = span;
  if (normalForm(text, form) === text) return span;
  const characters: string[] = [];
  const changes: number[] = [];
  for (let at = 0; at < text.length; ) {
    COMBINING.lastIndex = at + ((text.codePointAt(at) as number) > 0xffff ? 2 : 1);
    COMBINING.exec(text);
    const end = COMBINING.lastIndex || at + 1;
    const old = [...text.slice(at, end)];
    const now = [...normalForm(text.slice(at, end), form)];
    // More characters: those of the first grew. Fewer: the first took some.
    const more = now.length - old.length;
    now.forEach((character, i) => {
      characters.push(character);
      changes.push(more > 0 ? (i > 0 && i <= more ? 1 : 0) : i === 0 ? more : 0);
    });
    at = end;
  }
  return span.transform(characters, changes);
}

function strip(span: Span, left: boolean, right: boolean): Span {
  const { text } = span;
  const start = left ? (/^\p{White_Space}*/u.exec(text) as RegExpExecArray)[0].length : 0;
  let end = text.length;
  if (right) while (end > start && SPACE.test(text[end - 1])) end--;
  return start === 0 && end === text.length ? span : span.part(text.slice(start, end), start);
}

const utf8 = new TextEncoder();

/** Bytes as GPT-2's visible characters, each with the range of the character that it belongs to. */
export function asByteCharacters(span: Span): Span {
  const characters: string[] = [];
  const changes: number[] = [];
  for (const character of span.text) {
    utf8.encode(character).forEach((byte, i) => {
      characters.push(BYTE_CHARACTERS[byte]);
      changes.push(i > 0 ? 1 : 0);
    });
  }
  return span.transform(characters, changes);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const NMT_REMOVED = /[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: line ends and tabs become spaces
const NMT_SPACE = /[\u0009\u000a\u000c\u000d\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/gu;

/** The function that a `normalizer` describes. Throws {@link DataError}; `where` names the field. */
export function normalizer(json: NormalizerJson | null, where: string): Normalizer {
  if (json === null) return (span) => span;
  switch (json.type) {
    case "Sequence": {
      const steps = json.normalizers.map((step, i) => normalizer(step, `${where}.normalizers.${i}`));
      return (span) => steps.reduce((done, step) => step(done), span);
    }
    case "BertNormalizer": {
      const once = (json: BertJson) => (span: Span) =>
        byCharacter(span, json.lowercase, (character) => rewriteBert(character, json));
      const whole = once(json);
      if (!(json.strip_accents ?? json.lowercase)) return whole;
      const clean = once({ ...json, strip_accents: false, lowercase: false });
      const strip = once({ ...json, clean_text: false, handle_chinese_chars: false });
      return (span) => (MARKS.test(span.text) ? strip(inNormalForm(clean(span), "NFD")) : whole(span));
    }
    case "Lowercase":
      return (span) => byCharacter(span, true, (character) => character.toLowerCase());
    case "StripAccents":
      return (span) => byCharacter(span, false, (character) => (MARK.test(character) ? "" : character));
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return (span) => inNormalForm(span, json.type);
    case "Nmt":
      return (span) => span.replace(NMT_REMOVED, "").replace(NMT_SPACE, " ");
    case "Strip":
      return (span) => strip(span, json.strip_left, json.strip_right);
    case "Replace": {
      const pattern = compilePattern(json.pattern, `${where}.pattern`);
      return (span) => span.replace(pattern, json.content);
    }
    case "Prepend":
      return (span) => span.prepend(json.prepend);
    case "ByteLevel":
      return asByteCharacters;
    case "Precompiled": {
      const field = `${where}.precompiled_charsmap`;
      const map = new CharsMap(fromBase64(json.precompiled_charsmap, field), field);
      return (span) => (json.longest ? map.applyLongest(span) : map.apply(span));
    }
  }
}

function fromBase64(text: string, where: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new DataError(`${where}: not base64`, "The file is damaged.");
  }
}
