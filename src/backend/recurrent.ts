import type { Operand, Precision } from "./backend.ts";

/** Recurrent cells; positions as in `Cell` of native/kernels.h (a test compares them). */
export const CELLS = ["rnnTanh", "rnnRelu", "lstm", "gru"] as const;
export type Cell = (typeof CELLS)[number];

/**
 * In units of the hidden size: `gates` rows of the weights, `saved` values that the forward pass leaves in `gates` for each
 * step (LSTM: i, f, g, o; GRU: r, z, n, $W_{hn}h + b_{hn}$), `work` gradients of the gates during the backward pass.
 */
export const CELL_SIZES: Record<Cell, { gates: number; saved: number; work: number }> = {
  rnnTanh: { gates: 1, saved: 0, work: 1 },
  rnnRelu: { gates: 1, saved: 0, work: 1 },
  lstm: { gates: 4, saved: 4, work: 4 },
  gru: { gates: 3, saved: 4, work: 6 },
};

/** One layer in one direction over a whole sequence; everything is time-major. */
export interface RecurrentShape {
  cell: Cell;
  steps: number;
  batch: number;
  input: number;
  hidden: number;
  /** From the last step to the first. */
  reverse: boolean;
  precision: Precision;
}

export interface RecurrentInputs {
  /** [steps, batch, input] */
  x: Operand;
  /** [batch, hidden]; 0 when left out. */
  h0?: Operand;
  /** LSTM: [batch, hidden]; 0 when left out. */
  c0?: Operand;
  /** [gates · hidden, input] and [gates · hidden, hidden] */
  wih: Operand;
  whh: Operand;
  /** [gates · hidden] */
  bih?: Operand;
  bhh?: Operand;
  /** int32 [batch]: steps that count, 0 to `steps`; all when left out. */
  lengths?: Operand;
}

/** What the forward pass keeps for the backward pass. Step t reads slot t and writes slot t + 1; in reverse the other way round. */
export interface RecurrentSaved {
  /** [steps + 1, batch, hidden]: every hidden state, carried on past the end of a sequence. */
  states: Operand;
  /** LSTM: [steps + 1, batch, hidden], the cell states. */
  cells?: Operand;
  /** LSTM, GRU: [steps, batch, saved · hidden]. */
  gates?: Operand;
}

export interface RecurrentResults extends RecurrentSaved {
  /** [steps, batch, hidden]: the states, 0 past the end of a sequence. Left out without lengths: `states` has them. */
  out?: Operand;
  /** Last states, [batch, hidden]. */
  hn: Operand;
  /** LSTM */
  cn?: Operand;
}

/** Where a gradient is written, or added to. */
export interface RecurrentGradient {
  to: Operand;
  accumulate: boolean;
}

/** Gradients that are wanted; written in this order, so that one buffer may stand for several. */
export interface RecurrentGradients {
  x?: RecurrentGradient;
  h0?: RecurrentGradient;
  c0?: RecurrentGradient;
  wih?: RecurrentGradient;
  whh?: RecurrentGradient;
  bih?: RecurrentGradient;
  bhh?: RecurrentGradient;
}

/** Gradients of the results; 0 when left out. */
export interface RecurrentUpstream {
  out?: Operand;
  hn?: Operand;
  cn?: Operand;
}

/** Elements of scratch memory that the backward pass needs. */
export function recurrentWork({ cell, steps, batch, input, hidden }: RecurrentShape, lengths: boolean): number {
  return steps * batch * (CELL_SIZES[cell].work * hidden + (lengths ? input : 0));
}
