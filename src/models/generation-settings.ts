import { checkOptions } from "../backend/options.ts";
import { expected, fits, type Table } from "../options/index.ts";
import { checkIds, GenerationError } from "./generation-checks.ts";
import type { GenerationConfig, GenerationDefaults } from "./generation-config.ts";
import {
  asksNothing,
  REFUSED,
  SAMPLING,
  type Seq2SeqGenerationOptions,
  type WritingOptions,
} from "./generation-options.ts";
import type { PretrainedConfig } from "./pretrained/config.ts";

/** Everything about how texts are written, decided. */
export interface WritingSettings extends Omit<Seq2SeqGenerationOptions, "eosTokenId" | "eosTokenIds" | "stopStrings"> {
  maxNewTokens: number | undefined;
  doSample: boolean;
  numBeams: number;
  lengthPenalty: number;
  earlyStopping: boolean | "never";
  numReturnSequences: number;
  seed: number;
  eosTokenIds: readonly number[];
  stopStrings: readonly string[];
}

/** A model that writes, as far as settings follow from it. */
export interface Writes {
  readonly vocabSize: number;
  readonly config?: PretrainedConfig;
  readonly generationConfig?: GenerationConfig;
}

/** What a configuration says about writing where there is no generation_config.json. */
function fromConfig(config: PretrainedConfig | undefined): GenerationDefaults {
  const { forcedEosTokenId, badWordsIds } = (config ?? {}) as GenerationDefaults;
  return { eosTokenId: config?.eosTokenId, forcedEosTokenId, badWordsIds };
}

const isNumber = (x: unknown): x is number => typeof x === "number" && Number.isFinite(x);

/** Throws {@link GenerationError} for numbers out of range, and what is neither true nor false where that is meant. */
function checkRanges(o: Record<string, unknown>, known: Table): void {
  for (const [name, value] of Object.entries(o)) {
    const option = known[name];
    const plain = ["number", "boolean"].includes(option.kind.type) || name === "earlyStopping";
    if (plain && !fits(option, value)) throw new GenerationError(`${name} is ${value}; expected ${expected(option)}`);
  }
}

/** Ids that the caller gave must be tokens. */
function checkGivenIds(o: WritingOptions & Seq2SeqGenerationOptions, model: { vocabSize: number }): void {
  const { badWordsIds, sequenceBias, suppressTokens, beginSuppressTokens, forcedBosTokenId, forcedEosTokenId } = o;
  const list = (name: string, value: unknown) => {
    if (value == null) return;
    if (!Array.isArray(value)) throw new GenerationError(`${name}: expected a list of token ids`);
    checkIds(value as number[], model);
  };
  const lists = (name: string, value: unknown) => {
    if (value == null) return;
    if (!Array.isArray(value)) throw new GenerationError(`${name}: expected a list of lists of token ids`);
    for (const one of value) {
      if (Array.isArray(one) && one.length === 0) throw new GenerationError(`${name} has an empty entry`);
      list(name, one);
    }
  };
  lists("badWordsIds", badWordsIds);
  if (sequenceBias != null) {
    if (!Array.isArray(sequenceBias) || sequenceBias.some((one) => !Array.isArray(one) || !isNumber(one[1])))
      throw new GenerationError("sequenceBias: expected a list of [ids, number]");
    lists(
      "sequenceBias",
      sequenceBias.map((one) => one[0]),
    );
  }
  for (const [name, value] of Object.entries({ suppressTokens, beginSuppressTokens })) list(name, value);
  const eos = [o.eosTokenId ?? [], o.eosTokenIds ?? [], forcedEosTokenId ?? [], forcedBosTokenId ?? []].flat();
  list("eosTokenId", [...eos, ...(o.decoderStartTokenId === undefined ? [] : [o.decoderStartTokenId])]);
  const { exponentialDecayLengthPenalty: decay } = o;
  if (decay != null && !(Array.isArray(decay) && decay.length === 2 && decay.every(isNumber)))
    throw new GenerationError("exponentialDecayLengthPenalty: expected [start, factor]");
}

/** Whether tokens are drawn. Throws {@link GenerationError} for options of drawing where none are. */
function draws(given: WritingOptions, defaults: GenerationDefaults): boolean {
  const { temperature } = given;
  const doSample = given.doSample ?? (temperature === 0 ? false : (defaults.doSample ?? false));
  if (doSample) {
    if (temperature === 0) {
      throw new GenerationError(
        "temperature is 0; expected a number above 0 with doSample",
        "Leave both out to take the likeliest token always.",
      );
    }
    return true;
  }
  for (const name of Object.keys(SAMPLING) as (keyof typeof SAMPLING)[]) {
    // At 0 the likeliest token is drawn always: that is done.
    if (given[name] === undefined || (name === "temperature" && temperature === 0)) continue;
    throw new GenerationError(
      `${name} is an option of sampling, and the likeliest token is taken`,
      `Add doSample: true, or leave ${name} out.`,
    );
  }
  return false;
}

const listOf = <T>(value: T | readonly T[] | null | undefined): readonly T[] =>
  value == null ? [] : Array.isArray(value) ? value : [value as T];

/**
 * What holds for a text: what the caller says, else the model's generation_config.json, else its configuration, else
 * Transformers' defaults. `maxNewTokens` and `maxLength` are undefined where nobody says anything.
 * @param where the door, for messages.
 * @param known its options.
 * @param beams whether it is beam search, with one beam too.
 * @throws OptionError for unknown names, GenerationError for values out of range and for options that do nothing together.
 */
