import { philox } from "../backend/philox.ts";

/**
 * Two kinds of randomness, neither a running counter of draws:
 * - masks (dropout) are a function of (seed, step, micro-step, site, element), so that recomputation, prefetch and resume
 *   cannot shift them; a site is the position of the operation within one forward pass;
 * - initial values and samples are a stream: element i of draw number d is a function of (seed, d, i).
 */
const rng = { seed: 0, step: 0, micro: 0, site: 0, draws: 0 };
export type RngState = Readonly<typeof rng>;

const STREAM = 0x5f0e6b2d;

/** Sets the seed (0 ≤ seed < 2⁵³) and starts every count anew. Throws RangeError. */
export function manualSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`a seed is a whole number from 0 to 2^53 − 1, found ${seed}`);
  Object.assign(rng, { seed, step: 0, micro: 0, site: 0, draws: 0 });
}

export const getRngState = (): RngState => ({ ...rng });
export function setRngState(state: RngState): void {
  for (const key of Object.keys(rng) as (keyof RngState)[]) {
    if (!Number.isSafeInteger(state[key])) throw new RangeError(`the random state's ${key} is ${state[key]}`);
    rng[key] = state[key];
  }
}

/** Called by optimizers after a step: masks change with it. */
export function advanceStep(): void {
  rng.step++;
  rng.micro = 0;
  rng.site = 0;
}

/** Called after a backward pass. */
export function advanceMicroStep(): void {
  rng.micro++;
  rng.site = 0;
}

const words = new Uint32Array(4);

/** Key and site of the next mask. */
export function nextMask(): { key0: number; key1: number; site: number } {
  philox(rng.step >>> 0, rng.micro, rng.seed >>> 0, Math.floor(rng.seed / 2 ** 32), words, 0);
  return { key0: words[0], key1: words[1], site: rng.site++ };
}

/** Fills the array from the next draw of the stream, four 32-bit words at a time. */
function draw(length: number, put: (i: number, a: number, b: number, c: number, d: number) => void): void {
  philox(rng.draws++ >>> 0, STREAM, rng.seed >>> 0, Math.floor(rng.seed / 2 ** 32), words, 0);
  const [key0, key1] = words;
  for (let i = 0; i < length; i += 4) {
    philox(i / 4, 0, key0, key1, words, 0);
    put(i, words[0], words[1], words[2], words[3]);
  }
}

/** Uniform on [low, high). */
export function uniform(length: number, low = 0, high = 1): Float64Array {
  const out = new Float64Array(length + 3);
  const scale = (high - low) / 2 ** 32;
  draw(length, (i, a, b, c, d) => {
    out[i] = low + a * scale;
    out[i + 1] = low + b * scale;
    out[i + 2] = low + c * scale;
    out[i + 3] = low + d * scale;
  });
  return out.subarray(0, length);
}

/** Normal, by Box and Muller's transform ("A note on the generation of random normal deviates", 1958). */
export function normal(length: number, mean = 0, std = 1): Float64Array {
  const out = new Float64Array(length + 3);
  const pair = (i: number, a: number, b: number) => {
    const radius = std * Math.sqrt(-2 * Math.log((a + 0.5) / 2 ** 32));
    const angle = (2 * Math.PI * b) / 2 ** 32;
    out[i] = mean + radius * Math.cos(angle);
    out[i + 1] = mean + radius * Math.sin(angle);
  };
  draw(length, (i, a, b, c, d) => {
    pair(i, a, b);
    pair(i + 2, c, d);
  });
  return out.subarray(0, length);
}

/** Whole numbers 0 … n−1 in random order (Fisher and Yates). */
export function permutation(n: number): Int32Array {
  const out = Int32Array.from({ length: n }, (_, i) => i);
  const u = uniform(n);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(u[i] * (i + 1));
    [out[i], out[j]] = [out[j], out[i]];
  }
  return out;
}
