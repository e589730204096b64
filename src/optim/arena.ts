import type { Backend } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import type { Storage } from "../backend/storage.ts";
import { own } from "../tensor/memory.ts";
import { Tensor } from "../tensor/tensor.ts";
import { begin, look } from "./strays.ts";

/** A run of neighbouring parameters that have gradients. */
export interface Segment {
  offset: number;
  length: number;
}

/** Elements between segments' beginnings: a cache line, so that no two parameters share one. */
export const ALIGN = 16;

/** Buffers of gradients, in which what lies between two parameters is nobody's and 0. */
export const gradientBuffers = new WeakSet<Storage>();

/**
 * The parameters of a group, their gradients and the optimizer's state, each in one buffer with the same layout, so that
 * a step is one kernel call over all of them.
 */
export class Arena {
  readonly params: readonly Tensor[];
  readonly backend: Backend;
  readonly length: number;
  readonly values: Storage;
  readonly grads: Storage;
  readonly offsets: number[] = [];
  readonly #begun: number;

  constructor(params: readonly Tensor[]) {
    this.params = params;
    const { backend, dtype } = params[0];
    this.backend = backend;
    let length = 0;
    for (const p of params) {
      if (p.backend !== backend || p.dtype !== dtype) {
        throw new ShoshinError(
          "the parameters of a group must be of one dtype and on one backend",
          "Make a group for each.",
        );
      }
      if (!p.isContiguous) throw new ShoshinError("a parameter must be contiguous", "Use p.contiguous().");
      this.offsets.push(length);
      length += Math.ceil(p.numel / ALIGN) * ALIGN;
    }
    this.#begun = begin(params);
    this.length = length;
    this.values = this.buffer();
    this.grads = this.buffer();
    gradientBuffers.add(this.grads);
    params.forEach((p, i) => {
      const offset = this.offsets[i];
      const here = new Tensor(this.values, p.shape, offset);
      const grad = new Tensor(this.grads, p.shape, offset);
      const loop = { sizes: [p.numel], strides: [[1], [1]] };
      backend.copy(here, p, loop, false);
      if (p.gradSet && p.gradBuffer !== undefined) backend.copy(grad, p.gradBuffer, loop, false);
      p.storage = this.values;
      p.offset = offset;
      p.gradBuffer = grad;
    });
  }

  /** A buffer of the arena's layout, full of one value. */
  buffer(value = 0): Storage {
    const storage = this.backend.alloc(this.params[0].dtype, this.length);
    own(storage, undefined);
    this.backend.fill({ storage, offset: 0 }, this.length, value);
    return storage;
  }

  /** False once a parameter or its gradient lies elsewhere. */
  get intact(): boolean {
    return this.params.every((p) => p.storage === this.values && p.gradBuffer?.storage === this.grads);
  }

  /** Runs of parameters that have a gradient; gaps between neighbours belong to the run (they are 0 everywhere). */
  segments(): Segment[] {
    look(this.#begun);
    const out: Segment[] = [];
    let open: Segment | undefined;
    this.params.forEach((p, i) => {
      if (!p.gradSet || !p.requiresGrad || p.numel === 0) {
        open = undefined;
        return;
      }
      if (open === undefined) {
        open = { offset: this.offsets[i], length: 0 };
        out.push(open);
      }
      open.length = this.offsets[i] + p.numel - open.offset;
    });
    return out;
  }
}
