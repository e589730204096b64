import type { TypedArray } from "./backend.ts";
import { BackendError } from "./errors.ts";
import {
  CELL_SIZES,
  type RecurrentGradient,
  type RecurrentGradients,
  type RecurrentInputs,
  type RecurrentResults,
  type RecurrentSaved,
  type RecurrentShape,
  type RecurrentUpstream,
} from "./recurrent.ts";
import { roundToBf16 } from "./reference-math.ts";
import { float, ints, maybe } from "./reference-view.ts";

type Numbers = TypedArray;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

function open(inputs: RecurrentInputs, s: RecurrentShape) {
  const rows = CELL_SIZES[s.cell].gates * s.hidden;
  const lengths = inputs.lengths && ints(inputs.lengths, s.batch);
  lengths?.forEach((n, b) => {
    if (n < 0 || n > s.steps) {
      throw new BackendError(`recurrent: length ${n} of sequence ${b} is outside 0 to ${s.steps}`);
    }
  });
  return {
    rows,
    x: float(inputs.x, s.steps * s.batch * s.input),
    h0: maybe(inputs.h0, s.batch * s.hidden),
    c0: maybe(inputs.c0, s.batch * s.hidden),
    wih: float(inputs.wih, rows * s.input),
    whh: float(inputs.whh, rows * s.hidden),
    bih: maybe(inputs.bih, rows),
    bhh: maybe(inputs.bhh, rows),
    lives: (t: number, b: number) => lengths === undefined || t < lengths[b],
    round: s.precision === "bf16" ? roundToBf16 : (x: number) => x,
    // Step i in the order of computation; the slots of `states` it reads and writes.
    step: (i: number) => {
      const t = s.reverse ? s.steps - 1 - i : i;
      return { t, from: s.reverse ? t + 1 : t, to: s.reverse ? t : t + 1 };
    },
  };
}

function openSaved(saved: RecurrentSaved, s: RecurrentShape) {
  const slots = (s.steps + 1) * s.batch * s.hidden;
  return {
    states: float(saved.states, slots),
    cells: s.cell === "lstm" ? need(maybe(saved.cells, slots), "cells") : new Float64Array(0),
    gates: need(maybe(saved.gates, s.steps * s.batch * CELL_SIZES[s.cell].saved * s.hidden), "gates", s),
  };
}

function need(values: Numbers | undefined, what: string, s?: RecurrentShape): Numbers {
  if (values === undefined && s !== undefined && CELL_SIZES[s.cell].saved === 0) return new Float64Array(0);
  if (values === undefined) throw new BackendError(`recurrent: ${what} must be given for this cell`);
  return values;
}

/**
 * With $a = W_{ih}x_t + b_{ih}$ and $u = W_{hh}h_{t-1} + b_{hh}$, gate by gate:
 * RNN $h = f(a + u)$; LSTM $c = \sigma_f c + \sigma_i \tanh(a_g + u_g)$, $h = \sigma_o\tanh c$ (order i, f, g, o);
 * GRU $n = \tanh(a_n + r\,u_n)$, $h = (1-z)n + zh$ (order r, z, n). Past its length a sequence keeps its state.
 */
export function forward(results: RecurrentResults, inputs: RecurrentInputs, s: RecurrentShape): void {
  const { rows, x, h0, c0, wih, whh, bih, bhh, lives, round, step } = open(inputs, s);
  const { states, cells, gates } = openSaved(results, s);
  const { batch, input, hidden, cell } = s;
  const size = batch * hidden;
  const lstm = cell === "lstm";
  const out = maybe(results.out, s.steps * size);
  const hn = float(results.hn, size);
  const cn = maybe(results.cn, size);
  const first = (s.reverse ? s.steps : 0) * size;
  for (let i = 0; i < size; i++) {
    states[first + i] = h0 ? h0[i] : 0;
    if (lstm) cells[first + i] = c0 ? c0[i] : 0;
  }
  const a = new Float64Array(rows);
  const u = new Float64Array(rows);
  for (let i = 0; i < s.steps; i++) {
    const { t, from, to } = step(i);
    for (let b = 0; b < batch; b++) {
      const [old, now] = [from * size + b * hidden, to * size + b * hidden];
      const live = lives(t, b);
      if (live) {
        for (let r = 0; r < rows; r++) {
          a[r] = bih ? bih[r] : 0;
          u[r] = bhh ? bhh[r] : 0;
          for (let p = 0; p < input; p++) a[r] += round(wih[r * input + p]) * round(x[(t * batch + b) * input + p]);
          for (let p = 0; p < hidden; p++) u[r] += round(whh[r * hidden + p]) * round(states[old + p]);
        }
      }
      for (let j = 0; j < hidden; j++) {
        const at = (t * batch + b) * CELL_SIZES[cell].saved * hidden + j;
        const gate = (k: number) => a[k * hidden + j] + u[k * hidden + j];
        if (!live) {
          states[now + j] = states[old + j];
          if (lstm) cells[now + j] = cells[old + j];
        } else if (lstm) {
          const [ig, f, g, o] = [sigmoid(gate(0)), sigmoid(gate(1)), Math.tanh(gate(2)), sigmoid(gate(3))];
          const c = f * cells[old + j] + ig * g;
          cells[now + j] = c;
          states[now + j] = o * Math.tanh(c);
          [ig, f, g, o].forEach((v, k) => {
            gates[at + k * hidden] = v;
          });
        } else if (cell === "gru") {
          const [r, z, un] = [sigmoid(gate(0)), sigmoid(gate(1)), u[2 * hidden + j]];
          const n = Math.tanh(a[2 * hidden + j] + r * un);
          states[now + j] = (1 - z) * n + z * states[old + j];
          [r, z, n, un].forEach((v, k) => {
            gates[at + k * hidden] = v;
          });
        } else {
          states[now + j] = cell === "rnnTanh" ? Math.tanh(gate(0)) : Math.max(0, gate(0));
        }
        if (out) out[t * size + b * hidden + j] = live ? states[now + j] : 0;
      }
    }
  }
  const last = (s.reverse ? 0 : s.steps) * size;
  hn.set(states.subarray(last, last + size));
  if (lstm && cn) cn.set(cells.subarray(last, last + size));
}

