import { basename, dirname, existsSync, join, readFileSync, statSync } from "#platform";
import { checkOptions } from "../../backend/options.ts";
import { DataError, fileError, readBytes } from "../../data/lines.ts";
import { resolveModel } from "../../hub/resolve.ts";
import { HUB_OPTIONS, HUB_REFUSED, type HubOptions } from "../../hub/settings.ts";
import type { AddedTokenJson, TokenizerJson } from "../tokenizers/schema.ts";
import { parseTokenizerJson } from "../tokenizers/schema.ts";
import { Tokenizer } from "../tokenizers/tokenizer.ts";
import { type TokenizerClass, tokenizerClass } from "./classes.ts";
import { bertNormalizer, fromVocabJson, fromVocabTxt, llamaTemplate } from "./convert.ts";
import { fromSentencePiece, sentencePieceRoles } from "./convert-spm.ts";
import { MarianBackend } from "./marian.ts";
import { PreTrainedTokenizer } from "./pretrained-tokenizer.ts";
import { readSentencePiece } from "./sentencepiece.ts";

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  value !== null && typeof value === "object" && !Array.isArray(value);

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw fileError(path, error);
  }
}

/** A file that holds a JSON object. */
function readObject(path: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(readText(path));
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new DataError(`${path}: not JSON: ${error.message}`, "The file is damaged.");
    throw error;
  }
  if (!isObject(value)) throw new DataError(`${path}: expected an object`, "The file is damaged.");
  return value;
}

const optional = (path: string): Json => (existsSync(path) ? readObject(path) : {});

/** Special tokens may be written as a string or with all their settings. */
function contentOf(value: unknown): string | undefined {
  const content = isObject(value) ? value.content : value;
  return typeof content === "string" && content !== "" ? content : undefined;
}

const ROLES = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"] as const;

/** What a folder says besides the vocabulary. */
interface Settings {
  folder: string;
  config: Json;
  className: string;
  conventions: TokenizerClass;
  /** By roles. */
  tokens: Record<string, string>;
  /** Tokens that the folder adds, with their ids where it states them. */
  additional: (Omit<AddedTokenJson, "id"> & { id?: number })[];
}

function addedToken(value: unknown, where: string, special?: boolean): Omit<AddedTokenJson, "id"> {
  const content = contentOf(value);
  if (content === undefined) throw new DataError(`${where}: expected a token`, "The file is damaged.");
  const given = isObject(value) ? value : {};
  const isSpecial = special ?? given.special === true;
  return {
    content,
    single_word: given.single_word === true,
    lstrip: given.lstrip === true,
    rstrip: given.rstrip === true,
    normalized: typeof given.normalized === "boolean" ? given.normalized : !isSpecial,
    special: isSpecial,
  };
}

function readSettings(folder: string): Settings {
  const file = join(folder, "tokenizer_config.json");
  const model = optional(join(folder, "config.json"));
  const config = optional(file);
  const modern = isObject(config.added_tokens_decoder);
  if (!modern) Object.assign(config, optional(join(folder, "special_tokens_map.json")));
  const template = join(folder, "chat_template.jinja");
  if (existsSync(template)) config.chat_template = readText(template);
  const [className, conventions] = tokenizerClass(config.tokenizer_class ?? model.tokenizer_class, model.model_type);

  const tokens: Record<string, string> = {};
  const additional: Settings["additional"] = [];
  if (modern) {
    for (const [id, value] of Object.entries(config.added_tokens_decoder as Json)) {
      additional.push({ ...addedToken(value, `${file}: added_tokens_decoder.${id}`), id: Number(id) });
    }
  } else {
    for (const [content, id] of Object.entries(optional(join(folder, "added_tokens.json"))))
      additional.push({ ...addedToken(content, "added_tokens.json"), id: Number(id) });
  }
  for (const role of ROLES) {
    const token = Object.hasOwn(config, role) ? contentOf(config[role]) : conventions.tokens[role];
    if (token === undefined) continue;
    tokens[role] = token;
    // RoBERTa's mask takes the space before it, unless the file says otherwise.
    const plain = !isObject(config[role]);
    const lstrip = role === "mask_token" && plain && conventions.tokens.mask_token === "<mask>";
    additional.push({
      ...addedToken(plain ? token : config[role], `${file}: ${role}`, true),
      ...(lstrip && { lstrip }),
    });
  }
  const more = config.additional_special_tokens;
  if (Array.isArray(more))
    more.forEach(
      (value, i) => void additional.push(addedToken(value, `${file}: additional_special_tokens.${i}`, true)),
    );
  return { folder, config, className, conventions, tokens, additional };
}

