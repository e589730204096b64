import { maximum, minimum } from "../backend/arrays.ts";
import { concat } from "../ops/index.ts";
import { tensor, zeros } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { CausalLm, LmState } from "./causal-lm.ts";
import type { Steps } from "./generation-checks.ts";

/** A text that is being written. */
interface Row {
  readonly text: number;
  readonly all: number[];
  readonly out: number[];
}

/** Texts side by side, aligned at their ends: `padding[b]` of the `width` tokens that the state holds are none of row b's. */
interface Batch {
  rows: Row[];
  padding: number[];
  width: number;
  past: LmState;
}

/** What the next token of a text is, from the logits and its tokens so far, and whether it ends there. */
export type Choose = (
  text: number,
  logits: Float64Array,
  all: readonly number[],
  step: number,
) => [id: number, ends: boolean];

/**
 * Continues texts of different lengths together: one pass over the prompts, aligned at their ends, then one for each token.
 * A text that ends leaves the batch; one that fills the model's window begins again with the later half, as it does alone.
 * Hands over after each token, so that who drives it may do something else, or end it.
 * @returns the new ids of each prompt
 */
export function* continueTogether(
  model: CausalLm,
  prompts: readonly (readonly number[])[],
  maxNewTokens: number,
  choose: Choose,
): Steps<number[][]> {
  const all: Row[] = prompts.map((prompt, text) => ({ text, all: [...prompt], out: [] }));
  if (maxNewTokens === 0) return all.map((row) => row.out);
  const most = model.maxPositions;
  let held: LmState = [];
  /** Frees what was held and is not any more. */
  const hold = (...batches: Batch[]) => {
    const next = batches.length === 1 ? batches[0].past : batches.flatMap((b) => b.past);
    if (next === held) return;
    for (const t of held) if (!next.some((n) => n.storage === t.storage)) t.dispose();
    held = next;
  };
  try {
    let { batch, likely } = begin(model, all, most);
    hold(batch);
    for (;;) {
      const stay = batch.rows.flatMap((row, i) => {
        const [id, ends] = choose(row.text, likely[i], row.all, row.out.length);
        row.all.push(id);
        row.out.push(id);
        return ends || row.out.length === maxNewTokens ? [] : [i];
      });
      if (stay.length === 0) return all.map((row) => row.out);
      yield;
      const isFull = (i: number) => batch.width - batch.padding[i] + 1 > most;
      const full = stay.filter(isFull).map((i) => batch.rows[i]);
      const fits = stay.filter((i) => !isFull(i));
      const parts: { batch: Batch; likely: Float64Array[] }[] = [];
      if (fits.length > 0) {
        const kept = select(model, batch, fits);
        hold(kept);
        const last = kept.rows.map((row) => row.all.slice(-1));
        const { likely, past } = advance(model, last, kept.padding, kept.past);
        parts.push({ batch: { ...kept, width: kept.width + 1, past }, likely });
        hold(parts[0].batch);
      }
      if (full.length > 0) parts.push(begin(model, full, Math.max(1, Math.floor(most / 2))));
      hold(...parts.map((p) => p.batch));
      batch = parts.length === 1 ? parts[0].batch : join(model, parts[0].batch, parts[1].batch);
      hold(batch);
      likely = parts.flatMap((p) => p.likely);
    }
  } finally {
    hold();
  }
}

/** A batch of the last `length` tokens of each text. */
function begin(model: CausalLm, rows: Row[], length: number): { batch: Batch; likely: Float64Array[] } {
  const parts = rows.map(({ all }) => all.slice(Math.max(0, all.length - length)));
  const width = maximum(parts.map((p) => p.length));
  const padding = parts.map((p) => width - p.length);
  const { likely, past } = advance(model, parts, padding);
  return { batch: { rows, padding, width, past }, likely };
}

/** Logits after the last token of every text. */
function advance(
  model: CausalLm,
  pending: readonly (readonly number[])[],
  padding: readonly number[],
  past?: LmState,
): { likely: Float64Array[]; past: LmState } {
  const width = maximum(pending.map((p) => p.length));
  const flat = new Int32Array(pending.length * width);
  pending.forEach((p, b) => {
    flat.set(p, (b + 1) * width - p.length);
  });
  const ids = tensor(flat, [pending.length, width]);
  const even = padding.every((n) => n === 0);
  const { last, after } = noGrad(() => {
    const { logits, past: after } = model.next(ids, past, even ? undefined : padding);
    return { last: logits.select(1, width - 1).contiguous(), after };
  });
  ids.dispose();
  const rows = new Float64Array(last.data());
  last.dispose();
  const v = model.vocabSize;
  return { likely: pending.map((_, i) => rows.subarray(i * v, (i + 1) * v)), past: after };
}

/** Some texts of a batch, without columns that have become padding for all. */
function select(model: CausalLm, batch: Batch, which: readonly number[]): Batch {
  const { stateBatchDim: dim, stateTimeDim: time } = model;
  const padding = which.map((i) => batch.padding[i]);
  const cut = time === undefined ? 0 : minimum(padding);
  if (which.length === batch.rows.length && 2 * cut < batch.width) return batch;
  return {
    rows: which.map((i) => batch.rows[i]),
    padding: padding.map((n) => n - cut),
    width: batch.width - cut,
    past: noGrad(() =>
      batch.past.map((t) => {
        const parts = which.map((i) => t.slice(dim, i, i + 1));
        return concat(time === undefined ? parts : parts.map((p) => p.slice(time, cut)), dim);
      }),
    ),
  };
}

/** Two batches side by side. */
function join(model: CausalLm, a: Batch, b: Batch): Batch {
  const width = Math.max(a.width, b.width);
  const { stateBatchDim: dim, stateTimeDim: time } = model;
  const wide = (t: Tensor, missing: number) =>
    time === undefined || missing === 0 ? t : concat([zeros(t.shape.with(time, missing)), t], time);
  return {
    rows: [...a.rows, ...b.rows],
    padding: [a, b].flatMap((batch) => batch.padding.map((n) => n + width - batch.width)),
    width,
    past: noGrad(() => a.past.map((t, i) => concat([wide(t, width - a.width), wide(b.past[i], width - b.width)], dim))),
  };
}
