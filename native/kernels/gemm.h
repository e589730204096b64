// Matrix multiply after Goto & van de Geijn ("Anatomy of high-performance matrix multiplication", 2008): blocks of op(b) are
// packed, blocks of op(a) where that helps, so that the innermost kernel reads both in order; the kernel keeps a tile of c in
// registers. Every element of c is one chain of multiply-adds over k in order, block by block, whatever the tile or thread:
// results do not depend on how the work is split.
#pragma once

#include "gemm_tile.h"

#if SHOSHIN_WIDTH == 16
constexpr int64_t KC = 1024;    // depth of a block, in steps of the kernel
constexpr int64_t MC = 8 * MR;  // rows of a at a time: with KC half of the second-level cache, beside two panels of b
#else
constexpr int64_t KC = 512;
constexpr int64_t MC = 14 * 14;
#endif
constexpr int64_t NC = 3072;         // columns of b packed at a time
constexpr int64_t LEFT = 196 * 512;  // words of a left side that every thread takes whole

#include "gemm_pack.h"
#include "gemv.h"

SH_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
SH_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
// Where part i of `parts` of n begins; sizes differ by one at most.
SH_INLINE int64_t cut(int64_t n, int64_t parts, int64_t i) { return n / parts * i + smaller(n % parts, i); }

// How one multiply is laid out. Splits decide who computes an element, never how.
struct Plan {
  int few;           // so few rows that nothing is packed: gemv.h
  int bf16;          // packed as bf16 pairs
  int rounds;        // packed as float32 that hold bf16 values
  int left, copied;  // how the left side lies, and whether it is copied to lie so
  int panels;        // few rows: every thread takes all of a, and each panel of b is packed right before it is used
  int pastC, pastPreact;  // written past the cache
  int64_t kc;        // depth of a block in k, even for bf16
  int64_t nc;        // columns of b packed at a time, a multiple of NR
  int64_t rowBlocks, colParts, parts;
  int64_t lda;       // of the left side's rows or columns
  int64_t bFloats;   // packed b
  int64_t aFloats;   // copied a, for each part
};

// c is written past the cache where it is larger than that (in floats); what only the backward pass reads, from less.
constexpr int64_t PAST_C = 1 << 22, PAST_PREACT = 1 << 19;

