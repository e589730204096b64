import { pushAll } from "../backend/arrays.ts";
import { philox } from "../backend/philox.ts";

const ORDER = 0x0bde12;

/** 0 … n−1 in an order that is a function of seed and epoch alone (Fisher and Yates, Philox). */
export function shuffled(n: number, seed: number, epoch = 0): Int32Array {
  const out = new Int32Array(n);
  for (let i = 0; i < n; i++) out[i] = i;
  const words = new Uint32Array(4);
  for (let i = n - 1; i > 0; i--) {
    const k = n - 1 - i;
    if (k % 4 === 0) philox(k / 4, epoch, seed >>> 0, ORDER, words, 0);
    const j = Math.floor((words[k % 4] / 2 ** 32) * (i + 1));
    const swap = out[i];
    out[i] = out[j];
    out[j] = swap;
  }
  return out;
}

/**
 * The same order, in which examples of like length lie together: random groups of 50 batches are sorted by length, the longest
 * example of all coming first (Transformers' LengthGroupedSampler), so that memory runs out at once or never.
 */
export function groupedByLength(lengths: ArrayLike<number>, batchSize: number, seed: number, epoch = 0): Int32Array {
  const order = shuffled(lengths.length, seed, epoch);
  const size = batchSize * Math.max(1, Math.min(50, Math.floor(lengths.length / (batchSize * 4))));
  for (let at = 0; at < order.length; at += size) order.subarray(at, at + size).sort((a, b) => lengths[b] - lengths[a]);
  let longest = 0;
  for (let at = 0; at < order.length; at += size) if (lengths[order[at]] > lengths[order[longest]]) longest = at;
  [order[0], order[longest]] = [order[longest], order[0]];
  return order;
}

/**
 * Cuts a share off at random, of every class alike where classes are given; each class with at least two members keeps one
 * on either side. Indices of both parts, rising.
 */
export function stratifiedSplit(
  n: number,
  share: number,
  seed: number,
  classes?: readonly (string | number)[],
): { train: number[]; held: number[] } {
  const groups = new Map<string | number, number[]>();
  for (const i of shuffled(n, seed)) {
    const key = classes?.[i] ?? 0;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [i]);
    else group.push(i);
  }
  const held: number[] = [];
  const train: number[] = [];
  for (const group of groups.values()) {
    let count = Math.round(group.length * share);
    if (group.length >= 2 && share > 0 && share < 1) count = Math.min(group.length - 1, Math.max(1, count));
    pushAll(held, group.slice(0, count));
    pushAll(train, group.slice(count));
  }
  const rising = (a: number, b: number) => a - b;
  return { train: train.sort(rising), held: held.sort(rising) };
}