/**
 * Backpropagation through time: from the last step computed to the first, `da` and `du` are the gradients of a and u (the
 * same but for the GRU's n), from which $\partial x = W_{ih}^\top da$, $\partial W_{ih} = \sum da\,x^\top$,
 * $\partial h_{t-1} = W_{hh}^\top du + \dots$, $\partial W_{hh} = \sum du\,h_{t-1}^\top$ follow.
 */
export function backward(
  gradients: RecurrentGradients,
  upstream: RecurrentUpstream,
  saved: RecurrentSaved,
  inputs: RecurrentInputs,
  s: RecurrentShape,
): void {
  const { rows, x, wih, whh, lives, round, step } = open(inputs, s);
  const { states, cells, gates } = openSaved(saved, s);
  const { batch, input, hidden, cell } = s;
  const size = batch * hidden;
  const dout = maybe(upstream.out, s.steps * size);
  const dx = new Float64Array(x.length);
  const dh = Float64Array.from(maybe(upstream.hn, size) ?? new Float64Array(size));
  const dc = Float64Array.from(maybe(upstream.cn, size) ?? new Float64Array(size));
  const [dwih, dwhh] = [new Float64Array(rows * input), new Float64Array(rows * hidden)];
  const [dbih, dbhh] = [new Float64Array(rows), new Float64Array(rows)];
  const da = new Float64Array(rows);
  const du = new Float64Array(rows);
  for (let i = s.steps - 1; i >= 0; i--) {
    const { t, from, to } = step(i);
    for (let b = 0; b < batch; b++) {
      if (!lives(t, b)) continue;
      const [old, now] = [from * size + b * hidden, to * size + b * hidden];
      const row = t * batch + b;
      for (let j = 0; j < hidden; j++) {
        const k = b * hidden + j;
        const d = dh[k] + (dout ? dout[row * hidden + j] : 0);
        const gate = (q: number) => gates[row * CELL_SIZES[cell].saved * hidden + q * hidden + j];
        if (cell === "lstm") {
          const [ig, f, g, o] = [gate(0), gate(1), gate(2), gate(3)];
          const tanhC = Math.tanh(cells[now + j]);
          const e = dc[k] + d * o * (1 - tanhC * tanhC);
          da[j] = e * g * ig * (1 - ig);
          da[hidden + j] = e * cells[old + j] * f * (1 - f);
          da[2 * hidden + j] = e * ig * (1 - g * g);
          da[3 * hidden + j] = d * tanhC * o * (1 - o);
          dc[k] = e * f;
          dh[k] = 0;
        } else if (cell === "gru") {
          const [r, z, n, un] = [gate(0), gate(1), gate(2), gate(3)];
          const dn = d * (1 - z) * (1 - n * n);
          da[j] = dn * un * r * (1 - r);
          da[hidden + j] = d * (states[old + j] - n) * z * (1 - z);
          da[2 * hidden + j] = dn;
          dh[k] = d * z;
        } else {
          const h = states[now + j];
          da[j] = cell === "rnnTanh" ? d * (1 - h * h) : h > 0 ? d : 0;
          dh[k] = 0;
        }
      }
      du.set(da);
      if (cell === "gru") {
        for (let j = 0; j < hidden; j++) du[2 * hidden + j] *= gates[row * 4 * hidden + j];
      }
      for (let r = 0; r < rows; r++) {
        dbih[r] += da[r];
        dbhh[r] += du[r];
        const [ra, ru] = [round(da[r]), round(du[r])];
        for (let p = 0; p < input; p++) {
          dwih[r * input + p] += ra * round(x[row * input + p]);
          dx[row * input + p] += ra * round(wih[r * input + p]);
        }
        for (let p = 0; p < hidden; p++) {
          dwhh[r * hidden + p] += ru * round(states[old + p]);
          dh[b * hidden + p] += ru * round(whh[r * hidden + p]);
        }
      }
    }
  }
  const give = (g: RecurrentGradient | undefined, values: Float64Array) => {
    if (g === undefined) return;
    const to = float(g.to, values.length);
    for (let i = 0; i < values.length; i++) to[i] = g.accumulate ? to[i] + values[i] : values[i];
  };
  give(gradients.x, dx);
  give(gradients.h0, dh);
  give(gradients.c0, dc);
  give(gradients.wih, dwih);
  give(gradients.whh, dwhh);
  give(gradients.bih, dbih);
  give(gradients.bhh, dbhh);
}
