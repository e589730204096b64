/// <reference lib="esnext.disposable" preserve="true" />
import { pushAll } from "../backend/arrays.ts";
import "../backend/dispose.ts";
import { philox } from "../backend/philox.ts";
import { concat, logSoftmax } from "../ops/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Beams, type Hypothesis } from "./beams.ts";
import type { GenerationOptions } from "./generation.ts";
import { checkIds, checkWhole, evaluating, GenerationError } from "./generation-checks.ts";
import type { PretrainedConfig } from "./pretrained/config.ts";
import type { EncoderInputs } from "./pretrained/inputs.ts";
import { decoderStart, type Seq2SeqLm, type Seq2SeqState } from "./pretrained/seq2seq.ts";
import { draw, nextProbabilities } from "./sampling.ts";
import { applyRules, type WritingRules } from "./seq2seq-scores.ts";

/** How a text is written; names and defaults of Transformers' GenerationConfig. What is left out follows from the model's configuration. */
export interface Seq2SeqGenerationOptions
  extends WritingRules,
    Pick<GenerationOptions, "temperature" | "topK" | "topP" | "minP" | "seed" | "maxNewTokens" | "eosTokenIds"> {
  /** Draws tokens instead of taking the likeliest; only with one beam. false. */
  doSample?: boolean;
  /** 1. */
  numBeams?: number;
  /** An ended text's score is its log-likelihood / length^penalty: above 0 favours long texts. 1. */
  lengthPenalty?: number;
  /** See {@link BeamSettings}; false. */
  earlyStopping?: boolean | "never";
  decoderStartTokenId?: number;
}

const SAMPLING = 0x5e25e9;

type Settings = Required<
  Omit<Seq2SeqGenerationOptions, keyof WritingRules | "minP" | "topK" | "topP" | "temperature">
> &
  Seq2SeqGenerationOptions;

function settingsOf(model: Seq2SeqLm, o: Seq2SeqGenerationOptions): Settings {
  const config: PretrainedConfig & WritingRules = model.config;
  const eos = config.eosTokenId == null ? [] : [config.eosTokenId].flat();
  const s = {
    ...{ doSample: false, numBeams: 1, lengthPenalty: 1, earlyStopping: false, seed: 0 },
    maxNewTokens: Math.min(100, model.maxPositions),
    ...{ eosTokenIds: eos, forcedEosTokenId: config.forcedEosTokenId, badWordsIds: config.badWordsIds ?? [] },
    ...o,
    decoderStartTokenId: o.decoderStartTokenId ?? decoderStart(config),
  };
  checkWhole("numBeams", s.numBeams, 1);
  checkWhole("maxNewTokens", s.maxNewTokens, 0);
  checkWhole("noRepeatNgramSize", s.noRepeatNgramSize ?? 0, 0);
  checkWhole("seed", s.seed, 0);
  if (!Number.isFinite(s.lengthPenalty)) throw new GenerationError(`lengthPenalty is ${s.lengthPenalty}`);
  if (!((s.repetitionPenalty ?? 1) > 0)) throw new GenerationError(`repetitionPenalty is ${s.repetitionPenalty}`);
  if (s.doSample && s.numBeams > 1) throw new GenerationError("doSample with several beams", "Set numBeams to 1.");
  checkIds([s.decoderStartTokenId, ...s.eosTokenIds, s.forcedEosTokenId ?? 0, ...s.badWordsIds.flat()], model);
  if (s.badWordsIds.some((word) => word.length === 0)) throw new GenerationError("badWordsIds has an empty entry");
  if (s.maxNewTokens > model.maxPositions) {
    throw new GenerationError(
      `${s.maxNewTokens} new tokens, but the model has ${model.maxPositions} positions`,
      "Ask for fewer tokens: maxNewTokens.",
    );
  }
  return s;
}

