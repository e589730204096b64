/// <reference lib="esnext.disposable" preserve="true" />
import { pushAll } from "../backend/arrays.ts";
import "../backend/dispose.ts";
import { philox } from "../backend/philox.ts";
import { concat, logSoftmax } from "../ops/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Beams, type Hypothesis } from "./beams.ts";
import { checkIds, evaluating, GenerationError } from "./generation-checks.ts";
import { SEQ2SEQ, type Seq2SeqGenerationOptions } from "./generation-options.ts";
import { roomFor, stopsOf, type WritingSettings, writingSettings } from "./generation-settings.ts";
import type { EncoderInputs } from "./pretrained/inputs.ts";
import { decoderStart, type Seq2SeqLm, type Seq2SeqState } from "./pretrained/seq2seq.ts";
import { draw, likelihoods } from "./sampling.ts";
import { applyRules, logNormalize } from "./writing-rules.ts";

const SAMPLING = 0x5e25e9;
/** Tokens that are written where nobody says how many. */
const NEW_TOKENS = 20;

type Settings = WritingSettings & { maxNewTokens: number; decoderStartTokenId: number };

function settingsOf(model: Seq2SeqLm, where: string, options: Seq2SeqGenerationOptions): Settings {
  const s = writingSettings(where, model, options, SEQ2SEQ);
  const decoderStartTokenId = s.decoderStartTokenId ?? decoderStart(model.config);
  checkIds([decoderStartTokenId], model);
  const maxNewTokens = roomFor(s, 1, Math.min(NEW_TOKENS, model.maxPositions));
  const asked = options.maxNewTokens ?? options.maxLength;
  if (asked !== undefined && maxNewTokens > model.maxPositions) {
    throw new GenerationError(
      `${maxNewTokens} new tokens, but the model has ${model.maxPositions} positions`,
      "Ask for fewer tokens: maxNewTokens.",
    );
  }
  return { ...s, decoderStartTokenId, maxNewTokens: Math.min(maxNewTokens, model.maxPositions) };
}

/** The tokens of every text that is read, without padding. */
function sourcesOf({ inputIds, attentionMask }: EncoderInputs): number[][] {
  const [rows, width] = inputIds.shape;
  const [ids, mask] = [inputIds.data(), attentionMask?.data()];
  return Array.from({ length: rows }, (_, row) =>
    Array.from(ids.subarray(row * width, (row + 1) * width)).filter(
      (_, i) => mask === undefined || mask[row * width + i] !== 0,
    ),
  );
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
  const s = settingsOf(model, "generateSeq2Seq", options);
  const n = s.numReturnSequences;
  if (s.numBeams > 1) {
    const found = beamSearchSeq2Seq(model, inputs, options);
    return found.flatMap((texts) => Array.from({ length: n }, (_, i) => texts[i]?.ids ?? []));
  }
  const [sources, stops] = [sourcesOf(inputs), stopsOf(s)];
  const start = [s.decoderStartTokenId];
  return evaluating(model, () => {
    const out: number[][] = Array.from({ length: n * inputs.inputIds.shape[0] }, () => []);
    using writer = new Writer(model, inputs);
    const words = new Uint32Array(4);
    let open = [...out.keys()];
    if (n > 1)
      writer.select(
        open.map((text) => Math.floor(text / n)),
        open.map((text) => Math.floor(text / n)),
      );
    // The rules have their place before: what is left is drawing.
    const how = s.doSample ? { ...s, repetitionPenalty: 1, suppressTokens: [] } : { temperature: 0 };
    for (let step = 0; step < s.maxNewTokens && open.length > 0; step++) {
      const last = open.map((text) => out[text][step - 1] ?? s.decoderStartTokenId);
      const rows = writer.next(last, false);
      const stay: number[] = [];
      open.forEach((text, i) => {
        const place = { begin: 1, last: step + 1 === s.maxNewTokens, source: sources[Math.floor(text / n)] };
        applyRules(rows[i], [...start, ...out[text]], s, s.eosTokenIds, place);
        philox(step, text, s.seed >>> 0, SAMPLING, words, 0);
        const p = likelihoods(Float64Array.from(rows[i]), [], how);
        const id = draw(p, (words[0] + words[1] / 2 ** 32) / 2 ** 32);
        out[text].push(id);
        if (!s.eosTokenIds.includes(id) && stops?.(start, out[text]) !== true) stay.push(i);
      });
      open = stay.map((i) => open[i]);
      if (stay.length > 0)
        writer.select(
          stay,
          open.map((text) => Math.floor(text / n)),
        );
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
  const s = settingsOf(model, "beamSearchSeq2Seq", options);
  const [sources, stops] = [sourcesOf(inputs), stopsOf(s)];
  const start = [s.decoderStartTokenId];
  const ends = stops && ((ids: readonly number[]) => stops(start, ids));
  return evaluating(model, () => {
    const all = Array.from({ length: inputs.inputIds.shape[0] }, () => new Beams({ ...s, ends }));
    using writer = new Writer(model, inputs);
    let open = s.maxNewTokens === 0 ? [] : [...all.keys()];
    while (open.length > 0) {
      const beams = open.flatMap((text) => all[text].open);
      const rows = writer.next(
        beams.map(({ ids }) => ids[ids.length - 1] ?? s.decoderStartTokenId),
        true,
      );
      const readBy = open.flatMap((text) => all[text].open.map(() => sources[text]));
      rows.forEach((row, i) => {
        const { ids } = beams[i];
        const place = { begin: 1, last: ids.length + 1 === s.maxNewTokens, source: readBy[i] };
        applyRules(row, [...start, ...ids], s, s.eosTokenIds, place);
        if (s.renormalizeLogits) logNormalize(row);
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
