import { normalize, type PreTokenizer, preTokenizer, Span } from "./pre-tokenize.ts";
import type { TokenizerJson } from "./schema.ts";

/** What the model of a tokenizer is given: a special token, or a piece of text to cut. */
export type Section = { special: number; span: Span } | { special?: undefined; span: Span };

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");

/** Everything before the model: special tokens are taken out, the rest is normalised and cut. */
export class Pipeline {
  readonly #normalizer: TokenizerJson["normalizer"];
  readonly #cut: PreTokenizer;
  readonly #special: RegExp | undefined;
  readonly #ids: Map<string, number>;

  constructor(json: Pick<TokenizerJson, "added_tokens" | "normalizer" | "pre_tokenizer">) {
    this.#normalizer = json.normalizer;
    this.#cut = preTokenizer(json.pre_tokenizer);
    this.#ids = new Map(json.added_tokens.map((token) => [token.content, token.id]));
    // The longest that fits wins.
    const names = [...this.#ids.keys()].sort((a, b) => b.length - a.length);
    if (names.length > 0) this.#special = new RegExp(names.map(escaped).join("|"), "gu");
  }

  /** Special tokens and pieces in order. Lone surrogates, which no file can hold, become U+FFFD. */
  pieces(text: string): Section[] {
    // Node 20 has it; the standard library that the types describe is a year older.
    const whole = (text as unknown as { toWellFormed(): string }).toWellFormed();
    const sections: Section[] = [];
    let at = 0;
    const plain = (end: number): void => {
      if (end === at) return;
      const span = normalize(
        new Span(at === 0 && end === whole.length ? whole : whole.slice(at, end), at),
        this.#normalizer,
      );
      for (const piece of this.#cut(span)) if (piece.text !== "") sections.push({ span: piece });
    };
    if (this.#special !== undefined) {
      for (const match of whole.matchAll(this.#special)) {
        plain(match.index);
        sections.push({ special: this.#ids.get(match[0]) as number, span: new Span(match[0], match.index) });
        at = match.index + match[0].length;
      }
    }
    plain(whole.length);
    return sections;
  }
}