static Plan plan(const GemmArgs& g, int threads) {
  Plan p = {};
  p.few = few_rows(g);
  if (p.few) {
    p.bFloats = few_floats(g);
    return p;
  }
  p.bf16 = g.precision == PRECISION_BF16 && SHOSHIN_BF16_DOT;
  p.rounds = g.precision == PRECISION_BF16 && !p.bf16;
  const bool small = 2.0 * (double)g.m * (double)g.n * (double)g.k < 1.0e6;
  if (small) threads = 1;
  // Of few rows, all of a block of k fit beside two panels of b. The blocks of k decide the sums: the shape alone decides them.
  const int64_t fits = LEFT / (g.m > 0 ? g.m : 1);
  const bool few = fits >= smaller(g.k, KC / 4);
  p.panels = few && g.n >= 2 * NR * threads;
  const int64_t depth = (few ? smaller(KC, fits) : KC) * (p.bf16 ? 2 : 1);
  // Blocks of equal depth: 1536 is twice 768, not 1024 and 512.
  const int64_t blocks = g.k > 0 ? ceil_div(g.k, depth) : 1;
  p.kc = ceil_div(g.k, blocks);
  if (p.bf16 && p.kc % 2) p.kc++;
  const int64_t words = p.bf16 ? ceil_div(p.kc, 2) : p.kc;
  // Rows a multiple of 4 KB apart fall on one another in the cache.
  p.left = !SHOSHIN_UNPACKED ? LEFT_TILES : g.transA ? LEFT_COLUMNS : LEFT_ROWS;
  p.copied = p.left != LEFT_ROWS || p.bf16 || p.rounds || g.lda % 1024 == 0;
  p.lda = g.lda;
  const int64_t width = ceil_div(g.n > 0 ? g.n : 1, NR) * NR;
  p.nc = ceil_div(ceil_div(width, ceil_div(width, NC)), NR) * NR;
  p.rowBlocks = ceil_div(g.m, MC);
  p.colParts = 1;
  if (threads > 1) {
    // Rows while every thread gets two tiles, else columns.
    if (g.m >= threads * 2 * MR || g.n < threads * NR) p.rowBlocks = smaller(ceil_div(p.rowBlocks, threads) * threads, ceil_div(g.m, 4));
    else p.colParts = smaller(threads, ceil_div(g.n, NR));
  }
  p.parts = smaller(threads, p.rowBlocks * p.colParts);
  const bool whole = (g.ldc * 4) % 64 == 0 && (g.strideC * 4) % 64 == 0;
  const int64_t size = g.m * g.n;
  p.pastC = STREAMS && whole && blocks == 1 && !g.accumulate && size >= PAST_C && (uintptr_t)g.c % 64 == 0;
  p.pastPreact = STREAMS && whole && size >= PAST_PREACT && (uintptr_t)g.preact % 64 == 0;
  if (p.panels) {
    p.rowBlocks = p.colParts = 1;
    p.parts = smaller(threads, ceil_div(g.n, NR));
    p.nc = width;
    p.bFloats = words * NR * p.parts;
  } else {
    p.bFloats = words * p.nc;
  }
  // Copies in rows or columns of whole lines, but no multiple of 1 KB apart.
  const int64_t rows = p.panels ? g.m : ceil_div(g.m, p.rowBlocks > 0 ? p.rowBlocks : 1);
  if (p.copied && p.left != LEFT_TILES) {
    p.lda = ceil_div(p.left == LEFT_ROWS ? words : rows, 16) * 16;
    if (p.lda % 256 == 0) p.lda += 16;
  }
  p.aFloats = !p.copied ? 0 : ceil_div(p.left == LEFT_TILES ? words * rows + W : p.lda * (p.left == LEFT_ROWS ? rows : words), 16) * 16;
  return p;
}

struct GemmJob {
  const GemmArgs* g;
  Plan p;
  const float *a, *b;
  float *c, *preact;
  float *packedA, *packedB;
  int64_t jc, nc, pc, kc, words;
  int64_t perPanel;  // floats from a panel of b to the next
  int64_t packParts;
  int64_t next;  // the first item that no thread has taken
};
// Whoever is free takes the next item; a thread's first is the one of its number.
SH_INLINE int64_t take(GemmJob& j) { return __atomic_fetch_add(&j.next, 1, __ATOMIC_RELAXED); }

// A rectangle of lines in memory, handed out in runs.
struct Rectangle {
  const char* from;
  int64_t inner, outer, innerStep, outerStep, run, i, o, size;
};
SH_INLINE Rectangle rectangle(const float* from, int64_t inner, int64_t innerStep, int64_t outer, int64_t outerStep, int64_t calls) {
  Rectangle r = {(const char*)from, inner, outer, innerStep, outerStep, 0, 0, 0, 128};
  const int64_t run = ceil_div(inner * outer, calls > 0 ? calls : 1);
  r.run = run > 0 ? ceil_div(inner, ceil_div(inner, run)) : 0;
  return r;
}
// Row pieces of `floats` floats, or where they are shorter than apart columns of lines.
SH_INLINE Rectangle lines_of(const float* from, int64_t rows, int64_t floats, int64_t ld, int64_t calls, bool down) {
  const int64_t lines = ceil_div(floats, 16);
  return down ? rectangle(from, rows, ld * 4, lines, 64, calls) : rectangle(from, lines, 64, rows, ld * 4, calls);
}
// A packed panel of b, whole: of few tiles each brings more of it at every step.
SH_INLINE Rectangle panel_ahead(const float* panel, int64_t words, int64_t tiles) {
  const int64_t lines = ceil_div(words * NR, 16), steps = tiles * (words / AHEAD_STEPS);
  const int64_t size = ceil_div(lines, steps > 0 ? steps : 1);
  Rectangle r = rectangle(panel, ceil_div(lines, size), 64 * size, 1, 0, tiles);
  r.size = 64 * size;
  return r;
}
SH_INLINE Lines run_of(Rectangle& r) {
  if (r.o >= r.outer) return {nullptr, 0, 0, 64};
  const Lines l = {r.from + r.o * r.outerStep + r.i * r.innerStep, r.innerStep, smaller(r.run, r.inner - r.i), r.size};
  r.i += l.count;
  if (r.i >= r.inner) {
    r.i = 0;
    r.o++;
  }
  return l;
}

