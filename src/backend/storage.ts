import type { Backend, DType, TypedArray } from "./backend.ts";
import { FREED, UseAfterFreeError } from "./errors.ts";

/** A flat buffer of one dtype that belongs to one backend. Tensors are views of storages. */
export class Storage {
  readonly backend: Backend;
  readonly dtype: DType;
  /** In elements. */
  readonly length: number;
  /** Slot and generation in native memory, a running number on the reference backend; never used twice. */
  readonly handle: number;
  /** The elements themselves, on the reference backend only. */
  readonly data: TypedArray | undefined;
  /** As the backend counts it. */
  bytes = 0;
  alive = true;
  /** What the only element was, where that is all that somebody may still ask for: the value of a loss. */
  left: number | undefined = undefined;
  /** Counts edits in place, so that the tape can tell that something it saved has changed. */
  version = 0;
  /** Who gives the memory back: a graph, a scope, or undefined for the user (see tensor/memory.ts). */
  owner: unknown = undefined;
  /** Of the weak reference to it while the user owns it (see watch.ts); 0 without. */
  token = 0;
  /** What makes the engine feel its weight, where that is needed (see ballast.ts). */
  ballast: ArrayBuffer | undefined = undefined;
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
        FREED,
      );
    }
  }
}
