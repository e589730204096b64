import { disown, fresh, reclaim, Scope, state } from "./memory.ts";
import { getRngState, type RngState, setRngState } from "./random.ts";
import { AutogradError, backward, defineOp, type Node } from "./tape.ts";
import { Tensor } from "./tensor.ts";

type Computation = (...inputs: Tensor[]) => Tensor;

const view = (t: Tensor) => new Tensor(t.storage, t.shape, t.offset, t.isContiguous ? undefined : t.strides);

/** Makes a leaf an inner result, so that its gradient gathers in the order and with the roundings it would have had. */
const passing = defineOp("input", {
  forward: (_, x: Tensor) => view(x),
  backward: (_, dy) => [dy],
});

const checkpointOp = defineOp("checkpoint", {
  forward(ctx, fn: Computation, inputs: readonly Tensor[], _parameters: readonly Tensor[]) {
    ctx.memo = { fn, rng: getRngState() };
    for (const t of inputs) ctx.save(t);
    const y = fn(...inputs);
    return inputs.includes(y) ? view(y) : y;
  },
  backward(ctx, dy) {
    const { fn, rng } = ctx.memo as { fn: Computation; rng: RngState };
    const leaves = ctx.saved.map((t, i) => {
      const leaf = view(t);
      leaf.requiresGrad = ctx.needs(i);
      return leaf;
    });
    const before = { depth: state.depth, gradEnabled: state.gradEnabled };
    const now = getRngState();
    Object.assign(state, { depth: 0, gradEnabled: true });
    const inner = new Scope();
    try {
      setRngState(rng);
      const y = fn(...leaves.map((leaf) => (leaf.requiresGrad ? passing(leaf) : leaf)));
      if (y.node !== undefined && y.node.graph.root() === (ctx as Node).graph.root()) {
        throw new AutogradError(
          "checkpoint: what is computed uses a tensor of the graph around it that is not among the inputs",
          "Pass every tensor that was computed and needs a gradient.",
        );
      }
      if (y.requiresGrad) backward(y, { gradient: dy });
      reclaim();
    } finally {
      inner[Symbol.dispose]();
      Object.assign(state, before);
      setRngState(now);
    }
    return leaves.map((leaf) => {
      const { grad } = leaf;
      if (grad === undefined) return undefined;
      // From here on the pass around it owns the gradient.
      disown(grad.storage);
      fresh.push(grad.storage);
      return grad;
    });
  },
});

/**
 * `fn(...inputs)` whose intermediate results are forgotten and computed again in the backward pass: memory for time (Chen et
 * al. 2016), as torch.utils.checkpoint. The random masks are the same both times; so are the gradients, to the last bit.
 * @param fn of its inputs, constants and leaves alone; called twice, with the same result
 * @param inputs every tensor that `fn` uses and that was computed from what needs a gradient
 * @param parameters leaves that `fn` uses; without them nothing is recorded where no input needs a gradient
 * @throws AutogradError in the backward pass, if `fn` used a recorded tensor that is not among the inputs.
 */
export function checkpoint(fn: Computation, inputs: readonly Tensor[], parameters: readonly Tensor[] = []): Tensor {
  if (!state.gradEnabled || state.depth > 0) return fn(...inputs);
  return checkpointOp(fn, inputs, parameters);
}
