import { ShoshinError } from "../backend/errors.ts";
import { checkOptions } from "../backend/options.ts";
import type { Storage } from "../backend/storage.ts";
import { BACKWARD, fresh, Graph, own, state } from "./memory.ts";
import { advanceMicroStep } from "./random.ts";
import { denseStrides, describe, makeLoop, ShapeError, sameShape, showShape } from "./shape.ts";
import { dense, empty, Tensor } from "./tensor.ts";

/** A gradient could not be computed: nothing recorded, a graph used twice, or a saved tensor edited since. */
export class AutogradError extends ShoshinError {}

/** Gradients of an operation's tensor arguments, in their order; undefined where none is wanted or it was written in place. */
export type Gradients = readonly (Tensor | undefined)[];

/** What an operation's forward and backward share. */
export interface Context {
  /** Keeps a tensor for the backward pass; returns it. */
  save<T extends Tensor | undefined>(t: T): T;
  /** What `save` kept, in order. */
  readonly saved: readonly Tensor[];
  /** The tensor arguments; the backward pass may use their shapes, and their elements only if saved. */
  readonly inputs: readonly Tensor[];
  /** Anything else that forward leaves for backward: numbers, shapes. */
  memo: unknown;
  /** Whether the gradient of the i-th tensor argument is wanted; before the backward pass: whether anything is recorded. */
  needs(i: number): boolean;
  /**
   * Computes the gradient of the i-th tensor argument with `write(out, accumulate)`, straight into a leaf's own gradient
   * where there is one. `accumulate`: add to out instead of overwriting it.
   */
  into(i: number, write: (out: Tensor, accumulate: boolean) => unknown): Tensor | undefined;
}

type Backward = (ctx: Context, ...dys: (Tensor | undefined)[]) => Gradients;

let lastId = 0;
let passes = 0;

/** Number of the operation recorded last; they rise with time. */
export const lastNode = (): number => lastId;

/** One recorded operation. */
export class Node implements Context {
  readonly name: string;
  /** Rises with time, so that descending order visits every operation after all that use its results. */
  readonly id = ++lastId;
  readonly inputs: readonly Tensor[];
  readonly saved: Tensor[] = [];
  memo: unknown = undefined;
  graph!: Graph;
  pass = 0;
  /** Results whose gradient `retainGrad()` asked for. */
  readonly outputs: Tensor[] = [];
  grads: (Tensor | undefined)[] = [];
  readonly #versions: number[] = [];
  readonly #backward: Backward;

  constructor(name: string, backward: Backward, inputs: readonly Tensor[]) {
    this.name = name;
    this.#backward = backward;
    this.inputs = inputs;
  }

  save<T extends Tensor | undefined>(t: T): T {
    if (t !== undefined) {
      this.saved.push(t);
      this.#versions.push(t.storage.version);
    }
    return t;
  }
  needs(i: number): boolean {
    return this.inputs[i].requiresGrad;
  }
  into(i: number, write: (out: Tensor, accumulate: boolean) => unknown): Tensor | undefined {
    const input = this.inputs[i];
    if (!input.requiresGrad) return undefined;
    if (input.node !== undefined) {
      const out = empty(input.shape, input.dtype, input.backend);
      write(out, false);
      return out;
    }
    write(leafBuffer(input), input.gradSet);
    input.gradSet = true;
    return undefined;
  }

  run(): Gradients {
    for (let i = 0; i < this.saved.length; i++) {
      this.saved[i].storage.check();
      if (this.saved[i].storage.version !== this.#versions[i]) {
        throw new AutogradError(
          `${this.name}: a tensor of shape ${showShape(this.saved[i].shape)} that its gradient needs was edited in place since`,
          "Run backward() before optimizer.step() and before edits in place, or edit a copy.",
        );
      }
    }
    return this.#backward(this, ...this.grads);
  }
}

/** Stands for the tape where nothing is recorded. */
const UNRECORDED: Context = {
  save: (t) => t,
  saved: [],
  inputs: [],
  memo: undefined,
  needs: () => false,
  into: () => undefined,
};

/** Told of every leaf that gets its first gradient in memory of its own; set by the optimizers. */
export const observer: { firstGradient: ((leaf: Tensor) => void) | undefined } = { firstGradient: undefined };

/** A leaf's gradient memory, made on first use. */
function leafBuffer(leaf: Tensor): Tensor {
  if (leaf.gradBuffer === undefined || !leaf.gradBuffer.storage.alive) {
    const storage = leaf.backend.alloc(leaf.dtype, leaf.numel);
    own(storage, undefined);
    leaf.gradBuffer = new Tensor(storage, leaf.shape);
    leaf.gradSet = false;
    observer.firstGradient?.(leaf);
  }
  return leaf.gradBuffer;
}