SH_INLINE void pack_panel(const GemmJob& j, float* to, int64_t col, int cols) {
  const GemmArgs& g = *j.g;
  if (j.p.bf16) pack_b_bf16(to, g, j.b, j.pc, j.kc, col, cols);
  else pack_b_f32(to, g, j.b, j.pc, j.kc, col, cols);
  if (j.p.rounds) round_packed(to, j.words * NR);
}
static void pack_b_part(void* context, int64_t part) {
  const GemmJob& j = *(const GemmJob*)context;
  const int64_t panels = ceil_div(j.nc, NR);
  for (int64_t q = cut(panels, j.packParts, part); q < cut(panels, j.packParts, part + 1); q++) {
    const int64_t col = j.jc + q * NR;
    pack_panel(j, j.packedB + q * j.perPanel, col, (int)smaller(NR, j.jc + j.nc - col));
  }
}

// Rows [i0, i1) of op(a) in this block of k, ready for the kernel: where they begin.
static const float* ready_left(const GemmJob& j, float* to, int64_t i0, int64_t i1, int64_t tiles) {
  const GemmArgs& g = *j.g;
  if (!j.p.copied) return j.a + i0 * g.lda + j.pc;
  if (j.p.left == LEFT_ROWS) {
    for (int64_t r = i0; r < i1; r++) {
      float* row = to + (r - i0) * j.p.lda;
      const float* from = j.a + r * g.lda + j.pc;
      if (j.p.bf16) copy_row_bf16(row, from, j.kc);
      else copy_row_f32(row, from, j.kc);
      if (j.p.rounds) round_packed(row, j.words);
    }
    return to;
  }
  if (j.p.left == LEFT_COLUMNS) {
    const float* from = j.a + j.pc * g.lda + i0;
    if (j.p.bf16) copy_columns_bf16(to, j.p.lda, from, g.lda, i1 - i0, j.kc);
    else copy_columns_f32(to, j.p.lda, from, g.lda, i1 - i0, j.kc);
    if (j.p.rounds) for (int64_t p = 0; p < j.words; p++) round_packed(to + p * j.p.lda, i1 - i0);
    return to;
  }
  float* at = to;
  for (int64_t t = 0; t < tiles; t++) {
    const int64_t r0 = i0 + cut(i1 - i0, tiles, t), rows = i0 + cut(i1 - i0, tiles, t + 1) - r0;
    if (j.p.bf16) pack_a_bf16(at, g, j.a, r0, (int)rows, j.pc, j.kc);
    else pack_a_f32(at, g, j.a, r0, (int)rows, j.pc, j.kc);
    if (j.p.rounds) round_packed(at, j.words * rows);
    at += j.words * rows;
  }
  return to;
}

