import { concat, logSoftmax } from "../ops/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { Beams, type Hypothesis } from "./beams.ts";
import type { CausalLm, LmState } from "./causal-lm.ts";
import { checkPrompt, checkWhole, evaluating, GenerationError } from "./generation-checks.ts";

/** Names of Transformers' GenerationConfig. */
export interface BeamOptions {
  /** Texts that are kept at every step. 4. */
  numBeams?: number;
  /** A finished text's score is its log-likelihood / length^penalty: above 0 favours long texts. 1. */
  lengthPenalty?: number;
  /** Stop as soon as `numBeams` texts have ended, instead of when none can become better. */
  earlyStopping?: boolean;
  /** 100. */
  maxNewTokens?: number;
  /** A text ends with one of these; it is part of the result. */
  eosTokenIds?: readonly number[];
  /** Never produced. */
  suppressTokens?: readonly number[];
}

function check(model: CausalLm, prompt: readonly number[], o: Required<BeamOptions>): void {
  checkWhole("numBeams", o.numBeams, 1);
  checkWhole("maxNewTokens", o.maxNewTokens, 0);
  if (!Number.isFinite(o.lengthPenalty)) throw new GenerationError(`lengthPenalty is ${o.lengthPenalty}`);
  checkPrompt(prompt, model);
  if (prompt.length + o.maxNewTokens - 1 > model.maxPositions) {
    throw new GenerationError(
      `${prompt.length} tokens and ${o.maxNewTokens} new ones, but the model has ${model.maxPositions} positions`,
      "Ask for fewer tokens.",
    );
  }
}

/**
 * The likeliest continuations that beam search finds (Sutskever et al., 2014; scores as Transformers computes them): every
 * step extends `numBeams` texts by every token and keeps the likeliest.
 * @param prompt token ids, at least one
 * @returns up to `numBeams` continuations, best first
 * @throws GenerationError for settings out of range, an empty prompt, ids outside the vocabulary, too few positions.
 */
export function beamSearch(model: CausalLm, prompt: readonly number[], options: BeamOptions = {}): Hypothesis[] {
  const o: Required<BeamOptions> = {
    ...{ numBeams: 4, lengthPenalty: 1, earlyStopping: false, maxNewTokens: 100, eosTokenIds: [], suppressTokens: [] },
    ...options,
  };
  check(model, prompt, o);
  const beams = new Beams(o);
  if (o.maxNewTokens === 0) return [];
  return evaluating(model, () => {
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
        for (const row of rows) for (const id of o.suppressTokens) row[id] = Number.NEGATIVE_INFINITY;
        const from = beams.step(rows);
        if (beams.done) return beams.ended;
        replace(reordered(model, state, from));
        pending = beams.open.map(({ ids }) => ids.slice(-1));
      }
    } finally {
      replace(undefined);
    }
  });
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
