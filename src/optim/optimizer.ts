import type { TypedArray } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import { shownAs } from "../backend/inspect.ts";
import { checkOptions, type Known, OptionError } from "../backend/options.ts";
import type { Storage } from "../backend/storage.ts";
import { own } from "../tensor/memory.ts";
import { advanceStep } from "../tensor/random.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Arena, type Segment } from "./arena.ts";

/** Options that every optimizer has; each group may have its own. */
export interface GroupOptions {
  /** Learning rate. */
  lr: number;
  /** L2 penalty λ: adds λ·p to the gradient (AdamW: shrinks p instead). */
  weightDecay: number;
  /** L1 penalty λ: adds λ·sign(p) to the gradient. */
  l1: number;
  /** Climbs instead of descending: the gradient counts with the opposite sign (penalties do not). */
  maximize: boolean;
}

export type ParamGroup<O> = { params: readonly Tensor[] } & Partial<O>;

/** What an optimizer calls itself, all its options, and the names of its state. */
export interface OptimizerKind<O> {
  name: string;
  options: Known<O>;
  state: readonly string[];
}

/** What {@link GroupOptions} begin with. */
export const GROUP_DEFAULTS = { weightDecay: 0, l1: 0, maximize: false };
export const GROUP_OPTIONS: Known<GroupOptions> = { lr: true, weightDecay: true, l1: true, maximize: true };

/** What was given: an option that is undefined counts as left out. Throws OptionError for what is no object. */
export function given<O extends object>(options: Partial<O>): Partial<O> {
  if (options === null || typeof options !== "object" || Array.isArray(options))
    throw new OptionError("an optimizer's options are an object such as { lr: 0.1 }");
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<O>;
}

const FUSED = "Every step is one fused pass over the parameters here: leave it out.";
/** Options of PyTorch's that only choose how it computes. */
const REFUSED: Readonly<Record<string, string>> = {
  foreach: FUSED,
  fused: FUSED,
  capturable: "It is for CUDA graphs: leave it out.",
  differentiable: "Steps are not recorded here: write such an update with tensors.",
  decoupledWeightDecay: "That is AdamW.",
};

interface Group<O> {
  readonly params: readonly Tensor[];
  readonly options: O;
  arena: Arena;
  /** State by name, laid out as the arena. */
  state: Map<string, Storage>;
  /** Steps that each parameter has taken. */
  readonly steps: number[];
  /** One factor on the gradients, for those that are maximised. */
  scale: Storage | undefined;
}

export interface OptimizerState {
  groups: { options: Record<string, unknown>; steps: number[]; state: Record<string, TypedArray[]> }[];
}

/** Throws OptionError for a value of the wrong type, or below 0. */
function checkValues(where: string, options: object): void {
  for (const [key, value] of Object.entries(options)) {
    const kind = key === "betas" ? "betas" : FLAGS.has(key) ? "boolean" : "number";
    if (kind === "boolean" && typeof value !== "boolean")
      throw new OptionError(`${where}: ${key} is ${String(value)}; expected true or false`);
    if (kind === "number" && !(typeof value === "number" && value >= 0))
      throw new OptionError(`${where}: ${key} must be 0 or more, found ${String(value)}`);
    if (
      kind === "betas" &&
      !(Array.isArray(value) && value.length === 2 && value.every((b) => typeof b === "number" && b >= 0 && b < 1))
    )
      throw new OptionError(`${where}: betas are ${String(value)}; expected two numbers from 0 to below 1`);
  }
}
const FLAGS = new Set(["maximize", "nesterov", "amsgrad", "centered"]);

/**
 * Base of the optimizers. Moves the parameters of each group into one buffer (their values do not change) and updates them
 * by one kernel call per run of parameters that have gradients.
 */
export abstract class Optimizer<O extends GroupOptions> {
  /** Groups with their options as properties (`lr` …), as in PyTorch; assigning an option takes effect at the next step. */
  readonly paramGroups: ({ params: readonly Tensor[] } & O)[] = [];
  readonly #groups: Group<O>[] = [];

  readonly #kind: OptimizerKind<O>;
  readonly #defaults: O;

  /**
   * @param defaults of every option, with what the user gave in place of them
   * @throws OptionError for an option that there is not, or a value out of range; ShoshinError for parameters that are no leaves,
   * or appear twice.
   */
  constructor(params: Iterable<Tensor> | readonly ParamGroup<O>[], defaults: O, kind?: OptimizerKind<O>) {
    const all = { ...GROUP_DEFAULTS, ...defaults };
    this.#kind = kind ?? {
      name: new.target.name,
      options: { ...GROUP_OPTIONS, ...Object.fromEntries(Object.keys(all).map((key) => [key, true])) } as Known<O>,
      state: [],
    };
    const { name } = this.#kind;
    checkOptions(name, all, this.#kind.options, REFUSED);
    checkValues(name, all);
    this.#defaults = all;
    if (params === null || typeof params !== "object" || !(Symbol.iterator in params)) {
      throw new ShoshinError(`${name}: expected parameters, or a list of groups { params, … }`, "model.parameters()");
    }
    const list = [...(params as Iterable<Tensor | ParamGroup<O>>)];
    if (list.length === 0) throw new ShoshinError("the optimizer got no parameters");
    if (Array.isArray(list[0]))
      throw new ShoshinError(`${name}: expected tensors, found pairs`, "model.parameters(), not namedParameters().");
    const groups = (list[0] instanceof Tensor ? [{ params: list }] : list) as ParamGroup<O>[];
    const seen = new Set<Tensor>();
    for (const group of groups) this.#add(group, seen);
  }

