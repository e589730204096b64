import { concat, logSoftmax } from "../ops/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { Beams, type Hypothesis } from "./beams.ts";
import type { CausalLm, LmState } from "./causal-lm.ts";
import { checkPrompt, drain, evaluatingSteps, GenerationError, type Steps } from "./generation-checks.ts";
import { WRITING, type WritingOptions } from "./generation-options.ts";
import { roomFor, stopsOf, writingSettings } from "./generation-settings.ts";
import type { SamplingOptions } from "./sampling.ts";
import { applyRules, logNormalize } from "./writing-rules.ts";

/** Names of Transformers' GenerationConfig; `numBeams` is 4 and `maxNewTokens` 100 where nobody says anything. */
export type BeamOptions = Omit<
  WritingOptions,
  "doSample" | keyof Omit<SamplingOptions, "repetitionPenalty" | "suppressTokens">
> & {
  doSample?: false;
};

const NUM_BEAMS = 4;
const NEW_TOKENS = 100;

/**
 * The likeliest continuations that beam search finds (Sutskever et al., 2014; scores as Transformers computes them): every
 * step extends `numBeams` texts by every token and keeps the likeliest.
 * @param prompt token ids, at least one
 * @returns up to `numBeams` continuations, best first; `numReturnSequences` of them where that is given
 * @throws OptionError for unknown options; GenerationError for settings out of range, an empty prompt, ids outside the
 *   vocabulary, too few positions.
 */
export function beamSearch(model: CausalLm, prompt: readonly number[], options: BeamOptions = {}): Hypothesis[] {
  return drain(beamSearchSteps(model, prompt, options));
}

/** {@link beamSearch}, handing over after each token. */
export function* beamSearchSteps(
  model: CausalLm,
  prompt: readonly number[],
  options: BeamOptions = {},
): Steps<Hypothesis[]> {
  const numBeams = model.generationConfig?.defaults.numBeams ?? NUM_BEAMS;
  const given = { numBeams, ...options, doSample: false } as const;
  const s = writingSettings("beamSearch", model, options === null ? options : given, WRITING, true);
  checkPrompt(prompt, model);
  const begin = prompt.length;
  const maxNewTokens = roomFor(s, begin, NEW_TOKENS);
  if (begin + maxNewTokens - 1 > model.maxPositions) {
    throw new GenerationError(
      `${begin} tokens and ${maxNewTokens} new ones, but the model has ${model.maxPositions} positions`,
      "Ask for fewer tokens: maxNewTokens.",
    );
  }
  const stops = stopsOf(s);
  const beams = new Beams({ ...s, maxNewTokens, ends: stops && ((ids) => stops(prompt, ids)) });
  if (maxNewTokens === 0) return [];
  const steps = function* (): Steps<Hypothesis[]> {
    let past: LmState | undefined;
    const replace = (state: LmState | undefined) => {
      for (const t of past ?? []) if (!state?.some((s) => s.storage === t.storage)) t.dispose();
      past = state;
    };
    try {
      let pending = [prompt];
      for (;;) {
        const { rows, state } = advance(model, pending, past);
        replace(state);
        rows.forEach((row, i) => {
          const { ids } = beams.open[i];
          const last = ids.length + 1 === maxNewTokens;
          applyRules(row, [...prompt, ...ids], s, s.eosTokenIds, { begin, last, source: prompt });
          if (s.renormalizeLogits) logNormalize(row);
        });
        const from = beams.step(rows);
        if (beams.done) return beams.ended.slice(0, options.numReturnSequences);
        replace(reordered(model, state, from));
        pending = beams.open.map(({ ids }) => ids.slice(-1));
        yield;
      }
    } finally {
      replace(undefined);
    }
  };
  return yield* evaluatingSteps(model, steps());
}

/** Log-likelihoods of the next token of every text. */
function advance(model: CausalLm, pending: readonly (readonly number[])[], past: LmState | undefined) {
  const width = pending[0].length;
  const ids = tensor(Int32Array.from(pending.flat()), [pending.length, width]);
  const { likely, state } = noGrad(() => {
    const { logits, past: state } = model.next(ids, past);
    return { likely: logSoftmax(logits.select(1, width - 1), -1), state };
  });
  const all = Float64Array.from(likely.data());
  ids.dispose();
  likely.dispose();
  const v = model.vocabSize;
  return { rows: pending.map((_, i) => all.subarray(i * v, (i + 1) * v)), state };
}

/** The state with the texts `from` in place of its own. */
function reordered(model: CausalLm, state: LmState, from: readonly number[]): LmState {
  const dim = model.stateBatchDim;
  if (from.length === state[0].shape[dim] && from.every((f, i) => f === i)) return state;
  return noGrad(() =>
    state.map((t) =>
      concat(
        from.map((i) => t.slice(dim, i, i + 1)),
        dim,
      ),
    ),
  );
}
