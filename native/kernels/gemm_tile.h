// The innermost loops of the multiply: a tile of c, R rows by V vectors, stays in registers while k passes.
#pragma once

#if SHOSHIN_WIDTH == 16
constexpr int MR = 14;
#elif SHOSHIN_WIDTH == 8
constexpr int MR = 6;
#elif defined(__aarch64__)
constexpr int MR = 8;
#elif defined(__wasm__) && !defined(__wasm_relaxed_simd__)
constexpr int MR = 4;  // more rows spill in V8, where a product needs a register of its own
#else
constexpr int MR = 6;
#endif
constexpr int NR = 2 * W;

#if defined(__AVX512BF16__)
#define SHOSHIN_BF16_DOT 1
#else
#define SHOSHIN_BF16_DOT 0
#endif

template <int R, int V>
SH_INLINE void store_tile(vf (&acc)[R][V], const Store& s, int cols) {
  if (cols == V * W) {
    float* at = s.c;
#pragma GCC unroll 16
    for (int r = 0; r < R; r++, at += s.ldc)
#pragma GCC unroll 2
      for (int v = 0; v < V; v++) {
        vf x = acc[r][v];
        if (s.add) x += load(at + v * W);
        if (s.bias) x += load(s.bias + v * W);
        store(at + v * W, x);
      }
    return;
  }
  // Through memory, so that the call costs the full tile no registers.
  float rows[R * V * W];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) store(rows + (r * V + v) * W, acc[r][v]);
  store_edge(s, rows, R, V * W, cols);
}

#define SH_MEMBER inline __attribute__((always_inline))

// Between the steps of k a line or two of what comes next, so that neither the tile nor what follows it waits for memory.
constexpr int64_t AHEAD_STEPS = 4;
struct Ahead {
  const char *left, *leftEnd, *right, *rightEnd, *c, *cEnd;
  int64_t leftStep, rightStep, rightSize, cStep;
  SH_MEMBER Ahead(const Store& s, const float* near, int rows) {
    left = s.left.from ? s.left.from : (const char*)near;
    leftStep = s.left.step;
    leftEnd = left + leftStep * s.left.count;
    right = s.right.from ? s.right.from : (const char*)near;
    rightStep = s.right.step;
    rightSize = s.right.size;
    rightEnd = right + rightStep * s.right.count;
    c = (const char*)(s.soon ? s.soon : s.c);
    cStep = (s.soon ? s.soonLd : s.ldc) * 4;
    cEnd = c + (rows - 1) * cStep;
  }
  SH_MEMBER void go() {
    __builtin_prefetch(left, 0, 2);
    for (int64_t i = 0; i < rightSize; i += 64) __builtin_prefetch(right + i, 0, 2);
    __builtin_prefetch(c, 1, 3);
    __builtin_prefetch(c + 64, 1, 3);
    if (left != leftEnd) left += leftStep;
    if (right != rightEnd) right += rightStep;
    if (c != cEnd) c += cStep;
  }
};

// How the left side lies: in tiles (for every step, a tile's rows), in columns (for every step, the rows of a block, ld apart)
// or in rows of length ld.
enum LeftKind : int { LEFT_TILES, LEFT_COLUMNS, LEFT_ROWS };
template <int KIND, int R>
struct Left {
  const float *at, *fifth, *tenth;
  int64_t ld;
  SH_MEMBER Left(const float* a, int64_t length) : at(a), fifth(a + 5 * length), tenth(a + 10 * length), ld(length) {}
  SH_MEMBER float operator[](int r) const {
    if (KIND != LEFT_ROWS) return at[r];
    return r < 5 ? at[r * ld] : r < 10 ? fifth[(r - 5) * ld] : tenth[(r - 10) * ld];
  }
  SH_MEMBER void next() {
    at += KIND == LEFT_ROWS ? 1 : KIND == LEFT_TILES ? R : ld;
    if (KIND != LEFT_ROWS) return;
    fifth++;
    tenth++;
  }
};

// One step of k; for bf16 a pair of them.
template <bool PAIRS, int R, int V, class A>
SH_INLINE void step(vf (&acc)[R][V], const A& a, const float* b) {
  vf bv[V];
#pragma GCC unroll 2
  for (int v = 0; v < V; v++) bv[v] = load(b + v * W);
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    const vf av = splat(a[r]);
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) {
#if SHOSHIN_BF16_DOT
      if (PAIRS) {
        acc[r][v] = (vf)_mm512_dpbf16_ps((__m512)acc[r][v], (__m512bh)av, (__m512bh)bv[v]);
        continue;
      }
#endif
      acc[r][v] = fma(av, bv[v], acc[r][v]);
    }
  }
}

