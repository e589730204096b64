import { nextNumber, Parameter } from "../nn/parameter.ts";
import { showShape } from "../tensor/shape.ts";
import { observer } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Parameters that got a gradient while no optimizer had them; looked at in the next step. Few, so that they hold up no memory. */
const strays: Parameter[] = [];
const MOST = 16;
const optimized = new WeakSet<Tensor>();

/** Notes parameters of an optimizer and returns the number of its beginning. */
export function begin(params: readonly Tensor[]): number {
  for (const p of params) optimized.add(p);
  observer.firstGradient ??= (leaf) => {
    if (leaf instanceof Parameter && strays.length < MOST) strays.push(leaf);
  };
  return nextNumber();
}

let said = false;

/**
 * A layer that was replaced or added after the optimizer was made gets gradients and never learns. Said once. One that is
 * older is left alone: training a part of a model is meant.
 */
export function look(since: number): void {
  if (strays.length === 0) return;
  const lost = strays.find((p) => p.number > since && p.gradSet && p.requiresGrad && !optimized.has(p));
  strays.length = 0;
  if (lost === undefined || said) return;
  said = true;
  console.warn(
    `shoshin: a Parameter ${showShape(lost.shape)} that was made after the optimizer gets gradients, but no optimizer has it: it does ` +
      "not learn. Make the optimizer after the last layer is replaced or added.",
  );
}
