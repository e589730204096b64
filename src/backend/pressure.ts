import { door } from "#door";
import { canSweep, collect, sweep } from "./watch.ts";

const MB = 2 ** 20;
/** Growth after which the young are looked through, and all; at least. */
const YOUNG = { bytes: 16 * MB, tensors: 1 << 14 };
const ALL = { bytes: 64 * MB, tensors: 1 << 16 };
/** A collection of all that takes longer waits for more. */
const EASY = 5;

/**
 * What is live on a backend, and when to look for what nobody reaches any longer. The engine sees a tensor as a small object and
 * is in no hurry; so, each time live bytes or tensors have grown by a budget, it is made to collect: the young objects
 * (0.1 to 0.4 ms), and all (5 ms or more) when twice as much is live as after the last time.
 */
export class Pressure {
  bytes = 0;
  tensors = 0;
  /** Limits of `relieve`; the backend compares with them before it allocates. */
  mostBytes = YOUNG.bytes;
  mostTensors = YOUNG.tensors;
  /** At the last look. */
  #bytes = 0;
  #tensors = 0;
  /** Beyond these all is looked through. */
  #allBytes = ALL.bytes;
  #allTensors = ALL.tensors;
  readonly #memory: number;

  /** @param memory bytes that there are. */
  constructor(memory = door.memory) {
    this.#memory = memory;
  }

  made(bytes: number): void {
    this.bytes += bytes;
    this.tensors++;
  }
  freed(bytes: number): void {
    this.bytes -= bytes;
    this.tensors--;
  }

  /** Gives back what is unreachable, as far as the growth since the last time is worth the search. */
  relieve(): void {
    if (!canSweep()) {
      this.mostBytes = this.mostTensors = Number.POSITIVE_INFINITY;
      return;
    }
    // The engine may have collected by itself.
    sweep();
    if (!this.#halved()) collect(false);
    if (this.bytes > this.#allBytes || this.tensors > this.#allTensors) this.#all();
    this.#bytes = this.bytes;
    this.#tensors = this.tensors;
    this.mostBytes = this.bytes + Math.max(YOUNG.bytes, Math.min(this.bytes / 2, this.#memory / 16));
    this.mostTensors = this.tensors + Math.max(YOUNG.tensors, this.tensors / 2);
  }

  /** The last resort before an allocation fails; false where it can do nothing. */
  relieveAll(): boolean {
    if (!canSweep()) return false;
    this.#all();
    return true;
  }

  /** At most half of the growth is left. */
  #halved(): boolean {
    return this.bytes <= (this.#bytes + this.mostBytes) / 2 && this.tensors <= (this.#tensors + this.mostTensors) / 2;
  }
  #all(): void {
    const start = performance.now();
    collect(true);
    const slow = Math.min(8, Math.max(1, (performance.now() - start) / EASY));
    const most = Math.max(ALL.bytes, this.#memory / 8);
    this.#allBytes = this.bytes + Math.min(Math.max(ALL.bytes * slow, this.bytes), most);
    this.#allTensors = this.tensors + Math.max(ALL.tensors * slow, this.tensors);
  }
}

/** What helps when memory is exhausted. */
export function outOfMemoryHint(): string {
  if (canSweep()) return "Use a smaller batch or a smaller model.";
  return (
    "Here the engine gives unused tensors back only when the event loop gets a turn: in a long loop write " +
    "`await new Promise((r) => setTimeout(r))` at least once a second, or compute in noGrad, tidy or a scope, or dispose() of " +
    "what is done with. Else use a smaller batch or a smaller model."
  );
}
