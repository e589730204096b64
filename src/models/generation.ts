import { pushAll } from "../backend/arrays.ts";
import { philox } from "../backend/philox.ts";
import type { CausalLm } from "./causal-lm.ts";
import { type Choose, continueTogether } from "./generation-batch.ts";
import { checkPrompt, evaluating, GenerationError } from "./generation-checks.ts";
import { draw, nextProbabilities, type SamplingOptions } from "./sampling.ts";

/** How texts are continued; names of Transformers' GenerationConfig. */
export interface GenerationOptions extends SamplingOptions {
  /** 100. */
  maxNewTokens?: number;
  /** The same seed gives the same text. */
  seed?: number;
  /** Ends when one of these is produced; it is part of the result. */
  eosTokenIds?: readonly number[];
  /** Texts that are continued together, one pass for a token of each. 16. */
  batchSize?: number;
  /** Called with every new token of every text (its position in the batch first); returning true ends that text. */
  onToken?: (text: number, id: number) => boolean | void;
}

const SAMPLING = 0x5a3b1e;

function check(o: GenerationOptions): void {
  const range = (name: string, value: number | undefined, ok: (x: number) => boolean, want: string) => {
    if (value !== undefined && !ok(value)) throw new GenerationError(`${name} is ${value}; expected ${want}`);
  };
  const whole = (x: number) => Number.isInteger(x) && x >= 0;
  range("maxNewTokens", o.maxNewTokens, whole, "a whole number from 0 on");
  range("batchSize", o.batchSize, (x) => whole(x) && x > 0, "a whole number from 1 on");
  range("temperature", o.temperature, (x) => x >= 0 && x < 1e6, "a number from 0 on");
  range("topK", o.topK, whole, "a whole number from 0 on");
  range("topP", o.topP, (x) => x > 0 && x <= 1, "a number above 0, at most 1");
  range("minP", o.minP, (x) => x >= 0 && x <= 1, "a number from 0 to 1");
  range("repetitionPenalty", o.repetitionPenalty, (x) => x > 0 && x < 1e6, "a number above 0");
  range("seed", o.seed, whole, "a whole number from 0 on");
}

/**
 * Continues prompts token by token, each text with random numbers of its own: the same text comes out alone or in a batch.
 * @param prompts token ids, each at least one long
 * @returns the new ids of each prompt
 * @throws GenerationError for settings out of range, an empty prompt, or ids outside the vocabulary.
 */
export function generate(
  model: CausalLm,
  prompts: readonly (readonly number[])[],
  o: GenerationOptions = {},
): number[][] {
  check(o);
  const { maxNewTokens = 100, seed = 0, eosTokenIds = [], batchSize = 16 } = o;
  for (const prompt of prompts) checkPrompt(prompt, model);
  return evaluating(model, () => {
    const words = new Uint32Array(4);
    const choose: Choose = (text, logits, all, step) => {
      const p = nextProbabilities(logits, all, o);
      philox(step, 0, seed >>> 0, SAMPLING, words, 0);
      const id = draw(p, (words[0] + words[1] / 2 ** 32) / 2 ** 32);
      return [id, o.onToken?.(text, id) === true || eosTokenIds.includes(id)];
    };
    const together = model.takesPadding === true ? batchSize : 1;
    const out: number[][] = [];
    for (let at = 0; at < prompts.length; at += together) {
      const here: Choose = (text, ...rest) => choose(at + text, ...rest);
      pushAll(out, continueTogether(model, prompts.slice(at, at + together), maxNewTokens, here));
    }
    return out;
  });
}
