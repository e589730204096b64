/// <reference lib="esnext.disposable" preserve="true" />
import "../backend/dispose.ts";
import { backward } from "./backward.ts";
import { disown, fresh, reclaim, Scope, state } from "./memory.ts";
import { getRngState, setRngState } from "./random.ts";
import { defineOp } from "./tape.ts";
import { empty, Tensor } from "./tensor.ts";

type Layer = (...inputs: Tensor[]) => Tensor;

const view = (t: Tensor) => new Tensor(t.storage, t.shape, t.offset, t.isContiguous ? undefined : t.strides);

/** Makes a leaf the result of an operation, so that its gradients are added up as they would have been in the whole graph. */
const passing = defineOp("input", {
  forward: (_, x: Tensor) => view(x),
  backward: (_, dy) => [dy],
});

/** Computes `fn` again with recording, and its gradients; those of what it uses besides its inputs go where they belong. */
function again(fn: Layer, inputs: readonly Tensor[], site: number, gradient: Tensor): (Tensor | undefined)[] {
  const { depth, gradEnabled } = state;
  const random = getRngState();
  const leaves = inputs.map((t) => {
    const leaf = view(t);
    leaf.requiresGrad = t.requiresGrad;
    return leaf;
  });
  state.depth = 0;
  state.gradEnabled = true;
  const scope = new Scope();
  try {
    setRngState({ ...random, site });
    const out = fn(...leaves.map((leaf) => (leaf.requiresGrad ? passing(leaf) : leaf)));
    if (out.requiresGrad) backward(out, { gradient });
  } finally {
    scope[Symbol.dispose]();
    reclaim();
    state.depth = depth;
    state.gradEnabled = gradEnabled;
    setRngState(random);
  }
  return leaves.map(({ grad }) => {
    // The pass that is under way frees it.
    if (grad !== undefined) {
      disown(grad.storage);
      fresh.push(grad.storage);
    }
    return grad;
  });
}

const checkpointOp = defineOp("checkpoint", {
  forward(ctx, _recorded: Tensor, fn: Layer, inputs: Tensor[]) {
    ctx.memo = { fn, site: getRngState().site };
    for (const t of inputs) ctx.save(t);
    return fn(...inputs);
  },
  backward(ctx, dy) {
    const { fn, site } = ctx.memo as { fn: Layer; site: number };
    return [undefined, ...again(fn, ctx.inputs.slice(1), site, dy as Tensor)];
  },
});

/** Requires a gradient, so that a checkpoint is recorded also where only the parameters in it learn. */
let recorded: Tensor | undefined;

/**
 * `fn(...inputs)`, of which only the inputs are kept for the backward pass: what lies between is computed again then (Chen et
 * al., "Training deep nets with sublinear memory cost", 2016), with the same dropout. Gradients have the
 * same bits where inputs are used in this one place alone; else sums may come in another order.
 * @param fn makes one tensor of the inputs and of parameters. It is called twice, must not be asynchronous and must not keep
 *   tensors; other tensors with a history must come in as inputs.
 */
export function checkpoint(fn: Layer, ...inputs: Tensor[]): Tensor {
  if (!state.gradEnabled || state.depth > 0) return fn(...inputs);
  if (recorded === undefined || !recorded.storage.alive) {
    recorded = empty([1]).keep();
    recorded.requiresGrad = true;
  }
  return checkpointOp(recorded, fn, inputs);
}