export function writingSettings<O extends WritingOptions & Seq2SeqGenerationOptions>(
  where: string,
  model: Writes,
  all: O,
  known: Table,
  beams = false,
): WritingSettings & O {
  if (all === null || typeof all !== "object" || Array.isArray(all)) checkOptions(where, all, known);
  const asked = Object.entries(all).filter(
    ([name, value]) => !(Object.hasOwn(REFUSED, name) && asksNothing(name, value)),
  );
  checkOptions(where, Object.fromEntries(asked), known, REFUSED);
  const given = Object.fromEntries(asked.filter(([, value]) => value !== undefined)) as O;
  checkRanges(given as Record<string, unknown>, known);
  checkGivenIds(given, model);
  const { generationConfig, config } = model;
  generationConfig?.check();
  const own = { ...fromConfig(config), ...generationConfig?.defaults };
  if (given.maxNewTokens !== undefined && given.maxLength !== undefined)
    throw new GenerationError("maxNewTokens and maxLength: one of the two says how long a text is");
  if (given.minNewTokens !== undefined && given.minLength !== undefined)
    throw new GenerationError("minNewTokens and minLength: one of the two says how short a text may be");
  const doSample = draws(given, own);
  const defaults: GenerationDefaults & { topK?: number } = { ...(doSample ? { topK: 50 } : {}), ...own };
  // Drawing may be what a folder advises; who wants none needs no advice about it.
  if (!doSample) for (const name of Object.keys(SAMPLING)) delete defaults[name as keyof typeof SAMPLING];
  if (given.maxLength !== undefined || given.maxNewTokens !== undefined) {
    delete defaults.maxLength;
    delete defaults.maxNewTokens;
  } else if (defaults.maxNewTokens !== undefined) delete defaults.maxLength;
  if (given.minLength !== undefined || given.minNewTokens !== undefined) {
    delete defaults.minLength;
    delete defaults.minNewTokens;
  } else if (defaults.minNewTokens !== undefined) delete defaults.minLength;
  const ends = given.eosTokenId !== undefined ? given.eosTokenId : (given.eosTokenIds ?? own.eosTokenId);
  const stops = given.stopStrings ?? (given.tokenizer && generationConfig?.stopStrings);
  const s = {
    ...{ numBeams: 1, lengthPenalty: 1, earlyStopping: false, numReturnSequences: 1, seed: 0, maxNewTokens: undefined },
    ...defaults,
    ...given,
    doSample,
    eosTokenIds: listOf(ends).filter((id) => id >= 0),
    stopStrings: listOf(stops),
  } as unknown as WritingSettings & O;
  checkTogether(given, s, beams);
  return s;
}

/** Throws {@link GenerationError} for options that do nothing, or nothing sensible, together. */
function checkTogether(given: WritingOptions, s: WritingSettings, beams: boolean): void {
  if (s.doSample && s.numBeams > 1)
    throw new GenerationError("doSample with several beams", "Set numBeams to 1, or doSample to false.");
  if (s.numBeams === 1 && !beams) {
    if ((given.lengthPenalty ?? 1) !== 1) throw new GenerationError("lengthPenalty is of beam search", "Add numBeams.");
    if ((given.earlyStopping ?? false) !== false)
      throw new GenerationError("earlyStopping is of beam search", "Add numBeams.");
  }
  if (s.numReturnSequences > 1 && !s.doSample && s.numReturnSequences > s.numBeams) {
    throw new GenerationError(
      `numReturnSequences is ${s.numReturnSequences}, but there ${s.numBeams === 1 ? "is one likeliest text" : `are ${s.numBeams} beams`}`,
      "Add doSample: true, or as many beams: numBeams.",
    );
  }
  if (s.stopStrings.length > 0 && s.tokenizer === undefined)
    throw new GenerationError("stopStrings need the tokenizer that reads the text", "Add tokenizer.");
  if (s.stopStrings.some((text) => typeof text !== "string" || text === ""))
    throw new GenerationError("stopStrings: expected texts that are not empty");
  if (s.maxNewTokens !== undefined && (s.minNewTokens ?? 0) > s.maxNewTokens)
    throw new GenerationError(`minNewTokens is ${s.minNewTokens}, more than maxNewTokens: ${s.maxNewTokens}`);
}

/** How many tokens may be written behind `begin` ones. Throws {@link GenerationError} where `maxLength` leaves no room. */
export function roomFor(s: WritingSettings, begin: number, otherwise: number): number {
  if (s.maxNewTokens !== undefined) return s.maxNewTokens;
  if (s.maxLength === undefined) return otherwise;
  if (s.maxLength > begin) return s.maxLength - begin;
  throw new GenerationError(
    `maxLength is ${s.maxLength}, but there are ${begin} tokens already`,
    "maxNewTokens counts the new ones alone.",
  );
}

/** Whether a text ends because of what stands in it; undefined where nothing could. */
export function stopsOf(
  s: WritingSettings,
): ((before: readonly number[], ids: readonly number[]) => boolean) | undefined {
  const { stopStrings, tokenizer } = s;
  if (stopStrings.length === 0 || tokenizer === undefined) return undefined;
  return (before, ids) => {
    const text = tokenizer.decode([...before, ...ids]).slice(tokenizer.decode(before).length);
    return stopStrings.some((stop) => text.includes(stop));
  };
}
