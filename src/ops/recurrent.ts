import { HELD } from "../backend/dtypes.ts";
import { getPrecision } from "../backend/index.ts";
import { checkOptions, type Known } from "../backend/options.ts";
import {
  CELL_SIZES,
  type Cell,
  type RecurrentGradients,
  type RecurrentShape,
  recurrentWork,
} from "../backend/recurrent.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { describe, ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp } from "../tensor/tape.ts";
import { dense, empty, Tensor } from "../tensor/tensor.ts";
import { view } from "./raw.ts";

/** Weights of one layer in one direction; G is 1 for an RNN, 4 for an LSTM, 3 for a GRU. */
export interface RecurrentWeights {
  /** $W_{ih}$, [G·hidden, input] */
  weightIh: Tensor;
  /** $W_{hh}$, [G·hidden, hidden] */
  weightHh: Tensor;
  /** $b_{ih}$, [G·hidden] */
  biasIh?: Tensor;
  /** $b_{hh}$, [G·hidden] */
  biasHh?: Tensor;
}

export const RECURRENT = { reverse: true, lengths: true } as const;
export interface RecurrentOptions {
  /** From the last step to the first. */
  reverse?: boolean;
  /**
   * Steps of each sequence that count, [batch], 0 to T. The rest has no influence, its output is 0, and a reversed sequence
   * begins at its own last step: as PyTorch's `pack_padded_sequence` and `pad_packed_sequence`.
   */
  lengths?: readonly number[] | Tensor;
}

const KNOWN: Known<RecurrentOptions> = { reverse: true, lengths: true };

const KEYS = ["x", "h0", "c0", "wih", "whh", "bih", "bhh"] as const;
type Inputs = { [K in (typeof KEYS)[number]]?: Tensor };

interface Memo {
  /** Position of each operand among the tensor arguments. */
  at: { [K in (typeof KEYS)[number]]?: number };
  shape: RecurrentShape;
  inputs: { x: Tensor; wih: Tensor; whh: Tensor; lengths?: Tensor };
  saved: { states: Tensor; cells?: Tensor; gates?: Tensor };
}

const recurrentOp = defineOp("recurrent", {
  forward(ctx, list: Tensor[], keys: (keyof Inputs)[], cell: Cell, { reverse = false, lengths }: RecurrentOptions) {
    const given: Inputs = {};
    keys.forEach((key, i) => {
      given[key] = dense(list[i]);
    });
    const [x, wih, whh] = [given.x, given.wih, given.whh] as Tensor[];
    const [steps, batch, input] = x.shape;
    const hidden = whh.shape[1];
    const shape = { cell, steps, batch, input, hidden, reverse, precision: getPrecision() };
    const make = (...size: number[]) => empty(size, x.dtype, x.backend);
    let counts = lengths instanceof Tensor ? lengths : undefined;
    if (lengths !== undefined && counts === undefined) {
      counts = empty([batch], "int32", x.backend);
      x.backend.write(counts, Int32Array.from(lengths as readonly number[]));
    }
    const saved = {
      states: make(steps + 1, batch, hidden),
      cells: cell === "lstm" ? make(steps + 1, batch, hidden) : undefined,
      gates: CELL_SIZES[cell].saved > 0 ? make(steps, batch, CELL_SIZES[cell].saved * hidden) : undefined,
    };
    const out = counts
      ? make(steps, batch, hidden)
      : view(saved.states, [steps, batch, hidden], reverse ? 0 : batch * hidden);
    const hn = make(batch, hidden);
    const cn = cell === "lstm" ? make(batch, hidden) : undefined;
    const inputs = { ...given, x, wih, whh, lengths: counts && dense(counts) };
    x.backend.recurrent({ ...saved, out: counts && out, hn, cn }, inputs, shape);
    for (const t of [x, wih, whh, inputs.lengths, saved.states, saved.cells, saved.gates]) ctx.save(t);
    const at: Memo["at"] = {};
    keys.forEach((key, i) => {
      at[key] = i;
    });
    ctx.memo = { at, shape, inputs: { x, wih, whh, lengths: inputs.lengths }, saved } satisfies Memo;
    return cn === undefined ? [out, hn] : [out, hn, cn];
  },
  backward(ctx, dout, dhn, dcn) {
    const { at, shape, inputs, saved } = ctx.memo as Memo;
    const wanted: RecurrentGradients = {};
    const gradients: (Tensor | undefined)[] = [];
    // Only noted here; one call below writes them all, in this order.
    for (const key of KEYS) {
      const i = at[key];
      if (i === undefined) continue;
      gradients[i] = ctx.into(i, (to, accumulate) => {
        wanted[key] = { to, accumulate };
      });
    }
    const { x } = inputs;
    const work = empty([recurrentWork(shape, inputs.lengths !== undefined)], x.dtype, x.backend);
    const upstream = { out: dout && dense(dout), hn: dhn && dense(dhn), cn: dcn && dense(dcn) };
    x.backend.recurrentBackward(wanted, work, upstream, saved, inputs, shape);
    return gradients;
  },
});

