/**
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): four 32-bit words from a counter of
 * four words and a key of two. A pure function, so the same element has the same word on every backend and thread.
 * Counter (block, site, 0, 0), key (key0, key1); the words go to `out[at … at+3]`.
 */
export function philox(block: number, site: number, key0: number, key1: number, out: Uint32Array, at: number): void {
  let c0 = block >>> 0;
  let c1 = site >>> 0;
  let c2 = 0;
  let c3 = 0;
  let k0 = key0 >>> 0;
  let k1 = key1 >>> 0;
  for (let round = 0; round < 10; round++) {
    const lo0 = Math.imul(0xd2511f53, c0) >>> 0;
    const hi0 = mulHigh(0xd2511f53, c0);
    const lo1 = Math.imul(0xcd9e8d57, c2) >>> 0;
    const hi1 = mulHigh(0xcd9e8d57, c2);
    c0 = (hi1 ^ c1 ^ k0) >>> 0;
    c1 = lo1;
    c2 = (hi0 ^ c3 ^ k1) >>> 0;
    c3 = lo0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  out[at] = c0;
  out[at + 1] = c1;
  out[at + 2] = c2;
  out[at + 3] = c3;
}

/** Upper 32 bits of the product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const low = a0 * b0;
  const mid1 = a1 * b0 + (low >>> 16);
  const mid2 = a0 * b1 + (mid1 % 0x10000);
  return (a1 * b1 + Math.floor(mid1 / 0x10000) + Math.floor(mid2 / 0x10000)) >>> 0;
}
