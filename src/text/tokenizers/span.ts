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

  /** With a text before it that shares the first character's range, as in Hugging Face's `NormalizedString`. */
  prepend(before: string): Span {
    const { text } = this;
    if (text === "") return this;
    const n = before.length;
    const origins = { from: new Int32Array(text.length + n), to: new Int32Array(text.length + n) };
    for (let i = 0; i < text.length; i++) [origins.from[i + n], origins.to[i + n]] = this.range(i, i + 1);
    const [from, to] = this.range(0, width(text, 0));
    origins.from.fill(from, 0, n);
    origins.to.fill(to, 0, n);
    return new Span(before + text, 0, origins);
  }

  /**
   * Rewritten character by character, as `NormalizedString::transform` of `tokenizers` does it. Change 0 puts a character in
   * the place of the next one of this text, 1 adds it after that one with the same range, −n also drops the n characters that
   * follow. `dropped` characters are left out at the beginning.
   */
  transform(characters: readonly string[], changes: ArrayLike<number>, dropped = 0): Span {
    const { text } = this;
    const size = characters.reduce((n, character) => n + character.length, 0);
    const origins = { from: new Int32Array(size), to: new Int32Array(size) };
    let at = 0;
    let out = 0;
    const first = text === "" ? 0 : this.range(0, 1)[0];
    let range: [number, number] = [first, first];
    const skip = (n: number): void => {
      for (let i = 0; i < n && at < text.length; i++) {
        const end = at + width(text, at);
        range = this.range(at, end);
        at = end;
      }
    };
    skip(dropped);
    characters.forEach((character, i) => {
      const change = changes[i];
      if (change <= 0) skip(1);
      for (let unit = 0; unit < character.length; unit++) {
        origins.from[out] = range[0];
        origins.to[out++] = range[1];
      }
      if (change < 0) skip(-change);
    });
    return new Span(characters.join(""), 0, origins);
  }

  /** With every match of the expression replaced; the new text has the range of the match's last character. */
  replace(pattern: RegExp, content: string): Span {
    const { text } = this;
    if (text.search(pattern) < 0) return this;
    const parts: string[] = [];
    const from: number[] = [];
    const to: number[] = [];
    let at = 0;
    const keep = (end: number): void => {
      parts.push(text.slice(at, end));
      for (; at < end; at++) {
        const [a, b] = this.range(at, at + 1);
        from.push(a);
        to.push(b);
      }
    };
    for (const match of text.matchAll(pattern)) {
      keep(match.index);
      at += match[0].length;
      parts.push(content);
      const last = at === 0 ? 0 : at - (at > 1 && width(text, at - 2) === 2 ? 2 : 1);
      const [a, b] = this.range(last, Math.max(at, 1));
      for (let i = 0; i < content.length; i++) {
        from.push(a);
        to.push(b);
      }
    }
    keep(text.length);
    return new Span(parts.join(""), 0, { from: Int32Array.from(from), to: Int32Array.from(to) });
  }
}

/** UTF-16 units of the character at `at`. */
export const width = (text: string, at: number): 1 | 2 => ((text.codePointAt(at) as number) > 0xffff ? 2 : 1);
