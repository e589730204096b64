import { concat, logSoftmax } from "../ops/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import type { CausalLm, LmState } from "./causal-lm.ts";
import { checkPrompt, checkWhole, GenerationError } from "./generation-checks.ts";

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

/** A continuation, and its log-likelihood / length^penalty. */
export interface Hypothesis {
  ids: number[];
  score: number;
}
interface Beam {
  ids: number[];
  sum: number;
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
  const wasTraining = model.training;
  model.eval();
  let past: LmState = [];
  const replace = (state: LmState) => {
    for (const t of past) if (!state.some((s) => s.storage === t.storage)) t.dispose();
    past = state;
  };
  try {
    const finished: Hypothesis[] = [];
    const scoreOf = (sum: number, length: number) => sum / length ** o.lengthPenalty;
    const finish = (ids: number[], sum: number) => {
      finished.push({ ids, score: scoreOf(sum, ids.length) });
      finished.sort((a, b) => b.score - a.score);
      finished.length = Math.min(finished.length, o.numBeams);
    };
    let beams: Beam[] = [{ ids: [], sum: 0 }];
    let pending = [prompt];
    for (let step = 0; step < o.maxNewTokens; step++) {
      const { likely, state } = advance(model, pending, step === 0 ? undefined : past);
      replace(state);
      for (const row of likely) for (const id of o.suppressTokens) row[id] = Number.NEGATIVE_INFINITY;
      const ranked = extensions(beams, likely, o.numBeams * (1 + o.eosTokenIds.length));
      const next: { beam: Beam; from: number }[] = [];
      ranked.forEach(({ from, id, sum }, rank) => {
        const ids = [...beams[from].ids, id];
        if (o.eosTokenIds.includes(id)) {
          if (rank < o.numBeams) finish(ids, sum);
        } else if (next.length < o.numBeams) next.push({ beam: { ids, sum }, from });
      });
      beams = next.map((n) => n.beam);
      if (beams.length === 0) break;
      const hopeless =
        finished.length >= o.numBeams &&
        (o.earlyStopping || finished[finished.length - 1].score >= scoreOf(beams[0].sum, step + 1));
      if (hopeless) return finished;
      replace(
        reordered(
          model,
          past,
          next.map((n) => n.from),
        ),
      );
      pending = beams.map((b) => b.ids.slice(-1));
    }
    for (const b of beams) if (b.ids.length > 0) finish(b.ids, b.sum);
    return finished;
  } finally {
    replace([]);
    model.train(wasTraining);
  }
}

/** Log-likelihoods of the next token of every text. */
function advance(model: CausalLm, pending: readonly (readonly number[])[], past: LmState | undefined) {
  const width = pending[0].length;
  const ids = tensor(Int32Array.from(pending.flat()), [pending.length, width]);
  const { rows, state } = noGrad(() => {
    const { logits, past: state } = model.next(ids, past);
    return { rows: logSoftmax(logits.select(1, width - 1), -1), state };
  });
  const all = Float64Array.from(rows.data());
  ids.dispose();
  rows.dispose();
  const v = model.vocabSize;
  return { likely: pending.map((_, i) => all.slice(i * v, (i + 1) * v)), state };
}

/** The `count` likeliest texts that are one token longer; ties go to the earlier beam and the smaller id. */
function extensions(beams: readonly Beam[], likely: readonly Float64Array[], count: number) {
  const found = beams.flatMap((beam, from) => {
    const order = Array.from(likely[from].keys()).filter((id) => likely[from][id] > Number.NEGATIVE_INFINITY);
    order.sort((a, b) => likely[from][b] - likely[from][a] || a - b);
    return order.slice(0, count).map((id) => ({ from, id, sum: beam.sum + likely[from][id] }));
  });
  return found.sort((a, b) => b.sum - a.sum).slice(0, count);
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