// ld: of rows or columns. b: NR floats for every step.
template <bool PAIRS, int KIND, int R, int V>
static void tile(const float* a, const float* b, int64_t ld, int64_t steps, const Store& s, int cols) {
  vf acc[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) acc[r][v] = vf{};
  Left<KIND, R> left(a, ld);
#if defined(__wasm__)
  // One step to a round (V8 puts off arithmetic to the end of the body: unrolled, it runs out of registers), few counters.
  for (const float* end = b + steps * NR; b != end; left.next(), b += NR) step<PAIRS, R, V>(acc, left, b);
#else
  Ahead ahead(s, a, R);
  int64_t p = 0;
  for (; p + AHEAD_STEPS <= steps; p += AHEAD_STEPS) {
    ahead.go();
#pragma GCC unroll 4
    for (int i = 0; i < AHEAD_STEPS; i++, left.next(), b += NR) step<PAIRS, R, V>(acc, left, b);
  }
  for (; p < steps; p++, left.next(), b += NR) step<PAIRS, R, V>(acc, left, b);
#endif
  store_tile<R, V>(acc, s, cols);
}

typedef void (*Tile)(const float* a, const float* b, int64_t ld, int64_t steps, const Store&, int cols);
// What M makes of every number of rows that a tile may have.
#if SHOSHIN_WIDTH == 16
#define SH_PER_ROWS(M, ...) {M(1, __VA_ARGS__), M(2, __VA_ARGS__), M(3, __VA_ARGS__), M(4, __VA_ARGS__), M(5, __VA_ARGS__), M(6, __VA_ARGS__), M(7, __VA_ARGS__), M(8, __VA_ARGS__), M(9, __VA_ARGS__), M(10, __VA_ARGS__), M(11, __VA_ARGS__), M(12, __VA_ARGS__), M(13, __VA_ARGS__), M(14, __VA_ARGS__)}
#elif defined(__wasm__) && !defined(__wasm_relaxed_simd__)
#define SH_PER_ROWS(M, ...) {M(1, __VA_ARGS__), M(2, __VA_ARGS__), M(3, __VA_ARGS__), M(4, __VA_ARGS__)}
#elif SHOSHIN_WIDTH == 8 || !defined(__aarch64__)
#define SH_PER_ROWS(M, ...) {M(1, __VA_ARGS__), M(2, __VA_ARGS__), M(3, __VA_ARGS__), M(4, __VA_ARGS__), M(5, __VA_ARGS__), M(6, __VA_ARGS__)}
#else
#define SH_PER_ROWS(M, ...) {M(1, __VA_ARGS__), M(2, __VA_ARGS__), M(3, __VA_ARGS__), M(4, __VA_ARGS__), M(5, __VA_ARGS__), M(6, __VA_ARGS__), M(7, __VA_ARGS__), M(8, __VA_ARGS__)}
#endif
#define SH_TILE(R, P, L, V) tile<P, L, R, V>
#define SH_TILES(P, L, V) SH_PER_ROWS(SH_TILE, P, L, V)
#define SH_BOTH(P, L) {SH_TILES(P, L, 1), SH_TILES(P, L, 2)}
static const Tile TILES_F32[2][MR] = SH_BOTH(false, LEFT_TILES);
#if SHOSHIN_BF16_DOT
static const Tile TILES_BF16[2][MR] = SH_BOTH(true, LEFT_TILES);
static const Tile COLUMNS_BF16[2][MR] = SH_BOTH(true, LEFT_COLUMNS);
static const Tile ROWS_BF16[2][MR] = SH_BOTH(true, LEFT_ROWS);
#endif
// Whether the left side may stay as it is: a broadcast from there costs no more than one from a packed tile.
#define SHOSHIN_UNPACKED (SHOSHIN_WIDTH >= 8)
#if SHOSHIN_UNPACKED
static const Tile COLUMNS_F32[2][MR] = SH_BOTH(false, LEFT_COLUMNS);
static const Tile ROWS_F32[2][MR] = SH_BOTH(false, LEFT_ROWS);
#endif
