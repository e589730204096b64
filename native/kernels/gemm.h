// Matrix multiply after Goto & van de Geijn ("Anatomy of high-performance matrix multiplication", 2008): blocks of op(b) and
// op(a) are packed so that the innermost kernel reads both in order; the kernel keeps a tile of c in registers.
// Every element of c is one chain of multiply-adds over k in order, block by block, whatever the tile or thread: results do
// not depend on how the work is split.
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
constexpr int64_t KC = 512;     // depth of a block: panels of a and b stay in L2
constexpr int64_t MC = 14 * 14; // rows of a packed at a time
constexpr int64_t NC = 2048;    // columns of b packed at a time

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

template <int R, int V>
SH_INLINE void step_f32(vf (&acc)[R][V], const float* a, const float* b) {
  vf bv[V];
#pragma GCC unroll 2
  for (int v = 0; v < V; v++) bv[v] = load(b + v * W);
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    const vf av = splat(a[r]);
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) acc[r][v] = fma(av, bv[v], acc[r][v]);
  }
}

// R rows × V vectors. a: R floats for every p; b: V·W floats for every p.
template <int R, int V>
static void tile_f32(const float* a, const float* b, int64_t bstep, int64_t kc, const Store& s, int cols) {
  vf acc[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) acc[r][v] = vf{};
#if defined(__wasm__)
  // One step to a round (V8 puts off arithmetic to the end of the body: unrolled, it runs out of registers), few counters.
  (void)bstep;
  for (const float* end = b + kc * NR; b != end; a += R, b += NR) step_f32<R, V>(acc, a, b);
#else
  for (int64_t p = 0; p < kc; p++, a += R, b += bstep) step_f32<R, V>(acc, a, b);
#endif
  store_tile<R, V>(acc, s, cols);
}

#if SHOSHIN_BF16_DOT
// Pairs of bf16: a: R pairs for every pair of p; b: V·W pairs.
template <int R, int V>
static void tile_bf16(const float* a, const float* b, int64_t bstep, int64_t pairs, const Store& s, int cols) {
  vf acc[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) acc[r][v] = vf{};
  for (int64_t p = 0; p < pairs; p++) {
    __m512bh bv[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) bv[v] = (__m512bh)load(b + v * W);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      const __m512bh av = (__m512bh)_mm512_set1_ps(a[r]);
#pragma GCC unroll 2
      for (int v = 0; v < V; v++) acc[r][v] = (vf)_mm512_dpbf16_ps((__m512)acc[r][v], av, bv[v]);
    }
    a += R;
    b += bstep;
  }
  store_tile<R, V>(acc, s, cols);
}
#endif

typedef void (*Tile)(const float*, const float*, int64_t, int64_t, const Store&, int);
#if SHOSHIN_WIDTH == 16
#define SH_TILES(F, V) {F<1, V>, F<2, V>, F<3, V>, F<4, V>, F<5, V>, F<6, V>, F<7, V>, F<8, V>, F<9, V>, F<10, V>, F<11, V>, F<12, V>, F<13, V>, F<14, V>}
#elif defined(__wasm__) && !defined(__wasm_relaxed_simd__)
#define SH_TILES(F, V) {F<1, V>, F<2, V>, F<3, V>, F<4, V>}
#elif SHOSHIN_WIDTH == 8 || !defined(__aarch64__)
#define SH_TILES(F, V) {F<1, V>, F<2, V>, F<3, V>, F<4, V>, F<5, V>, F<6, V>}
#else
#define SH_TILES(F, V) {F<1, V>, F<2, V>, F<3, V>, F<4, V>, F<5, V>, F<6, V>, F<7, V>, F<8, V>}
#endif
static const Tile TILES_F32[2][MR] = {SH_TILES(tile_f32, 1), SH_TILES(tile_f32, 2)};
#if SHOSHIN_BF16_DOT
static const Tile TILES_BF16[2][MR] = {SH_TILES(tile_bf16, 1), SH_TILES(tile_bf16, 2)};
#endif

#include "gemm_pack.h"
#include "gemv.h"

SH_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
SH_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
// Where part i of `parts` of n begins; sizes differ by one at most.
SH_INLINE int64_t cut(int64_t n, int64_t parts, int64_t i) { return n / parts * i + smaller(n % parts, i); }

