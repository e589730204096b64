import type { Precision } from "../../backend/backend.ts";
import { getPrecision, setPrecision } from "../../backend/index.ts";
import { Module } from "../../nn/index.ts";
import { getRngState, manualSeed, type RngState, setRngState } from "../../tensor/random.ts";

function withPrecision<T>(precision: Precision, work: () => T): T {
  const before = getPrecision();
  if (before === precision) return work();
  setPrecision(precision);
  try {
    return work();
  } finally {
    setPrecision(before);
  }
}

/** Functions of a module's class and those above it, without `Module`'s own. */
function methodsOf(module: Module): string[] {
  const names = new Set<string>();
  for (let at = Object.getPrototypeOf(module); at !== null && at !== Module.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (typeof value === "function" && name !== "constructor") names.add(name);
  }
  return [...names];
}

/**
 * What a run has to itself among others in the same thread: random numbers and the precision of multiplies. They hold while its
 * own work is done, which never waits for anything; between, others find theirs.
 */
export class Isolation {
  readonly precision: Precision;
  #random: RngState;

  constructor(seed: number, precision: Precision) {
    this.precision = precision;
    const before = getRngState();
    manualSeed(seed);
    this.#random = getRngState();
    setRngState(before);
  }

  /** Does work that belongs to the run and is not asynchronous. */
  within<T>(work: () => T): T {
    const before = getRngState();
    setRngState(this.#random);
    try {
      return withPrecision(this.precision, work);
    } finally {
      this.#random = getRngState();
      setRngState(before);
    }
  }
  /** The same with the random numbers of whoever calls. */
  precisely<T>(work: () => T): T {
    return withPrecision(this.precision, work);
  }

  /** Waits for somebody's asynchronous work, in which every call of the model has the run's precision. */
  async during<T>(model: Module, work: () => Promise<T>): Promise<T> {
    if (getPrecision() === this.precision) return work();
    const { precision } = this;
    const changed: (() => void)[] = [];
    // A method of its own on the very object: nobody else sees another class.
    for (const module of model.modules()) {
      for (const name of methodsOf(module)) {
        const before = Object.getOwnPropertyDescriptor(module, name);
        const method = (module as unknown as Record<string, unknown>)[name];
        if (typeof method !== "function" || before?.configurable === false) continue;
        Object.defineProperty(module, name, {
          value: (...args: unknown[]) => withPrecision(precision, () => method.apply(module, args)),
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
    try {
      return await work();
    } finally {
      for (const back of changed) back();
    }
  }
}
