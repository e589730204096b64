import { AddedTokens } from "./added-tokens.ts";
import { normalizer } from "./normalize.ts";
import { type PreTokenizer, preTokenizer } from "./pre-tokenize.ts";
import type { TokenizerJson } from "./schema.ts";
import type { Span } from "./span.ts";

/** What the model of a tokenizer is given: an added token, or a piece of text to cut. */
export type Section = { special: number; span: Span } | { special?: undefined; span: Span };

/** Everything before the model: added tokens are taken out, the rest is normalised and cut. */
export class Pipeline {
  readonly #added: AddedTokens;
  readonly #cut: PreTokenizer;

  /** @param bytes pieces stand for their bytes where the pre-tokenizer ends with ByteLevel */
  constructor(
    json: Pick<TokenizerJson, "added_tokens" | "normalizer" | "pre_tokenizer">,
    source: string,
    bytes = true,
  ) {
    this.#added = new AddedTokens(json.added_tokens, normalizer(json.normalizer, `${source}: normalizer`));
    this.#cut = preTokenizer(json.pre_tokenizer, `${source}: pre_tokenizer`, bytes);
  }

  /** Added tokens and pieces in order. Lone surrogates, which no file can hold, become U+FFFD. */
  pieces(text: string): Section[] {
    // Node 20 has it; the standard library that the types describe is a year older.
    const whole = (text as unknown as { toWellFormed(): string }).toWellFormed();
    const sections: Section[] = [];
    for (const { span, id } of this.#added.split(whole)) {
      if (id !== undefined) sections.push({ special: id, span });
      else for (const piece of this.#cut(span)) if (piece.text !== "") sections.push({ span: piece });
    }
    return sections;
  }
}