/** The decoder at work on a batch whose rows come and go. */
class Writer implements Disposable {
  #state: Seq2SeqState;
  #from: number[];
  readonly #model: Seq2SeqLm;
  constructor(model: Seq2SeqLm, inputs: EncoderInputs) {
    this.#model = model;
    this.#state = noGrad(() => ({ ...model.encode(inputs) }));
    this.#from = Array.from({ length: inputs.inputIds.shape[0] }, (_, i) => i);
  }
  #replace(state: Seq2SeqState): void {
    const all = (s: Seq2SeqState) => [...s.cross, ...(s.past ?? []), ...(s.crossMask ? [s.crossMask] : [])];
    const now = new Set(all(state).map((t) => t.storage));
    for (const t of all(this.#state)) if (!now.has(t.storage)) t.dispose();
    this.#state = state;
  }
  /**
   * Goes on with the rows `which` of the batch; `texts` says which read text each belongs to, by its number at first.
   * What was read is copied only where rows belong to other texts than before.
   */
  select(which: readonly number[], texts: readonly number[]): void {
    const { cross, crossMask, past } = this.#state;
    const stays = (rows: readonly number[], count: number) => rows.length === count && rows.every((r, i) => r === i);
    const pick = (t: Tensor) =>
      concat(
        which.map((i) => t.slice(0, i, i + 1)),
        0,
      );
    const same = texts.length === this.#from.length && texts.every((t, i) => t === this.#from[i]);
    const state = noGrad(() => ({
      cross: same ? cross : cross.map(pick),
      crossMask: same || crossMask === undefined ? crossMask : pick(crossMask),
      past: past === undefined || stays(which, past[0]?.shape[0] ?? 0) ? past : past.map(pick),
    }));
    this.#from = [...texts];
    this.#replace(state);
  }
  /** Scores of the token after `ids` of every row: logits, or log-likelihoods. */
  next(ids: readonly number[], logLikelihoods: boolean): Float32Array[] {
    const { cross, crossMask, past } = this.#state;
    const fed = tensor(Int32Array.from(ids), [ids.length, 1]);
    const { rows, kept } = noGrad(() => {
      const out = this.#model.next(fed, { cross, crossMask, past });
      const last = out.logits.select(1, 0);
      return { rows: logLikelihoods ? logSoftmax(last, -1) : last.contiguous(), kept: out.state.past };
    });
    fed.dispose();
    this.#replace({ cross, crossMask, past: kept });
    const all = rows.data() as Float32Array;
    rows.dispose();
    const v = this.#model.vocabSize;
    return ids.map((_, i) => all.subarray(i * v, (i + 1) * v));
  }
  [Symbol.dispose](): void {
    this.#replace({ cross: [] });
  }
}

/**
 * Writes a text for each read one: the likeliest tokens, drawn ones (`doSample`) or the best that beam search finds
 * (`numBeams`), as Transformers' `generate`.
 * @param inputs token ids [batch, S], padded, with their mask.
 * @returns the ids of each text, without the start token, with the end token where it ended.
 * @throws GenerationError for settings out of range or ids outside the vocabulary.
 */
export function generateSeq2Seq(
  model: Seq2SeqLm,
  inputs: EncoderInputs,
  options: Seq2SeqGenerationOptions = {},
): number[][] {
  const s = settingsOf(model, options);
  if (s.numBeams > 1) return beamSearchSeq2Seq(model, inputs, options).map((found) => found[0]?.ids ?? []);
  return evaluating(model, () => {
    const out: number[][] = Array.from({ length: inputs.inputIds.shape[0] }, () => []);
    using writer = new Writer(model, inputs);
    const words = new Uint32Array(4);
    let open = [...out.keys()];
    for (let step = 0; step < s.maxNewTokens && open.length > 0; step++) {
      const last = open.map((text) => out[text][step - 1] ?? s.decoderStartTokenId);
      const rows = writer.next(last, false);
      const stay: number[] = [];
      open.forEach((text, i) => {
        applyRules(rows[i], [s.decoderStartTokenId, ...out[text]], step + 1 === s.maxNewTokens, s);
        philox(step, text, s.seed >>> 0, SAMPLING, words, 0);
        const how = s.doSample ? { ...s, repetitionPenalty: 1 } : { temperature: 0 };
        const p = nextProbabilities(Float64Array.from(rows[i]), [], how);
        const id = draw(p, (words[0] + words[1] / 2 ** 32) / 2 ** 32);
        out[text].push(id);
        if (!s.eosTokenIds.includes(id)) stay.push(i);
      });
      open = stay.map((i) => open[i]);
      if (stay.length > 0) writer.select(stay, open);
    }
    return out;
  });
}

/**
 * The best texts that beam search finds for each read one, as Transformers' `generate` with `num_beams`.
 * @returns up to `numBeams` texts for each, best first; ids as {@link generateSeq2Seq} gives them.
 * @throws GenerationError as {@link generateSeq2Seq}.
 */
export function beamSearchSeq2Seq(
  model: Seq2SeqLm,
  inputs: EncoderInputs,
  options: Seq2SeqGenerationOptions = {},
): Hypothesis[][] {
  const s = settingsOf(model, options);
  return evaluating(model, () => {
    const all = Array.from({ length: inputs.inputIds.shape[0] }, () => new Beams(s));
    using writer = new Writer(model, inputs);
    let open = s.maxNewTokens === 0 ? [] : [...all.keys()];
    while (open.length > 0) {
      const beams = open.flatMap((text) => all[text].open);
      const rows = writer.next(
        beams.map(({ ids }) => ids[ids.length - 1] ?? s.decoderStartTokenId),
        true,
      );
      rows.forEach((row, i) => {
        const { ids } = beams[i];
        applyRules(row, [s.decoderStartTokenId, ...ids], ids.length + 1 === s.maxNewTokens, s);
      });
      const which: number[] = [];
      const texts: number[] = [];
      let at = 0;
      for (const text of open) {
        const count = all[text].open.length;
        const from = all[text].step(rows.slice(at, at + count));
        if (!all[text].done) {
          pushAll(
            which,
            from.map((f) => at + f),
          );
          pushAll(
            texts,
            from.map(() => text),
          );
        }
        at += count;
      }
      open = open.filter((text) => !all[text].done);
      if (open.length > 0) writer.select(which, texts);
    }
    return all.map((b) => b.ended);
  });
}
