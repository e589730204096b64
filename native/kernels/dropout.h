// Dropout with Philox4x32-10 (Salmon et al. 2011): the mask is a function of key, site and element.
#pragma once

// What decides whether an element is kept: key and site, and the least word that keeps.
struct Mask {
  uint32_t key0, key1, site, least;
  int some;     // 0: p = 1, nothing is kept
  float scale;  // 1/(1-p)
};
SH_INLINE Mask mask_of(float p, uint32_t key0, uint32_t key1, uint32_t site) {
  const int some = p < 1;
  const double threshold = some ? (double)p * 4294967296.0 : 0;
  uint32_t least = (uint32_t)threshold;
  if (least < threshold) least++;
  return {key0, key1, site, least, some, some ? 1.0f / (1.0f - p) : 0.0f};
}
// The factors, 0 or 1/(1-p), of W blocks of four elements, `step` blocks apart: of element e of block i in lane i of to[e].
// Philox in 64-bit lanes, whose lower halves alone matter: products need not be taken apart.
SH_INLINE void factors(const Mask& m, uint32_t block, uint32_t step, vf* to) {
  vu number;
  for (int i = 0; i < W; i++) number[i] = block + (uint32_t)i * step;
  const vl none = {}, first = none + 0xd2511f53u, second = none + 0xcd9e8d57u;
  vl c[2][4];
  for (int h = 0; h < 2; h++) {
    c[h][0] = h ? (vl)number >> 32 : (vl)number;
    c[h][1] = none + m.site;
    c[h][2] = c[h][3] = none;
  }
  uint32_t k0 = m.key0, k1 = m.key1;
#pragma GCC unroll 10
  for (int round = 0; round < 10; round++) {
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
      vl* x = c[h];
      const vl a = multiply_low(first, x[0]), b = multiply_low(second, x[2]);
      x[0] = (b >> 32) ^ x[1] ^ (none + k0);
      x[1] = b;
      x[2] = (a >> 32) ^ x[3] ^ (none + k1);
      x[3] = a;
    }
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  const vf kept = splat(m.scale);
  for (int e = 0; e < 4; e++) {
    const vu word = (vu)((c[0][e] & (none + 0xffffffffu)) | c[1][e] << 32);
    to[e] = select((vi)(word >= (vu{} + m.least)) & splati(-m.some), kept, vf{});
  }
}

struct DropoutJob {
  float* out;
  const float* x;
  int64_t n;
  Mask mask;
};
static void dropout_part(void* context, int64_t part) {
  const DropoutJob& j = *(const DropoutJob*)context;
  const int64_t begin = part * PIECE, end = smaller(j.n, begin + PIECE);
  for (int64_t at = begin; at < end; at += 4 * W) {
    vf f[4];
    factors(j.mask, (uint32_t)(at / 4), 1, f);
    const vf a = zip<0>(f[0], f[2]), b = zip<0>(f[1], f[3]), c = zip<1>(f[0], f[2]), d = zip<1>(f[1], f[3]);
    const vf inOrder[4] = {zip<0>(a, b), zip<1>(a, b), zip<0>(c, d), zip<1>(c, d)};
    for (int v = 0; v < 4; v++) {
      const int64_t from = at + v * W;
      const int rest = (int)smaller(W, end - from);
      // What is dropped is 0, whatever it was.
      const auto drop = [&](vf x) { return select(inOrder[v] == vf{}, vf{}, x * inOrder[v]); };
      if (rest == W) store(j.out + from, drop(load(j.x + from)));
      else if (rest > 0) store_part(j.out + from, drop(load_part(j.x + from, rest)), rest);
    }
  }
}
static void dropout(float* out, const float* x, int64_t n, float p, uint32_t key0, uint32_t key1, uint32_t site) {
  DropoutJob j = {out, x, n, mask_of(p, key0, key1, site)};
  parallel(ceil_div(n, PIECE), dropout_part, &j);
}
