import { checkOptions } from "../backend/options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { RECURRENT, type RecurrentOptions, type RecurrentWeights, recurrent } from "./recurrent.ts";

const KNOWN = { ...RECURRENT, nonlinearity: true } as const;

/**
 * A layer of Elman's recurrent network (1990) over a whole sequence:
 * $h_t = f(W_{ih}x_t + b_{ih} + W_{hh}h_{t-1} + b_{hh})$, $f$ = tanh or ReLU.
 *
 * Backwards in time, with $\partial h_t$ from the output and from step $t+1$: $\partial a_t = \partial h_t\,f'(a_t)$,
 * $\partial x_t = W_{ih}^\top\partial a_t$, $\partial h_{t-1} = W_{hh}^\top\partial a_t$,
 * $\partial W_{ih} = \sum_t\partial a_t x_t^\top$, $\partial W_{hh} = \sum_t\partial a_t h_{t-1}^\top$,
 * $\partial b_{ih} = \partial b_{hh} = \sum_t\partial a_t$.
 * @param x [T, batch, input]
 * @param h0 [batch, hidden]; 0 when left out.
 * @returns [output, hN]: every $h_t$, [T, batch, hidden], and the last, [batch, hidden].
 * @throws ShapeError unless the sizes agree and lengths are 0 to T.
 */
export function rnn(
  x: Tensor,
  weights: RecurrentWeights,
  h0?: Tensor,
  all: RecurrentOptions & { nonlinearity?: "tanh" | "relu" } = {},
): [output: Tensor, hN: Tensor] {
  checkOptions("rnn", all, KNOWN);
  const { nonlinearity = "tanh", ...options } = all;
  const cell = nonlinearity === "relu" ? "rnnRelu" : "rnnTanh";
  return recurrent("rnn", cell, x, weights, [h0], options) as [Tensor, Tensor];
}
