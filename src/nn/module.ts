// Attaches the operations and edits in place to Tensor.
import "../ops/index.ts";
import "../tensor/index.ts";

import { ShoshinError } from "../backend/errors.ts";
import { checkOptions, nearestName } from "../backend/options.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { type Shape, sameShape, showShape } from "../tensor/shape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Callable } from "./callable.ts";
import { Parameter } from "./parameter.ts";
import { showModule } from "./print.ts";
import { BUFFERS, clash, contents, everyName, HELD, StateDictError, type Visited, walk } from "./registry.ts";

export { Parameter, StateDictError };

export type StateDict = Map<string, Tensor>;

// In brackets: of a union of modules, the inputs are what all of them take.
// biome-ignore lint/suspicious/noExplicitAny: what a call gives is what its forward gives
type Inputs<F> = [F] extends [(...inputs: infer I) => any] ? I : never;
// biome-ignore lint/suspicious/noExplicitAny: as above
type Output<F> = [F] extends [(...inputs: any[]) => infer O] ? O : never;

export interface Module {
  /** Runs {@link Module.forward}: `model(x)`. */
  (...inputs: Inputs<this["forward"]>): Output<this["forward"]>;
  /** Free for a subclass's own use. */
  name?: unknown;
  /** Free for a subclass's own use. */
  length?: unknown;
}

/**
 * Base of everything with parameters, as PyTorch's `nn.Module`: assign modules and parameters to properties, alone or in
 * arrays, plain objects, Maps and Sets, and write `forward`; call it as `model(x)` or `model.forward(x)`. Names are the
 * properties and keys on the way joined by dots (`encoder.layer.0.weight`, `heads.a.weight`), in the order of definition.
 * Private fields (`#lin`) cannot be seen: what they hold has to be given to {@link registerModule} or {@link registerParameter}.
 */
export abstract class Module extends Callable {
  /** @internal How `toString()` shows what a class holds. */
  static readonly prints: "children" | "folded" | "parameters" = "children";
  /** True while training: dropout drops. Set by `train()` and `eval()`. */
  training = true;
  #buffers = new Map<string, { value: Tensor; persistent: boolean }>();

  // biome-ignore lint/suspicious/noExplicitAny: every module has arguments of its own
  abstract override forward(...inputs: any[]): any;