// How one multiply is laid out. Splits decide who computes an element, never how.
struct Plan {
  int few;          // so few rows that nothing is packed: gemv.h
  int bf16;         // packed as bf16 pairs
  int rounds;       // packed as float32 that hold bf16 values
  int64_t kc;       // depth of a block in k, even for bf16
  int64_t nc;       // columns of b packed at a time, a multiple of NR
  int64_t rowParts, colParts;
  int panels;       // few rows: every thread packs all of a for itself, and each panel of b is packed right before it is used
  int64_t bFloats;  // packed b
  int64_t aFloats;  // packed a, for each part
};

static Plan plan(const GemmArgs& g, int threads) {
  Plan p = {};
  p.few = few_rows(g);
  if (p.few) {
    p.bFloats = few_floats(g);
    return p;
  }
  p.bf16 = g.precision == PRECISION_BF16 && SHOSHIN_BF16_DOT;
  p.rounds = g.precision == PRECISION_BF16 && !p.bf16;
  const int64_t depth = p.bf16 ? 2 * KC : KC;
  // Blocks of equal depth: 768 is twice 384, not 512 and 256.
  const int64_t blocks = g.k > 0 ? ceil_div(g.k, depth) : 1;
  p.kc = ceil_div(g.k, blocks);
  if (p.bf16 && p.kc % 2) p.kc++;
  const int64_t width = ceil_div(g.n, NR) * NR;
  p.nc = smaller(NC, width);
  if (width > NC) p.nc = ceil_div(ceil_div(width, ceil_div(width, NC)), NR) * NR;
  const bool small = 2.0 * (double)g.m * (double)g.n * (double)g.k < 1.0e6;
  p.rowParts = p.colParts = 1;
  if (!small && threads > 1) {
    // Rows while every thread gets two tiles, else columns.
    if (g.m >= threads * 2 * MR || g.n < threads * NR) p.rowParts = smaller(threads, ceil_div(g.m, 4));
    else p.colParts = smaller(threads, ceil_div(g.n, NR));
  }
  const int64_t words = p.bf16 ? ceil_div(p.kc, 2) : p.kc;
  p.panels = words * g.m <= MC * KC && g.n >= 2 * NR * (small ? 1 : threads);
  if (p.panels) {
    p.rowParts = 1;
    p.colParts = small ? 1 : smaller(threads, ceil_div(g.n, NR));
    p.nc = width;
    p.bFloats = words * NR * p.colParts;
    p.aFloats = words * g.m;
    return p;
  }
  p.bFloats = words * p.nc;
  p.aFloats = words * (smaller(MC, g.m) + MR);
  return p;
}

struct GemmJob {
  const GemmArgs* g;
  Plan p;
  const float *a, *b;
  float *c, *preact;
  float *packedA, *packedB;
  int64_t jc, nc, pc, kc;
  int64_t packParts;
};

static void pack_b_part(void* context, int64_t part) {
  const GemmJob& j = *(const GemmJob*)context;
  const GemmArgs& g = *j.g;
  const int64_t panels = ceil_div(j.nc, NR);
  const int64_t words = j.p.bf16 ? ceil_div(j.kc, 2) : j.kc;
  for (int64_t q = cut(panels, j.packParts, part); q < cut(panels, j.packParts, part + 1); q++) {
    const int64_t col = j.jc + q * NR;
    const int cols = (int)smaller(NR, j.jc + j.nc - col);
    float* to = j.packedB + q * words * NR;
    if (j.p.bf16) pack_b_bf16(to, g, j.b, j.pc, j.kc, col, cols);
    else pack_b_f32(to, g, j.b, j.pc, j.kc, col, cols);
    if (j.p.rounds) round_packed(to, words * NR);
  }
}

SH_INLINE void run_tile(const GemmJob& j, const float* a, const float* panel, int64_t words, int64_t row, int rows, int64_t col,
                        int cols, bool first, bool last) {
  const GemmArgs& g = *j.g;
  const int wide = cols > W;
  Store s;
  s.c = j.c + row * g.ldc + col;
  s.ldc = g.ldc;
  s.bias = last && g.bias ? g.bias + col : nullptr;
  s.add = !first || g.accumulate;
#if SHOSHIN_BF16_DOT
  if (j.p.bf16) TILES_BF16[wide][rows - 1](a, panel, NR, words, s, cols);
  else
#endif
    TILES_F32[wide][rows - 1](a, panel, NR, words, s, cols);
  if (last && (g.activation != ACT_NONE || j.preact))
    finish_tile(g.activation, s.c, j.preact ? j.preact + row * g.ldc + col : nullptr, g.ldc, rows, cols);
}