function collect(name: string, args: readonly unknown[], into: Tensor[]): boolean {
  let needs = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg instanceof Tensor) {
      into.push(arg);
      if (arg.requiresGrad) {
        if (arg.node?.graph.root().retired) throw consumed(name);
        needs = true;
      }
    } else if (Array.isArray(arg) && arg[0] instanceof Tensor) {
      if (collect(name, arg, into)) needs = true;
    }
  }
  return needs;
}

const DEFINITION = { forward: true, backward: true } as const;

/**
 * Makes a differentiable operation from its forward and its gradient.
 *
 * `forward(ctx, ...args)` computes with kernels and returns one tensor or several; `backward(ctx, ...dys)` returns the
 * gradients of the tensor arguments in the order of the arguments (arrays of tensors counted element by element).
 * Without `backward` the operation has no gradient and is never recorded.
 * Everything either of them allocates and neither returns nor saves is freed when it ends.
 */
export function defineOp<A extends readonly unknown[], R extends Tensor | Tensor[]>(
  name: string,
  spec: { forward(ctx: Context, ...args: A): R; backward?: Backward },
): (...args: A) => R {
  checkOptions(`defineOp("${name}")`, spec, DEFINITION);
  const { forward, backward } = spec;
  return (...args: A): R => {
    let node: Node | undefined;
    if (backward !== undefined && state.gradEnabled && state.depth === 0) {
      const inputs: Tensor[] = [];
      if (collect(name, args, inputs)) node = new Node(name, backward, inputs);
    }
    const mark = fresh.length;
    state.depth++;
    let result: R;
    try {
      result = forward(node ?? UNRECORDED, ...args);
    } catch (error) {
      state.depth--;
      settle(mark, undefined);
      throw named(name, args, error);
    }
    state.depth--;
    const outputs: Tensor[] = result instanceof Tensor ? [result] : (result as Tensor[]);
    if (node !== undefined) record(node, outputs);
    if (fresh.length > mark) {
      for (const t of outputs) t.storage.pending++;
      if (node !== undefined) for (const t of node.saved) t.storage.pending++;
      settle(mark, node?.graph);
      for (const t of outputs) t.storage.pending--;
      if (node !== undefined) for (const t of node.saved) t.storage.pending--;
    }
    return result;
  };
}

/** An error of the language, which a wrong argument causes deep inside, as one that says what was given. */
function named(name: string, args: readonly unknown[], error: unknown): unknown {
  if (!(error instanceof TypeError || error instanceof RangeError)) return error;
  const shown = args.map((arg) => (arg instanceof Tensor ? `${arg.dtype} ${showShape(arg.shape)}` : describe(arg)));
  return new ShapeError(`${name}: cannot be computed from ${shown.join(", ")}`, `In the end: ${error.message}`, {
    cause: error,
  });
}

/** Frees what was made since `mark` and is not pending; gives the rest to the graph, the enclosing operation, scope or user. */
function settle(mark: number, graph: Graph | undefined): void {
  let kept = mark;
  for (let i = mark; i < fresh.length; i++) {
    const storage = fresh[i];
    if (storage.pending === 0) storage.backend.free(storage);
    else if (graph !== undefined) own(storage, graph);
    else if (state.depth > 0) fresh[kept++] = storage;
    else own(storage, state.scope);
  }
  fresh.length = kept;
}

function record(node: Node, outputs: Tensor[]): void {
  let graph: Graph | undefined;
  for (const input of node.inputs) {
    if (!input.requiresGrad || input.node === undefined) continue;
    const root = input.node.graph.root();
    graph = graph === undefined || graph === root ? root : Graph.merge(graph, root);
  }
  node.graph = graph ?? new Graph(node.inputs[0].backend);
  for (let i = 0; i < outputs.length; i++) {
    const output = outputs[i];
    if (output.dtype !== "float32" && output.dtype !== "float64") continue;
    output.requiresGrad = true;
    output.node = node;
    output.slot = i;
  }
}

function consumed(what: string): AutogradError {
  return new AutogradError(
    `${what}: this tensor belongs to a graph whose backward() has run`,
    "Carry t.detach() over to the next step, or call backward({ retainGraph: true }) if the graph is needed again.",
  );
}

/** Adds g to the slot where the gradient of an operation's result gathers. */
function deliver(node: Node, slot: number, g: Tensor): void {
  const known = node.grads[slot];
  if (known === undefined) {
    node.grads[slot] = g;
    g.storage.pending++;
    return;
  }
  // In place when nothing else reads this memory.
  let sum = known;
  if (known.storage.pending !== 1 || known.storage.owner !== BACKWARD || !known.isContiguous) {
    sum = empty(known.shape, known.dtype, known.backend);
    sum.storage.owner = BACKWARD;
    sum.backend.copy(sum, known, makeLoop(sum.shape, [denseStrides(sum.shape), known.strides]), false);
    sum.storage.pending++;
    node.grads[slot] = sum;
    drop(known.storage);
  }
  sum.backend.copy(sum, g, makeLoop(sum.shape, [denseStrides(sum.shape), g.strides]), true);
}

