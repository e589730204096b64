import { existsSync, join, readFileSync, statSync } from "#platform";
import { named, shownAs } from "../../backend/inspect.ts";
import { checkOptions } from "../../backend/options.ts";
import { DataError, fileError } from "../../data/lines.ts";
import { writeFileAtomic } from "../../formats/atomic.ts";
import { checkIterable, checkText } from "../check.ts";
import { Bpe } from "./bpe.ts";
import { type Decoder, decoder } from "./decode.ts";
import { specialRoles, type TokenizerKind } from "./kinds.ts";
import type { Model } from "./model.ts";
import { Pipeline } from "./pipeline.ts";
import { type Encoding, PostProcessor, type Sequence } from "./post-process.ts";
import { endsInBytes } from "./pre-tokenize.ts";
import { type ModelJson, parseTokenizerJson, type TokenizerJson } from "./schema.ts";
import { Unigram } from "./unigram.ts";
import { WordLevel } from "./word.ts";
import { WordPiece } from "./wordpiece.ts";

function modelOf(json: ModelJson, source: string, bytes: boolean): Model {
  switch (json.type) {
    case "BPE":
      return new Bpe(json, source, bytes);
    case "WordPiece":
      return new WordPiece(json, source);
    case "Unigram":
      return new Unigram(json, source);
    case "WordLevel":
      return new WordLevel(json, source);
  }
}

const ENCODE = { pair: true, addSpecialTokens: true } as const;
const DECODE = { skipSpecialTokens: true } as const;

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
  readonly #processor: PostProcessor;
  readonly #decode: Decoder;

  private constructor(json: TokenizerJson, source: string) {
    const { model, ...rest } = json;
    this.#json = rest;
    const marked = model.type === "BPE" && !!(model.continuing_subword_prefix || model.end_of_word_suffix);
    const bytes = model.type === "BPE" && !marked && endsInBytes(json.pre_tokenizer);
    this.#model = modelOf(model, source, bytes);
    json.added_tokens.forEach(({ content, id, special }, i) => {
      const where = `${source}: added_tokens.${i}`;
      const known = this.#model.ids.get(content);
      const other = this.#model.vocabulary[id] ?? this.#addedNames.get(id);
      if ((known ?? id) !== id || (other ?? content) !== content) {
        throw new DataError(
          `${where}: ${JSON.stringify(content)} has the id ${id}, which ${known === undefined ? `is ${JSON.stringify(other)}'s` : `in the vocabulary is ${known}`}`,
        );
      }
      this.#added.set(content, id);
      this.#addedNames.set(id, content);
      if (special) this.#special.add(id);
    });
    this.#pipeline = new Pipeline(json, source, bytes);
    this.#processor = new PostProcessor(json.post_processor, source);
    for (const id of this.#processor.specialIds) {
      if (this.idToToken(id) === undefined) throw new DataError(`${source}: post_processor: no token has the id ${id}`);
    }
    this.#decode = decoder(json.decoder, `${source}: decoder`);
  }

  /** @throws DataError that names the field for anything that is not known; `source` is how errors call it */
  static fromJSON(value: unknown, source = "tokenizer.json"): Tokenizer {
    return new Tokenizer(parseTokenizerJson(value, source), source);
  }

  /** Reads `tokenizer.json`; given a folder, the one in it. Throws {@link DataError}. */
  static fromFile(path: string): Tokenizer {
    if (typeof path !== "string" || path === "")
      throw new DataError("Tokenizer.fromFile: expected a path", "Name a tokenizer.json, or its folder.");
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
    if (type === "WordLevel") return this.#json.pre_tokenizer?.type === "Split" ? "character" : "word";
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

  /** Ids of the tokens that decoding leaves out. */
  get specialIds(): ReadonlySet<number> {
    return this.#special;
  }

  tokenToId(token: string): number | undefined {
    return this.#added.get(token) ?? this.#model.ids.get(token);
  }

  idToToken(id: number): string | undefined {
    return this.#addedNames.get(id) ?? this.#model.vocabulary[id];
  }

  /**
   * @param options.pair a second text, which the file's template puts after the first
   * @param options.addSpecialTokens what the file's template puts around a text, as `[CLS]` and `[SEP]`; true by default
   */
  encode(text: string, options?: { pair?: string; addSpecialTokens?: boolean }): Encoding {
    checkOptions("Tokenizer.encode", options, ENCODE);
    const { pair, addSpecialTokens = true } = options ?? {};
    const texts = pair === undefined ? [text] : [text, pair];
    return this.assemble(
      texts.map((one) => this.cut(one)),
      addSpecialTokens,
    );
  }

  /** The tokens of a text alone. */
  cut(text: string): Sequence {
    checkText("encode", text);
    const out: Sequence = { ids: [], tokens: [], offsets: [] };
    for (const { special, span } of this.#pipeline.pieces(text)) {
      if (special !== undefined) {
        out.ids.push(special);
        out.tokens.push(span.text);
        out.offsets.push(span.range(0, span.text.length));
        continue;
      }
      const { ids, starts, ends } = this.#model.tokenize(span.text);
      for (let i = 0; i < ids.length; i++) {
        const keeps = ids[i] === this.#model.unknownKeepsText;
        out.ids.push(ids[i]);
        out.tokens.push(keeps ? span.text.slice(starts[i], ends[i]) : this.#model.vocabulary[ids[i]]);
        out.offsets.push(span.range(starts[i], ends[i]));
      }
    }
    return out;
  }

  /** One text or two, cut and perhaps shortened, with what the template puts around them. */
  assemble(texts: readonly Sequence[], addSpecialTokens = true): Encoding {
    return this.#processor.process(texts, addSpecialTokens, (id) => this.idToToken(id) as string);
  }

  /** How many tokens the template puts around one text, or two. */
  numSpecialTokensToAdd(pair = false): number {
    return this.#processor.added(pair);
  }

  /**
   * @param options.skipSpecialTokens leave special tokens out; true by default
   * @throws DataError for what is no id. Ids past the vocabulary, which a model's padded table may give, decode to nothing.
   */
  decode(ids: Iterable<number>, options?: { skipSpecialTokens?: boolean }): string {
    checkOptions("Tokenizer.decode", options, DECODE);
    const { skipSpecialTokens = true } = options ?? {};
    checkIterable("decode", ids, "ids");
    const tokens: string[] = [];
    for (const id of ids) {
      const token = this.idToToken(id);
      if (!Number.isInteger(id) || id < 0) throw new DataError(`decode: ${id} is no id: expected whole numbers from 0`);
      if (token === undefined) continue;
      if (!skipSpecialTokens || !this.#special.has(id)) tokens.push(token);
    }
    return this.#decode(tokens).join("");
  }
}

shownAs(Tokenizer, ({ kind, vocabSize }) => named("Tokenizer", { kind, vocabSize }));