  /** One more group, as for layers that learn later. Throws as the constructor does; nothing is changed then. */
  addParamGroup(group: ParamGroup<O>): void {
    this.#add(group, new Set(this.#groups.flatMap(({ params }) => [...params])));
  }

  #add(given: ParamGroup<O>, seen: Set<Tensor>): void {
    const where = `${this.#kind.name}: a group`;
    const { params, ...own } = (given ?? {}) as ParamGroup<O>;
    if (params === undefined || params === null || typeof params !== "object" || !(Symbol.iterator in params))
      throw new ShoshinError(`${where} has no params`, "A group is { params: [...], lr: 0.1, … }.");
    const members = [...params];
    checkOptions(where, own, this.#kind.options, REFUSED);
    for (const p of members) {
      if (!(p instanceof Tensor)) throw new ShoshinError("an optimizer's parameters must be tensors");
      if (!p.isLeaf) throw new ShoshinError("an optimizer can only change leaves", "Pass the module's parameters().");
      if (seen.has(p)) throw new ShoshinError("a parameter appears twice among the optimizer's groups");
      seen.add(p);
    }
    if (members.length === 0) return;
    const options = { ...this.#defaults } as O;
    for (const [key, value] of Object.entries(own)) if (value !== undefined) Object.assign(options, { [key]: value });
    checkValues(where, options);
    const group: Group<O> = {
      params: members,
      options,
      arena: new Arena(members),
      state: new Map(),
      steps: members.map(() => 0),
      scale: undefined,
    };
    this.#groups.push(group);
    this.paramGroups.push(Object.assign(options, { params: members }));
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const { params } of this.#groups) for (const p of params) p.zeroGrad();
  }

  /** Updates every parameter that has a gradient, from it. `closure` may compute the loss anew before; its result is returned. */
  step(): void;
  step<T>(closure: () => T): T;
  step<T>(closure?: () => T): T | undefined {
    if (closure !== undefined && typeof closure !== "function")
      throw new ShoshinError(`${this.#kind.name}.step takes a function or nothing`);
    const result = closure?.();
    if (result instanceof Promise) {
      result.catch(() => {}); // It is this error that tells.
      throw new ShoshinError(
        `${this.#kind.name}.step: the closure is asynchronous: its gradients are not there yet`,
        "Await the loss, call backward(), then step().",
      );
    }
    this.scaledStep(undefined);
    return result;
  }

  /** A step as if every gradient were `factor` (a scalar) times what it is, in the same pass; the gradients stay as they are. */
  scaledStep(factor: Tensor | undefined): void {
    for (const group of this.#groups) {
      const { lr } = group.options;
      if (typeof lr !== "number" || !Number.isFinite(lr))
        throw new OptionError(`${this.#kind.name}: lr is ${String(lr)}; expected a number`, "Nothing was changed.");
    }
    for (const group of this.#groups) {
      this.#gather(group);
      const scale = group.options.maximize ? this.#negated(group, factor) : factor?.storage;
      group.arena.values.version++;
      for (const segment of this.#sameAge(group)) {
        this.update(group.arena, segment, segment.step, group.options, (name) => this.#buffer(group, name), scale);
      }
    }
    advanceStep();
  }

  /** −1, or −`factor`, on the device. */
  #negated(group: Group<O>, factor: Tensor | undefined): Storage {
    const { backend } = group.arena;
    if (group.scale === undefined) {
      group.scale = backend.alloc(group.params[0].dtype, 1);
      own(group.scale, undefined);
    }
    const at = { storage: group.scale, offset: 0 };
    if (factor === undefined) backend.fill(at, 1, -1);
    else backend.unary("neg", at, factor, 1, 0, 0);
    return group.scale;
  }

  /** What a state of this name begins with; 0. */
  protected initial(_name: string, _options: O): number {
    return 0;
  }

  /** One run of parameters. `step` counts from 1. */
  protected abstract update(
    arena: Arena,
    segment: Segment,
    step: number,
    options: O,
    state: (name: string) => Storage,
    gradScale: Storage | undefined,
  ): void;

  /** Parameters that were moved elsewhere since (a second optimizer, a loaded gradient) come back. */
  #gather(group: Group<O>): void {
    if (group.arena.intact) return;
    const { arena } = group;
    group.params.forEach((p, i) => {
      const loop = { sizes: [p.numel], strides: [[1], [1]] };
      const here = new Tensor(arena.values, p.shape, arena.offsets[i]);
      const grad = new Tensor(arena.grads, p.shape, arena.offsets[i]);
      if (p.storage !== arena.values) arena.backend.copy(here, p, loop, false);
      if (p.gradSet && p.gradBuffer !== undefined && p.gradBuffer.storage !== arena.grads) {
        arena.backend.copy(grad, p.gradBuffer, loop, false);
      }
      p.storage = arena.values;
      p.offset = arena.offsets[i];
      p.gradBuffer = grad;
    });
  }