/** One gradient less lies in this storage; frees it after the last. */
function drop(storage: Storage): void {
  storage.pending--;
  if (storage.pending === 0 && storage.owner === BACKWARD) storage.backend.free(storage);
}

function accumulateLeaf(leaf: Tensor, g: Tensor): void {
  const buffer = leafBuffer(leaf);
  leaf.backend.copy(buffer, g, makeLoop(leaf.shape, [denseStrides(leaf.shape), g.strides]), leaf.gradSet);
  leaf.gradSet = true;
}

function reachable(root: Node): Node[] {
  const pass = ++passes;
  const found = [root];
  root.pass = pass;
  for (let i = 0; i < found.length; i++) {
    for (const input of found[i].inputs) {
      const node = input.node;
      if (node !== undefined && node.pass !== pass) {
        node.pass = pass;
        found.push(node);
      }
    }
  }
  return found.sort((a, b) => b.id - a.id);
}

function visit(node: Node): void {
  if (node.grads.every((g) => g === undefined)) return;
  const mark = fresh.length;
  const gradients = node.run();
  for (let i = mark; i < fresh.length; i++) fresh[i].owner = BACKWARD;
  for (let i = 0; i < node.inputs.length; i++) {
    const g = gradients[i];
    const input = node.inputs[i];
    if (g === undefined || !input.requiresGrad) continue;
    if (!sameShape(g.shape, input.shape)) {
      throw new AutogradError(
        `${node.name}: gradient ${i} has shape ${showShape(g.shape)}, its input ${showShape(input.shape)}`,
      );
    }
    if (input.node === undefined) accumulateLeaf(input, g);
    else deliver(input.node, input.slot, g);
  }
  for (let i = mark; i < fresh.length; i++) {
    if (fresh[i].pending === 0 && fresh[i].alive) fresh[i].backend.free(fresh[i]);
  }
  fresh.length = mark;
}

function clearGrads(node: Node): void {
  for (const g of node.grads) if (g !== undefined) drop(g.storage);
  node.grads = [];
}

/**
 * Gradients of `root` with respect to every leaf that requires one, added to their `grad`
 * (reverse-mode differentiation; Linnainmaa 1970, Rumelhart, Hinton & Williams 1986).
 *
 * @param options.gradient ∂/∂root, of root's shape; 1 for a scalar root.
 * @param options.retainGraph keeps the graph for another call.
 * @throws AutogradError if nothing was recorded, the graph was consumed before, or a saved tensor has been edited.
 */
export function backward(root: Tensor, options: { gradient?: Tensor; retainGraph?: boolean } = {}): void {
  if (state.depth > 0) throw new AutogradError("backward() inside an operation");
  if (!root.requiresGrad) {
    throw new AutogradError(
      "backward: nothing was recorded for this tensor",
      "It depends on no tensor with requiresGrad, or was computed inside noGrad.",
    );
  }
  const { gradient } = options;
  if (gradient === undefined && root.numel !== 1) {
    throw new AutogradError(
      `backward: a tensor of shape ${showShape(root.shape)} needs a gradient to start from`,
      "Reduce it to a scalar (mean, sum), or pass { gradient }.",
    );
  }
  if (gradient !== undefined && !sameShape(gradient.shape, root.shape)) {
    throw new AutogradError(`backward: gradient ${showShape(gradient.shape)} for a tensor ${showShape(root.shape)}`);
  }
  const mark = fresh.length;
  state.depth++;
  let order: Node[] = [];
  try {
    let seed = gradient;
    if (seed === undefined) {
      seed = empty(root.shape, root.dtype, root.backend);
      seed.backend.fill(seed, 1, 1);
      seed.storage.owner = BACKWARD;
    }
    fresh.length = mark;
    if (root.node === undefined) {
      accumulateLeaf(root, seed);
      if (gradient === undefined) seed.backend.free(seed.storage);
    } else {
      const graph = root.node.graph.root();
      if (graph.retired) throw consumed("backward");
      order = reachable(root.node);
      deliver(root.node, root.slot, seed);
      for (const node of order) {
        visit(node);
        retain(node);
        clearGrads(node);
      }
      if (options.retainGraph !== true) graph.retire();
    }
    advanceMicroStep();
  } finally {
    for (const node of order) clearGrads(node);
    for (let i = mark; i < fresh.length; i++) if (fresh[i].alive) fresh[i].backend.free(fresh[i]);
    fresh.length = mark;
    state.depth--;
  }
}

/** Copies the gradients that `retainGrad()` asked for. */
function retain(node: Node): void {
  for (const output of node.outputs) {
    const g = node.grads[output.slot];
    if (g !== undefined) accumulateLeaf(output, dense(g));
  }
}
