import { join } from "#platform";
import { named, shownAs } from "../../backend/inspect.ts";
import { checkOptions, type Known, OptionError } from "../../backend/options.ts";
import { DataError } from "../../data/lines.ts";
import { writeFileAtomic } from "../../formats/atomic.ts";
import { checkIterable, checkList, checkText } from "../check.ts";
import { cleanUp } from "../tokenizers/decode.ts";
import { specialRoles } from "../tokenizers/kinds.ts";
import type { Encoding, Sequence } from "../tokenizers/post-process.ts";
import type { TokenizerJson } from "../tokenizers/schema.ts";
import { Tokenizer } from "../tokenizers/tokenizer.ts";
import {
  type BatchEncoding,
  checkEncode,
  collect,
  ENCODE,
  type EncodeOptions,
  inputsOf,
  NOT_ENCODED,
  pad,
  type Side,
  type TextInputs,
  truncate,
} from "./batch.ts";
import { type ChatMessage, ChatTemplate, type ChatValues, type Templates, templatesOf } from "./chat-template.ts";

/** What cuts texts and puts special tokens around them: a {@link Tokenizer}, or what stands in its place. */
export interface Backend {
  readonly vocabSize: number;
  readonly specialIds: ReadonlySet<number>;
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
  numSpecialTokensToAdd(pair?: boolean): number;
  cut(text: string, asTarget?: boolean): Sequence;
  assemble(texts: readonly Sequence[], addSpecialTokens?: boolean): Encoding;
  decode(ids: Iterable<number>, options?: { skipSpecialTokens?: boolean }): string;
  /** tokenizer.json. */
  toJSON(): TokenizerJson;
}

export interface PreTrainedTokenizerOptions {
  /** tokenizer_config.json. */
  config?: Readonly<Record<string, unknown>>;
  /** Special tokens by their roles, as `pad_token`; by default the usual names that the tokenizer knows. */
  tokens?: Readonly<Record<string, string>>;
  tokenTypes?: boolean;
  paddingSide?: Side;
  /** Files that are kept as they are, for tokenizers that have no tokenizer.json. */
  files?: Readonly<Record<string, Uint8Array | string>>;
}

export type ChatOptions = Omit<ChatValues, "messages"> &
  Pick<EncodeOptions, "maxLength" | "truncation"> & {
    /** A template's name, or its text. */
    chatTemplate?: string;
  };

const KNOWN: Known<PreTrainedTokenizerOptions> = {
  ...{ config: true, tokens: true, tokenTypes: true, paddingSide: true, files: true },
};
const PAD = { padding: true, maxLength: true, padToMultipleOf: true, paddingSide: true } as const;
const DECODE = { skipSpecialTokens: true, cleanUpTokenizationSpaces: true } as const;

/**
 * Text to what a model takes and back, with Transformers' conventions: special tokens by their roles, pairs, truncation, padding,
 * chat templates. Get one from `AutoTokenizer.fromPretrained`, or put one around a tokenizer that was trained here.
 */
export class PreTrainedTokenizer {
  readonly backend: Backend;
  readonly config: Readonly<Record<string, unknown>>;
  /** Special tokens by Transformers' names of their roles: `pad_token`, `cls_token` … */
  readonly specialTokensMap: Readonly<Record<string, string>>;
  /** Most tokens that the model takes, Infinity if that isn't stated. */
  readonly modelMaxLength: number;
  paddingSide: Side;
  truncationSide: Side;
  readonly #tokenTypes: boolean;
  readonly #cleanUp: boolean;
  readonly #files: Readonly<Record<string, Uint8Array | string>>;
  readonly #templates: Templates;
  readonly #compiled = new Map<string, ChatTemplate>();

  /** @throws DataError when a special token is none */
  constructor(backend: Backend, options: PreTrainedTokenizerOptions = {}) {
    checkOptions("PreTrainedTokenizer", options, KNOWN);
    const { config = {}, tokens, files = {} } = options;
    this.backend = backend;
    this.config = config;
    const known = [...backend.specialIds].map((id) => backend.idToToken(id) as string);
    this.specialTokensMap = tokens ?? specialRoles(known);
    for (const [role, token] of Object.entries(this.specialTokensMap)) {
      if (backend.tokenToId(token) === undefined)
        throw new DataError(`tokenizer_config.json: ${role}: ${JSON.stringify(token)} is not in the vocabulary`);
    }
    const limit = config.model_max_length;
    // Python writes 10 ** 30 for "no limit".
    this.modelMaxLength = typeof limit === "number" && limit > 0 && limit < 1e9 ? limit : Number.POSITIVE_INFINITY;
    const side = (value: unknown, otherwise: Side): Side => (value === "left" || value === "right" ? value : otherwise);
    this.paddingSide = side(config.padding_side, options.paddingSide ?? "right");
    this.truncationSide = side(config.truncation_side, "right");
    const inputs = config.model_input_names;
    this.#tokenTypes = Array.isArray(inputs) ? inputs.includes("token_type_ids") : (options.tokenTypes ?? true);
    this.#cleanUp = config.clean_up_tokenization_spaces === true;
    this.#files = files;
    this.#templates = templatesOf(config.chat_template);
  }

