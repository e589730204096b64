import { ShoshinError } from "../backend/errors.ts";
import { nearestName } from "../backend/options.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Module, Parameter } from "./module.ts";
import { HELD } from "./registry.ts";

const what = (value: unknown) =>
  value === null ? "null" : typeof value === "object" ? (value.constructor?.name ?? "an object") : typeof value;

function checkModule(where: string, value: unknown): void {
  if (value instanceof Module) return;
  throw new ShoshinError(
    `${where}: expected modules, found ${what(value)}`,
    "Give instances of classes that extend Module.",
  );
}

/** What lists of modules share: entries are the properties 0, 1, 2, …, so `list[0]` reads and replaces one. */
export abstract class IndexedModules<M extends Module = Module> extends Module {
  [index: number]: M;
  /** In order; an entry that was deleted is skipped. */
  #names: string[] = [];

  protected add(name: string, module: M): void {
    checkModule(this.constructor.name, module);
    if (!this.#names.includes(name)) {
      if (name in this)
        throw new ShoshinError(`${this.constructor.name}: ${name} is a name of its own`, "Choose another.");
      this.#names.push(name);
    }
    Object.defineProperty(this, name, { value: module, writable: true, enumerable: true, configurable: true });
  }
  /** The entries, as they are now. */
  protected entries(): M[] {
    const own = this as unknown as Record<string, M | undefined>;
    const out: M[] = [];
    for (const name of this.#names) {
      const module = own[name];
      if (module !== undefined) out.push(module);
    }
    return out;
  }
  /** Puts other entries in the place of all. */
  #become(modules: readonly M[]): this {
    if (this.#names.some((name, i) => name !== String(i))) {
      throw new ShoshinError(`${this.constructor.name}: entries with names of their own keep their places`);
    }
    for (const name of this.#names) Reflect.deleteProperty(this, name);
    this.#names = [];
    for (const module of modules) this.append(module);
    return this;
  }

  override get length(): number {
    return this.entries().length;
  }
  /** The entry at a place; −1 is the last. */
  at(index: number): M | undefined {
    return this.entries().at(index);
  }
  [Symbol.iterator](): Iterator<M> {
    return this.entries()[Symbol.iterator]();
  }
  override registerModule<N extends Module | undefined>(name: string, module: N): N {
    this.add(name, module as unknown as M);
    return module;
  }
  append(module: M): this {
    this.add(String(this.#names.length), module);
    return this;
  }
  push(...modules: M[]): number {
    for (const module of modules) this.append(module);
    return this.length;
  }
  extend(modules: Iterable<M>): this {
    for (const module of modules) this.append(module);
    return this;
  }
  /** Before the entry at `index`. */
  insert(index: number, module: M): this {
    checkModule(this.constructor.name, module);
    const list = this.entries();
    list.splice(index, 0, module);
    return this.#become(list);
  }
  /** Takes the entry at `index` out, the last by default, and returns it. */
  pop(index = -1): M {
    const list = this.entries();
    const [module] = list.splice(index, 1);
    if (module === undefined) throw new ShoshinError(`${this.constructor.name}: no entry at ${index}`);
    this.#become(list);
    return module;
  }
  map<R>(fn: (module: M, index: number) => R): R[] {
    return this.entries().map(fn);
  }
  forEach(fn: (module: M, index: number) => void): void {
    this.entries().forEach(fn);
  }
}

/** Modules in a list, named 0, 1, 2, … as PyTorch's; loop over it in your own `forward`. */
export class ModuleList<M extends Module = Module> extends IndexedModules<M> {
  static override readonly prints = "folded";

  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(iterable("ModuleList", modules));
  }
  slice(start?: number, end?: number): ModuleList<M> {
    return new ModuleList(this.entries().slice(start, end));
  }
  forward(..._inputs: never[]): never {
    throw noForward("ModuleList", "Loop over it: for (const layer of list) x = layer(x).");
  }
}

const noForward = (name: string, hint: string) => new ShoshinError(`${name} has no forward`, hint);

function iterable<T>(where: string, values: Iterable<T>): Iterable<T> {
  if (typeof (values as Partial<Iterable<T>> | null)?.[Symbol.iterator] === "function" && typeof values !== "string")
    return values;
  throw new ShoshinError(`${where}: expected a list, found ${what(values)}`, `For example: new ${where}([a, b]).`);
}

type Entries<V> = Readonly<Record<string, V>> | Iterable<readonly [string, V]>;

/** What the two dictionaries share. Entries are named by their keys, in the order in which they were put in. */
abstract class Dict<V> extends Module {
  readonly #map = new Map<string, V>();

  protected abstract check(key: string, value: unknown): V;

