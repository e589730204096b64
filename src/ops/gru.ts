import { checkOptions } from "../backend/options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { RECURRENT, type RecurrentOptions, type RecurrentWeights, recurrent } from "./recurrent.ts";

/**
 * A layer of gated recurrent units (Cho et al. 2014, with the reset gate after the multiply as in cuDNN and PyTorch) over a
 * whole sequence. The rows of the weights are the gates r, z, n; with $a = W_{ih}x_t + b_{ih}$, $u = W_{hh}h_{t-1} + b_{hh}$:
 * $r = \sigma(a_r + u_r)$, $z = \sigma(a_z + u_z)$, $n = \tanh(a_n + r u_n)$, $h_t = (1-z)n + z h_{t-1}$.
 *
 * Backwards in time: $\partial a_n = \partial h_t(1-z)(1-n^2)$, $\partial a_z = \partial h_t(h_{t-1}-n)z(1-z)$,
 * $\partial a_r = \partial a_n u_n r(1-r)$; $\partial u$ is the same but for $\partial u_n = r\,\partial a_n$;
 * $\partial h_{t-1} = z\,\partial h_t + W_{hh}^\top\partial u$, $\partial x_t = W_{ih}^\top\partial a$,
 * $\partial W_{ih} = \sum_t\partial a\,x_t^\top$, $\partial W_{hh} = \sum_t\partial u\,h_{t-1}^\top$.
 * @param x [T, batch, input]
 * @param h0 [batch, hidden]; 0 when left out.
 * @returns [output, hN]: every $h_t$, [T, batch, hidden], and the last, [batch, hidden].
 * @throws ShapeError unless the sizes agree and lengths are 0 to T.
 */
export function gru(
  x: Tensor,
  weights: RecurrentWeights,
  h0?: Tensor,
  options: RecurrentOptions = {},
): [output: Tensor, hN: Tensor] {
  checkOptions("gru", options, RECURRENT);
  return recurrent("gru", "gru", x, weights, [h0], options) as [Tensor, Tensor];
}
