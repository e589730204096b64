// A multiply of few rows, as a language model does for one token: bound by reading b, so b is read once, in order, where it lies.
// Stored [k, n]: rows of b are added up in blocks of columns and of k, whose sums are then added in order. Stored [n, k]: a dot
// product each. How it is cut follows from the shape alone.
#pragma once

constexpr int64_t FEW_ROWS = 4;
constexpr int64_t FEW_FLOATS = 1 << 15;  // of b, at least, in a piece
constexpr int64_t FEW_COLS = 2048;       // of the sums of a piece, that stay in the first-level cache
constexpr int64_t FEW_FINISH = 512;      // columns of a piece of the last pass

SH_INLINE int64_t few_ceil(int64_t a, int64_t b) { return (a + b - 1) / b; }
SH_INLINE int64_t few_least(int64_t a, int64_t b) { return a < b ? a : b; }

struct FewJob {
  const GemmArgs* g;
  const float *a, *b;
  int64_t lda;
  float *c, *preact, *partial;
  int64_t cols, colBlocks;  // columns in a piece
  int64_t depth, chunks;    // of k in a piece, for b [k, n]
};

static bool few_rows(const GemmArgs& g) { return g.m > 0 && g.m <= FEW_ROWS && g.n > 0 && g.k > 0; }
static FewJob few_job(const GemmArgs& g) {
  FewJob j = {};
  j.g = &g;
  j.chunks = 1;
  j.depth = g.k;
  if (g.transB) {
    j.cols = few_ceil(few_ceil(FEW_FLOATS, g.k), W) * W;
    j.colBlocks = few_ceil(g.n, j.cols);
    return j;
  }
  j.cols = few_ceil(few_ceil(g.n, few_ceil(g.n, FEW_COLS)), W) * W;
  j.colBlocks = few_ceil(g.n, j.cols);
  const int64_t most = few_ceil(16, j.colBlocks);
  j.chunks = few_least(most, few_ceil(g.k * few_least(j.cols, g.n), FEW_FLOATS));
  j.depth = few_ceil(few_ceil(g.k, j.chunks), 8) * 8;
  j.chunks = few_ceil(g.k, j.depth);
  return j;
}
static bool few_copies(const GemmArgs& g) { return g.transA || g.precision == PRECISION_BF16; }
// A copy of a, and the sums of every chunk of k.
static int64_t few_floats(const GemmArgs& g) {
  return (few_copies(g) ? g.m * g.k : 0) + (g.transB ? 0 : few_job(g).chunks * g.m * g.n);
}

// Nearest bf16, ties to even.
SH_INLINE vf rounded(vf x) {
  const vi u = (vi)x;
  const vi r = (vi)((vu)(u + splati(0x7fff) + (vi)((vu)u >> 16 & (vu)splati(1))) & (vu)splati((int)0xffff0000));
  return select(x != x, x, (vf)r);
}
template <int ROUNDS>
SH_INLINE vf take(vf x) { return ROUNDS ? rounded(x) : x; }

// Sums of one row of results on their way to memory.
SH_INLINE void few_store(const FewJob& j, int64_t row, int64_t col, vf v, int cols) {
  const GemmArgs& g = *j.g;
  float* const c = j.c + row * g.ldc + col;
  const Store s = {c, g.ldc, g.bias ? g.bias + col : nullptr, g.accumulate, {}, {}, nullptr, 0};
  store_vector(s, 0, 0, v, cols);
  if (g.activation != ACT_NONE || j.preact)
    finish_tile(g.activation, {c, j.preact ? j.preact + row * g.ldc + col : nullptr, g.ldc, 0, 0}, c, g.ldc, 1, cols);
}

// to[row][column] += a[row][p…p + P) · b for columns [c0, c1).
template <int R, int P, int ROUNDS>
SH_INLINE void add_rows(const FewJob& j, float* to, int64_t p, int64_t c0, int64_t c1) {
  const int64_t n = j.g->n, ldb = j.g->ldb;
  const float* b = j.b + p * ldb;
  vf left[R][P];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++)
#pragma GCC unroll 8
    for (int i = 0; i < P; i++) left[r][i] = splat(j.a[r * j.lda + p + i]);
  int64_t c = c0;
  for (; c + W <= c1; c += W) {
    vf x[P];
#pragma GCC unroll 8
    for (int i = 0; i < P; i++) x[i] = take<ROUNDS>(load(b + i * ldb + c));
#pragma GCC unroll 8
    for (int r = 0; r < R; r++) {
      vf sum = load(to + r * n + c);
#pragma GCC unroll 8
      for (int i = 0; i < P; i++) sum = fma(left[r][i], x[i], sum);
      store(to + r * n + c, sum);
    }
  }
  if (c == c1) return;
  const int rest = (int)(c1 - c);
  for (int i = 0; i < P; i++) {
    const vf x = take<ROUNDS>(load_part(b + i * ldb + c, rest));
    for (int r = 0; r < R; r++) store_part(to + r * n + c, fma(left[r][i], x, load_part(to + r * n + c, rest)), rest);
  }
}
template <int R, int ROUNDS>
static void few_down(const FewJob& j, int64_t part) {
  constexpr int P = R == 1 ? 8 : 4;
  const GemmArgs& g = *j.g;
  const int64_t chunk = part / j.colBlocks, c0 = part % j.colBlocks * j.cols, c1 = few_least(g.n, c0 + j.cols);
  const int64_t p0 = chunk * j.depth, p1 = few_least(g.k, p0 + j.depth);
  float* to = j.partial + chunk * R * g.n;
  for (int r = 0; r < R; r++) __builtin_memset(to + r * g.n + c0, 0, (size_t)(c1 - c0) * 4);
  int64_t p = p0;
  for (; p + P <= p1; p += P) add_rows<R, P, ROUNDS>(j, to, p, c0, c1);
  for (; p < p1; p++) add_rows<R, 1, ROUNDS>(j, to, p, c0, c1);
}
static void few_finish_part(void* context, int64_t part) {
  const FewJob& j = *(const FewJob*)context;
  const GemmArgs& g = *j.g;
  const int64_t end = few_least(g.n, (part + 1) * FEW_FINISH);
  for (int64_t r = 0; r < g.m; r++)
    for (int64_t c = part * FEW_FINISH; c < end; c += W) {
      const int cols = (int)few_least(W, end - c);
      vf sum = {};
      for (int64_t i = 0; i < j.chunks; i++) {
        const float* at = j.partial + (i * g.m + r) * g.n + c;
        sum += cols == W ? load(at) : load_part(at, cols);
      }
      few_store(j, r, c, sum, cols);
    }
}

