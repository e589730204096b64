import { ShoshinError } from "../backend/errors.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Callable } from "./callable.ts";
import { held } from "./first-forward.ts";
import type { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

/** A state dict does not fit the module, or the module's own names do not tell its tensors apart. */
export class StateDictError extends ShoshinError {}

/** Method of a module: what it holds, by name. Its own properties, unless it keeps its contents elsewhere. */
export const HELD = Symbol("held");
/** Method of a module: its buffers. */
export const BUFFERS = Symbol("buffers");

/** What a module holds itself, with names from it on: `weight`, `heads.a`, `layers.0.1`. */
export interface Contents {
  parameters: [string, Parameter][];
  children: [string, Module][];
}

/** Containers inside one another that are looked into. */
const MAX_DEPTH = 200;

/** An object literal, a JSON value, a namespace: what belongs to no class. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Looks through one module's properties; kept apart from the module so that a look costs no more than its properties. */
class Look {
  readonly parameters: [string, Parameter][] = [];
  readonly children: [string, Module][] = [];
  readonly #module: Callable;
  readonly #path: unknown[] = [];
  /** Containers that the present one lies in: one that holds itself is left out there. */
  readonly #around: object[] = [];
  /** Containers that hold nothing of ours, looked through once. */
  #barren: Set<object> | undefined;

  constructor(module: Callable) {
    this.#module = module;
  }

  /** Notes a value, or what a container holds. */
  at(key: unknown, value: unknown): void {
    if (value === null || (typeof value !== "object" && typeof value !== "function")) return;
    if (value instanceof Callable) this.children.push([this.#name(key), value as unknown as Module]);
    else if (value instanceof Parameter) this.parameters.push([this.#name(key), value]);
    else if (typeof value === "object" && !(value instanceof Tensor)) this.#into(key, value);
  }

  #into(key: unknown, container: object): void {
    const kind = Array.isArray(container)
      ? "array"
      : container instanceof Map
        ? "map"
        : container instanceof Set
          ? "set"
          : isPlain(container)
            ? "object"
            : undefined;
    if (kind === undefined || this.#around.length >= MAX_DEPTH) return;
    if (this.#barren?.has(container) || this.#around.includes(container)) return;
    const found = this.parameters.length + this.children.length;
    this.#path.push(key);
    this.#around.push(container);
    if (kind === "array") {
      const list = container as unknown[];
      for (let i = 0; i < list.length; i++) this.at(i, list[i]);
    } else if (kind === "map") {
      for (const [name, value] of container as Map<unknown, unknown>) this.at(name, value);
    } else if (kind === "set") {
      let i = 0;
      for (const value of container as Set<unknown>) this.at(i++, value);
    } else {
      for (const name of Object.keys(container)) this.at(name, (container as Record<string, unknown>)[name]);
    }
    this.#path.pop();
    this.#around.pop();
    if (found === this.parameters.length + this.children.length) {
      this.#barren ??= new Set();
      this.#barren.add(container);
    }
  }

  #name(key: unknown): string {
    if (this.#path.length === 0 && typeof key === "string") return key;
    const parts = [...this.#path, key];
    const odd = parts.find((part) => part === null || !["string", "number", "bigint", "boolean"].includes(typeof part));
    if (odd !== undefined || parts.includes(undefined)) {
      throw new StateDictError(
        `${this.#module.constructor.name}.${String(parts[0])}: a key of the Map is ${odd === null ? "null" : typeof odd}, and gives what it holds no name`,
        "Use strings or numbers as keys of a Map that holds modules or parameters.",
      );
    }
    return parts.join(".");
  }
}

/** What a module holds: in its properties, and in arrays, plain objects, Maps and Sets there, however deep. */
export function contents(module: Module): Contents {
  const look = new Look(module);
  for (const [name, value] of module[HELD]()) look.at(name, value);
  return look;
}

/** A module with its full name and what it holds. */
export interface Visited extends Contents {
  prefix: string;
  module: Module;
}

const joined = (prefix: string, name: string) => (prefix === "" ? name : `${prefix}.${name}`);

/** Children under the names that the class gives them, should it have its own way. */
function childrenOf(module: Module, found: Contents, standard: unknown): [string, Module][] {
  return module.namedChildren === standard ? found.children : [...module.namedChildren()];
}

/** The module and all below it, each once, in order of definition. `standard` is the `namedChildren` that looks itself. */
export function walk(root: Module, standard: unknown): Visited[] {
  const out: Visited[] = [];
  const seen = new Set<Module>();
  const visit = (module: Module, prefix: string) => {
    if (seen.has(module)) return;
    seen.add(module);
    const found = contents(module);
    const children = childrenOf(module, found, standard);
    for (const [, p] of found.parameters) p.registered = true;
    out.push({ prefix, module, parameters: found.parameters, children });
    for (const [name, child] of children) {
      held.add(child);
      visit(child, joined(prefix, name));
    }
  };
  visit(root, "");
  return out;
}

/** Whether `to` is `from`, or lies somewhere below it. */
function reaches(from: Module, to: Module, known: ReadonlyMap<Module, Visited>): boolean {
  const seen = new Set([from]);
  for (const module of seen) {
    if (module === to) return true;
    for (const [, child] of known.get(module)?.children ?? []) seen.add(child);
  }
  return false;
}

/**
 * Every parameter and saved buffer under every name that it has: a module that is held in two places has the names of
 * both. Modules that hold each other (a child its parent, neighbours one another) are named by the first way to each.
 * @throws StateDictError where two tensors have one name.
 */
export function everyName(root: Module, standard: unknown): Map<string, Tensor> {
  const known = new Map(walk(root, standard).map((v) => [v.module, v]));
  const state = new Map<string, Tensor>();
  const done = new Set<Module>();
  const around = new Set<Module>();
  const circles = new Map<Module, Map<Module, boolean>>();
  const inCircle = (module: Module, child: Module): boolean => {
    const from = circles.get(module) ?? new Map<Module, boolean>();
    circles.set(module, from);
    const circle = from.get(child) ?? reaches(child, module, known);
    from.set(child, circle);
    return circle;
  };
  const put = (name: string, value: Tensor) => {
    const other = state.get(name);
    if (other !== undefined && other !== value) throw clash(root, name);
    state.set(name, value);
  };
  const visit = (module: Module, prefix: string) => {
    const { parameters, children } = known.get(module) as Visited;
    done.add(module);
    around.add(module);
    for (const [name, p] of parameters) put(joined(prefix, name), p);
    for (const [name, value, persistent] of module[BUFFERS]()) if (persistent) put(joined(prefix, name), value);
    for (const [name, child] of children) {
      if (around.has(child) || (done.has(child) && inCircle(module, child))) continue;
      visit(child, joined(prefix, name));
    }
    around.delete(module);
  };
  visit(root, "");
  return state;
}

export const clash = (root: Callable, name: string): StateDictError =>
  new StateDictError(
    `${root.constructor.name}: two tensors are called ${name}`,
    "Names are the keys on the way joined by dots: rename a property or a key, one of them may hold a dot.",
  );