  /** Number of tokens, added ones too: ids are below it. */
  get vocabSize(): number {
    return this.backend.vocabSize;
  }
  get unkToken(): string | undefined {
    return this.specialTokensMap.unk_token;
  }
  get unkTokenId(): number | undefined {
    return this.#idOf("unk_token");
  }
  get padToken(): string | undefined {
    return this.specialTokensMap.pad_token;
  }
  get padTokenId(): number | undefined {
    return this.#idOf("pad_token");
  }
  get bosToken(): string | undefined {
    return this.specialTokensMap.bos_token;
  }
  get bosTokenId(): number | undefined {
    return this.#idOf("bos_token");
  }
  get eosToken(): string | undefined {
    return this.specialTokensMap.eos_token;
  }
  get eosTokenId(): number | undefined {
    return this.#idOf("eos_token");
  }
  get clsToken(): string | undefined {
    return this.specialTokensMap.cls_token;
  }
  get clsTokenId(): number | undefined {
    return this.#idOf("cls_token");
  }
  get sepToken(): string | undefined {
    return this.specialTokensMap.sep_token;
  }
  get sepTokenId(): number | undefined {
    return this.#idOf("sep_token");
  }
  get maskToken(): string | undefined {
    return this.specialTokensMap.mask_token;
  }
  get maskTokenId(): number | undefined {
    return this.#idOf("mask_token");
  }
  /** Ids that `skipSpecialTokens` leaves out. */
  get allSpecialIds(): number[] {
    return [...this.backend.specialIds].sort((a, b) => a - b);
  }

