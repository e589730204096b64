// Packing: op(a) in tiles of r rows (for every p, r floats), op(b) in panels of NR columns (for every p, NR floats, missing
// columns 0). For bf16 two neighbouring p share a word: the lower half is the earlier; rounded to nearest even.
#pragma once

#if !defined(__clang__) || SHOSHIN_WIDTH != 4
// Lane l of row I: its own unless its bit S differs from the row's.
template <int S, int I>
constexpr int lane(int l) {
  return (I & S) == (l & S) ? l : W + (l ^ S);
}
template <int S, int I, int... L>
SH_INLINE vf exchanged(const vf* v, Numbers<L...>) {
#if defined(__clang__)
  return __builtin_shufflevector(v[I], v[I ^ S], lane<S, I>(L)...);
#else
  return __builtin_shuffle(v[I], v[I ^ S], vi{lane<S, I>(L)...});
#endif
}
// Rows i and i + S exchange alternate groups of S lanes: a step of the butterfly transpose.
template <int S, int... I>
SH_INLINE void butterfly(vf* v, Numbers<I...> lanes) {
  const vf t[W] = {exchanged<S, I>(v, lanes)...};
#pragma GCC unroll 16
  for (int i = 0; i < W; i++) v[i] = t[i];
}
#endif

// [rows][W] → [W][rows step]: a block of W floats from each of `rows` ≤ W rows, turned.
SH_INLINE void turn(vf* v) {
#if defined(__clang__) && SHOSHIN_WIDTH == 4
  const vf a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5), b = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
  const vf c = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7), d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
  v[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  v[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  v[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  v[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
#else
  const UpTo<W>::Type lanes{};
  butterfly<1>(v, lanes);
  butterfly<2>(v, lanes);
#if SHOSHIN_WIDTH >= 8
  butterfly<4>(v, lanes);
#endif
#if SHOSHIN_WIDTH == 16
  butterfly<8>(v, lanes);
#endif
#endif
}

// Rounds packed words to bf16 values where there is no instruction that multiplies them.
static void round_packed(float* x, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    uint32_t u;
    __builtin_memcpy(&u, x + i, 4);
    if ((u & 0x7fffffff) > 0x7f800000) continue;
    u = (u + 0x7fff + ((u >> 16) & 1)) & 0xffff0000;
    __builtin_memcpy(x + i, &u, 4);
  }
}

// Rows in their order, for a kernel that reads them as they are.
SH_INLINE void copy_row_f32(float* to, const float* from, int64_t kc) { __builtin_memcpy(to, from, (size_t)kc * 4); }

// Steps of k that packing asks memory for before it needs them.
constexpr int64_t PACK_AHEAD = 6, TURN_AHEAD = 128;
// to[p·ld + i] = from[p·lda + i] for i < n: the columns of a left side that is stored transposed.
static void copy_columns_f32(float* to, int64_t ld, const float* from, int64_t lda, int64_t n, int64_t kc) {
  for (int64_t p = 0; p < kc; p++, to += ld, from += lda) {
    for (int64_t i = 0; i < n; i += 16) __builtin_prefetch(from + PACK_AHEAD / 2 * lda + i);
    int64_t i = 0;
    for (; i + W <= n; i += W) store(to + i, load(from + i));
    for (; i < n; i++) to[i] = from[i];
  }
}

// to[p·r + i] = op(a)[row + i][p0 + p]
static void pack_a_f32(float* to, const GemmArgs& g, const float* a, int64_t row, int r, int64_t p0, int64_t kc) {
  if (g.transA) {
    const float* from = a + p0 * g.lda + row;
    for (int64_t p = 0; p < kc; p++, from += g.lda, to += r) {
      int i = 0;
      for (; i + 4 <= r; i += 4) __builtin_memcpy(to + i, from + i, 16);
      for (; i < r; i++) to[i] = from[i];
    }
    return;
  }
  const float* from = a + row * g.lda + p0;
  int64_t p = 0;
  if (r <= W) {
    for (; p + W <= kc; p += W) {
      vf v[W];
      for (int i = 0; i < W; i++) v[i] = load(from + (i < r ? i : r - 1) * g.lda + p);
      turn(v);
      float* at = to + p * r;
      // Whole vectors overlap the next row, which is written after; the last few must not run over the end.
      if (p + 2 * W <= kc) {
        for (int q = 0; q < W; q++) store(at + q * r, v[q]);
      } else {
        for (int q = 0; q < W; q++) store_part(at + q * r, v[q], r);
      }
    }
  }
  for (; p < kc; p++)
    for (int i = 0; i < r; i++) to[p * r + i] = from[i * g.lda + p];
}

// to[p·NR + j] = op(b)[p0 + p][col + j]
static void pack_b_f32(float* to, const GemmArgs& g, const float* b, int64_t p0, int64_t kc, int64_t col, int cols) {
  if (!g.transB) {
    const float* from = b + p0 * g.ldb + col;
    for (int64_t p = 0; p < kc; p++, from += g.ldb, to += NR) {
      __builtin_prefetch(from + PACK_AHEAD * g.ldb);
      __builtin_prefetch(from + PACK_AHEAD * g.ldb + NR - 1);
      if (cols == NR) {
        store(to, load(from));
        store(to + W, load(from + W));
      } else {
        for (int j = 0; j < NR; j++) to[j] = j < cols ? from[j] : 0.0f;
      }
    }
    return;
  }
  const float* from = b + col * g.ldb + p0;
  int64_t p = 0;
  for (; p + W <= kc; p += W)
    for (int h = 0; h < 2; h++) {
      vf v[W];
      for (int j = 0; j < W; j++) {
        const int at = h * W + j;
        __builtin_prefetch(from + at * g.ldb + p + TURN_AHEAD, 0, 2);
        v[j] = at < cols ? load(from + at * g.ldb + p) : vf{};
      }
      turn(v);
      for (int q = 0; q < W; q++) store(to + (p + q) * NR + h * W, v[q]);
    }
  for (; p < kc; p++)
    for (int j = 0; j < NR; j++) to[p * NR + j] = j < cols ? from[j * g.ldb + p] : 0.0f;
}

#if SHOSHIN_BF16_DOT
// Nearest bf16, ties to even, in the upper half of the word. NaN stays NaN.
SH_INLINE uint32_t to_bf16(float x) {
  uint32_t u;
  __builtin_memcpy(&u, &x, 4);
  if ((u & 0x7fffffff) > 0x7f800000) return (u >> 16) | 0x40;
  return (u + 0x7fff + ((u >> 16) & 1)) >> 16;
}
SH_INLINE float pair(float low, float high) {
  const uint32_t word = to_bf16(low) | to_bf16(high) << 16;
  float f;
  __builtin_memcpy(&f, &word, 4);
  return f;
}
// 16 words from 16 earlier and 16 later values, lane by lane.
SH_INLINE vf pair_vectors(vf low, vf high) {
  const __m512i both = (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4,
                                         19, 3, 18, 2, 17, 1, 16, 0);
  return (vf)_mm512_permutexvar_epi16(order, both);
}
// 16 words from 32 neighbouring values: already in order.
SH_INLINE vf pair_neighbours(const float* from) {
  return (vf)_mm512_cvtne2ps_pbh((__m512)load(from + 16), (__m512)load(from));
}

SH_INLINE void copy_row_bf16(float* to, const float* from, int64_t kc) {
  int64_t p = 0;
  for (; p + 2 * W <= kc; p += 2 * W, to += W) store(to, pair_neighbours(from + p));
  for (; p < kc; p += 2) *to++ = pair(from[p], p + 1 < kc ? from[p + 1] : 0.0f);
}

static void copy_columns_bf16(float* to, int64_t ld, const float* from, int64_t lda, int64_t n, int64_t kc) {
  for (int64_t p = 0; p < kc; p += 2, to += ld, from += 2 * lda) {
    const float* after = p + 1 < kc ? from + lda : nullptr;
    for (int64_t i = 0; i < n; i += 16) {
      __builtin_prefetch(from + PACK_AHEAD / 2 * lda + i);
      __builtin_prefetch(from + (PACK_AHEAD / 2 + 1) * lda + i);
    }
    for (int64_t i = 0; i < n; i += W) {
      const __mmask16 some = n - i >= W ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
      const vf low = (vf)_mm512_maskz_loadu_ps(some, from + i), high = after ? (vf)_mm512_maskz_loadu_ps(some, after + i) : vf{};
      store(to + i, pair_vectors(low, high));
    }
  }
}

// to[(p/2)·r + i] = words of op(a)[row + i][p0 + p, p0 + p + 1]
static void pack_a_bf16(float* to, const GemmArgs& g, const float* a, int64_t row, int r, int64_t p0, int64_t kc) {
  const int64_t words = kc / 2;
  if (g.transA) {
    const float* from = a + p0 * g.lda + row;
    const __mmask16 some = (__mmask16)((1u << r) - 1);
    for (int64_t w = 0; w < words; w++) {
      __builtin_prefetch(from + (2 * w + PACK_AHEAD) * g.lda);
      __builtin_prefetch(from + (2 * w + 1 + PACK_AHEAD) * g.lda);
      const vf low = (vf)_mm512_maskz_loadu_ps(some, from + 2 * w * g.lda);
      const vf high = (vf)_mm512_maskz_loadu_ps(some, from + (2 * w + 1) * g.lda);
      _mm512_mask_storeu_ps(to + w * r, some, (__m512)pair_vectors(low, high));
    }
    if (kc % 2) for (int i = 0; i < r; i++) to[words * r + i] = pair(from[(kc - 1) * g.lda + i], 0.0f);
    return;
  }
  const float* from = a + row * g.lda + p0;
  const __mmask16 some = (__mmask16)((1u << r) - 1);
  int64_t w = 0;
  for (; w + W <= words; w += W) {
    vf v[W];
    for (int i = 0; i < W; i++) v[i] = pair_neighbours(from + (i < r ? i : r - 1) * g.lda + 2 * w);
    turn(v);
    for (int q = 0; q < W; q++) _mm512_mask_storeu_ps(to + (w + q) * r, some, (__m512)v[q]);
  }
  for (; w < words; w++)
    for (int i = 0; i < r; i++) to[w * r + i] = pair(from[i * g.lda + 2 * w], from[i * g.lda + 2 * w + 1]);
  if (kc % 2) for (int i = 0; i < r; i++) to[words * r + i] = pair(from[i * g.lda + kc - 1], 0.0f);
}

static void pack_b_bf16(float* to, const GemmArgs& g, const float* b, int64_t p0, int64_t kc, int64_t col, int cols) {
  const int64_t words = (kc + 1) / 2;
  if (!g.transB) {
    const float* from = b + p0 * g.ldb + col;
    for (int64_t w = 0; w < words; w++, to += NR) {
      const float* low = from + 2 * w * g.ldb;
      const float* high = 2 * w + 1 < kc ? low + g.ldb : nullptr;
      for (int i = 0; i < 4; i++) __builtin_prefetch(low + (PACK_AHEAD + i % 2) * g.ldb + i / 2 * (NR - 1));
      for (int h = 0; h < 2; h++) {
        const int n = cols - h * W;
        const __mmask16 some = n >= W ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1);
        const vf x = (vf)_mm512_maskz_loadu_ps(some, low + h * W);
        const vf y = high ? (vf)_mm512_maskz_loadu_ps(some, high + h * W) : vf{};
        store(to + h * W, pair_vectors(x, y));
      }
    }
    return;
  }
  const float* from = b + col * g.ldb + p0;
  int64_t w = 0;
  for (; w + W <= kc / 2; w += W)
    for (int h = 0; h < 2; h++) {
      vf v[W];
      for (int j = 0; j < W; j++) {
        const int at = h * W + j;
        __builtin_prefetch(from + at * g.ldb + 2 * w + TURN_AHEAD, 0, 2);
        __builtin_prefetch(from + at * g.ldb + 2 * w + TURN_AHEAD + 16, 0, 2);
        v[j] = at < cols ? pair_neighbours(from + at * g.ldb + 2 * w) : vf{};
      }
      turn(v);
      for (int q = 0; q < W; q++) store(to + (w + q) * NR + h * W, v[q]);
    }
  for (; w < words; w++)
    for (int j = 0; j < NR; j++) {
      const bool has = j < cols;
      to[w * NR + j] = has ? pair(from[j * g.ldb + 2 * w], 2 * w + 1 < kc ? from[j * g.ldb + 2 * w + 1] : 0.0f) : 0.0f;
    }
}
#else
// Without the instruction: operands rounded to bf16 values and multiplied as float32.
SH_INLINE void copy_row_bf16(float*, const float*, int64_t) {}
static void copy_columns_bf16(float*, int64_t, const float*, int64_t, int64_t, int64_t) {}
static void pack_a_bf16(float*, const GemmArgs&, const float*, int64_t, int, int64_t, int64_t) {}
static void pack_b_bf16(float*, const GemmArgs&, const float*, int64_t, int64_t, int64_t, int) {}
#endif
