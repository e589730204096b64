import { existsSync, join, readFileSync, statSync } from "#platform";
import { DataError, fileError } from "../../data/lines.ts";
import { writeFileAtomic } from "../../formats/atomic.ts";
import { Bpe } from "./bpe.ts";
import { decodeTokens } from "./decode.ts";
import { specialRoles, type TokenizerKind } from "./kinds.ts";
import type { Model } from "./model.ts";
import { Pipeline } from "./pipeline.ts";
import { type ModelJson, parseTokenizerJson, type TokenizerJson } from "./schema.ts";
import { Unigram } from "./unigram.ts";
import { WordLevel } from "./word.ts";
import { WordPiece } from "./wordpiece.ts";

/** A text as tokens; the three lists are equally long. */
export interface Encoding {
  ids: number[];
  tokens: string[];
  /**
   * Where each token lies in the text, from and to, in UTF-16 units: `text.slice(from, to)`. (Python counts code points: the
   * numbers differ after characters such as emoji.) Tokens that were added, as `[CLS]`, have `[0, 0]`.
   */
  offsets: [number, number][];
}

function modelOf(json: ModelJson, source: string): Model {
  switch (json.type) {
    case "BPE":
      return new Bpe(json, source);
    case "WordPiece":
      return new WordPiece(json, source);
    case "Unigram":
      return new Unigram(json, source);
    case "WordLevel":
      return new WordLevel(json, source);
  }
}

/**
 * Text to token ids and back, with the same results as Hugging Face's `tokenizers` has from the same `tokenizer.json`.
 * Truncation and padding that a file states are kept but not applied: as in Transformers, batches decide on them.
 */
export class Tokenizer {
  readonly #json: Omit<TokenizerJson, "model">;
  readonly #model: Model;
  readonly #pipeline: Pipeline;
  readonly #added = new Map<string, number>();
  readonly #addedNames = new Map<number, string>();
  readonly #special = new Set<number>();
  /** Ids before and after a text. */
  readonly #frame: { before: number[]; after: number[] } = { before: [], after: [] };

  private constructor(json: TokenizerJson, source: string) {
    const { model, ...rest } = json;
    this.#json = rest;
    this.#model = modelOf(model, source);
    json.added_tokens.forEach(({ content, id, special, normalized }, i) => {
      const where = `${source}: added_tokens.${i}`;
      const known = this.#model.ids.get(content);
      const other = this.#model.vocabulary[id] ?? this.#addedNames.get(id);
      if ((known ?? id) !== id || (other ?? content) !== content) {
        throw new DataError(
          `${where}: ${JSON.stringify(content)} has the id ${id}, which ${known === undefined ? `is ${JSON.stringify(other)}'s` : `in the vocabulary is ${known}`}`,
        );
      }
      if (normalized && json.normalizer !== null) {
        throw new DataError(`${where}.normalized: found true; together with a normalizer only false is known`);
      }
      this.#added.set(content, id);
      this.#addedNames.set(id, content);
      if (special) this.#special.add(id);
    });
    this.#pipeline = new Pipeline(json);
    if (json.post_processor?.type === "TemplateProcessing") this.#readTemplate(json.post_processor, source);
  }