// Panel · tiles of rows [i0, i1): `left` and `right` are brought nearer meanwhile.
SH_INLINE void run_tiles(const GemmJob& j, const float* a, const float* panel, int64_t i0, int64_t i1, int64_t tiles, int64_t col,
                         int cols, Rectangle& left, Rectangle& right) {
  const GemmArgs& g = *j.g;
  const bool first = j.pc == 0, last = j.pc + j.kc >= g.k;
  const bool finishes = last && (g.activation != ACT_NONE || j.preact || j.p.pastC), apart = finishes && first && !g.accumulate;
  const int wide = cols > W;
  const Tile* table = TILES_F32[wide];
#if SHOSHIN_UNPACKED
  table = j.p.left == LEFT_ROWS ? ROWS_F32[wide] : COLUMNS_F32[wide];
#endif
#if SHOSHIN_BF16_DOT
  if (j.p.bf16) table = j.p.left == LEFT_ROWS ? ROWS_BF16[wide] : COLUMNS_BF16[wide];
#endif
  const int64_t perRow = j.p.left == LEFT_TILES ? j.words : j.p.left == LEFT_ROWS ? j.p.lda : 1;
  alignas(64) float sums[MR * NR];
  Store s;
  s.bias = last && g.bias ? g.bias + col : nullptr;
  s.add = !first || g.accumulate;
  for (int64_t t = 0; t < tiles; t++) {
    const int64_t r0 = cut(i1 - i0, tiles, t);
    const int rows = (int)(cut(i1 - i0, tiles, t + 1) - r0);
    const int64_t at = (i0 + r0) * g.ldc + col;
    s.c = apart ? sums : j.c + at;
    s.ldc = apart ? NR : g.ldc;
    s.soon = apart && !j.p.pastC ? j.c + at : nullptr;
    s.soonLd = g.ldc;
    s.left = run_of(left);
    s.right = run_of(right);
    table[rows - 1](a + r0 * perRow, panel, j.p.lda, j.words, s, cols);
    if (finishes) {
      const Finish f = {j.c + at, j.preact ? j.preact + at : nullptr, g.ldc, j.p.pastC, j.p.pastPreact};
      finish_tile(g.activation, f, s.c, s.ldc, rows, cols);
    }
  }
}

// Items: blocks of rows times parts of the columns.
static void multiply_part(void* context, int64_t part) {
  GemmJob& j = *(GemmJob*)context;
  const GemmArgs& g = *j.g;
  const int64_t panels = ceil_div(j.nc, NR), items = j.p.rowBlocks * j.p.colParts;
  float* packedA = j.packedA + part * j.p.aFloats;
  for (int64_t item = part, next; item < items; item = next) {
    next = take(j);
    const int64_t block = item % j.p.rowBlocks, colPart = item / j.p.rowBlocks;
    const int64_t i0 = cut(g.m, j.p.rowBlocks, block), i1 = cut(g.m, j.p.rowBlocks, block + 1), tiles = ceil_div(i1 - i0, MR);
    const int64_t q0 = cut(panels, j.p.colParts, colPart), q1 = cut(panels, j.p.colParts, colPart + 1);
    // The rows that this thread takes next, in the next block of k after the last.
    const bool here = next < items;
    const int64_t then = (here ? next : part) % j.p.rowBlocks, k0 = here ? j.pc : j.pc + j.kc;
    const int64_t n0 = cut(g.m, j.p.rowBlocks, then), rows = cut(g.m, j.p.rowBlocks, then + 1) - n0, kc = smaller(j.kc, g.k - k0);
    Rectangle left = kc <= 0     ? rectangle(nullptr, 0, 0, 0, 0, 1)
                     : g.transA  ? lines_of(j.a + k0 * g.lda + n0, kc, rows, g.lda, tiles * (q1 - q0), true)
                                 : lines_of(j.a + n0 * g.lda + k0, rows, kc, g.lda, tiles * (q1 - q0), false);
    const float* a = ready_left(j, packedA, i0, i1, tiles);
    for (int64_t q = q0; q < q1; q++) {
      const int64_t col = j.jc + q * NR;
      Rectangle right = panel_ahead(j.packedB + (q + 1 < q1 ? q + 1 : q0) * j.perPanel, j.words, tiles);
      run_tiles(j, a, j.packedB + q * j.perPanel, i0, i1, tiles, col, (int)smaller(NR, j.jc + j.nc - col), left, right);
    }
  }
  if (j.p.pastC || j.p.pastPreact) stream_fence();
}

