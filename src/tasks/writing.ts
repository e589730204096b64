import {
  type BeamOptions,
  beamSearch,
  type CausalLm,
  GenerationError,
  type GenerationOptions,
  generate,
} from "../models/index.ts";
import type { ChatMessage } from "../text/index.ts";
import type { Predictor } from "./common.ts";
import { WrittenText } from "./written-text.ts";

/** Settings of a text that is written: where it shall stop, and who reads it as it comes. */
type Writing<OnText> = GenerationOptions & { stop?: readonly string[]; onText?: OnText };

/** A language model in use. */
export interface Generator extends Predictor {
  /**
   * Continues a text. `onText` gets the new text piece by piece.
   * @throws GenerationError for settings out of range.
   */
  generate(prompt: string, options?: Writing<(piece: string) => void>): string;
  /**
   * Continues several texts, `batchSize` of them together: the same as `generate` of each. `onText` gets a text's number first.
   * @throws GenerationError for settings out of range.
   */
  generateAll(prompts: readonly string[], options?: Writing<(text: number, piece: string) => void>): string[];
  /** The likeliest continuations by beam search, best first. Throws GenerationError for settings out of range. */
  beamSearch(prompt: string, options?: BeamOptions): { text: string; score: number }[];
  /**
   * The answer to a conversation, in the form of the model's chat template.
   * @throws DataError if the model has none, GenerationError for settings out of range.
   */
  chat(messages: readonly ChatMessage[], options?: Writing<(piece: string) => void>): string;
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
  /** What holds where nothing else is said. */
  defaults: Pick<GenerationOptions, "suppressTokens" | "eosTokenIds">;
}

type Written = Pick<Generator, "generate" | "generateAll" | "beamSearch" | "chat" | "predict">;

export function writing({ model, encode, encodeChat, textOf, start, defaults }: Writer): Written {
  const continueAll = (
    ids: readonly number[][],
    { stop, onText, onToken, ...options }: NonNullable<Parameters<Generator["generateAll"]>[1]> = {},
  ): string[] => {
    const written = ids.map((id, i) => new WrittenText(id, textOf, { stop, onText: onText && ((p) => onText(i, p)) }));
    generate(
      model,
      ids.map((id) => [...start, ...id]),
      { ...defaults, ...options, onToken: (i, id) => written[i].add(id) || onToken?.(i, id) },
    );
    return written.map((text) => text.finish());
  };
  const continueOne = (ids: number[], { onText, ...options }: Parameters<Generator["generate"]>[1] = {}) =>
    continueAll([ids], { ...options, onText: onText && ((_, piece) => onText(piece)) })[0];
  const generateAll: Generator["generateAll"] = (prompts, options) => continueAll(prompts.map(encode), options);
  return {
    generateAll,
    generate: (prompt, options) => continueOne(encode(prompt), options),
    chat(messages, options) {
      if (encodeChat === undefined)
        throw new GenerationError("this model has no chat template", "It continues texts: leave out --chat.");
      return continueOne(encodeChat(messages), options);
    },
    beamSearch(prompt, options = {}) {
      const ids = encode(prompt);
      const found = beamSearch(model, [...start, ...ids], { ...defaults, ...options });
      return found.map((h) => ({ text: textOf([...ids, ...h.ids]).slice(textOf(ids).length), score: h.score }));
    },
    predict: async (inputs) => generateAll(inputs).map((text, i) => ({ generated_text: inputs[i] + text })),
  };
}
