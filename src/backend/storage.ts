import type { Backend, DType, TypedArray } from "./backend.ts";
import { UseAfterFreeError } from "./errors.ts";

/** A flat buffer of one dtype that belongs to one backend. Tensors are views of storages. */
export class Storage {
  readonly backend: Backend;
  readonly dtype: DType;
  /** In elements. */
  readonly length: number;
  /** Slot and generation in native memory; 0 on the reference backend. */
  readonly handle: number;
  /** The elements themselves, on the reference backend only. */
  readonly data: TypedArray | undefined;
  alive = true;
  /** Counts edits in place, so that the tape can tell that something it saved has changed. */
  version = 0;
  /** Who gives the memory back: a graph, a scope, or undefined for the user (see tensor/memory.ts). */
  owner: unknown = undefined;
  /** Position in the owner's list. */
  place = 0;
  /** Gradients under way that lie in this storage; used by the backward pass alone. */
  pending = 0;

  constructor(backend: Backend, dtype: DType, length: number, handle: number, data: TypedArray | undefined) {
    this.backend = backend;
    this.dtype = dtype;
    this.length = length;
    this.handle = handle;
    this.data = data;
  }

  /** Throws {@link UseAfterFreeError} once the memory has been given back. */
  check(): void {
    if (!this.alive) {
      throw new UseAfterFreeError(
        `this tensor's memory (${this.dtype}, ${this.length} elements) has been given back`,
        "A tensor made by a graph lives until the next graph begins, one made in noGrad or a scope until its end, " +
          "a loader's batch until the next one: take t.item(), t.detach() or t.keep() while it lives.",
      );
    }
  }
}