static void multiply_part(void* context, int64_t part) {
  const GemmJob& j = *(const GemmJob*)context;
  const GemmArgs& g = *j.g;
  const int64_t words = j.p.bf16 ? ceil_div(j.kc, 2) : j.kc;
  const int64_t rowPart = part % j.p.rowParts, colPart = part / j.p.rowParts;
  const int64_t row0 = cut(g.m, j.p.rowParts, rowPart), row1 = cut(g.m, j.p.rowParts, rowPart + 1);
  const int64_t panels = ceil_div(j.nc, NR);
  const int64_t q0 = cut(panels, j.p.colParts, colPart), q1 = cut(panels, j.p.colParts, colPart + 1);
  float* packedA = j.packedA + part * j.p.aFloats;
  const bool first = j.pc == 0, last = j.pc + j.kc >= g.k;
  const int64_t blocks = ceil_div(row1 - row0, MC);
  for (int64_t block = 0; block < blocks; block++) {
    const int64_t i0 = row0 + cut(row1 - row0, blocks, block), i1 = row0 + cut(row1 - row0, blocks, block + 1);
    const int64_t tiles = ceil_div(i1 - i0, MR);
    float* at = packedA;
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t r0 = i0 + cut(i1 - i0, tiles, t), r1 = i0 + cut(i1 - i0, tiles, t + 1);
      if (j.p.bf16) pack_a_bf16(at, g, j.a, r0, (int)(r1 - r0), j.pc, j.kc);
      else pack_a_f32(at, g, j.a, r0, (int)(r1 - r0), j.pc, j.kc);
      if (j.p.rounds) round_packed(at, words * (r1 - r0));
      at += words * (r1 - r0);
    }
    for (int64_t q = q0; q < q1; q++) {
      const int64_t col = j.jc + q * NR;
      const int cols = (int)smaller(NR, j.jc + j.nc - col);
      const float* panel = j.packedB + q * words * NR;
      at = packedA;
      for (int64_t t = 0; t < tiles; t++) {
        const int64_t r0 = i0 + cut(i1 - i0, tiles, t), r1 = i0 + cut(i1 - i0, tiles, t + 1);
        const int rows = (int)(r1 - r0);
        run_tile(j, at, panel, words, r0, rows, col, cols, first, last);
        at += words * rows;
      }
    }
  }
}

// Panel mode: all rows are one block of tiles.
SH_INLINE int64_t row_tiles(const GemmArgs& g) { return ceil_div(g.m, MR); }
static void panel_part(void* context, int64_t part) {
  const GemmJob& j = *(const GemmJob*)context;
  const GemmArgs& g = *j.g;
  const int64_t words = j.p.bf16 ? ceil_div(j.kc, 2) : j.kc, tiles = row_tiles(g), panels = ceil_div(g.n, NR);
  const bool first = j.pc == 0, last = j.pc + j.kc >= g.k;
  float* panel = j.packedB + part * words * NR;
  float* packedA = j.packedA + part * j.p.aFloats;
  for (int64_t t = 0; t < tiles; t++) {
    const int64_t r0 = cut(g.m, tiles, t), rows = cut(g.m, tiles, t + 1) - r0;
    float* to = packedA + words * r0;
    if (j.p.bf16) pack_a_bf16(to, g, j.a, r0, (int)rows, j.pc, j.kc);
    else pack_a_f32(to, g, j.a, r0, (int)rows, j.pc, j.kc);
    if (j.p.rounds) round_packed(to, words * rows);
  }
  for (int64_t q = cut(panels, j.p.colParts, part); q < cut(panels, j.p.colParts, part + 1); q++) {
    const int64_t col = q * NR;
    const int cols = (int)smaller(NR, g.n - col);
    if (j.p.bf16) pack_b_bf16(panel, g, j.b, j.pc, j.kc, col, cols);
    else pack_b_f32(panel, g, j.b, j.pc, j.kc, col, cols);
    if (j.p.rounds) round_packed(panel, words * NR);
    for (int64_t t = 0; t < tiles; t++) {
      const int64_t r0 = cut(g.m, tiles, t);
      const int rows = (int)(cut(g.m, tiles, t + 1) - r0);
      run_tile(j, packedA + words * r0, panel, words, r0, rows, col, cols, first, last);
    }
  }
}

