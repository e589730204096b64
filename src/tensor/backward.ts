import type { Storage } from "../backend/storage.ts";
import { BACKWARD, fresh, state } from "./memory.ts";
import { advanceMicroStep } from "./random.ts";
import { denseStrides, makeLoop, sameShape, showShape } from "./shape.ts";
import { AutogradError, consumed, freedArgument, type Gradients, leafBuffer, type Node } from "./tape.ts";
import { dense, empty, isLive, Tensor } from "./tensor.ts";

let passes = 0;

/** What a backward returned, if it may. */
function gradientsOf({ name, inputs }: Node, returned: unknown): Gradients {
  // The gradient of an only argument may come alone.
  const list = returned instanceof Tensor ? [returned] : returned;
  if (!Array.isArray(list)) {
    const found = list instanceof Promise ? "a promise" : list === null ? "null" : typeof list;
    throw new AutogradError(
      `${name}: backward returned ${found}`,
      "Return an array with a gradient for each tensor argument.",
    );
  }
  let least = inputs.length;
  // At the end those that want none need not be named.
  while (least > list.length && !inputs[least - 1].requiresGrad) least--;
  let most = list.length;
  while (most > inputs.length && (list[most - 1] === undefined || list[most - 1] === null)) most--;
  if (list.length < least || most > inputs.length) {
    throw new AutogradError(
      `${name}: backward returned ${list.length} gradients; expected ${inputs.length}, one for each tensor argument`,
      "Return undefined for an argument that gets none.",
    );
  }
  return list as Gradients;
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
  const gradients = gradientsOf(node, node.run());
  for (let i = mark; i < fresh.length; i++) fresh[i].owner = BACKWARD;
  for (let i = 0; i < node.inputs.length; i++) {
    const g = gradients[i];
    const input = node.inputs[i];
    if (g === undefined || g === null || !input.requiresGrad) continue;
    if (!(g instanceof Tensor)) {
      throw new AutogradError(`${node.name}: gradient ${i} is no tensor but ${typeof g}`);
    }
    if (g.dtype !== input.dtype || g.backend !== input.backend) {
      throw new AutogradError(
        `${node.name}: gradient ${i} is ${g.dtype} on ${g.backend.name}, its input ${input.dtype} on ${input.backend.name}`,
      );
    }
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
  if (node.grads.length === 0) return;
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
  for (const t of [root, gradient]) if (t !== undefined && !isLive(t)) throw freedArgument("backward", t);
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
      if (graph.retired) throw consumed("backward", graph);
      order = reachable(root.node);
      deliver(root.node, root.slot, seed);
      for (const node of order) {
        visit(node);
        retain(node);
        clearGrads(node);
      }
      if (options.retainGraph !== true) {
        for (const node of order) node.finish();
        graph.retire(root.storage);
      }
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
