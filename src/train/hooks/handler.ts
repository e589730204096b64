import { OptionError } from "../../backend/options.ts";
import type { Isolation } from "../run/isolation.ts";
import { checkCallback, type EventName, type InfoOf, type TrainerCallbacks, type TrainerControl } from "./callback.ts";

/** A hook, or the class of the first one that is meant. */
export type CallbackOrClass = TrainerCallbacks | (abstract new (...args: never[]) => TrainerCallbacks);

const matches = (which: CallbackOrClass) => (hook: TrainerCallbacks) =>
  typeof which === "function" ? hook instanceof which : hook === which;

/** Throws OptionError for what JSON would give back as something else: −Infinity, a Map, a typed array. */
function checkPlain(where: string, value: unknown): void {
  if (value === undefined || value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number" && Number.isFinite(value)) return;
  const plain = typeof value === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(value));
  if (!plain && !Array.isArray(value)) {
    throw new OptionError(
      `${where} is ${typeof value === "object" ? `a ${value.constructor?.name}` : String(value)}, which a checkpoint cannot keep`,
      "Give finite numbers, texts, truth values, null, and lists and plain objects of them.",
    );
  }
  for (const [name, inside] of Object.entries(value as object)) checkPlain(`${where}.${name}`, inside);
}

/** A hook may have something to take back then. */
const ENDS: ReadonlySet<EventName> = new Set(["onEvaluateEnd", "onTrainEnd"]);

/** The hooks of a trainer, in the order in which they are told. */
export class CallbackHandler {
  readonly #where: string;
  readonly #list: TrainerCallbacks[] = [];

  constructor(where: string, list: readonly TrainerCallbacks[] = []) {
    this.#where = where;
    for (const hook of list) this.add(hook);
  }

  get list(): readonly TrainerCallbacks[] {
    return this.#list;
  }
  /** Throws OptionError for what is none. */
  add(hook: TrainerCallbacks): void {
    checkCallback(this.#where, hook);
    this.#list.push(hook);
  }
  find<T extends TrainerCallbacks>(kind: abstract new (...args: never[]) => T): T | undefined {
    return this.#list.find((hook) => hook instanceof kind) as T | undefined;
  }
  /** Takes the first that is meant out, and gives it. Throws OptionError where there is none. */
  pop(which: CallbackOrClass): TrainerCallbacks {
    const at = this.#list.findIndex(matches(which));
    if (at >= 0) return this.#list.splice(at, 1)[0];
    const names = this.#list.map((hook) => hook.constructor.name);
    throw new OptionError(
      `${this.#where}: there is no callback ${typeof which === "function" ? which.name : (which?.constructor.name ?? String(which))}`,
      names.length === 0 ? "There are none." : `There are: ${names.join(", ")}.`,
    );
  }
  /** Whether any hook hears of it. */
  hears(event: EventName): boolean {
    return this.#list.some((hook) => typeof hook[event] === "function");
  }

  /**
   * Tells one hook after the other, in the run's precision, and waits for each. Every one gets an object of its own. Of an end all
   * are told, whatever one of them throws.
   */
  async tell<E extends EventName>(
    event: E,
    info: () => InfoOf<E>,
    control: TrainerControl,
    isolation: Isolation,
  ): Promise<void> {
    let failure: { error: unknown } | undefined;
    for (const hook of [...this.#list]) {
      if (hook[event] === undefined) continue;
      try {
        const answer = isolation.precisely(() => call(hook, event, info(), control));
        if ((isThenable(answer) ? await answer : answer) === "stop") control.stop();
      } catch (error) {
        if (!ENDS.has(event)) throw error;
        failure ??= { error };
      }
    }
    if (failure !== undefined) throw failure.error;
  }
  /** Tells them at once; those that are not done with it yet. */
  tellNow<E extends EventName>(event: E, info: () => InfoOf<E>, control: TrainerControl): PromiseLike<unknown>[] {
    const answers = this.#list.flatMap((hook) =>
      hook[event] === undefined ? [] : [call(hook, event, info(), control)],
    );
    return answers.filter(isThenable);
  }

  /** What hooks want to be kept, by their classes' names and, of several of one class, their numbers. */
  stateDict(): Record<string, unknown> {
    const named = this.#named().filter(([, hook]) => hook.stateDict !== undefined);
    return Object.fromEntries(
      named.map(([name, hook]) => {
        const state = hook.stateDict?.();
        checkPlain(`${this.#where}: ${name}.stateDict()`, state);
        return [name, state];
      }),
    );
  }
  loadStateDict(saved: Readonly<Record<string, unknown>> = {}): void {
    for (const [name, hook] of this.#named()) if (Object.hasOwn(saved, name)) hook.loadStateDict?.(saved[name]);
  }
  #named(): [string, TrainerCallbacks][] {
    const seen = new Map<string, number>();
    return this.#list.map((hook) => {
      const { name } = hook.constructor;
      const n = (seen.get(name) ?? 0) + 1;
      seen.set(name, n);
      return [n === 1 ? name : `${name} ${n}`, hook];
    });
  }
}

const call = <E extends EventName>(hook: TrainerCallbacks, event: E, info: InfoOf<E>, control: TrainerControl) =>
  (hook[event] as (info: InfoOf<E>, control: TrainerControl) => unknown)(info, control);

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