/** The tokens that a folder adds to its tokenizer.json, as Transformers does: new ones get the next ids. */
function withAdded(json: TokenizerJson, { additional, folder }: Settings): TokenizerJson {
  const vocab =
    json.model.type === "Unigram"
      ? new Map(json.model.vocab.map((entry, i) => [Array.isArray(entry) ? entry[0] : "", i]))
      : new Map(Object.entries(json.model.vocab));
  const known = new Map(json.added_tokens.map((token) => [token.content, token]));
  const added = [...json.added_tokens];
  let next = 0;
  for (const id of vocab.values()) next = Math.max(next, id + 1);
  for (const { id } of added) next = Math.max(next, id + 1);
  const order = additional.map((token, i) => ({ token, i }));
  order.sort(
    (a, b) => (a.token.id ?? Number.POSITIVE_INFINITY) - (b.token.id ?? Number.POSITIVE_INFINITY) || a.i - b.i,
  );
  for (const { token } of order) {
    const before = known.get(token.content);
    if (before !== undefined) continue;
    const id = vocab.get(token.content) ?? next++;
    if (token.id !== undefined && token.id !== id) {
      throw new DataError(
        `${folder}: ${JSON.stringify(token.content)} has the id ${token.id} in its settings, but ${id} by its vocabulary`,
      );
    }
    const entry = { ...token, id };
    known.set(token.content, entry);
    added.push(entry);
  }
  return { ...json, added_tokens: added };
}

/** What the tokenizer class of Transformers changes of a tokenizer.json by tokenizer_config.json. */
function adapted(json: TokenizerJson, { config, className, conventions, tokens, folder }: Settings): TokenizerJson {
  const out = { ...json };
  if (conventions.files === "vocab.txt" && json.normalizer?.type === "BertNormalizer")
    out.normalizer = bertNormalizer(config);
  const add_prefix_space = config.add_prefix_space === true;
  if (json.pre_tokenizer?.type === "ByteLevel" && className !== "PreTrainedTokenizer")
    out.pre_tokenizer = { ...json.pre_tokenizer, add_prefix_space };
  if (conventions.files === "vocab.json" && json.post_processor?.type === "RobertaProcessing")
    out.post_processor = { ...json.post_processor, add_prefix_space, trim_offsets: config.trim_offsets !== false };
  if (className === "LlamaTokenizer" || className === "CodeLlamaTokenizer" || className === "GemmaTokenizer") {
    const ids = new Map(json.added_tokens.map(({ content, id }) => [content, id]));
    out.post_processor = llamaTemplate(config, tokens, (token) => {
      const id = ids.get(token);
      if (id === undefined)
        throw new DataError(`${folder}: tokenizer.json: ${JSON.stringify(token)} is not among added_tokens`);
      return id;
    });
  }
  return out;
}

const SENTENCEPIECE = ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model"];

const first = (folder: string, names: readonly string[]) => names.find((name) => existsSync(join(folder, name)));

/** tokenizer.json, or what the folder's files make of one. */
async function describe(settings: Settings): Promise<{ json: TokenizerJson; files?: Record<string, Uint8Array> }> {
  const { folder, config, className, conventions, tokens } = settings;
  const path = (name: string) => join(folder, name);
  if (existsSync(path("tokenizer.json"))) {
    const json = parseTokenizerJson(readObject(path("tokenizer.json")), path("tokenizer.json"));
    return { json: adapted(withAdded(json, settings), settings) };
  }
  const spm = first(folder, SENTENCEPIECE);
  if (spm !== undefined && (conventions.files ?? "sentencepiece") === "sentencepiece") {
    const bytes = await readBytes(path(spm));
    const model = readSentencePiece(bytes, path(spm));
    if (Object.keys(conventions.tokens).length === 0) {
      for (const [role, token] of Object.entries(sentencePieceRoles(model))) {
        if (Object.hasOwn(config, role)) continue;
        tokens[role] = token;
        settings.additional.push(addedToken(token, path(spm), true));
      }
    }
    const json = fromSentencePiece(model, { config, tokens, className }, path(spm));
    return { json: withAdded(json, settings), files: { [spm]: bytes } };
  }
  if (existsSync(path("vocab.txt"))) {
    const named = { ...conventions.tokens, ...tokens };
    if (named.cls_token === undefined || named.sep_token === undefined || named.unk_token === undefined)
      throw new DataError(`${path("vocab.txt")}: ${className} is not known to be made of it`, "BERT's family is.");
    // What Transformers' class does where the file does not say.
    config.clean_up_tokenization_spaces ??= true;
    return {
      json: withAdded(
        fromVocabTxt(readText(path("vocab.txt")), { config, tokens, className }, path("vocab.txt")),
        settings,
      ),
    };
  }
  if (existsSync(path("vocab.json")) && existsSync(path("merges.txt"))) {
    const vocab = readObject(path("vocab.json")) as Record<string, number>;
    const json = fromVocabJson(vocab, readText(path("merges.txt")), { config, tokens, className }, path("vocab.json"));
    return { json: withAdded(json, settings) };
  }
  throw new DataError(
    `${folder}: no tokenizer that is known`,
    "A folder has tokenizer.json, vocab.txt, vocab.json with merges.txt, a SentencePiece .model, or source.spm with target.spm.",
  );
}

