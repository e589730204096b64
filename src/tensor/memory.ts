/// <reference lib="esnext.disposable" preserve="true" />
import "../backend/dispose.ts";
import type { Backend, DType } from "../backend/backend.ts";
import { backend as defaultBackend } from "../backend/index.ts";
import type { Storage } from "../backend/storage.ts";
import { unwatch, watch } from "../backend/watch.ts";

/**
 * Who gives memory back. Every storage has one owner:
 * - a {@link Graph}: what recorded operations made or saved; freed after `backward()`, when the next graph begins;
 * - a {@link Scope}: what was made inside `noGrad` or `scope()` and does not leave it;
 * - the user: freed by `dispose()` or, failing that, when nothing reaches it any longer (backend/watch.ts, pressure.ts). So
 *   is a graph whose `backward()` never comes.
 */
interface Owner {
  readonly storages: Storage[];
  /** The same storages by handle: all that may be held of them when nothing else reaches them. */
  readonly handles: number[];
}

/** Owner of gradients while a backward pass runs. */
export const BACKWARD: Owner = { storages: [], handles: [] };

/** Storages made while an operation runs; it decides at its end which of them live on. */
export const fresh: Storage[] = [];

/** What was edited in place inside the operation in progress. */
export const edited: Storage[] = [];

/** What the operations in progress share. */
export const state = {
  /** Operations that run inside one another; nothing is recorded inside one. */
  depth: 0,
  gradEnabled: true,
  scope: undefined as Scope | undefined,
};

/** Allocates for the operation in progress, else for the innermost scope, else for the user. */
export function allocate(dtype: DType, length: number, backend: Backend = defaultBackend()): Storage {
  const storage = backend.alloc(dtype, length);
  if (state.depth > 0) fresh.push(storage);
  else own(storage, state.scope);
  return storage;
}

/** Gives a storage without owner to a graph or scope, or to the user. */
export function own(storage: Storage, owner: Owner | undefined): void {
  storage.owner = owner;
  if (owner === undefined) {
    storage.token = watch(storage, storage.backend, storage.handle);
    return;
  }
  storage.place = owner.storages.length;
  owner.storages.push(storage);
  owner.handles.push(storage.handle);
}

/** Takes a storage from its owner. */
export function disown(storage: Storage): void {
  const owner = storage.owner as Owner | undefined;
  if (owner === undefined) {
    unwatch(storage, storage.token);
    storage.token = 0;
    return;
  }
  if (owner === BACKWARD) {
    storage.owner = undefined;
    return;
  }
  const last = owner.storages.pop() as Storage;
  const handle = owner.handles.pop() as number;
  if (last !== storage) {
    owner.storages[storage.place] = last;
    owner.handles[storage.place] = handle;
    last.place = storage.place;
  }
  storage.owner = undefined;
}

/** Makes the user the owner. */
export function release(storage: Storage): void {
  storage.check();
  if (storage.owner === undefined) return;
  disown(storage);
  own(storage, undefined);
}

export function dispose(storage: Storage): void {
  if (!storage.alive) return;
  disown(storage);
  storage.backend.free(storage);
}

function freeAll(owner: Owner): void {
  for (const storage of owner.storages) {
    storage.owner = undefined;
    storage.backend.free(storage);
  }
  owner.storages.length = 0;
  owner.handles.length = 0;
}

/** Everything that a connected set of recorded operations keeps. */
export class Graph implements Owner {
  readonly storages: Storage[] = [];
  readonly handles: number[] = [];
  /** The graph that this one has become part of. */
  into: Graph | undefined;
  /** `backward()` has run; the memory goes when the next graph begins. */
  retired = false;
  /** The scope that it began in has closed. */
  freed = false;
  scope: Scope | undefined;
  readonly #backend!: Backend;
  #result: Storage | undefined;
  /** Outside scopes a graph goes when nothing reaches it: its tensors do, and each of its storages (`owner`). */
  #token = 0;

  /** Where the operations of retired graphs belong: a result that is kept must not keep its graph. */
  static readonly spent = new Graph();

  constructor(backend?: Backend) {
    if (backend === undefined) {
      this.retired = true;
      return;
    }
    reclaim();
    this.#backend = backend;
    this.#enter(state.scope);
  }

  #enter(scope: Scope | undefined): void {
    this.scope = scope;
    if (scope !== undefined) scope.graphs.add(this);
    else this.#token = watch(this, this.#backend, this.handles);
  }
  #leave(): void {
    this.scope?.graphs.delete(this);
    unwatch(this, this.#token);
    this.#token = 0;
  }

  root(): Graph {
    let graph: Graph = this;
    while (graph.into !== undefined) graph = graph.into;
    return graph;
  }

  /** Moves everything of the smaller of two root graphs into the larger, which is returned. */
  static merge(a: Graph, b: Graph): Graph {
    if (a === b) return a;
    const [big, small] = a.storages.length >= b.storages.length ? [a, b] : [b, a];
    for (const storage of small.storages) own(storage, big);
    small.storages.length = 0;
    small.handles.length = 0;
    small.into = big;
    small.#leave();
    // What began outside of the inner scope outlives it.
    if (big.scope !== small.scope && big.scope?.isWithin(small.scope)) {
      big.#leave();
      big.#enter(small.scope);
    }
    return big;
  }

  /** @param result of the backward pass; a number stays readable for as long as its tensor is kept. */
  retire(result: Storage): void {
    this.#result = result.length === 1 && result.owner === this ? result : undefined;
    this.retired = true;
    retired.push(this);
    this.#leave();
  }

  free(): void {
    const result = this.#result;
    if (result?.owner === this) result.left = result.backend.get({ storage: result, offset: 0 });
    this.#result = undefined;
    freeAll(this);
  }

  /** With the scope that it began in. */
  close(): void {
    this.retired = this.freed = true;
    this.#leave();
    freeAll(this);
  }
}

const retired: Graph[] = [];

/** Frees graphs whose backward pass has run, without waiting for the next graph to begin. */
export function reclaim(): void {
  for (const graph of retired) graph.free();
  retired.length = 0;
}

/**
 * Owns what is made while it is open and frees it when it closes: `using s = scope()`, or `s[Symbol.dispose]()`.
 * Tensors on which `keep()` was called live on. Scopes nest; none may be open across an `await`.
 */
export class Scope implements Owner, Disposable {
  readonly storages: Storage[] = [];
  readonly handles: number[] = [];
  readonly graphs = new Set<Graph>();
  readonly outer: Scope | undefined;
  #open = true;

  constructor() {
    this.outer = state.scope;
    state.scope = this;
  }

  /** Whether it was opened inside another; undefined: outside of all. */
  isWithin(other: Scope | undefined): boolean {
    let scope: Scope | undefined = this.outer;
    while (scope !== undefined && scope !== other) scope = scope.outer;
    return scope === other;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    for (let s = state.scope; s !== undefined; s = s.outer) {
      if (s === this) {
        state.scope = this.outer;
        break;
      }
    }
    for (const graph of [...this.graphs]) graph.close();
    freeAll(this);
  }
}

/** Opens a {@link Scope}. */
export const scope = (): Scope => new Scope();

/** Live storages and bytes, bytes pooled for reuse, and the highest number of live bytes so far. */
export const memory = (): ReturnType<Backend["memory"]> => defaultBackend().memory();