// Dot products of a with rows of b, W at a time, so that their lanes are added up together.
template <int R, int ROUNDS>
static void few_across(const FewJob& j, int64_t part) {
  constexpr int Q = W == 16 || R <= 2 ? 4 : 2;  // rows of b that are read side by side
  const GemmArgs& g = *j.g;
  const int64_t c1 = few_least(g.n, (part + 1) * j.cols);
  for (int64_t c = part * j.cols; c < c1; c += W) {
    const int cols = (int)few_least(W, c1 - c);
    vf sums[R][W] = {};
    for (int i = 0; i < cols; i += Q) {
      const float* b[Q];
      for (int q = 0; q < Q; q++) b[q] = j.b + (c + (i + q < cols ? i + q : cols - 1)) * g.ldb;
      vf acc[R][Q] = {};
      int64_t p = 0;
      for (; p + W <= g.k; p += W) {
        vf x[Q];
#pragma GCC unroll 4
        for (int q = 0; q < Q; q++) x[q] = take<ROUNDS>(load(b[q] + p));
#pragma GCC unroll 4
        for (int r = 0; r < R; r++) {
          const vf left = load(j.a + r * j.lda + p);
#pragma GCC unroll 4
          for (int q = 0; q < Q; q++) acc[r][q] = fma(left, x[q], acc[r][q]);
        }
      }
      if (p < g.k)
        for (int q = 0; q < Q; q++) {
          const vf x = take<ROUNDS>(load_part(b[q] + p, (int)(g.k - p)));
          for (int r = 0; r < R; r++) acc[r][q] = fma(load_part(j.a + r * j.lda + p, (int)(g.k - p)), x, acc[r][q]);
        }
      for (int r = 0; r < R; r++)
        for (int q = 0; q < Q; q++) sums[r][i + q] = acc[r][q];
    }
    for (int r = 0; r < R; r++) {
      vf* v = sums[r];
      turn(v);
#pragma GCC unroll 4
      for (int s = W / 2; s > 0; s /= 2)
        for (int i = 0; i < s; i++) v[i] += v[i + s];
      few_store(j, r, c, v[0], cols);
    }
  }
}

typedef void (*Few)(const FewJob&, int64_t);
#define SH_FEW(F, ROUNDS) {F<1, ROUNDS>, F<2, ROUNDS>, F<3, ROUNDS>, F<4, ROUNDS>}
static const Few FEW_DOWN[2][FEW_ROWS] = {SH_FEW(few_down, 0), SH_FEW(few_down, 1)};
static const Few FEW_ACROSS[2][FEW_ROWS] = {SH_FEW(few_across, 0), SH_FEW(few_across, 1)};
static void few_part(void* context, int64_t part) {
  const FewJob& j = *(const FewJob*)context;
  const int rounds = j.g->precision == PRECISION_BF16;
  (j.g->transB ? FEW_ACROSS : FEW_DOWN)[rounds][j.g->m - 1](j, part);
}
static void few_parts(int64_t parts, void (*f)(void*, int64_t), FewJob& j) {
  const bool small = (double)j.g->n * (double)j.g->k < 6.0e4;
  if (!small) return parallel(parts, f, &j);
  for (int64_t i = 0; i < parts; i++) f(&j, i);
}
static void multiply_few(const GemmArgs& g, const float* a, const float* b, float* c, float* preact, float* space) {
  FewJob j = few_job(g);
  j.a = a;
  j.lda = g.lda;
  j.b = b;
  j.c = c;
  j.preact = preact;
  if (few_copies(g)) {
    for (int64_t r = 0; r < g.m; r++)
      for (int64_t p = 0; p < g.k; p++) space[r * g.k + p] = g.transA ? a[p * g.lda + r] : a[r * g.lda + p];
    if (g.precision == PRECISION_BF16) round_packed(space, g.m * g.k);
    j.a = space;
    j.lda = g.k;
    space += g.m * g.k;
  }
  j.partial = space;
  few_parts(j.colBlocks * j.chunks, few_part, j);
  if (!g.transB) few_parts(few_ceil(g.n, FEW_FINISH), few_finish_part, j);
}
