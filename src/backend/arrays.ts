/**
 * What `Math.max(...list)` and `push(...list)` do, for lists of any length: a call's arguments lie on the stack, which ends at
 * about 120,000 of them.
 */

/** The greatest number of a list, NaN where it holds one; `start` where it is empty or nothing is greater. */
export function maximum(list: Iterable<number>, start = Number.NEGATIVE_INFINITY): number {
  let best = start;
  for (const x of list) best = Math.max(best, x);
  return best;
}

/** The least number of a list, NaN where it holds one; `start` where it is empty or nothing is less. */
export function minimum(list: Iterable<number>, start = Number.POSITIVE_INFINITY): number {
  let best = start;
  for (const x of list) best = Math.min(best, x);
  return best;
}

/** Appends every element of `from`. */
export function pushAll<T>(into: T[], from: Iterable<T>): void {
  for (const x of from) into.push(x);
}
