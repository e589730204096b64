import { checkOptions } from "../backend/options.ts";
import { concat, embedding, rotary } from "../ops/index.ts";
import { tensor } from "../tensor/create.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSize } from "./check.ts";
import { Module } from "./module.ts";

/**
 * Sinusoidal positions (Vaswani et al., 2017, section 3.5): element 2i is $\sin(p / 10000^{2i/d})$, element 2i + 1 its cosine.
 * @returns [length, size]
 */
export function sinusoidalPositions(length: number, size: number): Tensor {
  checkSize("sinusoidalPositions", "length", length);
  checkSize("sinusoidalPositions", "size", size);
  const values = Float32Array.from({ length: length * size }, (_, n) => {
    const [p, c] = [Math.floor(n / size), n % size];
    const angle = p / 10000 ** ((c - (c % 2)) / size);
    return c % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return tensor(values, [length, size]);
}

/** Angles of rows, as `rotary` takes them. */
export interface Angles {
  cos: Tensor;
  sin: Tensor;
}

/**
 * Rotary positions (Su et al., "RoFormer", 2021): each pair of elements is turned by the angle $p\,\theta^{-2i/d}$, so that the
 * product of a query and a key depends on their distance alone.
 */
export class RotaryEmbedding extends Module {
  #tables: Angles | undefined;
  readonly #frequencies: readonly number[];
  readonly interleaved: boolean;
  readonly size: number;
  readonly maxPositions: number;

  /**
   * @param size elements of a head that are turned, even.
   * @param options.interleaved pairs are neighbours (the paper, llama2.c); else element i goes with i + size / 2 (Hugging Face's Llama).
   * @param options.frequencies [size / 2], angles per position, in place of those that follow from `base`.
   */
  constructor(
    size: number,
    maxPositions: number,
    options: { base?: number; interleaved?: boolean; frequencies?: readonly number[] } = {},
  ) {
    super();
    checkOptions("RotaryEmbedding", options, { base: true, interleaved: true, frequencies: true });
    checkSize("RotaryEmbedding", "maxPositions", maxPositions, 1);
    if (size % 2 !== 0) throw new ShapeError(`RotaryEmbedding: expected an even size, found ${size}`);
    const { base = 10000, interleaved = false } = options;
    this.#frequencies = options.frequencies ?? Array.from({ length: size / 2 }, (_, i) => 1 / base ** ((2 * i) / size));
    this.interleaved = interleaved;
    this.size = size;
    this.maxPositions = maxPositions;
  }

  /** The angles of t positions from `offset` on, [t, size / 2]. Throws ShapeError for positions past `maxPositions`. */
  angles(t: number, offset = 0): Angles {
    const { cos, sin } = this.#table(offset + t);
    return { cos: cos.slice(0, offset, offset + t), sin: sin.slice(0, offset, offset + t) };
  }
  /** The angles of positions int32 [...], each below `length`: [..., size / 2]. */
  anglesAt(positions: Tensor, length: number): Angles {
    const { cos, sin } = this.#table(length);
    return { cos: embedding(positions, cos), sin: embedding(positions, sin) };
  }
  /** Tables of at least this many positions; they double when they are full, for most texts are short. */
  #table(length: number): Angles {
    if (length > this.maxPositions) {
      throw new ShapeError(
        `RotaryEmbedding: ${length} tokens, but the table has ${this.maxPositions} positions of ${this.size}`,
        "Cut the text, or use a model with more positions.",
      );
    }
    const held = this.#tables?.cos.shape[0] ?? 0;
    if (this.#tables !== undefined && length <= held) return this.#tables;
    const rows = Math.min(this.maxPositions, Math.max(64, length, 2 * held));
    const half = this.size / 2;
    const table = (f: (x: number) => number) =>
      tensor(
        Float32Array.from({ length: rows * half }, (_, n) => f(Math.floor(n / half) * this.#frequencies[n % half])),
        [rows, half],
      ).keep();
    this.#tables = { cos: table(Math.cos), sin: table(Math.sin) };
    return this.#tables;
  }

  /**
   * @param x [..., T, d], d ≥ size; the rest of d stays. @param offset position of the first row.
   * @throws ShapeError for positions past the table.
   */
  forward(x: Tensor, offset = 0): Tensor {
    const [t, width] = x.shape.slice(-2);
    if (width < this.size) {
      throw new ShapeError(`RotaryEmbedding: rows of ${width} in ${showShape(x.shape)}, but ${this.size} are turned`);
    }
    const { cos, sin } = this.angles(t, offset);
    const part = width === this.size ? x : x.slice(-1, 0, this.size);
    const turned = rotary(part, cos.to(x.dtype), sin.to(x.dtype), { interleaved: this.interleaved });
    return width === this.size ? turned : concat([turned, x.slice(-1, this.size, width)], -1);
  }
  override printRepr(): string {
    return `${this.size}, maxPositions=${this.maxPositions}`;
  }
}
