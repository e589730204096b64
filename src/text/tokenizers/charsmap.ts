import { DataError } from "../../data/lines.ts";
import type { Span } from "./span.ts";

const utf8 = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
/** Characters that join with their neighbours into one grapheme, roughly: all others stand alone. */
const JOINING =
  /\r\n|[\p{M}\p{Join_Control}\p{Regional_Indicator}\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\u{110bd}\u{110cd}\p{Emoji_Modifier}\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff\u0e33\u0eb3\uff9e\uff9f]/u;

/** Characters of a new text with their changes, as {@link Span.transform} takes them. */
class Rewriting {
  readonly #characters: string[] = [];
  readonly #changes: number[] = [];
  #changed = false;

  keep(character: string): void {
    this.#characters.push(character);
    this.#changes.push(0);
  }

  put(old: string, made: string): void {
    this.#changed = true;
    const now = [...made];
    const grown = now.length - [...old].length;
    for (let i = 0; i < now.length; i++) {
      this.#characters.push(now[i]);
      this.#changes.push(i >= now.length - grown ? 1 : 0);
    }
    if (grown < 0 && this.#changes.length > 0) this.#changes[this.#changes.length - 1] += grown;
  }

  of(span: Span): Span {
    return this.#changed ? span.transform(this.#characters, this.#changes) : span;
  }
}

/**
 * SentencePiece's `precompiled_charsmap`: replacements found by a double-array trie (Aoe 1989, as Darts stores it) over UTF-8,
 * the replacement texts behind it, each ended by a zero byte.
 */
export class CharsMap {
  readonly #units: Uint32Array;
  readonly #texts: Uint8Array;
  readonly #known = new Map<string, string | undefined>();
  #graphemes: Intl.Segmenter | undefined;

  /** Throws {@link DataError} when the bytes are cut off. */
  constructor(bytes: Uint8Array, where: string) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = bytes.length < 4 ? -1 : view.getUint32(0, true);
    if (size < 4 || size % 4 !== 0 || 4 + size > bytes.length)
      throw new DataError(
        `${where}: the trie has ${size} bytes, but ${bytes.length} are there`,
        "The file is damaged.",
      );
    this.#units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.#texts = bytes.subarray(4 + size);
  }

  /** What replaces a beginning of `key` that the map knows: the shortest, or the longest with its length in bytes. */
  #find(key: Uint8Array, start: number, longest: boolean): { value: number; length: number } | undefined {
    const units = this.#units;
    const offset = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);
    let found: { value: number; length: number } | undefined;
    let place = offset(units[0]);
    for (let i = start; i < key.length; i++) {
      place ^= key[i];
      if (place >= units.length) break;
      const unit = units[place];
      if ((unit & 0x800000ff) >>> 0 !== key[i]) break;
      place ^= offset(unit);
      if ((unit >>> 8) & 1 && place < units.length) {
        found = { value: units[place] & 0x7fffffff, length: i + 1 - start };
        if (!longest) break;
      }
    }
    return found;
  }

  #text(value: number): string {
    const end = this.#texts.indexOf(0, value);
    return decoder.decode(this.#texts.subarray(value, end < 0 ? undefined : end));
  }

  #replacement(part: string): string | undefined {
    if (this.#known.has(part)) return this.#known.get(part);
    const found = this.#find(utf8.encode(part), 0, false);
    const value = found && this.#text(found.value);
    if (this.#known.size < 1 << 16) this.#known.set(part, value);
    return value;
  }

  /** As `tokenizers` applies it: to graphemes of fewer than six bytes, else to single characters. */
  apply(span: Span): Span {
    const made = new Rewriting();
    const put = (part: string): boolean => {
      const replacement = this.#replacement(part);
      if (replacement !== undefined) made.put(part, replacement);
      return replacement !== undefined;
    };
    const single = (part: string): void => {
      for (const character of part) if (!put(character)) made.keep(character);
    };
    if (JOINING.test(span.text)) {
      this.#graphemes ??= new Intl.Segmenter("en", { granularity: "grapheme" });
      for (const { segment } of this.#graphemes.segment(span.text)) {
        if (segment.length >= 6 || utf8.encode(segment).length >= 6 || !put(segment)) single(segment);
      }
    } else single(span.text);
    return made.of(span);
  }

  /** As SentencePiece itself applies it: everywhere the longest that fits. */
  applyLongest(span: Span): Span {
    const made = new Rewriting();
    const bytes = utf8.encode(span.text);
    let at = 0;
    for (let unit = 0; unit < span.text.length; ) {
      const found = this.#find(bytes, at, true);
      const part = found
        ? decoder.decode(bytes.subarray(at, at + found.length))
        : String.fromCodePoint(span.text.codePointAt(unit) as number);
      if (found) made.put(part, this.#text(found.value));
      else made.keep(part);
      at += found ? found.length : utf8.encode(part).length;
      unit += part.length;
    }
    return made.of(span);
  }
}
