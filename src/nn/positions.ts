import { concat } from "../ops/index.ts";
import { tensor } from "../tensor/create.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Module } from "./module.ts";

/**
 * Sinusoidal positions (Vaswani et al., 2017, section 3.5): element 2i is $\sin(p / 10000^{2i/d})$, element 2i + 1 its cosine.
 * @returns [length, size]
 */
export function sinusoidalPositions(length: number, size: number): Tensor {
  const values = Float32Array.from({ length: length * size }, (_, n) => {
    const [p, c] = [Math.floor(n / size), n % size];
    const angle = p / 10000 ** ((c - (c % 2)) / size);
    return c % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return tensor(values, [length, size]);
}

/**
 * Turns each pair of the first elements by an angle: $(a, b) \mapsto (a\cos - b\sin, b\cos + a\sin)$.
 * @param x [..., T, d]
 * @param cos broadcasting to [..., T, size / 2]: the first `size` ≤ d elements are turned, the rest of d stays. @param sin likewise
 * @param interleaved pairs are neighbours; else element i goes with i + size / 2.
 */
export function applyRotary(x: Tensor, cos: Tensor, sin: Tensor, interleaved = false): Tensor {
  const width = x.shape[x.ndim - 1];
  const half = cos.shape[cos.ndim - 1];
  const part = x.slice(-1, 0, 2 * half);
  const pairs = part.reshape([...part.shape.slice(0, -1), ...(interleaved ? [half, 2] : [2, half])]);
  const dim = interleaved ? -1 : -2;
  const [a, b] = [pairs.select(dim, 0), pairs.select(dim, 1)];
  const axis = interleaved ? part.ndim : part.ndim - 1;
  const grow = (y: Tensor) => y.reshape([...y.shape.slice(0, axis), 1, ...y.shape.slice(axis)]);
  const joined = concat([grow(a.mul(cos).sub(b.mul(sin))), grow(b.mul(cos).add(a.mul(sin)))], axis);
  const turned = joined.reshape(part.shape);
  return width === 2 * half ? turned : concat([turned, x.slice(-1, 2 * half, width)], -1);
}

/**
 * Rotary positions (Su et al., "RoFormer", 2021): each pair of elements is turned by the angle $p\,\theta^{-2i/d}$, so that the
 * product of a query and a key depends on their distance alone.
 */
export class RotaryEmbedding extends Module {
  readonly #cos: Tensor;
  readonly #sin: Tensor;
  readonly interleaved: boolean;
  readonly size: number;
  readonly maxPositions: number;

  /**
   * @param size elements of a head that are turned, even.
   * @param interleaved pairs are neighbours (the paper, llama2.c); else element i goes with i + size / 2 (Hugging Face's Llama).
   */
  constructor(size: number, maxPositions: number, { base = 10000, interleaved = false } = {}) {
    super();
    if (size % 2 !== 0) throw new ShapeError(`RotaryEmbedding: expected an even size, found ${size}`);
    const half = size / 2;
    const angle = (n: number) => Math.floor(n / half) / base ** ((2 * (n % half)) / size);
    const table = (f: (x: number) => number) =>
      tensor(
        Float32Array.from({ length: maxPositions * half }, (_, n) => f(angle(n))),
        [maxPositions, half],
      ).keep();
    [this.#cos, this.#sin] = [table(Math.cos), table(Math.sin)];
    this.interleaved = interleaved;
    this.size = size;
    this.maxPositions = maxPositions;
  }
  /**
   * @param x [..., T, d], d ≥ size; the rest of d stays. @param offset position of the first row.
   * @throws ShapeError for positions past the table.
   */
  forward(x: Tensor, offset = 0): Tensor {
    const t = x.shape[x.ndim - 2];
    const width = x.shape[x.ndim - 1];
    if (offset + t > this.maxPositions || width < this.size) {
      throw new ShapeError(
        `RotaryEmbedding: ${showShape(x.shape)} from position ${offset} on, but the table has ${this.maxPositions} positions of ${this.size}`,
      );
    }
    const [cos, sin] = [this.#cos, this.#sin].map((table) => table.slice(0, offset, offset + t).to(x.dtype));
    return applyRotary(x, cos, sin, this.interleaved);
  }
}