  override *[HELD](): Generator<[string, unknown]> {
    yield* super[HELD]();
    yield* this.#map;
  }
  /** Puts in all of an object's, a Map's or another dictionary's entries. */
  update(values: Entries<V>): this {
    const given: unknown = values;
    if (given === null || (typeof given !== "object" && !(given instanceof Dict))) {
      throw new ShoshinError(`${this.constructor.name}: expected an object or a Map, found ${what(given)}`);
    }
    const list = Symbol.iterator in values ? (values as Iterable<readonly [string, V]>) : Object.entries(values);
    for (const entry of list) {
      if (!Array.isArray(entry)) throw new ShoshinError(`${this.constructor.name}: expected [name, value] pairs`);
      this.set(entry[0], entry[1] as V);
    }
    return this;
  }
  set(key: string, value: V): this {
    if (typeof key !== "string" || key === "" || key.includes(".")) {
      throw new ShoshinError(
        `${this.constructor.name}: ${JSON.stringify(key)} is no name`,
        "A name is a string without a dot, not empty.",
      );
    }
    this.#map.set(key, this.check(key, value));
    return this;
  }
  /** Throws ShoshinError where there is none; see {@link has}. */
  get(key: string): V {
    const value = this.#map.get(key);
    if (value !== undefined) return value;
    const near = nearestName(String(key), this.#map.keys());
    throw new ShoshinError(
      `${this.constructor.name}: there is no ${key}`,
      near === undefined ? `There are: ${[...this.#map.keys()].join(", ")}.` : `Did you mean ${near}?`,
    );
  }
  has(key: string): boolean {
    return this.#map.has(key);
  }
  delete(key: string): boolean {
    return this.#map.delete(key);
  }
  /** Takes an entry out and returns it. */
  pop(key: string): V {
    const value = this.get(key);
    this.#map.delete(key);
    return value;
  }
  clear(): void {
    this.#map.clear();
  }
  get size(): number {
    return this.#map.size;
  }
  override get length(): number {
    return this.#map.size;
  }
  keys(): IterableIterator<string> {
    return this.#map.keys();
  }
  values(): IterableIterator<V> {
    return this.#map.values();
  }
  entries(): IterableIterator<[string, V]> {
    return this.#map.entries();
  }
  [Symbol.iterator](): IterableIterator<[string, V]> {
    return this.#map.entries();
  }
  forward(..._inputs: never[]): never {
    throw noForward(this.constructor.name, "Take what you need: dict.get(name).");
  }
}

/** Modules by name, as PyTorch's: `new ModuleDict({ conv: …, pool: … })`. Keys have no dots. */
export class ModuleDict<M extends Module = Module> extends Dict<M> {
  constructor(modules: Entries<M> = {}) {
    super();
    this.update(modules);
  }
  protected check(_key: string, value: unknown): M {
    checkModule("ModuleDict", value);
    return value as M;
  }
}

function asParameter(where: string, value: unknown): Parameter {
  if (value instanceof Parameter) return value;
  if (value instanceof Tensor) return new Parameter(value);
  throw new ShoshinError(`${where}: expected parameters, found ${what(value)}`, "Give a Parameter or a Tensor.");
}

/** Parameters by name, as PyTorch's; a tensor becomes a parameter. Keys have no dots. */
export class ParameterDict extends Dict<Parameter> {
  static override readonly prints = "parameters";

  constructor(parameters: Entries<Tensor> = {}) {
    super();
    this.update(parameters as Entries<Parameter>);
  }
  protected check(_key: string, value: unknown): Parameter {
    return asParameter("ParameterDict", value);
  }
}

/** Parameters in a list, named 0, 1, 2, … as PyTorch's; a tensor becomes a parameter. `list[0]` reads and replaces one. */
export class ParameterList extends Module {
  static override readonly prints = "parameters";

  [index: number]: Parameter;

  constructor(parameters: Iterable<Tensor> = []) {
    super();
    this.extend(parameters);
  }
  override get length(): number {
    let n = 0;
    while (this[n] !== undefined) n++;
    return n;
  }
  at(index: number): Parameter | undefined {
    return [...this].at(index);
  }
  *[Symbol.iterator](): Generator<Parameter> {
    for (let i = 0; this[i] !== undefined; i++) yield this[i];
  }
  append(value: Tensor): this {
    this[this.length] = asParameter("ParameterList", value);
    return this;
  }
  push(...values: Tensor[]): number {
    for (const value of values) this.append(value);
    return this.length;
  }
  extend(values: Iterable<Tensor>): this {
    for (const value of iterable("ParameterList", values)) this.append(value);
    return this;
  }
  map<R>(fn: (parameter: Parameter, index: number) => R): R[] {
    return [...this].map(fn);
  }
  forward(..._inputs: never[]): never {
    throw noForward("ParameterList", "Use its entries: list[0].");
  }
}
