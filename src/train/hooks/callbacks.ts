import type { Isolation } from "../run/isolation.ts";
import type { TrainerCallbacks } from "../trainer-options.ts";

/** Tells callbacks one after the other, in the run's precision; whether one wants to stop. */
export async function tellAll(
  callbacks: readonly TrainerCallbacks[] = [],
  isolation: Isolation,
  say: (callback: TrainerCallbacks) => unknown,
): Promise<boolean> {
  let stop = false;
  for (const callback of callbacks) {
    const answer = isolation.precisely(() => say(callback));
    if ((answer instanceof Promise ? await answer : answer) === "stop") stop = true;
  }
  return stop;
}
