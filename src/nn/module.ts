// Attaches the operations and edits in place to Tensor.
import "../ops/index.ts";
import "../tensor/index.ts";

import { ShoshinError } from "../backend/errors.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { type Shape, sameShape, showShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A tensor that a module learns: a leaf that requires a gradient and that `parameters()` finds. */
export class Parameter extends Tensor {
  constructor(values: Tensor, requiresGrad = true) {
    super(values.keep().storage, values.shape, values.offset, values.isContiguous ? undefined : values.strides);
    this.requiresGrad = requiresGrad;
  }
}

/** A state dict does not fit the module. */
export class StateDictError extends ShoshinError {}

export type StateDict = Map<string, Tensor>;

/**
 * Base of everything with parameters, as PyTorch's `nn.Module`: assign modules, parameters, and lists of modules to
 * properties and write `forward`. Names are the property names joined by dots (`encoder.layer.0.weight`).
 */
export abstract class Module {
  /** True while training: dropout drops. Set by `train()` and `eval()`. */
  training = true;
  #buffers = new Map<string, Tensor>();

  // biome-ignore lint/suspicious/noExplicitAny: every module has arguments of its own
  abstract forward(...inputs: any[]): any;

  /** A tensor that is saved with the module but not learned. */
  registerBuffer(name: string, value: Tensor): Tensor {
    this.#buffers.set(name, value.keep());
    return value;
  }

  /** Direct submodules by name; entries of arrays are called `list.0`, `list.1`, … */
  *namedChildren(): Generator<[string, Module]> {
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Module) yield [name, value];
      else if (Array.isArray(value)) {
        for (let i = 0; i < value.length; i++) if (value[i] instanceof Module) yield [`${name}.${i}`, value[i]];
      }
    }
  }

  /** This module (under `prefix`) and all below it, each once. */
  *namedModules(prefix = "", seen: Set<Module> = new Set()): Generator<[string, Module]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) {
      yield* child.namedModules(prefix === "" ? name : `${prefix}.${name}`, seen);
    }
  }
  *modules(): Generator<Module> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** Parameters with their full names; a shared one once, under its first name. */
  *namedParameters(): Generator<[string, Parameter]> {
    const seen = new Set<Tensor>();
    for (const [prefix, module] of this.namedModules()) {
      for (const [name, value] of Object.entries(module)) {
        if (!(value instanceof Parameter) || seen.has(value)) continue;
        seen.add(value);
        yield [prefix === "" ? name : `${prefix}.${name}`, value];
      }
    }
  }
  parameters(): Parameter[] {
    return Array.from(this.namedParameters(), ([, p]) => p);
  }
  *namedBuffers(): Generator<[string, Tensor]> {
    for (const [prefix, module] of this.namedModules()) {
      for (const [name, value] of module.#buffers) yield [prefix === "" ? name : `${prefix}.${name}`, value];
    }
  }

  /** Number of elements of all parameters; `trainable`: of those that require a gradient. */
  parameterCount({ trainable = false } = {}): number {
    return this.parameters().reduce((n, p) => n + (trainable && !p.requiresGrad ? 0 : p.numel), 0);
  }

  /** Parameters and buffers by name, sharing memory with the module; shared parameters under every name they have. */
  stateDict(): StateDict {
    const state: StateDict = new Map();
    const visit = (module: Module, prefix: string) => {
      for (const [name, value] of Object.entries(module))
        if (value instanceof Parameter) state.set(prefix + name, value);
      for (const [name, value] of module.#buffers) state.set(prefix + name, value);
      for (const [name, child] of module.namedChildren()) visit(child, `${prefix}${name}.`);
    };
    visit(this, "");
    return state;
  }

  /**
   * Holds names and shapes against the parameters and buffers.
   * @param options.strict names must match exactly (default); of a shared parameter's, one is enough.
   * @returns names that are missing from `state`, and those that are not expected.
   * @throws StateDictError naming every tensor that is missing, unexpected or of another shape.
   */
  checkStateDict(
    state: ReadonlyMap<string, { readonly shape: Shape }>,
    { strict = true } = {},
  ): { missing: string[]; unexpected: string[] } {
    const own = this.stateDict();
    const given = new Set([...own].flatMap(([name, t]) => (state.has(name) ? [t] : [])));
    const missing = [...own].flatMap(([name, t]) => (given.has(t) ? [] : [name]));
    const unexpected = [...state.keys()].filter((name) => !own.has(name));
    const problems: string[] = [];
    if (strict && missing.length > 0) problems.push(`missing: ${missing.join(", ")}`);
    if (strict && unexpected.length > 0) problems.push(`unexpected: ${unexpected.join(", ")}`);
    for (const [name, target] of own) {
      const value = state.get(name);
      if (value !== undefined && !sameShape(value.shape, target.shape)) {
        problems.push(`${name}: expected ${showShape(target.shape)}, found ${showShape(value.shape)}`);
      }
    }
    if (problems.length > 0) {
      throw new StateDictError(
        `loadStateDict: the state does not fit ${this.constructor.name}: ${problems.join("; ")}`,
        "Build the model with the configuration that the state was saved with.",
      );
    }
    return { missing, unexpected };
  }

  /** Copies values into the parameters and buffers. Nothing is changed unless everything fits; see {@link checkStateDict}. */
  loadStateDict(state: StateDict, options: { strict?: boolean } = {}): { missing: string[]; unexpected: string[] } {
    const names = this.checkStateDict(state, options);
    noGrad(() => {
      for (const [name, target] of this.stateDict()) {
        const value = state.get(name);
        if (value !== undefined) target.copy_(value);
      }
    });
    return names;
  }

  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }
  eval(): this {
    return this.train(false);
  }

  /** Stops (or resumes) learning of the parameters whose name matches; all if no pattern is given. Returns how many matched. */
  freeze(pattern?: RegExp, frozen = true): number {
    let count = 0;
    for (const [name, parameter] of this.namedParameters()) {
      if (pattern !== undefined && !pattern.test(name)) continue;
      parameter.requiresGrad = !frozen;
      if (frozen) parameter.zeroGrad();
      count++;
    }
    return count;
  }

  /** Forgets all gradients. */
  zeroGrad(): void {
    for (const p of this.parameters()) p.zeroGrad();
  }

  /** What `summary()` prints beside the name of the layer, e.g. `784 → 512`. */
  extraRepr(): string {
    return "";
  }
}