// Panel mode: items are panels.
static void panel_part(void* context, int64_t part) {
  GemmJob& j = *(GemmJob*)context;
  const GemmArgs& g = *j.g;
  const int64_t tiles = ceil_div(g.m, MR), panels = ceil_div(g.n, NR);
  // Half of the left side was just written by other cores: asked for at once, its lines come side by side.
  if (!j.p.copied)
    for (int64_t r = 0; r < g.m; r++)
      for (int64_t p = 0; p < j.kc; p += 16) __builtin_prefetch(j.a + r * g.lda + j.pc + p, 0, 2);
  const float* a = ready_left(j, j.packedA + part * j.p.aFloats, 0, g.m, tiles);
  for (int64_t q = part, next; q < panels; q = next) {
    next = take(j);
    const int64_t col = q * NR, then = next * NR;
    float* panel = j.packedB + (g.packed ? q : part) * j.perPanel;
    if (!g.packed) pack_panel(j, panel, col, (int)smaller(NR, g.n - col));
    Rectangle left = rectangle(nullptr, 0, 0, 0, 0, 1), right = left;
    if (next < panels) {
      if (g.packed) right = panel_ahead(j.packedB + next * j.perPanel, j.words, tiles);
      else if (g.transB) right = rectangle(j.b + then * g.ldb + j.pc, ceil_div(j.kc, 32), 128, smaller(NR, g.n - then), g.ldb * 4, tiles);
      else right = rectangle(j.b + j.pc * g.ldb + then, j.kc, g.ldb * 4, 1, 0, tiles);
    }
    run_tiles(j, a, panel, 0, g.m, tiles, col, (int)smaller(NR, g.n - col), left, right);
  }
  if (j.p.pastC || j.p.pastPreact) stream_fence();
}

static int64_t packed_words(const GemmArgs& g) { return g.precision == PRECISION_BF16 && SHOSHIN_BF16_DOT ? ceil_div(g.k, 2) : g.k; }
static int64_t packed_floats(const GemmArgs& g) {
  return g.batch != 1 || g.k == 0 || few_rows(g) ? 0 : ceil_div(g.n, NR) * NR * packed_words(g);
}
static void pack(const GemmArgs& g, float* to) {
  GemmJob j = {};
  j.g = &g;
  j.p = plan(g, 1);
  j.b = g.b;
  j.packedB = to;
  j.nc = g.n;
  j.kc = g.k;
  j.words = packed_words(g);
  j.perPanel = j.words * NR;
  j.packParts = ceil_div(g.n, NR);
  parallel(j.packParts, pack_b_part, &j);
}

// k = 0: only bias and activation.
static void store_nothing(const GemmArgs& g, float* c, float* preact) {
  for (int64_t i = 0; i < g.m; i++, c += g.ldc, preact = preact ? preact + g.ldc : nullptr)
    for (int64_t col = 0; col < g.n; col += W) {
      const int cols = (int)smaller(W, g.n - col);
      const Store s = {c + col, g.ldc, g.bias ? g.bias + col : nullptr, g.accumulate};
      store_vector(s, 0, 0, vf{}, cols);
      finish_tile(g.activation, {c + col, preact ? preact + col : nullptr, g.ldc, 0, 0}, c + col, g.ldc, 1, cols);
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
  const int64_t depth = packed_words(g);
  for (j.jc = 0; j.jc < g.n; j.jc += p.nc) {
    j.nc = smaller(p.nc, g.n - j.jc);
    for (j.pc = 0; j.pc < g.k; j.pc += p.kc) {
      j.kc = smaller(p.kc, g.k - j.pc);
      j.words = p.bf16 ? ceil_div(j.kc, 2) : j.kc;
      j.next = p.parts;
      j.perPanel = (g.packed ? depth : j.words) * NR;
      // Packed before: of every panel the words of this block.
      if (g.packed) j.packedB = (float*)g.packed + j.jc / NR * j.perPanel + (p.bf16 ? j.pc / 2 : j.pc) * NR;
      if (p.panels) {
        parallel(p.parts, panel_part, &j);
        continue;
      }
      j.packParts = p.parts == 1 ? 1 : smaller(4 * p.parts, ceil_div(j.nc, NR));
      if (!g.packed) parallel(j.packParts, pack_b_part, &j);
      parallel(p.parts, multiply_part, &j);
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

static int64_t plan_floats(const Plan& p) { return ceil_div(p.bFloats + p.parts * p.aFloats, 16) * 16; }

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
