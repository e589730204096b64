/** How texts are ranked; names of Transformers' GenerationConfig. */
export interface BeamSettings {
  numBeams: number;
  lengthPenalty: number;
  /** true: as soon as `numBeams` texts have ended; false: when the best open one is worse now; "never": when it must stay worse. */
  earlyStopping: boolean | "never";
  maxNewTokens: number;
  eosTokenIds: readonly number[];
  /** Whether a text ends for another reason. */
  ends?: (ids: readonly number[]) => boolean;
}
/** A continuation, and its log-likelihood / length^penalty. */
export interface Hypothesis {
  ids: number[];
  score: number;
}
/** A text that is being written, and its log-likelihood. */
interface Open {
  ids: number[];
  sum: number;
}
interface Candidate {
  from: number;
  id: number;
  sum: number;
}

/** The `count` likeliest extensions, best first; of equals the earlier beam and the smaller id. */
function likeliest(open: readonly Open[], scores: readonly ArrayLike<number>[], count: number): Candidate[] {
  const top: Candidate[] = [];
  open.forEach((beam, from) => {
    const row = scores[from];
    for (let id = 0; id < row.length; id++) {
      const sum = beam.sum + row[id];
      if (top.length === count && !(sum > top[count - 1].sum)) continue;
      if (Number.isNaN(sum) || sum === Number.NEGATIVE_INFINITY) continue;
      let at = Math.min(top.length, count - 1);
      for (; at > 0 && top[at - 1].sum < sum; at--) top[at] = top[at - 1];
      top[at] = { from, id, sum };
    }
  });
  return top;
}

/** Beam search for one text, as Transformers 4.57 does it: every step extends the open texts by every token and keeps the likeliest. */
export class Beams {
  open: Open[] = [{ ids: [], sum: 0 }];
  /** Texts that have ended, best first. */
  readonly ended: Hypothesis[] = [];
  done = false;
  readonly #o: BeamSettings;
  constructor(settings: BeamSettings) {
    this.#o = settings;
  }
  #score(sum: number, length: number): number {
    return sum / length ** this.#o.lengthPenalty;
  }
  /**
   * @param scores of every open text: log-likelihoods of the next token, after the rules.
   * @returns which open text each of the new ones continues.
   */
  step(scores: readonly ArrayLike<number>[]): number[] {
    const { numBeams, eosTokenIds, earlyStopping, maxNewTokens, lengthPenalty, ends } = this.#o;
    const length = this.open[0].ids.length + 1;
    const last = length === maxNewTokens;
    const ranked = likeliest(this.open, scores, Math.max(2, 1 + eosTokenIds.length) * numBeams);
    const next: { beam: Open; from: number }[] = [];
    ranked.forEach(({ from, id, sum }, rank) => {
      const ids = [...this.open[from].ids, id];
      if (last || eosTokenIds.includes(id) || ends?.(ids)) {
        // What ranks lower is there only to go on from.
        if (rank < numBeams) this.ended.push({ ids, score: this.#score(sum, length) });
      } else if (next.length < numBeams) next.push({ beam: { ids, sum }, from });
    });
    this.ended.sort((a, b) => b.score - a.score);
    this.ended.length = Math.min(this.ended.length, numBeams);
    this.open = next.map((n) => n.beam);
    const full = this.ended.length === numBeams;
    const reach = earlyStopping === "never" && lengthPenalty > 0 ? maxNewTokens : length;
    const hopeless =
      full && next.length > 0 && !(this.#score(this.open[0].sum, reach) > this.ended[numBeams - 1].score);
    this.done = last || next.length === 0 || (full && earlyStopping === true) || hopeless;
    return next.map((n) => n.from);
  }
}
