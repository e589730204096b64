import { pushAll } from "../backend/arrays.ts";
import { philox } from "../backend/philox.ts";
import { beamSearchSteps } from "./beam-search.ts";
import type { CausalLm } from "./causal-lm.ts";
import { type Choose, continueTogether } from "./generation-batch.ts";
import { checkPrompt, drain, evaluatingSteps, GenerationError, type Steps } from "./generation-checks.ts";
import { GENERATION, type GenerationOptions } from "./generation-options.ts";
import { roomFor, stopsOf, writingSettings } from "./generation-settings.ts";
import { draw, likelihoods } from "./sampling.ts";
import { applyRules } from "./writing-rules.ts";

const SAMPLING = 0x5a3b1e;
/** Transformers' default, in new tokens. */
export const NEW_TOKENS = 20;

/**
 * Continues prompts token by token: with the likeliest token (the default), with drawn ones (`doSample`), or by beam search
 * (`numBeams`), as Transformers' `generate`. A text ends with the end token of the model's generation_config.json, else of its
 * configuration. Every text has random numbers of its own: the same comes out alone or in a batch. A prompt that is longer than
 * the model's window is read from behind.
 * @param prompts token ids, each at least one long
 * @returns the new ids of each prompt; with `numReturnSequences` n, those of the first prompt n times, then of the second …
 * @throws OptionError for unknown options; GenerationError for settings out of range or that do nothing together, an empty
 *   prompt, or ids outside the vocabulary.
 */
export function generate(
  model: CausalLm,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions = {},
): number[][] {
  return drain(generateSteps(model, prompts, options));
}

/** {@link generate}, handing over after each token: who drives it may do something else in between, or end it with `return()`. */
export function* generateSteps(
  model: CausalLm,
  prompts: readonly (readonly number[])[],
  options: GenerationOptions = {},
): Steps<number[][]> {
  const s = writingSettings("generate", model, options, GENERATION);
  for (const prompt of prompts) checkPrompt(prompt, model);
  if (s.numBeams > 1) {
    if (s.onToken !== undefined) throw new GenerationError("onToken with several beams", "Set numBeams to 1.");
    const { batchSize: _batch, onToken: _none, ...rest } = options;
    const best: number[][] = [];
    for (const prompt of prompts) {
      const maxNewTokens = roomFor(s, prompt.length, Math.min(NEW_TOKENS, model.maxPositions - prompt.length + 1));
      const { maxLength: _length, ...more } = rest;
      const how = { ...more, doSample: false, numBeams: s.numBeams, maxNewTokens } as const;
      const found = yield* beamSearchSteps(model, prompt, how);
      pushAll(
        best,
        found.slice(0, s.numReturnSequences).map(({ ids }) => ids),
      );
    }
    return best;
  }
  const n = s.numReturnSequences;
  const all = n === 1 ? prompts : prompts.flatMap((prompt) => Array.from({ length: n }, () => prompt));
  const room = all.map((prompt) => roomFor(s, prompt.length, NEW_TOKENS));
  const stops = stopsOf(s);
  const { batchSize = 16 } = s;
  const steps = function* (): Steps<number[][]> {
    const words = new Uint32Array(4);
    // The rules have their place before: what is left is drawing.
    const how = s.doSample ? { ...s, repetitionPenalty: 1, suppressTokens: [] } : { temperature: 0 };
    const choose: Choose = (text, logits, ids, step) => {
      const prompt = all[text];
      const last = step + 1 === room[text];
      applyRules(logits, ids, s, s.eosTokenIds, { begin: prompt.length, last, source: prompt });
      const p = likelihoods(logits, [], how);
      philox(step, text % n, s.seed >>> 0, SAMPLING, words, 0);
      const id = draw(p, (words[0] + words[1] / 2 ** 32) / 2 ** 32);
      const told = s.onToken?.(text, id) === true;
      return [
        id,
        told || last || s.eosTokenIds.includes(id) || stops?.(prompt, [...ids.slice(prompt.length), id]) === true,
      ];
    };
    const together = model.takesPadding === true ? batchSize : 1;
    const out: number[][] = [];
    for (let at = 0; at < all.length; at += together) {
      const here: Choose = (text, ...rest) => choose(at + text, ...rest);
      const most = Math.max(...room.slice(at, at + together));
      pushAll(out, yield* continueTogether(model, all.slice(at, at + together), most, here));
    }
    return out;
  };
  return yield* evaluatingSteps(model, steps());
}
