import type { Normalizer } from "./normalize.ts";
import { escaped } from "./patterns.ts";
import type { AddedTokenJson } from "./schema.ts";
import { Span } from "./span.ts";
import { table } from "./unicode.ts";

const WORD_BEFORE = new RegExp(`[${table("RUST_WORD")}]$`, "u");
const WORD_AFTER = new RegExp(`^[${table("RUST_WORD")}]`, "u");
const SPACE = /^\p{White_Space}$/u;

/** A part of a text: an added token with its id, or text to cut. */
export interface Part {
  span: Span;
  id?: number;
}

/** The added tokens that are looked for in the text as it is, or in the normalised text. */
class Finder {
  readonly #expression: RegExp | undefined;
  readonly #tokens: Map<string, AddedTokenJson>;

  constructor(tokens: readonly AddedTokenJson[], content: (token: AddedTokenJson) => string) {
    this.#tokens = new Map(tokens.map((token) => [content(token), token]));
    this.#tokens.delete("");
    // The longest that fits wins.
    const names = [...this.#tokens.keys()].sort((a, b) => b.length - a.length);
    if (names.length > 0) this.#expression = new RegExp(names.map(escaped).join("|"), "gu");
  }

  split(span: Span): Part[] {
    if (span.text === "") return [];
    if (this.#expression === undefined) return [{ span }];
    const { text } = span;
    const parts: Part[] = [];
    let at = 0;
    for (const match of text.matchAll(this.#expression)) {
      let from = match.index;
      let to = from + match[0].length;
      const token = this.#tokens.get(match[0]) as AddedTokenJson;
      // The look-behind needs a character, which may be a surrogate pair.
      if (
        token.single_word &&
        (WORD_BEFORE.test(text.slice(Math.max(0, from - 2), from)) || WORD_AFTER.test(text.slice(to, to + 2)))
      )
        continue;
      // What the token before has taken is not taken again.
      if (token.lstrip) {
        while (from > at && SPACE.test(text[from - 1])) from--;
        from = Math.max(from, at);
        if (from >= to) continue;
      }
      if (token.rstrip) while (to < text.length && SPACE.test(text[to])) to++;
      if (from > at) parts.push({ span: span.part(text.slice(at, from), at) });
      parts.push({ span: span.part(text.slice(from, to), from), id: token.id });
      at = to;
    }
    if (at === 0) return [{ span }];
    if (at < text.length) parts.push({ span: span.part(text.slice(at), at) });
    return parts;
  }
}

/** Takes the added tokens out of texts and normalises what lies between them. */
export class AddedTokens {
  readonly #raw: Finder;
  readonly #normalized: Finder;
  readonly #normalize: Normalizer;

  constructor(tokens: readonly AddedTokenJson[], normalize: Normalizer) {
    this.#normalize = normalize;
    this.#raw = new Finder(
      tokens.filter((token) => !token.normalized),
      (token) => token.content,
    );
    this.#normalized = new Finder(
      tokens.filter((token) => token.normalized),
      (token) => normalize(new Span(token.content, 0)).text,
    );
  }

  split(text: string): Part[] {
    return this.#raw
      .split(new Span(text, 0))
      .flatMap((part) => (part.id === undefined ? this.#normalized.split(this.#normalize(part.span)) : [part]));
  }
}