/** Checks the shapes and runs the layer; results are the output and the last states. */
export function recurrent(
  name: string,
  cell: Cell,
  x: Tensor,
  weights: RecurrentWeights,
  states: readonly (Tensor | undefined)[],
  options: RecurrentOptions,
): Tensor[] {
  checkTensor(name, x);
  checkOptions(name, options, KNOWN);
  const { weightIh: wih, weightHh: whh, biasIh: bih, biasHh: bhh } = (weights ?? {}) as RecurrentWeights;
  for (const t of [wih, whh]) checkTensor(`${name}: weights`, t);
  if (!Array.isArray(states)) throw new ShapeError(`${name}: expected states, found ${describe(states)}`);
  for (const t of [bih, bhh, ...states]) if (t !== undefined) checkTensor(name, t, "a bias or state");
  if (whh.ndim !== 2)
    throw new ShapeError(`${name}: expected weightHh [G·hidden, hidden], found ${showShape(whh.shape)}`);
  if (x.ndim !== 3) throw new ShapeError(`${name}: expected input [T, batch, input], found ${showShape(x.shape)}`);
  const [steps, batch, input] = x.shape;
  const hidden = whh.shape[1];
  const rows = CELL_SIZES[cell].gates * hidden;
  const expect = (what: string, t: Tensor | undefined, ...shape: number[]) => {
    if (t !== undefined && (t.ndim !== shape.length || shape.some((s, d) => s !== t.shape[d]))) {
      throw new ShapeError(`${name}: expected ${what} ${showShape(shape)}, found ${showShape(t.shape)}`);
    }
  };
  expect("weightHh", whh, rows, hidden);
  expect("weightIh", wih, rows, input);
  expect("biasIh", bih, rows);
  expect("biasHh", bhh, rows);
  for (const state of states) expect("a state", state, batch, hidden);
  const { lengths } = options;
  if (lengths instanceof Tensor) {
    expect("lengths", lengths, batch);
    if (HELD[lengths.dtype] !== "int32")
      throw new ShapeError(`${name}: expected int64 or int32 lengths, found ${lengths.dtype}`);
  } else if (lengths !== undefined) {
    if (!Array.isArray(lengths)) throw new ShapeError(`${name}: expected lengths, found ${describe(lengths)}`);
    const wrong = lengths.find((n) => !(Number.isInteger(n) && n >= 0 && n <= steps));
    if (wrong !== undefined || lengths.length !== batch) {
      throw new ShapeError(
        `${name}: expected ${batch} lengths from 0 to ${steps}, found ${wrong ?? `${lengths.length} of them`}`,
      );
    }
  }
  const all: Inputs = { x, h0: states[0], c0: states[1], wih, whh, bih, bhh };
  const keys = KEYS.filter((key) => all[key] !== undefined);
  const list = keys.map((key) => all[key] as Tensor);
  return recurrentOp(list, keys, cell, options);
}
