import { generateSteps as stepsOf } from "../../models/generation.ts";
import { drain, type Steps } from "../../models/generation-checks.ts";
import {
  type BeamOptions,
  beamSearch,
  type CausalLm,
  type GenerationConfig,
  GenerationError,
  type GenerationOptions,
} from "../../models/index.ts";
import type { ChatMessage } from "../../text/index.ts";
import type { TextGenerationOptions } from "../predict-options.ts";
import type { Opened, Predictor } from "../task.ts";
import { WrittenText } from "./written-text.ts";

/** Settings of a text that is written: where it shall stop, and who reads it as it comes. */
export type Writing<OnText> = Omit<GenerationOptions, "tokenizer"> & {
  /** Ends the text before any of these; `stopStrings` end it behind. */
  stop?: string | readonly string[];
  onText?: OnText;
};

/** A language model in use. */
export interface Generator extends Predictor {
  /** How the model writes unless something else is said. */
  readonly generationConfig?: GenerationConfig;
  /**
   * Continues a text. `onText` gets the new text piece by piece.
   * @throws GenerationError for settings out of range.
   */
  generate(prompt: string, options?: Writing<(piece: string) => void>): string;
  /**
   * Continues several texts, `batchSize` of them together: the same as `generate` of each, with `numReturnSequences` n of each
   * one behind another. `onText` gets a text's number first.
   * @throws GenerationError for settings out of range.
   */
  generateAll(prompts: readonly string[], options?: Writing<(text: number, piece: string) => void>): string[];
  /** The likeliest continuations by beam search, best first. Throws GenerationError for settings out of range. */
  beamSearch(prompt: string, options?: Omit<BeamOptions, "tokenizer">): { text: string; score: number }[];
  /**
   * The answer to a conversation, in the form of the model's chat template.
   * @throws DataError if the model has none, GenerationError for settings out of range.
   */
  chat(messages: readonly ChatMessage[], options?: Writing<(piece: string) => void>): string;
  /**
   * `generate` step by step: every `next()` writes a token, the last one gives the text. In between, or with `return()` for
   * good, who drives it may do something else.
   */
  generateSteps(prompt: string, options?: Writing<(piece: string) => void>): Steps<string>;
  /** `chat` step by step. */
  chatSteps(messages: readonly ChatMessage[], options?: Writing<(piece: string) => void>): Steps<string>;
}

/** A model that writes, and its tokenizer as far as writing needs it. */
export interface Writer {
  model: CausalLm;
  encode(prompt: string): number[];
  /** A conversation up to where the answer begins; left out by tokenizers without templates. */
  encodeChat?(messages: readonly ChatMessage[]): number[];
  textOf(ids: readonly number[]): string;
  /** Tokens before every prompt that are no part of the text. */
  start: readonly number[];
  /** Tokens that end an answer besides those that end every text. */
  endsOfTurn?: readonly number[];
}

type Written = Pick<
  Generator,
  "generationConfig" | "generate" | "generateAll" | "beamSearch" | "chat" | "generateSteps" | "chatSteps"
> &
  Pick<Opened, "predict">;

/** Tokens that a pipeline writes where nobody says how many, as Transformers'. */
const PIPELINE_TOKENS = 256;

export function writing({ model, encode, encodeChat, textOf, start, endsOfTurn = [] }: Writer): Written {
  const tokenizer = { decode: textOf };
  const continueAll = function* (
    ids: readonly number[][],
    { stop = [], onText, onToken, ...options }: NonNullable<Parameters<Generator["generateAll"]>[1]> = {},
  ): Steps<string[]> {
    const stops = typeof stop === "string" ? [stop] : stop;
    const beams = options.numBeams ?? (model.generationConfig?.defaults.numBeams || 1);
    if (beams > 1 && (stops.length > 0 || onText !== undefined))
      throw new GenerationError("stop and onText with several beams", "Set numBeams to 1, or give stopStrings.");
    const each = options.numReturnSequences ?? model.generationConfig?.defaults.numReturnSequences ?? 1;
    const all = each === 1 ? ids : ids.flatMap((one) => Array.from({ length: each }, () => one));
    const written = all.map(
      (id, i) => new WrittenText(id, textOf, { stop: stops, onText: onText && ((p) => onText(i, p)) }),
    );
    const given = { ...options, tokenizer };
    const told = (i: number, id: number) => written[i].add(id) || onToken?.(i, id);
    const made = yield* stepsOf(
      model,
      ids.map((id) => [...start, ...id]),
      beams > 1 ? (onToken === undefined ? given : { ...given, onToken }) : { ...given, onToken: told },
    );
    if (beams > 1) made.forEach((one, i) => void one.forEach((id) => void written[i].add(id)));
    return written.map((text) => text.finish());
  };
  const continueOne = function* (
    ids: number[],
    { onText, ...options }: Parameters<Generator["generate"]>[1] = {},
  ): Steps<string> {
    if ((options.numReturnSequences ?? 1) !== 1)
      throw new GenerationError("numReturnSequences: one text is given back", "generateAll gives several.");
    const texts = yield* continueAll([ids], {
      numReturnSequences: 1,
      ...options,
      onText: onText && ((_, piece) => onText(piece)),
    });
    return texts[0];
  };
  const generateAll: Generator["generateAll"] = (prompts, options) => drain(continueAll(prompts.map(encode), options));
  const generateSteps: Generator["generateSteps"] = (prompt, options) => continueOne(encode(prompt), options);
  const chatSteps: Generator["chatSteps"] = (messages, options = {}) => {
    if (encodeChat === undefined)
      throw new GenerationError("this model has no chat template", "It continues texts: leave out --chat.");
    const { eosTokenId: own = model.config?.eosTokenId } = model.generationConfig?.defaults ?? {};
    const ends = [...new Set([own ?? [], endsOfTurn].flat())];
    const eosTokenId = ends.filter((id) => id >= 0 && id < model.vocabSize);
    const given = options.eosTokenId === undefined && options.eosTokenIds === undefined;
    return continueOne(encodeChat(messages), given ? { eosTokenId, ...options } : options);
  };
  return {
    generationConfig: model.generationConfig,
    generateAll,
    generateSteps,
    chatSteps,
    generate: (prompt, options) => drain(generateSteps(prompt, options)),
    chat: (messages, options) => drain(chatSteps(messages, options)),
    beamSearch(prompt, options) {
      const ids = encode(prompt);
      const found = beamSearch(model, [...start, ...ids], { ...options, tokenizer });
      return found.map((h) => ({ text: textOf([...ids, ...h.ids]).slice(textOf(ids).length), score: h.score }));
    },
    async predict(inputs, options) {
      const { returnFullText = true, prefix = "", ...how } = options as TextGenerationOptions;
      const { maxNewTokens, maxLength } = { ...model.generationConfig?.defaults, ...how };
      const given = {
        ...(maxNewTokens === undefined && maxLength === undefined ? { maxNewTokens: PIPELINE_TOKENS } : {}),
        ...how,
      };
      const texts = generateAll(
        inputs.map((input) => prefix + input),
        given,
      );
      const n = texts.length / Math.max(1, inputs.length);
      return inputs.map((input, i) => {
        const all = texts
          .slice(i * n, (i + 1) * n)
          .map((text) => ({ generated_text: (returnFullText ? input : "") + text }));
        return n === 1 ? all[0] : all;
      });
    },
  };
}