// k = 0: only bias and activation.
static void store_nothing(const GemmArgs& g, float* c, float* preact) {
  for (int64_t i = 0; i < g.m; i++, c += g.ldc, preact = preact ? preact + g.ldc : nullptr)
    for (int64_t col = 0; col < g.n; col += W) {
      const int cols = (int)smaller(W, g.n - col);
      const Store s = {c + col, g.ldc, g.bias ? g.bias + col : nullptr, g.accumulate};
      store_vector(s, 0, 0, vf{}, cols);
      finish_tile(g.activation, c + col, preact ? preact + col : nullptr, g.ldc, 1, cols);
    }
}

static void multiply_one(const GemmArgs& g, const Plan& p, int64_t i, float* workspace) {
  GemmJob j;
  j.g = &g;
  j.p = p;
  j.a = g.a + i * g.strideA;
  j.b = g.b + i * g.strideB;
  j.c = g.c + i * g.strideC;
  j.preact = g.preact ? g.preact + i * g.strideC : nullptr;
  j.packedB = workspace;
  j.packedA = workspace + p.bFloats;
  if (g.k == 0) return store_nothing(g, j.c, j.preact);
  if (p.few) return multiply_few(g, j.a, j.b, j.c, j.preact, workspace);
  const int64_t parts = p.rowParts * p.colParts;
  if (p.panels) {
    for (j.pc = 0; j.pc < g.k; j.pc += p.kc) {
      j.kc = smaller(p.kc, g.k - j.pc);
      parallel(parts, panel_part, &j);
    }
    return;
  }
  for (j.jc = 0; j.jc < g.n; j.jc += p.nc) {
    j.nc = smaller(p.nc, g.n - j.jc);
    for (j.pc = 0; j.pc < g.k; j.pc += p.kc) {
      j.kc = smaller(p.kc, g.k - j.pc);
      j.packParts = parts == 1 ? 1 : smaller(parts, ceil_div(j.nc, NR));
      parallel(j.packParts, pack_b_part, &j);
      parallel(parts, multiply_part, &j);
    }
  }
}

struct BatchJob {
  const GemmArgs* g;
  Plan p;
  float* workspace;
  int64_t floats, parts;
};
static void batch_part(void* context, int64_t part) {
  const BatchJob& j = *(const BatchJob*)context;
  for (int64_t i = cut(j.g->batch, j.parts, part); i < cut(j.g->batch, j.parts, part + 1); i++)
    multiply_one(*j.g, j.p, i, j.workspace + part * j.floats);
}

// Many matrices are split one by one among the threads, few are each split.
static int64_t batch_parts(const GemmArgs& g, int threads) {
  if (g.batch < 2 * threads || 2.0 * (double)g.batch * (double)g.m * (double)g.n * (double)g.k < 1.0e6) return 1;
  return threads;
}

static int64_t plan_floats(const Plan& p) { return ceil_div(p.bFloats + p.rowParts * p.colParts * p.aFloats, 16) * 16; }

static int64_t gemm_workspace(const GemmArgs& g) {
  const int threads = thread_count();
  const int64_t parts = batch_parts(g, threads);
  const Plan p = plan(g, parts > 1 ? 1 : threads);
  return 4 * parts * plan_floats(p) + 64;
}

static void gemm(const GemmArgs& g, void* workspace) {
  if (g.batch <= 0 || g.m <= 0 || g.n <= 0) return;
  float* space = (float*)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
  const int threads = thread_count();
  const int64_t parts = batch_parts(g, threads);
  const Plan p = plan(g, parts > 1 ? 1 : threads);
  if (parts > 1) {
    BatchJob j = {&g, p, space, plan_floats(p), parts};
    parallel(parts, batch_part, &j);
    return;
  }
  for (int64_t i = 0; i < g.batch; i++) multiply_one(g, p, i, space);
}
