import { ShoshinError } from "../backend/errors.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";

/** Steps between two contributions: neighbouring steps hardly differ, and each pass costs as much as reading the weights. */
const EVERY = 8;

/**
 * An exponential moving average of weights (Polyak & Juditsky 1992; `swa_utils.AveragedModel` with `get_ema_multi_avg_fn` in
 * PyTorch): every 8 steps $\bar p \leftarrow \delta\bar p + (1-\delta)p$ with $\delta = d^8$, at first
 * $\min(\delta, (1+n)/(10+n))$ for contribution n, so that the initial weights are soon forgotten.
 */
export class AveragedWeights {
  readonly decay: number;
  readonly #params: readonly Tensor[];
  readonly #averages: Tensor[];
  #steps = 0;

  /** Throws ShoshinError unless the decay is at least 0 and below 1. */
  constructor(parameters: Iterable<Tensor>, decay: number) {
    if (!(typeof decay === "number" && decay >= 0 && decay < 1))
      throw new ShoshinError(`averaging: decay ${String(decay)}; expected 0 to below 1`);
    if (parameters === null || typeof parameters !== "object" || !(Symbol.iterator in parameters))
      throw new ShoshinError("AveragedWeights: expected parameters", "model.parameters()");
    const params = [...parameters];
    this.decay = decay;
    this.#params = params;
    this.#averages = params.map((p) => noGrad(() => empty(p.shape, p.dtype, p.backend).copy_(p)));
  }

  /** Call after each step of the optimizer. */
  update(): void {
    if (++this.#steps % EVERY !== 0) return;
    const n = this.#steps / EVERY;
    const decay = Math.min(this.decay ** EVERY, (1 + n) / (10 + n));
    noGrad(() => {
      this.#params.forEach((p, i) => {
        const average = this.#averages[i];
        average.backend.unary("mulScalar", average, average, average.numel, decay, 0);
        average.add_(p.mul(1 - decay));
      });
    });
  }

  /** Exchanges weights and averages, to measure or save the model with them; a second call takes it back. */
  swap(): void {
    noGrad(() => {
      this.#params.forEach((p, i) => {
        const before = empty(p.shape, p.dtype, p.backend).copy_(p);
        p.copy_(this.#averages[i]);
        this.#averages[i].copy_(before);
      });
    });
  }

  /** The averages by number, and how many steps they are of. */
  stateDict(): Map<string, { shape: number[]; data: Float32Array }> {
    const out = new Map(
      this.#averages.map((t, i) => [String(i), { shape: [...t.shape], data: Float32Array.from(t.data()) }]),
    );
    return out.set("steps", { shape: [1], data: Float32Array.of(this.#steps) });
  }

  /** Restores what `stateDict` gave. Throws ShoshinError if sizes differ; nothing is changed then. */
  loadStateDict(state: ReadonlyMap<string, { data: Float32Array }>): void {
    if (!(state instanceof Map)) throw new ShoshinError("AveragedWeights: the saved state is damaged: it is no map");
    const values = this.#averages.map((_, i) => state.get(String(i))?.data);
    const steps = state.get("steps")?.data?.[0];
    if (
      steps === undefined ||
      !Number.isSafeInteger(steps) ||
      steps < 0 ||
      values.some((v, i) => v?.length !== this.#averages[i].numel)
    )
      throw new ShoshinError("the averages were saved for other parameters");
    this.#averages.forEach((t, i) => void t.copy_(values[i] as Float32Array));
    this.#steps = steps;
  }
}
