import { FREED, ShoshinError, UseAfterFreeError } from "../backend/errors.ts";
import { checkOptions } from "../backend/options.ts";
import type { Storage } from "../backend/storage.ts";
import { edited, fresh, Graph, own, state } from "./memory.ts";
import { describe, ShapeError, showShape } from "./shape.ts";
import { empty, isLive, Tensor } from "./tensor.ts";

/** A gradient could not be computed: nothing recorded, a graph used twice, or a saved tensor edited since. */
export class AutogradError extends ShoshinError {}

/**
 * Gradients of an operation's tensor arguments, in their order, one for each that wants one; undefined where none is wanted or
 * it was written in place.
 */
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

const NOTHING: Tensor[] = [];
const NO_VERSIONS: number[] = [];
let lastId = 0;

/** Number of the operation recorded last; they rise with time. */
export const lastNode = (): number => lastId;

/** One recorded operation. */
export class Node implements Context {
  readonly name: string;
  /** Rises with time, so that descending order visits every operation after all that use its results. */
  readonly id = ++lastId;
  inputs: readonly Tensor[];
  saved: Tensor[] = [];
  memo: unknown = undefined;
  graph!: Graph;
  pass = 0;
  /** Results whose gradient `retainGrad()` asked for. */
  outputs: Tensor[] = [];
  grads: (Tensor | undefined)[] = [];
  #versions: number[] = [];
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

  run(): unknown {
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

  /** Its gradients have gone on for good: a result that is kept must not keep what came before. */
  finish(): void {
    this.inputs = this.saved = this.outputs = this.grads = NOTHING;
    this.#versions = NO_VERSIONS;
    this.memo = undefined;
    this.graph = Graph.spent;
  }
}

const isFloat = (t: Tensor) => t.dtype === "float32" || t.dtype === "float64";

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
export function leafBuffer(leaf: Tensor): Tensor {
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
      if (!isLive(arg)) throw freedArgument(name, arg);
      into.push(arg);
      if (arg.requiresGrad) {
        const graph = arg.node?.graph.root();
        if (graph?.retired) throw consumed(name, graph);
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
 * A result that was there before (an argument, a constant, a parameter) comes out as a view of it, as in PyTorch.
 * Everything either of them allocates and neither returns nor saves is freed when it ends.
 * @throws UseAfterFreeError for an argument whose memory has been given back; AutogradError when forward returns something else
 *   than tensors or edits an argument that requires a gradient, or backward returns something else than its gradients.
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
    } else if (state.depth === 0) checkArguments(name, args);
    const mark = fresh.length;
    if (state.depth === 0 && edited.length > 0) edited.length = 0;
    state.depth++;
    let result: R;
    try {
      result = forward(node ?? UNRECORDED, ...args);
      if (!(result instanceof Tensor)) checkResults(name, result);
    } catch (error) {
      state.depth--;
      settle(mark, undefined);
      throw named(name, args, error);
    }
    state.depth--;
    if (node !== undefined) {
      if (edited.length > 0 && editsArgument(node)) {
        settle(mark, undefined);
        throw new AutogradError(
          `${name}: forward edits an argument that requires a gradient`,
          "Compute into a new tensor, or edit a copy.",
        );
      }
      result = record(node, result, mark);
    } else if (state.depth === 0) result = unrecorded(result);
    if (fresh.length > mark) {
      const outputs: Tensor[] = result instanceof Tensor ? [result] : (result as Tensor[]);
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

/** Whether the forward pass has edited an argument that requires a gradient in place. */
function editsArgument({ inputs }: Node): boolean {
  const all = edited.splice(0);
  return inputs.some((t) => t.requiresGrad && all.includes(t.storage));
}

export function freedArgument(name: string, t: Tensor): UseAfterFreeError {
  return new UseAfterFreeError(
    `${name}: the memory of an argument (${t.dtype}, shape ${showShape(t.shape)}) has been given back`,
    FREED,
  );
}

function checkArguments(name: string, args: readonly unknown[]): void {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (arg instanceof Tensor) {
      if (!isLive(arg)) throw freedArgument(name, arg);
    } else if (Array.isArray(arg) && arg[0] instanceof Tensor) checkArguments(name, arg);
  }
}

function checkResults(name: string, result: unknown): void {
  if (Array.isArray(result) && result.every((t) => t instanceof Tensor)) return;
  const found =
    result instanceof Promise
      ? "a promise"
      : Array.isArray(result)
        ? "an array of other things"
        : String(typeof result);
  if (result instanceof Promise) result.catch(() => {});
  throw new AutogradError(`${name}: forward returned ${found}`, "Return a tensor or an array of tensors.");
}

const alias = (t: Tensor): Tensor => new Tensor(t.storage, t.shape, t.offset, t.isContiguous ? undefined : t.strides);

/** Results without history, where nothing is recorded: an argument with one would bring its own. */
function unrecorded<R extends Tensor | Tensor[]>(result: R): R {
  if (result instanceof Tensor) return result.requiresGrad ? (alias(result) as R) : result;
  return result.some((t) => t.requiresGrad) ? (result.map((t) => (t.requiresGrad ? alias(t) : t)) as R) : result;
}

/** Whether the storage was made by the operation that ends. */
function isNew(storage: Storage, mark: number): boolean {
  for (let i = fresh.length - 1; i >= mark; i--) if (fresh[i] === storage) return true;
  return false;
}

function record<R extends Tensor | Tensor[]>(node: Node, result: R, mark: number): R {
  let graph: Graph | undefined;
  for (const input of node.inputs) {
    if (!input.requiresGrad || input.node === undefined) continue;
    const root = input.node.graph.root();
    graph = graph === undefined || graph === root ? root : Graph.merge(graph, root);
  }
  node.graph = graph ?? new Graph(node.inputs[0].backend);
  if (result instanceof Tensor) return mine(node, result, 0, mark) as R;
  return result.map((t, i) => mine(node, t, i, mark)) as R;
}

/** The i-th result of an operation as a tensor of its own. */
function mine(node: Node, result: Tensor, i: number, mark: number): Tensor {
  if (!isFloat(result)) return result;
  // What was there before keeps its own history, what is returned twice has two places.
  const output = result.node !== undefined || !isNew(result.storage, mark) ? alias(result) : result;
  output.requiresGrad = true;
  output.node = node;
  output.slot = i;
  return output;
}

export function consumed(what: string, graph: Graph): ShoshinError {
  if (graph.freed) {
    return new UseAfterFreeError(
      `${what}: this tensor belongs to a graph that was freed with the scope that it began in`,
      FREED,
    );
  }
  return new AutogradError(
    `${what}: this tensor belongs to a graph whose backward() has run`,
    "Carry t.detach() over to the next step, or call backward({ retainGraph: true }) if the graph is needed again.",
  );
}

/** Refuses an argument whose gradient is wanted and that no formula here gives one: it would be missing without a word. */
export function refuseGradient(name: string, what: string, t: Tensor | undefined): void {
  if (t?.requiresGrad && state.gradEnabled && state.depth === 0)
    throw new AutogradError(
      `${name}: the gradient of ${what} is not implemented`,
      "Give them without one: t.detach().",
    );
}
