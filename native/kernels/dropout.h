// Dropout with Philox4x32-10 (Salmon et al. 2011): the mask is a function of key, site and element.
#pragma once

struct DropoutJob {
  float* out;
  const float* x;
  int64_t n;
  float scale;
  double threshold;
  uint32_t key0, key1, site;
};
SH_INLINE void philox(uint32_t block, uint32_t site, uint32_t k0, uint32_t k1, uint32_t* out) {
  uint32_t c0 = block, c1 = site, c2 = 0, c3 = 0;
  for (int round = 0; round < 10; round++) {
    const uint64_t a = (uint64_t)0xd2511f53u * c0, b = (uint64_t)0xcd9e8d57u * c2;
    c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
    c1 = (uint32_t)b;
    c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
    c3 = (uint32_t)a;
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}
// Sixteen blocks, `step` apart, side by side, so that the compiler can do them in vectors.
constexpr int BLOCKS = 16;
SH_INLINE void philox_many(uint32_t block, uint32_t step, uint32_t site, uint32_t key0, uint32_t key1, uint32_t (*out)[4]) {
  uint32_t c0[BLOCKS], c1[BLOCKS], c2[BLOCKS], c3[BLOCKS];
  for (int i = 0; i < BLOCKS; i++) {
    c0[i] = block + (uint32_t)i * step;
    c1[i] = site;
    c2[i] = c3[i] = 0;
  }
  uint32_t k0 = key0, k1 = key1;
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < BLOCKS; i++) {
      const uint64_t a = (uint64_t)0xd2511f53u * c0[i], b = (uint64_t)0xcd9e8d57u * c2[i];
      c0[i] = (uint32_t)(b >> 32) ^ c1[i] ^ k0;
      c1[i] = (uint32_t)b;
      c2[i] = (uint32_t)(a >> 32) ^ c3[i] ^ k1;
      c3[i] = (uint32_t)a;
    }
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  for (int i = 0; i < BLOCKS; i++) {
    out[i][0] = c0[i];
    out[i][1] = c1[i];
    out[i][2] = c2[i];
    out[i][3] = c3[i];
  }
}
static void dropout_part(void* context, int64_t part) {
  const DropoutJob& j = *(const DropoutJob*)context;
  const int64_t begin = part * PIECE, end = smaller(j.n, begin + PIECE);
  int64_t at = begin;
  uint32_t words[BLOCKS][4];
  for (; at + 4 * BLOCKS <= end; at += 4 * BLOCKS) {
    philox_many((uint32_t)(at / 4), 1, j.site, j.key0, j.key1, words);
    for (int i = 0; i < 4 * BLOCKS; i++) j.out[at + i] = (double)words[i / 4][i % 4] >= j.threshold ? j.x[at + i] * j.scale : 0.0f;
  }
  for (; at < end; at += 4) {
    philox((uint32_t)(at / 4), j.site, j.key0, j.key1, words[0]);
    for (int i = 0; i < 4 && at + i < end; i++) j.out[at + i] = (double)words[0][i] >= j.threshold ? j.x[at + i] * j.scale : 0.0f;
  }
}
static void dropout(float* out, const float* x, int64_t n, float p, uint32_t key0, uint32_t key1, uint32_t site) {
  DropoutJob j = {out, x, n, p >= 1 ? 0.0f : 1.0f / (1.0f - p), (double)p * 4294967296.0, key0, key1, site};
  parallel(ceil_div(n, PIECE), dropout_part, &j);
}