  /**
   * A tensor that belongs to the module but is not learned; `this[name]`, as long as the class uses the name for nothing else.
   * @param options.persistent saved with the state dict; true.
   */
  registerBuffer(name: string, value: Tensor, options: { persistent?: boolean } = {}): Tensor {
    checkOptions("registerBuffer", options, { persistent: true });
    checkName("registerBuffer", name);
    if (!(value instanceof Tensor)) throw new ShoshinError(`registerBuffer: ${name} is no tensor`);
    this.#buffers.set(name, { value: value.keep(), persistent: options.persistent ?? true });
    if ((this as Record<string, unknown>)[name] === undefined) Object.assign(this, { [name]: value });
    return value;
  }
  /** Makes a parameter the module's under a name, as assigning it to a property does; for those in private fields. Returns it. */
  registerParameter<P extends Parameter | undefined>(name: string, value: P): P {
    checkName("registerParameter", name);
    if (value !== undefined && !(value instanceof Parameter)) {
      throw new ShoshinError(`registerParameter: ${name} is no Parameter`, "Wrap it: new Parameter(tensor).");
    }
    return this.#own("registerParameter", name, value);
  }
  /** Makes a module this one's child under a name, as assigning it to a property does; for those in private fields. Returns it. */
  registerModule<M extends Module | undefined>(name: string, value: M): M {
    checkName("registerModule", name);
    if (value !== undefined && !(value instanceof Module)) {
      throw new ShoshinError(
        `registerModule: ${name} is no Module`,
        "Give an instance of a class that extends Module.",
      );
    }
    return this.#own("registerModule", name, value);
  }
  /** PyTorch's other name of {@link registerModule}. */
  addModule<M extends Module | undefined>(name: string, value: M): M {
    return this.registerModule(name, value);
  }
  #own<V>(where: string, name: string, value: V): V {
    const here = (this as Record<string, unknown>)[name];
    if (here !== undefined && here !== value && !(here instanceof Module) && !(here instanceof Parameter)) {
      throw new ShoshinError(
        `${where}: ${this.constructor.name} has a property ${name} already`,
        "Choose another name.",
      );
    }
    Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
    return value;
  }

  /** @internal What the module holds: a class that keeps its contents in a private field gives them here. */
  [HELD](): Iterable<[string, unknown]> {
    return Object.keys(this).map((name) => [name, (this as Record<string, unknown>)[name]]);
  }
  /** @internal A tensor that was assigned to the property since counts; null takes the buffer out. */
  *[BUFFERS](): Generator<[name: string, value: Tensor, persistent: boolean]> {
    for (const [name, { value, persistent }] of this.#buffers) {
      const own = Object.hasOwn(this, name) ? (this as Record<string, unknown>)[name] : value;
      if (own instanceof Tensor) yield [name, own, persistent];
      else if (own !== null) yield [name, value, persistent];
    }
  }

  /** Direct submodules by name; entries of arrays are called `list.0`, `list.1`, …, of objects and Maps `heads.a`. */
  *namedChildren(): Generator<[string, Module]> {
    yield* contents(this).children;
  }
  /** Direct submodules, each once. */
  children(): Module[] {
    return [...new Set(Array.from(this.namedChildren(), ([, child]) => child))];
  }

  /** This module (under `prefix`) and all below it, each once. */
  *namedModules(prefix = "", seen: Set<Module> = new Set()): Generator<[string, Module]> {
    for (const { prefix: name, module } of this.#walk()) {
      if (seen.has(module)) continue;
      seen.add(module);
      yield [prefix === "" || name === "" ? prefix + name : `${prefix}.${name}`, module];
    }
  }
  *modules(): Generator<Module> {
    for (const { module } of this.#walk()) yield module;
  }
  #walk(): Visited[] {
    return walk(this, Module.prototype.namedChildren);
  }

  /** Parameters with their full names; a shared one once, under its first name. Throws StateDictError where two have one name. */
  *namedParameters(): Generator<[string, Parameter]> {
    const seen = new Set<Tensor>();
    const names = new Set<string>();
    for (const { prefix, parameters } of this.#walk()) {
      for (const [own, value] of parameters) {
        if (seen.has(value)) continue;
        seen.add(value);
        const name = prefix === "" ? own : `${prefix}.${own}`;
        if (names.has(name)) throw clash(this, name);
        names.add(name);
        yield [name, value];
      }
    }
  }
  parameters(): Parameter[] {
    return Array.from(this.namedParameters(), ([, p]) => p);
  }
  /** Buffers with their full names, those too that are not saved; each once. */
  *namedBuffers(): Generator<[string, Tensor]> {
    const seen = new Set<Tensor>();
    for (const { prefix, module } of this.#walk()) {
      for (const [name, value] of module[BUFFERS]()) {
        if (seen.has(value)) continue;
        seen.add(value);
        yield [prefix === "" ? name : `${prefix}.${name}`, value];
      }
    }
  }
  buffers(): Tensor[] {
    return Array.from(this.namedBuffers(), ([, b]) => b);
  }

  /** The parameter of that full name. Throws ShoshinError where there is none. */
  getParameter(name: string): Parameter {
    return named(
      this,
      "parameter",
      name,
      new Map([...this.stateDict()].filter(([, t]) => t instanceof Parameter)),
    ) as Parameter;
  }
  /** The buffer of that full name. Throws ShoshinError where there is none. */
  getBuffer(name: string): Tensor {
    return named(this, "buffer", name, new Map(this.namedBuffers()));
  }
  /** The module of that full name; `""` is this one. Throws ShoshinError where there is none. */
  getSubmodule(name: string): Module {
    return named(this, "module", name, new Map(this.namedModules()));
  }

  /** Calls `fn` with every module below and then with this one; returns this. */
  apply(fn: (module: Module) => void): this {
    if (typeof fn !== "function") throw new ShoshinError("apply: expected a function of a module", "apply((m) => …)");
    const seen = new Set<Module>();
    const visit = (module: Module) => {
      if (seen.has(module)) return;
      seen.add(module);
      for (const [, child] of module.namedChildren()) visit(child);
      fn(module);
    };
    visit(this);
    return this;
  }
  /** Makes every parameter learn, or none; returns this. See {@link freeze} for some of them. */
  requiresGrad_(flag = true): this {
    this.freeze(undefined, !flag);
    return this;
  }

  /** Number of elements of all parameters; `trainable`: of those that require a gradient. */
  parameterCount(options: { trainable?: boolean } = {}): number {
    checkOptions("parameterCount", options, { trainable: true });
    return this.parameters().reduce((n, p) => n + (options.trainable && !p.requiresGrad ? 0 : p.numel), 0);
  }

  /**
   * Parameters and saved buffers by name, sharing memory with the module; shared ones under every name they have.
   * Throws StateDictError where two tensors have one name.
   */
  stateDict(): StateDict {
    return everyName(this, Module.prototype.namedChildren);
  }

  /**
   * Holds names and shapes against the parameters and buffers.
   * @param options.strict names must match exactly (default); of a shared parameter's, one is enough.
   * @returns names that are missing from `state`, and those that are not expected.
   * @throws StateDictError naming every tensor that is missing, unexpected or of another shape.
   */
  checkStateDict(
    state: ReadonlyMap<string, { readonly shape: Shape }>,
    options: { strict?: boolean } = {},
  ): { missing: string[]; unexpected: string[] } {
    checkOptions("loadStateDict", options, { strict: true }, { assign: "Values are copied; assign them yourself." });
    const { strict = true } = options;
    if (typeof state?.has !== "function" || typeof state.keys !== "function")
      throw new StateDictError(
        `loadStateDict: expected a Map of tensors by name, found ${state === null ? "null" : Array.isArray(state) ? "an array" : typeof state}`,
        "stateDict() gives one; of an object: new Map(Object.entries(state)).",
      );
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
  /** What `toString()` and `console.log` show between the brackets, e.g. `inFeatures=784, outFeatures=512, bias=true`. */
  printRepr(): string {
    return this.extraRepr();
  }
  /** As `print(model)` shows it in PyTorch: the children below it, each under its name. */
  override toString(): string {
    return showModule(this);
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

function checkName(where: string, name: string): void {
  if (typeof name !== "string" || name === "" || name.includes(".")) {
    throw new ShoshinError(
      `${where}: ${JSON.stringify(name)} is no name`,
      "A name is a string without a dot, not empty.",
    );
  }
}

function named<V>(module: Module, kind: string, name: string, all: ReadonlyMap<string, V>): V {
  const found = all.get(name);
  if (found !== undefined) return found;
  const near = nearestName(String(name), all.keys());
  throw new ShoshinError(
    `${module.constructor.name} has no ${kind} ${name}`,
    near === undefined ? undefined : `Did you mean ${near}?`,
  );
}
