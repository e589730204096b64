import type { TypedArray } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import { shownAs } from "../backend/inspect.ts";
import type { Storage } from "../backend/storage.ts";
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
}

export type ParamGroup<O> = { params: readonly Tensor[] } & Partial<O>;

interface Group<O> {
  readonly params: readonly Tensor[];
  readonly options: O;
  arena: Arena;
  /** State by name, laid out as the arena. */
  state: Map<string, Storage>;
  /** Steps that each parameter has taken. */
  readonly steps: number[];
}

export interface OptimizerState {
  groups: { options: Record<string, unknown>; steps: number[]; state: Record<string, TypedArray[]> }[];
}

/** What clipping writes and steps read: one factor, on the device. */
const scales = new WeakMap<Tensor, { factor: Tensor; waiting: number }>();
/** The factor's memory goes back after the last of its parameters. */
function applied(p: Tensor): void {
  const scale = scales.get(p);
  scales.delete(p);
  if (scale !== undefined && --scale.waiting === 0) scale.factor.dispose();
}
export function setGradScale(parameters: readonly Tensor[], scale: Tensor): void {
  const shared = { factor: scale, waiting: new Set(parameters).size };
  for (const p of new Set(parameters)) {
    applied(p);
    scales.set(p, shared);
  }
}

/**
 * Base of the optimizers. Moves the parameters of each group into one buffer (their values do not change) and updates them
 * by one kernel call per run of parameters that have gradients.
 */
export abstract class Optimizer<O extends GroupOptions> {
  /** Groups with their options as properties (`lr` …), as in PyTorch; assigning an option takes effect at the next step. */
  readonly paramGroups: ({ params: readonly Tensor[] } & O)[] = [];
  readonly #groups: Group<O>[] = [];

  constructor(params: Iterable<Tensor> | readonly ParamGroup<O>[], defaults: O) {
    const list = [...(params as Iterable<Tensor | ParamGroup<O>>)];
    if (list.length === 0) throw new ShoshinError("the optimizer got no parameters");
    const groups = list[0] instanceof Tensor ? [{ params: list as Tensor[] }] : (list as ParamGroup<O>[]);
    const seen = new Set<Tensor>();
    for (const { params: members, ...own } of groups) {
      for (const p of members) {
        if (!(p instanceof Tensor)) throw new ShoshinError("an optimizer's parameters must be tensors");
        if (!p.isLeaf) throw new ShoshinError("an optimizer can only change leaves", "Pass the module's parameters().");
        if (seen.has(p)) throw new ShoshinError("a parameter appears twice among the optimizer's groups");
        seen.add(p);
      }
      if (members.length === 0) continue;
      const options = { ...defaults, ...(own as Partial<O>) } as O;
      for (const [key, value] of Object.entries(options)) {
        if (typeof value === "number" && !(value >= 0))
          throw new ShoshinError(`${key} must be 0 or more, found ${value}`);
      }
      const group: Group<O> = {
        params: members,
        options,
        arena: new Arena(members),
        state: new Map(),
        steps: members.map(() => 0),
      };
      this.#groups.push(group);
      this.paramGroups.push(Object.assign(options, { params: members }));
    }
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const { params } of this.#groups) for (const p of params) p.zeroGrad();
  }

  /** Updates every parameter that has a gradient, from it. */
  step(): void {
    for (const group of this.#groups) {
      this.#gather(group);
      const scale = scales.get(group.params[0])?.factor;
      group.arena.values.version++;
      for (const segment of this.#sameAge(group)) {
        this.update(
          group.arena,
          segment,
          segment.step,
          group.options,
          (name) => this.#buffer(group, name),
          scale?.storage,
        );
      }
    }
    for (const { params } of this.#groups) for (const p of params) applied(p);
    advanceStep();
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
      storage = group.arena.buffer();
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

  /** Restores what `stateDict` gave. Throws ShoshinError if groups or sizes differ; nothing is changed then. */
  loadStateDict(saved: OptimizerState): void {
    const groups = this.#groups;
    const fits =
      saved.groups.length === groups.length &&
      saved.groups.every(
        (g, i) =>
          g.steps.length === groups[i].params.length &&
          Object.values(g.state).every((list) => list.every((v, j) => v.length === groups[i].params[j].numel)),
      );
    if (!fits) throw new ShoshinError("the optimizer's state was saved for other parameters");
    saved.groups.forEach(({ options, steps, state }, i) => {
      const group = groups[i];
      Object.assign(group.options, options);
      steps.forEach((n, j) => {
        group.steps[j] = n;
      });
      for (const [name, values] of Object.entries(state)) {
        const storage = this.#buffer(group, name);
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