  #idOf(role: string): number | undefined {
    const token = this.specialTokensMap[role];
    return token === undefined ? undefined : this.backend.tokenToId(token);
  }

  /** How many tokens are put around one text, or two. */
  numSpecialTokensToAdd(pair = false): number {
    return this.backend.numSpecialTokensToAdd(pair);
  }

  /** The tokens of a text, nothing around them. */
  tokenize(text: string): string[] {
    return this.backend.cut(text).tokens;
  }

  /** Ids of tokens; the unknown token's for those that are not in the vocabulary. Throws {@link DataError} where there is none. */
  convertTokensToIds(tokens: string): number;
  convertTokensToIds(tokens: readonly string[]): number[];
  convertTokensToIds(tokens: string | readonly string[]): number | number[] {
    if (typeof tokens !== "string") {
      checkList("convertTokensToIds", tokens, "tokens");
      return tokens.map((token) => this.convertTokensToIds(token));
    }
    const id = this.backend.tokenToId(tokens) ?? this.unkTokenId;
    if (id === undefined) throw new DataError(`${JSON.stringify(tokens)} is not in the vocabulary`);
    return id;
  }

  /** Tokens of ids. Throws {@link DataError} for an id that no token has. */
  convertIdsToTokens(ids: number): string;
  convertIdsToTokens(ids: readonly number[]): string[];
  convertIdsToTokens(ids: number | readonly number[]): string | string[] {
    if (typeof ids !== "number") {
      checkList("convertIdsToTokens", ids, "ids");
      return ids.map((id) => this.convertIdsToTokens(id));
    }
    const token = this.backend.idToToken(ids);
    if (token === undefined) throw new DataError(`no token has the id ${ids}; there are ${this.vocabSize}`);
    return token;
  }

  /**
   * A text, or a pair of texts, as the model takes it.
   * @throws OptionError when `maxLength` cannot be kept; DataError for what is no text, and for texts that the vocabulary cannot write
   */
  encode(text: string, options?: EncodeOptions): TextInputs;
  encode(text: string, pair: string | undefined, options?: EncodeOptions): TextInputs;
  encode(text: string, pair?: string | EncodeOptions, options: EncodeOptions = {}): TextInputs {
    const [second, settings] = typeof pair === "object" && pair !== null ? [undefined, pair] : [pair, options];
    checkOptions("encode", settings, ENCODE, NOT_ENCODED);
    return this.#padded([this.#one(text, second, settings)], settings)[0];
  }

  /**
   * Texts, or pairs with `textPairs`, list by list; `batchTensors` makes tensors of it.
   * @throws as {@link encode}, and DataError when the two lists differ in length
   */
  encodeBatch(texts: readonly string[], all: EncodeOptions & { textPairs?: readonly string[] } = {}): BatchEncoding {
    const { textPairs, ...options } = all ?? {};
    checkOptions("encodeBatch", all, { ...ENCODE, textPairs: true }, NOT_ENCODED);
    checkList("encodeBatch", texts, "texts");
    if (textPairs !== undefined) checkList("encodeBatch: textPairs", textPairs, "texts");
    if (textPairs !== undefined && textPairs.length !== texts.length)
      throw new DataError(`${texts.length} texts, but ${textPairs.length} textPairs`);
    return collect(
      this.#padded(
        texts.map((text, i) => this.#one(text, textPairs?.[i], options)),
        options,
      ),
    );
  }

  #one(text: string, pair: string | undefined, options: EncodeOptions): TextInputs {
    checkEncode(options);
    checkText("encode", text);
    const { addSpecialTokens = true, maxLength, asTarget, returnTokenTypeIds = this.#tokenTypes } = options;
    const { truncation = maxLength !== undefined && options.padding !== "max_length" } = options;
    let parts = (typeof pair === "string" ? [text, pair] : [text]).map((one) => this.backend.cut(one, asTarget));
    if (pair !== undefined && pair !== null) checkText("encode: the second text", pair);
    const limit = maxLength ?? this.modelMaxLength;
    if (truncation !== false && limit !== Number.POSITIVE_INFINITY) {
      const room = limit - (addSpecialTokens ? this.numSpecialTokensToAdd(parts.length > 1) : 0);
      if (room < 0) throw new OptionError(`maxLength is ${limit}, less than the special tokens alone`);
      const strategy = truncation === true ? "longest_first" : truncation;
      parts = truncate(parts, { maxLength: room, strategy, side: options.truncationSide ?? this.truncationSide });
    }
    return inputsOf(this.backend.assemble(parts, addSpecialTokens), { ...options, returnTokenTypeIds });
  }

  /**
   * Fills encoded texts up to one length, as `encodeBatch` with `padding` does; true (the longest) by default.
   * @throws OptionError where the tokenizer has no padding token
   */
  pad(
    inputs: readonly TextInputs[],
    all: Pick<EncodeOptions, "padding" | "maxLength" | "padToMultipleOf" | "paddingSide"> = {},
  ): BatchEncoding {
    checkOptions("pad", all, PAD, NOT_ENCODED);
    const { padding = true, ...options } = all ?? {};
    checkEncode({ ...options, padding });
    checkList("pad", inputs, "encoded texts");
    inputs.forEach((one, i) => void checkList(`pad: inputIds of text ${i}`, one?.inputIds, "ids"));
    return collect(this.#padded([...inputs], { ...options, padding }));
  }

  #padded(
    all: TextInputs[],
    { padding = false, maxLength, padToMultipleOf = 1, paddingSide }: EncodeOptions,
  ): TextInputs[] {
    if (padding === false) return all;
    const { padTokenId } = this;
    if (padTokenId === undefined)
      throw new OptionError("padding needs a padding token (pad_token), and this tokenizer has none");
    let length = all.reduce((n, { inputIds }) => Math.max(n, inputIds.length), 0);
    if (padding === "max_length") {
      const limit = maxLength ?? this.modelMaxLength;
      if (limit === Number.POSITIVE_INFINITY) throw new OptionError('padding "max_length" needs maxLength');
      length = Math.max(length, limit);
    }
    length = Math.ceil(length / padToMultipleOf) * padToMultipleOf;
    return all.map((inputs) => pad(inputs, length, padTokenId, 0, paddingSide ?? this.paddingSide));
  }

  /**
   * The text of ids.
   * @param options.skipSpecialTokens leave special tokens out; true by default
   * @throws DataError for what is no id; ids past the vocabulary decode to nothing
   */
  decode(
    ids: Iterable<number>,
    options?: { skipSpecialTokens?: boolean; cleanUpTokenizationSpaces?: boolean },
  ): string {
    checkOptions("decode", options, DECODE);
    const { skipSpecialTokens = true, cleanUpTokenizationSpaces = this.#cleanUp } = options ?? {};
    checkIterable("decode", ids, "ids");
    const text = this.backend.decode(ids, { skipSpecialTokens });
    return cleanUpTokenizationSpaces ? cleanUp(text) : text;
  }

  batchDecode(rows: readonly Iterable<number>[], options?: Parameters<PreTrainedTokenizer["decode"]>[1]): string[] {
    checkOptions("batchDecode", options, DECODE);
    checkList("batchDecode", rows, "lists of ids");
    return rows.map((ids) => this.decode(ids, options));
  }

  #chat(messages: readonly ChatMessage[], options: ChatOptions): [ChatTemplate, ChatValues] {
    const { chatTemplate = options.tools !== undefined && this.#templates.has("tool_use") ? "tool_use" : "default" } =
      options;
    const source = this.#templates.get(chatTemplate) ?? (chatTemplate.includes("{") ? chatTemplate : undefined);
    if (source === undefined) {
      throw new DataError(
        `the tokenizer has no chat template${chatTemplate === "default" ? "" : ` ${JSON.stringify(chatTemplate)}`}`,
        "Give one as chatTemplate, or use a model that was made for conversations.",
      );
    }
    let template = this.#compiled.get(source);
    if (template === undefined) {
      template = new ChatTemplate(source, "chat_template");
      this.#compiled.set(source, template);
    }
    const { chatTemplate: _, maxLength: __, truncation: ___, ...values } = options;
    return [template, { ...this.specialTokensMap, ...values, messages }];
  }

  get hasChatTemplate(): boolean {
    return this.#templates.size > 0;
  }

  /**
   * A conversation as the model was trained to see it: ids, or the text with `tokenize: false`.
   * @throws DataError without a template, or when the template refuses the conversation
   */
  applyChatTemplate(messages: readonly ChatMessage[], options: ChatOptions & { tokenize: false }): string;
  applyChatTemplate(messages: readonly ChatMessage[], options?: ChatOptions & { tokenize?: true }): number[];
  applyChatTemplate(
    messages: readonly ChatMessage[],
    { tokenize = true, ...options }: ChatOptions & { tokenize?: boolean } = {},
  ): string | number[] {
    const [template, values] = this.#chat(messages, options);
    const text = template.render(values);
    // The template writes special tokens itself.
    const { maxLength, truncation } = options;
    return tokenize ? this.encode(text, { addSpecialTokens: false, maxLength, truncation }).inputIds : text;
  }

  /**
   * A conversation's ids with 1 in `assistantMasks` for tokens that the assistant wrote, its end of turn included: what instruction
   * tuning puts the loss on. The template's `{% generation %}` blocks say which, or else what each answer adds.
   * @throws DataError as {@link applyChatTemplate}, and when the answers cannot be found
   */
  encodeChat(
    messages: readonly ChatMessage[],
    options: ChatOptions = {},
  ): { inputIds: number[]; attentionMask: number[]; assistantMasks: number[] } {
    const [template, values] = this.#chat(messages, options);
    const { text, ranges } = template.renderWithAnswers(values);
    const { maxLength, truncation } = options;
    const { inputIds, attentionMask, offsetMapping } = this.encode(text, {
      addSpecialTokens: false,
      returnOffsetsMapping: true,
      maxLength,
      truncation,
    });
    let at = 0;
    const assistantMasks = (offsetMapping as [number, number][]).map(([from, to]) => {
      while (at < ranges.length && from >= ranges[at][1]) at++;
      return at < ranges.length && to > from && to > ranges[at][0] ? 1 : 0;
    });
    return { inputIds, attentionMask, assistantMasks };
  }

  /** Writes the tokenizer's files into a folder; Python's `AutoTokenizer` reads them to the same ids. */
  savePretrained(folder: string): void {
    const { modelMaxLength, specialTokensMap, paddingSide, truncationSide } = this;
    const config = {
      tokenizer_class: "PreTrainedTokenizerFast",
      clean_up_tokenization_spaces: this.#cleanUp,
      ...(modelMaxLength !== Number.POSITIVE_INFINITY && { model_max_length: modelMaxLength }),
      ...(!this.#tokenTypes && { model_input_names: ["input_ids", "attention_mask"] }),
      ...this.config,
      ...specialTokensMap,
      padding_side: paddingSide,
      truncation_side: truncationSide,
    };
    const write = (name: string, value: unknown) =>
      writeFileAtomic(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
    if (this.backend instanceof Tokenizer)
      writeFileAtomic(join(folder, "tokenizer.json"), `${JSON.stringify(this.backend, null, 1)}\n`);
    for (const [name, content] of Object.entries(this.#files)) writeFileAtomic(join(folder, name), content);
    write("tokenizer_config.json", config);
    write("special_tokens_map.json", specialTokensMap);
  }
}

shownAs(
  PreTrainedTokenizer,
  ({ vocabSize, modelMaxLength, paddingSide, truncationSide, specialTokensMap: specialTokens }) =>
    named("PreTrainedTokenizer", { vocabSize, modelMaxLength, paddingSide, truncationSide, specialTokens }),
);