  #readTemplate(
    template: Extract<TokenizerJson["post_processor"], { type: "TemplateProcessing" }>,
    source: string,
  ): void {
    const where = `${source}: post_processor.single`;
    let side: number[] | undefined = this.#frame.before;
    for (const part of template.single) {
      if ("Sequence" in part) {
        if (side === this.#frame.after || part.Sequence.id !== "A") {
          throw new DataError(`${where}: expected the sequence A once`);
        }
        side = this.#frame.after;
        continue;
      }
      const name = part.SpecialToken.id;
      const token = template.special_tokens[name];
      if (token === undefined) {
        throw new DataError(`${where}: ${JSON.stringify(name)} is not among post_processor.special_tokens`);
      }
      token.ids.forEach((id, i) => {
        if (this.idToToken(id) === undefined || this.idToToken(id) !== token.tokens[i]) {
          throw new DataError(
            `${source}: post_processor.special_tokens.${name}: the id ${id} is ${JSON.stringify(this.idToToken(id) ?? "no token")}`,
          );
        }
      });
      side.push(...token.ids);
    }
    if (side !== this.#frame.after) throw new DataError(`${where}: expected the sequence A once`);
  }

  /** @throws DataError that names the field for anything but one of the five kinds; `source` is how errors call it */
  static fromJSON(value: unknown, source = "tokenizer.json"): Tokenizer {
    return new Tokenizer(parseTokenizerJson(value, source), source);
  }

  /** Reads `tokenizer.json`; given a folder, the one in it. Throws {@link DataError}. */
  static fromFile(path: string): Tokenizer {
    const file = existsSync(path) && statSync(path).isDirectory() ? join(path, "tokenizer.json") : path;
    let value: unknown;
    try {
      value = JSON.parse(readFileSync(file, "utf8"));
    } catch (error) {
      if (error instanceof SyntaxError)
        throw new DataError(`${file}: not JSON: ${error.message}`, "The file is damaged.");
      throw fileError(file, error);
    }
    return Tokenizer.fromJSON(value, file);
  }

  /** Writes `tokenizer.json` and `tokenizer_config.json` into a folder, as Transformers' `AutoTokenizer` reads them. */
  save(folder: string): void {
    const config = {
      tokenizer_class: "PreTrainedTokenizerFast",
      // The decoder has its own way with spaces; Transformers shall not change its result.
      clean_up_tokenization_spaces: false,
      ...specialRoles([...this.#added.keys()]),
    };
    writeFileAtomic(join(folder, "tokenizer.json"), `${JSON.stringify(this, null, 1)}\n`);
    writeFileAtomic(join(folder, "tokenizer_config.json"), `${JSON.stringify(config, null, 2)}\n`);
  }

  toJSON(): TokenizerJson {
    return { ...this.#json, model: this.#model.toJSON() };
  }

  get kind(): TokenizerKind {
    const { type } = this.#model;
    if (type === "WordLevel") return this.#json.pre_tokenizer.type === "Split" ? "character" : "word";
    return type === "BPE" ? "bpe" : type === "WordPiece" ? "wordpiece" : "unigram";
  }

  /** Number of tokens: ids are below it. */
  get vocabSize(): number {
    return [...this.#addedNames.keys()].reduce((n, id) => Math.max(n, id + 1), this.#model.vocabulary.length);
  }

  /** The tokens by their ids; empty where an id has none. */
  get vocabulary(): string[] {
    return Array.from({ length: this.vocabSize }, (_, id) => this.idToToken(id) ?? "");
  }

  tokenToId(token: string): number | undefined {
    return this.#added.get(token) ?? this.#model.ids.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.#addedNames.get(id) ?? this.#model.vocabulary[id];
  }

  /** @param options.addSpecialTokens what the file's template puts around a text, as `[CLS]` and `[SEP]`; true by default */
  encode(text: string, { addSpecialTokens = true }: { addSpecialTokens?: boolean } = {}): Encoding {
    const encoding: Encoding = { ids: [], tokens: [], offsets: [] };
    const add = (id: number, token: string, offsets: [number, number]): void => {
      encoding.ids.push(id);
      encoding.tokens.push(token);
      encoding.offsets.push(offsets);
    };
    const frame = (ids: readonly number[]): void => {
      if (addSpecialTokens) for (const id of ids) add(id, this.idToToken(id) as string, [0, 0]);
    };
    frame(this.#frame.before);
    for (const { special, span } of this.#pipeline.pieces(text)) {
      if (special !== undefined) {
        add(special, span.text, span.range(0, span.text.length));
        continue;
      }
      const { ids, starts, ends } = this.#model.tokenize(span.text);
      for (let i = 0; i < ids.length; i++) {
        const keeps = ids[i] === this.#model.unknownKeepsText;
        const token = keeps ? span.text.slice(starts[i], ends[i]) : this.#model.vocabulary[ids[i]];
        add(ids[i], token, span.range(starts[i], ends[i]));
      }
    }
    frame(this.#frame.after);
    return encoding;
  }

  /**
   * @param options.skipSpecialTokens leave special tokens out; true by default
   * @throws RangeError for an id that no token has
   */
  decode(ids: Iterable<number>, { skipSpecialTokens = true }: { skipSpecialTokens?: boolean } = {}): string {
    const tokens: string[] = [];
    for (const id of ids) {
      const token = this.idToToken(id);
      if (token === undefined) throw new RangeError(`no token has the id ${id}; there are ${this.vocabSize}`);
      if (!skipSpecialTokens || !this.#special.has(id)) tokens.push(token);
    }
    return decodeTokens(tokens, this.#json.decoder);
  }
}
