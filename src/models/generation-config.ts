import { z } from "zod";
import { door } from "#door";
import { existsSync, join, readFileSync } from "#platform";
import { checkOptions, nearestName } from "../backend/options.ts";
import { writeFileAtomic } from "../formats/index.ts";
import { GenerationError } from "./generation-checks.ts";
import { isHarmless, REFUSED, SEQ2SEQ, type Seq2SeqGenerationOptions } from "./generation-options.ts";

/** What a folder may say about writing: everything but what only a program has. */
export type GenerationDefaults = Omit<
  Seq2SeqGenerationOptions,
  "eosTokenIds" | "stopStrings" | "tokenizer" | "seed" | "useCache"
>;

type Json = Record<string, unknown>;

const id = z.number().int().min(0);
const ids = z.array(id);
const count = z.number().int().min(0);
const number = z.number();
const oneOrMore = z.union([id, ids]);
const KINDS: Record<keyof GenerationDefaults, z.ZodType> = {
  temperature: number.min(0),
  topK: count,
  topP: number.gt(0).max(1),
  minP: number.min(0).max(1),
  topH: number.gt(0).max(1),
  typicalP: number.gt(0).max(1),
  epsilonCutoff: number.min(0).lt(1),
  etaCutoff: number.min(0).lt(1),
  repetitionPenalty: number.gt(0),
  encoderRepetitionPenalty: number.gt(0),
  noRepeatNgramSize: count,
  encoderNoRepeatNgramSize: count,
  badWordsIds: z.array(ids.min(1)),
  sequenceBias: z.array(z.tuple([ids.min(1), number])),
  suppressTokens: ids,
  beginSuppressTokens: ids,
  minNewTokens: count,
  minLength: count,
  forcedBosTokenId: id,
  forcedEosTokenId: oneOrMore,
  exponentialDecayLengthPenalty: z.tuple([count, number]),
  removeInvalidValues: z.boolean(),
  maxNewTokens: count.min(1),
  maxLength: count.min(1),
  doSample: z.boolean(),
  numBeams: count.min(1),
  lengthPenalty: number,
  earlyStopping: z.union([z.boolean(), z.literal("never")]),
  numReturnSequences: count.min(1),
  renormalizeLogits: z.boolean(),
  eosTokenId: z.union([z.number().int(), z.array(z.number().int())]),
  // Some files have −1 for none.
  padTokenId: z.union([z.number().int(), ids]),
  bosTokenId: z.union([z.number().int(), ids]),
  decoderStartTokenId: id,
};
const KNOWN = Object.fromEntries(Object.keys(KINDS).map((name) => [name, true as const]));
/** Keys that say where the file comes from. */
const ABOUT = new Set(["transformersVersion", "fromModelConfig", "commitHash", "originalObjectHash"]);

const camel = (key: string) => key.replace(/^_+/, "").replace(/_([a-z])/g, (_, c) => c.toUpperCase());
const snake = (key: string) => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

/** How a model writes unless something else is said: what its folder's generation_config.json says. */
export class GenerationConfig {
  static readonly file = "generation_config.json";
  /** Options of `generate`, by their names there; they can be changed. */
  readonly defaults: GenerationDefaults;
  /** Keys of the file that are no options here, as they are. */
  readonly rest: Readonly<Json>;
  /** The file as it was, and what it said: an unchanged one is written back as it was. */
  #file: { text: string; said: string } | undefined;

  constructor(defaults: GenerationDefaults = {}, rest: Readonly<Json> = {}) {
    checkOptions("GenerationConfig", defaults, KNOWN, REFUSED);
    this.defaults = { ...defaults };
    this.rest = rest;
  }

  /**
   * From the file's keys; unknown ones are warned of.
   * @throws GenerationError that names a key whose value cannot be.
   */
  static fromJson(
    json: Json,
    source = "generation_config.json",
    warn: (text: string) => void = door.warn,
  ): GenerationConfig {
    const defaults: Json = {};
    const rest: Json = {};
    const unknown: string[] = [];
    for (const [key, value] of Object.entries(json)) {
      const name = camel(key);
      const kind = Object.hasOwn(KINDS, name) ? KINDS[name as keyof GenerationDefaults] : undefined;
      if (kind === undefined) {
        rest[key] = value;
        if (
          !ABOUT.has(name) &&
          !Object.hasOwn(REFUSED, name) &&
          name !== "stopStrings" &&
          !Object.hasOwn(SEQ2SEQ, name)
        )
          unknown.push(key);
      } else if (value === null) {
        // An end token that is null is none; elsewhere null says nothing.
        if (name === "eosTokenId") defaults[name] = null;
        else rest[key] = value;
      } else {
        const parsed = kind.safeParse(value);
        if (!parsed.success) {
          throw new GenerationError(
            `${source}: ${key}: found ${JSON.stringify(value).slice(0, 60)}; ${parsed.error.issues[0].message}`,
            "The file is damaged: mend or remove it.",
          );
        }
        defaults[name] = parsed.data;
      }
    }
    if (unknown.length > 0) {
      const near = unknown.map((key) => nearestName(key, Object.keys(KINDS)));
      const hints = unknown.map((key, i) => (near[i] === undefined ? key : `${key} (${snake(near[i])}?)`));
      warn(`warning: ${source}: unknown keys are not used: ${hints.join(", ")}`);
    }
    return new GenerationConfig(defaults as GenerationDefaults, rest);
  }

  /** What a folder says; undefined where it has no such file. Throws {@link GenerationError} for one that is damaged. */
  static fromFolder(folder: string, warn?: (text: string) => void): GenerationConfig | undefined {
    const path = join(folder, GenerationConfig.file);
    if (!existsSync(path)) return undefined;
    const text = readFileSync(path, "utf8");
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      throw new GenerationError(`${path}: not JSON: ${(error as Error).message}`, "The file is damaged.");
    }
    if (json === null || typeof json !== "object" || Array.isArray(json))
      throw new GenerationError(`${path}: expected an object`, "The file is damaged.");
    const config = GenerationConfig.fromJson(json as Json, path, warn);
    config.#file = { text, said: JSON.stringify(config.toJson()) };
    return config;
  }

  /** The file's keys. */
  toJson(): Json {
    const own = Object.entries(this.defaults).filter(([, value]) => value !== undefined);
    return { ...this.rest, ...Object.fromEntries(own.map(([name, value]) => [snake(name), value])) };
  }

  /** Writes `generation_config.json`. */
  save(folder: string): void {
    const json = this.toJson();
    const same = this.#file?.said === JSON.stringify(json);
    const text = same ? this.#file?.text : `${JSON.stringify(json, null, 2)}\n`;
    writeFileAtomic(join(folder, GenerationConfig.file), text as string);
  }

  /** Strings of the file that end a text. */
  get stopStrings(): string | readonly string[] | undefined {
    return (this.rest.stop_strings ?? undefined) as string | readonly string[] | undefined;
  }

  /** Throws {@link GenerationError} where the file asks for what is not done here and would be written otherwise. */
  check(): void {
    for (const [key, value] of Object.entries(this.rest)) {
      const name = camel(key);
      if (!Object.hasOwn(REFUSED, name) || isHarmless(name, value)) continue;
      throw new GenerationError(
        `generation_config.json: ${key} ${JSON.stringify(value)} is not supported`,
        REFUSED[name],
      );
    }
  }
}
