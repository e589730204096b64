import type { LmState } from "../../models/index.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Carry } from "../../train/index.ts";

/** State that goes from window to window: truncated backpropagation through time. */
export class CarriedState implements Carry {
  /** By the first of the columns that it belongs to. */
  readonly #states = new Map<number, { now: Tensor[]; old: Tensor[] }>();
  of(column = 0): LmState | undefined {
    return this.#states.get(column)?.now;
  }
  /** Keeps the numbers without their history; what was carried before goes when the next one comes. */
  keep(state: readonly Tensor[], column = 0): void {
    const before = this.#states.get(column);
    for (const t of before?.old ?? []) t.dispose();
    this.#states.set(column, { now: state.map((t) => t.detach()), old: before?.now ?? [] });
  }
  reset(): void {
    for (const { now, old } of this.#states.values()) for (const t of [...now, ...old]) t.dispose();
    this.#states.clear();
  }
  /** Named by number, for columns further on with theirs before it. */
  get() {
    return new Map(
      [...this.#states].flatMap(([column, { now }]) =>
        now.map((t, i): [string, { shape: number[]; data: Float32Array }] => [
          column === 0 ? String(i) : `${column}.${i}`,
          { shape: [...t.shape], data: t.data() as Float32Array },
        ]),
      ),
    );
  }
  set(state: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>): void {
    this.reset();
    for (const [name, { shape, data }] of state) {
      const [i, column = 0] = name.split(".").map(Number).reverse();
      const own = this.#states.get(column) ?? { now: [], old: [] };
      own.now[i] = tensor(Float32Array.from(data), [...shape]);
      this.#states.set(column, own);
    }
  }
}
