import type { Operand } from "./backend.ts";
import type { NativeExports } from "./exports.ts";
import {
  CELLS,
  type RecurrentGradients,
  type RecurrentInputs,
  type RecurrentResults,
  type RecurrentSaved,
  type RecurrentShape,
  type RecurrentUpstream,
} from "./recurrent.ts";

const CELL = Object.fromEntries(CELLS.map((name, i) => [name, i]));

/** Sizes and offsets into the parameter block, as native/gate.h orders them; returns the handles. */
function pack(params: Float64Array, s: RecurrentShape, operands: readonly (Operand | undefined)[]): number[] {
  params[0] = s.steps;
  params[1] = s.batch;
  params[2] = s.input;
  params[3] = s.hidden;
  params[4] = s.reverse ? 1 : 0;
  params[5] = s.precision === "bf16" ? 1 : 0;
  return operands.map((x, i) => {
    params[6 + i] = x === undefined ? 0 : x.offset;
    return x === undefined ? 0 : x.storage.handle;
  });
}

export function callRecurrent(
  native: NativeExports,
  params: Float64Array,
  r: RecurrentResults,
  a: RecurrentInputs,
  s: RecurrentShape,
): number {
  const outputs = [r.out, r.hn, r.cn, r.states, r.cells, r.gates];
  const inputs = [a.x, a.h0, a.c0, a.wih, a.whh, a.bih, a.bhh, a.lengths];
  return native.recurrent(CELL[s.cell], ...pack(params, s, [...outputs, ...inputs]));
}

export function callRecurrentBackward(
  native: NativeExports,
  params: Float64Array,
  d: RecurrentGradients,
  g: RecurrentUpstream & { work: Operand },
  r: RecurrentSaved,
  a: RecurrentInputs,
  s: RecurrentShape,
): number {
  const gradients = [d.x, d.h0, d.c0, d.wih, d.whh, d.bih, d.bhh];
  const rest = [g.work, g.out, g.hn, g.cn, r.states, r.cells, r.gates, a.x, a.wih, a.whh, a.lengths];
  const handles = pack(params, s, [...gradients.map((gradient) => gradient?.to), ...rest]);
  gradients.forEach((gradient, i) => {
    params[24 + i] = gradient?.accumulate ? 1 : 0;
  });
  return native.recurrent_backward(CELL[s.cell], ...handles);
}