async function marian(settings: Settings): Promise<PreTrainedTokenizer> {
  const { folder, config, tokens, conventions } = settings;
  const names = ["source.spm", "target.spm", "vocab.json"];
  const [source, target, vocabFile] = await Promise.all(names.map((name) => readBytes(join(folder, name))));
  const vocab = readObject(join(folder, "vocab.json")) as Record<string, number>;
  const spm = {
    source: readSentencePiece(source, join(folder, names[0])),
    target: readSentencePiece(target, join(folder, names[1])),
  };
  const files = { "source.spm": source, "target.spm": target, "vocab.json": vocabFile };
  const options = { tokens, tokenTypes: conventions.tokenTypes ?? false, files };
  return new PreTrainedTokenizer(new MarianBackend(vocab, spm, tokens, folder), {
    ...options,
    config: { tokenizer_class: "MarianTokenizer", model_max_length: 512, ...config },
  });
}

/** Where a tokenizer of the hub comes from, as for models. */
export type AutoTokenizerOptions = HubOptions & { revision?: string };
const KNOWN = { ...HUB_OPTIONS, revision: true } as const;
/** `OWNER/NAME` or `hub:…`, with or without a revision. */
const OF_HUB = /^(hub:.+|[\w.-]+\/[\w.-]+(@.+)?)$/;
/** What Transformers' `from_pretrained` also takes. */
const NOT_LOADED = {
  ...HUB_REFUSED,
  subfolder: "Name the folder in the folder.",
  useFast: "There is one kind of tokenizer.",
  trustRemoteCode: "Code of a checkpoint is never run.",
  tokenizerType: "tokenizer_config.json says which class it is.",
  paddingSide: 'Set it afterwards: tokenizer.paddingSide = "left".',
  truncationSide: 'Set it afterwards: tokenizer.truncationSide = "left".',
  modelMaxLength: "Give maxLength when texts are encoded.",
  padToken: "Set pad_token in tokenizer_config.json.",
  addBosToken: "Set add_bos_token in tokenizer_config.json.",
  addEosToken: "Set add_eos_token in tokenizer_config.json.",
  addPrefixSpace: "Set add_prefix_space in tokenizer_config.json.",
};

/** Tokenizers of published models. */
export const AutoTokenizer = {
  /**
   * The tokenizer of a model's folder, from `tokenizer.json`, `vocab.txt`, `vocab.json` with `merges.txt`, a SentencePiece model, or
   * MarianMT's files, with the settings of `tokenizer_config.json`; or of one `tokenizer.json` or `.model` file.
   * @param name a folder, a file, or `OWNER/NAME` of the hub where no such folder is
   * @param options of the hub; those of Transformers that are not done are refused with what to do instead
   * @throws DataError that names the file and the field
   */
  async fromPretrained(name: string, options: AutoTokenizerOptions = {}): Promise<PreTrainedTokenizer> {
    checkOptions("AutoTokenizer.fromPretrained", options, KNOWN, NOT_LOADED);
    if (typeof name !== "string" || name === "")
      throw new DataError("AutoTokenizer.fromPretrained: expected a path", "Name a folder with a tokenizer in it.");
    const fetched = !existsSync(name) && OF_HUB.test(name);
    const path = fetched ? await resolveModel(name, { ...options, purpose: "tokenizer" }) : name;
    if (!existsSync(path)) throw new DataError(`${path}: no such file`, "Name a folder with a tokenizer in it.");
    const single = !statSync(path).isDirectory();
    const settings = readSettings(single ? dirname(path) : path);
    if (single && !["tokenizer.json", ...SENTENCEPIECE].includes(basename(path)))
      throw new DataError(`${path}: not known as a tokenizer`, "Name its folder, or a tokenizer.json.");
    const { config, className, conventions, tokens } = settings;
    const source = join(settings.folder, "tokenizer.json");
    if (conventions.files === "marian" && !existsSync(source)) return marian(settings);
    const { json, files } = await describe(settings);
    return new PreTrainedTokenizer(Tokenizer.fromJSON(json, source), {
      config: {
        tokenizer_class: className === "PreTrainedTokenizer" ? "PreTrainedTokenizerFast" : className,
        ...config,
      },
      tokens: Object.keys(tokens).length > 0 ? tokens : undefined,
      tokenTypes: conventions.tokenTypes ?? false,
      paddingSide: conventions.paddingSide,
      files,
    });
  },
};
