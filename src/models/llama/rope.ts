import { attentionFactor, frequenciesAt, type RopeConfig } from "../../formats/rope-angles.ts";
import type * as nn from "../../nn/index.ts";
import { embedding } from "../../ops/index.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";

// Angles are float32 before they are turned into cosines: see rope-angles.ts.
const f32 = Math.fround;

/** Cosines and sines of positions: from tables, which are made as far as they are needed. */
export class RotaryTables {
  readonly #config: RopeConfig;
  readonly #scale: number;
  /** Two of LongRoPE, one of other types. */
  readonly #tables = new Map<boolean, nn.Angles>();

  constructor(config: RopeConfig) {
    this.#config = config;
    this.#scale = attentionFactor(config);
  }
  /** The angles of t positions from `offset` on, [t, head / 2]. */
  angles(t: number, offset: number): nn.Angles {
    if (this.#isFleeting(offset + t)) return this.#make(t, offset + t, (row) => offset + row);
    const { cos, sin } = this.#table(offset + t);
    return { cos: cos.slice(0, offset, offset + t), sin: sin.slice(0, offset, offset + t) };
  }
  /** The angles of positions int32 [...], [..., head / 2]; the largest decides how many the pass reaches. */
  anglesAt(positions: Tensor): nn.Angles {
    const at = positions.data();
    let length = 1;
    for (const p of at) length = Math.max(length, p + 1);
    if (this.#isFleeting(length)) {
      const { cos, sin } = this.#make(at.length, length, (row) => at[row]);
      const shape = [...positions.shape, cos.shape[1]];
      return { cos: cos.reshape(shape), sin: sin.reshape(shape) };
    }
    const { cos, sin } = this.#table(length);
    return { cos: embedding(positions, cos), sin: embedding(positions, sin) };
  }
  /** Whether the angles are those of this very length. */
  #isFleeting(length: number): boolean {
    const { rope, maxPositionEmbeddings } = this.#config;
    return rope.rope_type === "dynamic" && length > maxPositionEmbeddings;
  }
  #table(length: number): nn.Angles {
    const { rope } = this.#config;
    const long = rope.rope_type === "longrope" && length > rope.original_max_position_embeddings;
    const held = this.#tables.get(long);
    const rows = held?.cos.shape[0] ?? 0;
    if (held !== undefined && length <= rows) return held;
    // They double when they are full, for most texts are short.
    const { cos, sin } = this.#make(Math.max(64, length, 2 * rows), length, (row) => row);
    const table = { cos: cos.keep(), sin: sin.keep() };
    this.#tables.set(long, table);
    return table;
  }
  #make(rows: number, length: number, positionOf: (row: number) => number): nn.Angles {
    const frequencies = frequenciesAt(this.#config, length);
    const pairs = frequencies.length;
    const scale = f32(this.#scale);
    const table = (f: (x: number) => number) =>
      tensor(
        Float32Array.from(
          { length: rows * pairs },
          (_, n) => f32(f(f32(positionOf(Math.floor(n / pairs)) * frequencies[n % pairs]))) * scale,
        ),
        [rows, pairs],
      );
    return { cos: table(Math.cos), sin: table(Math.sin) };
  }
}
