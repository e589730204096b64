import { showShape } from "../tensor/shape.ts";
import { lastNode } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Callable } from "./callable.ts";
import type { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** Modules that some module holds where it can be found. */
export const held = new WeakSet<object>();

/** The outermost of the forward passes in progress that are watched, and all that it holds. */
let root: { module: Module; below: Set<Module> } | undefined;
/** The innermost one. */
let caller: Module | undefined;
/** Classes whose use of something was said already. */
const said = new WeakMap<object, Set<unknown>>();
/** Parameters that were spoken of: the modules around see them too. */
const known = new WeakSet<Parameter>();

/**
 * Runs a module's first forward pass and looks at what it uses: a module or a parameter that nobody holds in a place that
 * can be seen, such as a private field (`#lin`), is neither trained nor saved. Says so once for each class.
 * @param done called when enough was seen.
 */
export function firstForward(self: Callable, call: () => unknown, done: () => void): unknown {
  const module = self as Module;
  const outer = caller;
  if (root === undefined) root = { module, below: new Set(module.modules()) };
  else if (outer !== undefined && !root.below.has(module)) {
    root.below = new Set(root.module.modules());
    if (!root.below.has(module) && !held.has(module)) tellModule(outer, module);
  }
  caller = module;
  const begin = lastNode();
  try {
    const result = call();
    if (lastNode() > begin) {
      done();
      tellParameters(module, result, begin);
    }
    return result;
  } finally {
    caller = outer;
    if (outer === undefined) root = undefined;
  }
}

function first(module: object, about: unknown): boolean {
  const before = said.get(module.constructor) ?? new Set();
  said.set(module.constructor, before);
  if (before.has(about)) return false;
  before.add(about);
  return true;
}

function tellModule(outer: Module, module: Module): void {
  // Without parameters or a probability nothing goes wrong: an activation in a private field is fine.
  const empty = module.parameters().length === 0 && module.buffers().length === 0;
  if (empty && typeof (module as { p?: unknown }).p !== "number") return;
  if (!first(outer, module.constructor)) return;
  const [user, used] = [outer.constructor.name, module.constructor.name];
  console.warn(
    `shoshin: ${user}.forward uses a ${used} that ${user} does not hold in a property that can be seen (is it in a private field, ` +
      `#${used.toLowerCase()}?). It is not trained, saved or counted, and train() and eval() do not reach it. Hold it in a public ` +
      `field, or name it: this.registerModule("${used.toLowerCase()}", …).`,
  );
}

/** Looks for parameters among what the operations since `begin` worked on. */
function tellParameters(module: Module, result: unknown, begin: number): void {
  const seen = new Set<object>();
  const waiting = tensorsOf(result);
  for (let t = waiting.pop(); t !== undefined; t = waiting.pop()) {
    const node = t.node;
    if (node === undefined || node.id <= begin || seen.has(node)) continue;
    seen.add(node);
    for (const input of node.inputs) {
      if (input.node !== undefined) waiting.push(input);
      // One that an optimizer has got has room for its gradient.
      else if (input instanceof Parameter && !input.registered && input.requiresGrad && input.gradBuffer === undefined)
        tellParameter(module, input);
    }
  }
}

function tellParameter(module: Module, parameter: Parameter): void {
  if (known.has(parameter)) return;
  known.add(parameter);
  if (!first(module, Parameter)) return;
  const user = module.constructor.name;
  console.warn(
    `shoshin: ${user}.forward uses a Parameter ${showShape(parameter.shape)} that ${user} does not hold in a property that can be ` +
      "seen (is it in a private field, #weight?). It is not trained, saved or counted. Hold it in a public field, or name it: " +
      `this.registerParameter("weight", …).`,
  );
}

function tensorsOf(value: unknown, depth = 0): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (value === null || typeof value !== "object" || depth > 3 || ArrayBuffer.isView(value)) return [];
  return Object.values(value).flatMap((v) => tensorsOf(v, depth + 1));
}