  #buffer(group: Group<O>, name: string): Storage {
    let storage = group.state.get(name);
    if (storage === undefined) {
      storage = group.arena.buffer(this.initial(name, group.options));
      group.state.set(name, storage);
    }
    return storage;
  }

  /** Runs cut where neighbours have taken different numbers of steps. */
  #sameAge(group: Group<O>): (Segment & { step: number })[] {
    const { arena, steps } = group;
    const out: (Segment & { step: number })[] = [];
    const runs = arena.segments();
    group.params.forEach((p, i) => {
      const begin = arena.offsets[i];
      const run = runs.find((r) => begin >= r.offset && begin + p.numel <= r.offset + r.length);
      if (run === undefined || p.numel === 0) return;
      steps[i]++;
      const last = out.at(-1);
      if (last !== undefined && last.step === steps[i] && last.offset >= run.offset)
        last.length = begin + p.numel - last.offset;
      else out.push({ offset: begin, length: p.numel, step: steps[i] });
    });
    return out;
  }

  /** Options and state, copied: enough to go on bit for bit. */
  stateDict(): OptimizerState {
    return {
      groups: this.#groups.map(({ params, options, arena, state, steps }) => {
        const { params: _params, ...rest } = options as O & { params: unknown };
        const cut = (storage: Storage) =>
          params.map((p, i) => arena.backend.read({ storage, offset: arena.offsets[i] }, p.numel));
        return {
          options: { ...rest },
          steps: [...steps],
          state: Object.fromEntries([...state].map(([name, storage]) => [name, cut(storage)])),
        };
      }),
    };
  }

  /** Restores what `stateDict` gave. Throws ShoshinError for another optimizer's, or other parameters'; nothing is changed then. */
  loadStateDict(saved: OptimizerState): void {
    const groups = this.#groups;
    const { name, options: known, state: names } = this.#kind;
    const damaged = (what: string) => new ShoshinError(`${name}: the saved state is damaged: ${what}`);
    const list = (saved as OptimizerState | null)?.groups;
    if (!Array.isArray(list)) throw damaged("it has no groups");
    const fits = (g: OptimizerState["groups"][number] | null, i: number): boolean => {
      const { options, steps, state } = g ?? {};
      if (options === null || typeof options !== "object") throw damaged(`group ${i} has no options`);
      if (!Array.isArray(steps) || !steps.every((n) => Number.isSafeInteger(n) && n >= 0))
        throw damaged(`group ${i} has no numbers of steps`);
      if (state === null || typeof state !== "object") throw damaged(`group ${i} has no state`);
      for (const [key, values] of Object.entries(state)) {
        if (names.length > 0 && !names.includes(key))
          throw new ShoshinError(`${name}: the state was saved by another optimizer: it has ${key}`);
        const arrays = Array.isArray(values) && values.every((v) => Array.isArray(v) || ArrayBuffer.isView(v));
        if (!arrays) throw damaged(`${key} of group ${i} is no list of arrays`);
      }
      checkOptions(`${name}: a saved group`, options, known, REFUSED);
      checkValues(`${name}: a saved group`, options);
      const { params } = groups[i];
      const sizes = (v: ArrayLike<number>[]) =>
        v.length === params.length && v.every((a, j) => a.length === params[j].numel);
      return steps.length === params.length && Object.values(state).every(sizes);
    };
    if (list.length !== groups.length || !list.every(fits))
      throw new ShoshinError("the optimizer's state was saved for other parameters");
    list.forEach(({ options, steps, state }, i) => {
      const group = groups[i];
      Object.assign(group.options, options);
      steps.forEach((n, j) => {
        group.steps[j] = n;
      });
      for (const [key, values] of Object.entries(state)) {
        const storage = this.#buffer(group, key);
        values.forEach((v, j) => {
          group.arena.backend.write({ storage, offset: group.arena.offsets[j] }, v);
        });
      }
    });
  }
}

// As PyTorch prints them.
shownAs(Optimizer, (optimizer) => {
  const groups = optimizer.paramGroups.map(({ params: _params, ...options }, i) => {
    const lines = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
    const text = lines.map(
      ([name, value]) => `    ${name}: ${Array.isArray(value) ? `[${value.join(", ")}]` : value}\n`,
    );
    return `Parameter Group ${i}\n${text.join("")}`;
  });
  return `${optimizer.constructor.name} (\n${groups.join("\n")})`;
});
