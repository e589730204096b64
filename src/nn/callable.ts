import { ShoshinError } from "../backend/errors.ts";
import { firstForward } from "./first-forward.ts";

/**
 * Base of what is called like a function, as PyTorch's modules are: the constructor gives a function that has the class's
 * prototype, so that fields (private ones too), methods and `instanceof` are as ever, and a call runs `forward`.
 * A function's own `name` and `length` go, for those are names of users' properties.
 */
export abstract class Callable {
  // biome-ignore lint/suspicious/noExplicitAny: every module has arguments of its own
  abstract forward(...inputs: any[]): any;

  constructor() {
    const self = ((...inputs: unknown[]) => self.forward(...inputs)) as unknown as this;
    Object.setPrototypeOf(self, new.target.prototype);
    delete (self as { name?: unknown }).name;
    delete (self as { length?: unknown }).length;
    watch(self);
    // biome-ignore lint/correctness/noConstructorReturn: what this class is for
    return self;
  }
}

/** Calls that are watched at most, where none of them records anything. */
const WATCHED = 4;

/**
 * The first calls of `forward` go by way of {@link firstForward}, which sees what a module uses without holding it where
 * `parameters()` finds it. The detour is a property of its own and takes itself away, so later calls cost nothing.
 */
function watch(self: Callable): void {
  let calls = 0;
  const detour = (...inputs: unknown[]) => {
    const forward = Object.getPrototypeOf(self).forward as unknown;
    if (typeof forward !== "function") {
      throw new ShoshinError(`${self.constructor.name} has no forward`, "Write forward(x) { … } in the class.");
    }
    if (calls++ >= WATCHED) {
      remove();
      return forward.apply(self, inputs);
    }
    return firstForward(self, () => forward.apply(self, inputs), remove);
  };
  const remove = () => {
    if (Object.getOwnPropertyDescriptor(self, "forward")?.value === detour) Reflect.deleteProperty(self, "forward");
    calls = WATCHED;
  };
  Object.defineProperty(self, "forward", { value: detour, writable: true, configurable: true, enumerable: false });
}
