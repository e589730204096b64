import { checkOptions } from "../backend/options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { RECURRENT, type RecurrentOptions, type RecurrentWeights, recurrent } from "./recurrent.ts";

/**
 * A layer of long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000) over a whole
 * sequence. The rows of the weights are the gates i, f, g, o; with $a = W_{ih}x_t + b_{ih} + W_{hh}h_{t-1} + b_{hh}$:
 * $i = \sigma(a_i)$, $f = \sigma(a_f)$, $g = \tanh(a_g)$, $o = \sigma(a_o)$, $c_t = f c_{t-1} + i g$, $h_t = o\tanh c_t$.
 *
 * Backwards in time, with $e = \partial c_t + \partial h_t\,o(1-\tanh^2 c_t)$: $\partial a_i = e\,g\,i(1-i)$,
 * $\partial a_f = e\,c_{t-1}f(1-f)$, $\partial a_g = e\,i(1-g^2)$, $\partial a_o = \partial h_t\tanh(c_t)\,o(1-o)$,
 * $\partial c_{t-1} = e f$, $\partial h_{t-1} = W_{hh}^\top\partial a$; weights as in {@link rnn}.
 * @param x [T, batch, input]
 * @param state $(h_0, c_0)$, each [batch, hidden]; 0 when left out.
 * @returns [output, hN, cN]: every $h_t$, [T, batch, hidden], the last $h$ and the last $c$, [batch, hidden].
 * @throws ShapeError unless the sizes agree and lengths are 0 to T.
 */
export function lstm(
  x: Tensor,
  weights: RecurrentWeights,
  state: readonly [h0?: Tensor, c0?: Tensor] = [],
  options: RecurrentOptions = {},
): [output: Tensor, hN: Tensor, cN: Tensor] {
  checkOptions("lstm", options, RECURRENT);
  return recurrent("lstm", "lstm", x, weights, state, options) as [Tensor, Tensor, Tensor];
}
