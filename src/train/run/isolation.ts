import type { Backend, Precision } from "../../backend/backend.ts";
import { backend as currentBackend, getPrecision, onBackend, setPrecision } from "../../backend/index.ts";
import { Module } from "../../nn/index.ts";
import { tensor } from "../../tensor/create.ts";
import { getRngState, manualSeed, type RngState, setRngState } from "../../tensor/random.ts";
import { Tensor } from "../../tensor/tensor.ts";

/** Functions of a module's class and those above it, without `Module`'s own. */
function methodsOf(module: Module): string[] {
  const names = new Set<string>();
  for (let at = Object.getPrototypeOf(module); at !== null && at !== Module.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (typeof value === "function" && name !== "constructor") names.add(name);
  }
  return [...names];
}

/** What holds while a run's own work is done; what is left out is as it is where the work begins. */
export interface RunSettings {
  /** Of random numbers of its own; left out: the caller's. */
  seed?: number;
  precision?: Precision;
  /** Of new tensors. */
  backend?: Backend;
}

/**
 * What a run has to itself among others in the same thread: random numbers, the precision of multiplies, the backend of new
 * tensors. They hold while its own work is done, which never waits for anything; between, others find theirs.
 */
export class Isolation {
  readonly precision: Precision;
  readonly backend: Backend;
  #random: RngState;

  constructor(seed: number, precision: Precision = getPrecision(), backend: Backend = currentBackend()) {
    this.precision = precision;
    this.backend = backend;
    const before = getRngState();
    manualSeed(seed);
    this.#random = getRngState();
    setRngState(before);
  }

  /** What holds here and now, for asynchronous work that begins: after an `await` others may have changed it. */
  static here(seed = 0): Isolation {
    return new Isolation(seed);
  }
  /** Of a model's run: its tensors lie where the model's parameters do. */
  static of(model: Module, seed = 0, precision: Precision = getPrecision()): Isolation {
    return new Isolation(seed, precision, backendOf(model));
  }

  /** Does work that belongs to the run and is not asynchronous; of what is, the part before its first `await`. */
  within<T>(work: () => T): T {
    const before = getRngState();
    setRngState(this.#random);
    try {
      return this.precisely(work);
    } finally {
      this.#random = getRngState();
      setRngState(before);
    }
  }
  /** The same with the random numbers of whoever calls. */
  precisely<T>(work: () => T): T {
    return onBackend(this.backend, () => {
      const before = getPrecision();
      if (before === this.precision) return work();
      setPrecision(this.precision);
      try {
        return work();
      } finally {
        setPrecision(before);
      }
    });
  }

  /**
   * Waits for somebody's asynchronous work. Up to its first `await` it has the run's precision and backend, and so has every call
   * of the model after that: what the model is given is brought over where it lies on another backend.
   */
  async during<T>(model: Module, work: () => Promise<T>): Promise<T> {
    if (getPrecision() === this.precision && currentBackend() === this.backend) return work();
    const lent = lend(model, this);
    try {
      return await this.precisely(work);
    } finally {
      lent.users--;
      if (lent.users === 0) lent.end();
    }
  }
}

/** A model whose calls have a run's precision and backend for some time, and how many wait for its end. */
interface Lent {
  isolation: Isolation;
  users: number;
  end(): void;
}
const lendings = new WeakMap<Module, Lent>();

function lend(model: Module, isolation: Isolation): Lent {
  const there = lendings.get(model);
  if (there?.isolation === isolation) {
    there.users++;
    return there;
  }
  const changed: (() => void)[] = [];
  // A method of its own on the very object: nobody else sees another class.
  for (const module of model.modules()) {
    for (const name of methodsOf(module)) {
      const before = Object.getOwnPropertyDescriptor(module, name);
      const method = (module as unknown as Record<string, unknown>)[name];
      if (typeof method !== "function" || before?.configurable === false) continue;
      const call = (...args: unknown[]) => {
        const own = args.map((arg) => broughtTo(isolation.backend, arg));
        return isolation.precisely(() => method.apply(module, own));
      };
      Object.defineProperty(module, name, {
        value: call,
        configurable: true,
        enumerable: before?.enumerable ?? false,
        writable: true,
      });
      changed.push(() => {
        if (before !== undefined) Object.defineProperty(module, name, before);
        else Reflect.deleteProperty(module, name);
      });
    }
  }
  const lent: Lent = {
    isolation,
    users: 1,
    end() {
      for (const back of changed.reverse()) back();
      if (there === undefined) lendings.delete(model);
      else lendings.set(model, there);
    },
  };
  lendings.set(model, lent);
  return lent;
}

/**
 * Does synchronous work as a run's own: with its seed, precision and backend, of which the caller sees nothing afterwards. What a
 * run does piece by piece needs an {@link Isolation}, whose random numbers go on from piece to piece.
 */
export const isolated = <T>({ seed, precision, backend }: RunSettings, work: () => T): T =>
  seed === undefined
    ? new Isolation(0, precision, backend).precisely(work)
    : new Isolation(seed, precision, backend).within(work);

/** Where a model's parameters lie; without any, where new tensors do. */
export const backendOf = (model: Module): Backend => model.parameters()[0]?.backend ?? currentBackend();

/** A tensor, or a plain object or list that holds some, on a backend; the very same where they lie there. */
function broughtTo(backend: Backend, value: unknown): unknown {
  if (value instanceof Tensor) return value.backend === backend ? value : moved(value);
  if (Array.isArray(value)) return value.some(holds) ? value.map((each) => broughtTo(backend, each)) : value;
  if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return value;
  if (!Object.values(value).some(holds)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, broughtTo(backend, each)]));

  function moved(t: Tensor): Tensor {
    const dtype = t.dtype === "float64" && backend.name !== "reference" ? "float32" : t.dtype;
    return tensor(t.data(), [...t.shape], { dtype });
  }
}

/** Whether there is a tensor in it. */
const holds = (value: unknown): boolean =>
  value instanceof Tensor ||
  (Array.isArray(value) && value.some(holds)) ||
  (value !== null &&
    typeof value === "object" &&
    Object.getPrototypeOf(value) === Object.prototype &&
    Object.values(value).some(holds));
