import { door } from "#door";

/** What takes memory back by its handle. */
interface Pool {
  freeHandle(handle: number): void;
}
type Handles = number | readonly number[];

/** By token. */
const pools: (Pool | undefined)[] = [];
const held: (Handles | undefined)[] = [];
let watching = 0;
let tokens = new Int32Array(1024);

const giveBack = (pool: Pool, handles: Handles) => {
  if (typeof handles === "number") pool.freeHandle(handles);
  else for (const handle of handles) pool.freeHandle(handle);
};

/** Where the engine has no weak references that tell while a job runs: it calls back in a turn of the event loop. */
const lost = new FinalizationRegistry<{ pool: Pool; handles: Handles }>(({ pool, handles }) => giveBack(pool, handles));

/** An object that nobody holds dies with the next collection of all, which is told in a turn of the event loop. */
const collections = new FinalizationRegistry<undefined>(() => {
  noticing = false;
  sweep();
  notice();
});
let noticing = false;
/** What an idle program has dropped goes when the engine collects. */
function notice(): void {
  if (noticing || watching === 0) return;
  noticing = true;
  collections.register({}, undefined);
}

/** Whether `sweep` finds the dead while a job runs. */
export const canSweep = (): boolean => door.weak() !== undefined;

/** Gives `handles` back once nothing reaches `target` any longer. Returns a token for `unwatch`. */
export function watch(target: object, pool: Pool, handles: Handles): number {
  const token = door.weak()?.watch(target) ?? 0;
  if (token === 0) {
    lost.register(target, { pool, handles }, target);
    return -1;
  }
  pools[token] = pool;
  held[token] = handles;
  watching++;
  if (!noticing) notice();
  return token;
}

/** Its owner is another from now on. */
export function unwatch(target: object, token: number): void {
  if (token < 0) lost.unregister(target);
  else if (token > 0) {
    door.weak()?.unwatch(token);
    pools[token] = held[token] = undefined;
    watching--;
  }
}

/** Gives back what collections have found unreachable so far. */
export function sweep(): void {
  const weak = door.weak();
  if (weak === undefined || watching === 0) return;
  if (tokens.length < watching) tokens = new Int32Array(2 * watching);
  const found = weak.dead(tokens);
  for (let i = 0; i < found; i++) {
    const token = tokens[i];
    const [pool, handles] = [pools[token] as Pool, held[token] as Handles];
    pools[token] = held[token] = undefined;
    giveBack(pool, handles);
  }
  watching -= found;
}

/** Collects what young objects have left behind, or all, and gives it back. */
export function collect(full: boolean): void {
  door.weak()?.collect(full);
  sweep();
}
