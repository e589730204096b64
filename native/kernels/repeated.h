// A multiply whose right side is the same at every step of a sequence: packed once, multiplied many times.
#pragma once

// op(b) [k, gates · n] of a multiply that every step repeats.
struct Repeated {
  GemmArgs g;  // for the packing functions
  int bf16, rounds;
  int64_t k, n, gates;
  int64_t kc;     // depth of a block, even for bf16
  int64_t words;  // of a panel's column
  float* packed;
};
SH_INLINE int64_t words_of(const Repeated& r, int64_t k) { return r.bf16 ? ceil_div(k, 2) : k; }

// transB: b is stored [gates · n, k], else [k, n] with one gate.
static Repeated repeated(int precision, int64_t k, int64_t n, int64_t gates, const float* b, int transB, int64_t lda) {
  Repeated r;
  r.g = GemmArgs{};
  r.g.b = b;
  r.g.transB = transB;
  r.g.ldb = transB ? k : n;
  r.g.lda = lda;
  r.bf16 = precision == PRECISION_BF16 && SHOSHIN_BF16_DOT;
  r.rounds = precision == PRECISION_BF16 && !r.bf16;
  r.k = k;
  r.n = n;
  r.gates = gates;
  const int64_t depth = r.bf16 ? 512 : 256;
  r.kc = ceil_div(k, k > 0 ? ceil_div(k, depth) : 1);
  if (r.bf16 && r.kc % 2) r.kc++;
  r.words = words_of(r, k);
  r.packed = nullptr;
  return r;
}
static int64_t repeated_panels(const Repeated& r) { return ceil_div(r.n, NR) * r.gates; }
static int64_t repeated_floats(const Repeated& r) { return repeated_panels(r) * r.words * NR; }

static void pack_repeated_part(void* context, int64_t part) {
  const Repeated& r = *(const Repeated*)context;
  const int64_t col = part / r.gates * NR, gate = part % r.gates;
  const int cols = (int)smaller(NR, r.n - col);
  const float* b = r.g.b + gate * r.n * r.g.ldb;
  float* to = r.packed + part * r.words * NR;
  for (int64_t pc = 0; pc < r.k; pc += r.kc) {
    const int64_t kc = smaller(r.kc, r.k - pc), words = words_of(r, kc);
    if (r.bf16) pack_b_bf16(to, r.g, b, pc, kc, col, cols);
    else pack_b_f32(to, r.g, b, pc, kc, col, cols);
    if (r.rounds) round_packed(to, words * NR);
    to += words * NR;
  }
}

// Row tiles of a multiply's left side, each packed over all of k.
SH_INLINE int64_t repeated_left(const Repeated& r, int64_t rows) { return r.words * rows + W; }
// Packs columns [k0, k1) of a; k0 even for bf16.
static void pack_left(const Repeated& r, const float* a, int64_t rows, int64_t k0, int64_t k1, float* packed) {
  const int64_t tiles = ceil_div(rows, MR);
  for (int64_t i = 0; i < tiles; i++) {
    const int64_t r0 = cut(rows, tiles, i), count = cut(rows, tiles, i + 1) - r0;
    float* to = packed + r.words * r0 + words_of(r, k0) * count;
    if (r.bf16) pack_a_bf16(to, r.g, a, r0, (int)count, k0, k1 - k0);
    else pack_a_f32(to, r.g, a, r0, (int)count, k0, k1 - k0);
    if (r.rounds) round_packed(to, words_of(r, k1 - k0) * count);
  }
}

// Where one gate's sums go.
struct Target {
  float* c;
  int64_t ldc;
  const float* bias;
  int add;
};

// What the next step will read or write, fetched piece by piece while this one multiplies.
struct NextStep {
  struct {
    const char* at;
    int64_t row, stride;  // in bytes
  } x[8];
  int count;
  int64_t rows;
};
SH_INLINE void also(NextStep& a, const float* at, int64_t row, int64_t stride) {
  if (at) a.x[a.count++] = {(const char*)at, row * 4, stride * 4};
}
SH_INLINE void fetch(const NextStep& a, int64_t part, int64_t parts) {
  for (int i = 0; i < a.count; i++) {
    const int64_t lines = ceil_div(a.x[i].row, 64), end = cut(a.rows * lines, parts, part + 1);
    for (int64_t n = cut(a.rows * lines, parts, part); n < end; n++)
      __builtin_prefetch(a.x[i].at + n / lines * a.x[i].stride + n % lines * 64, 0, 2);
  }
}

// targets[gate] (+)= left · op(b) in the blocks of units [q0, q1); finish(first unit, units) after the last gate of each.
template <class Finish>
SH_INLINE void repeat(const Repeated& r, const float* left, int64_t rows, int64_t q0, int64_t q1, const Target* targets,
                      const NextStep& ahead, Finish finish) {
  const int64_t tiles = ceil_div(rows, MR), pieces = (q1 - q0) * ceil_div(r.k, r.kc) * r.gates;
  int64_t piece = 0;
  for (int64_t q = q0; q < q1; q++) {
    const int64_t col = q * NR;
    const int cols = (int)smaller(NR, r.n - col), wide = cols > W;
    for (int64_t pc = 0; pc < r.k; pc += r.kc) {
      const int64_t kc = smaller(r.kc, r.k - pc), words = words_of(r, kc), skip = words_of(r, pc);
      for (int64_t gate = 0; gate < r.gates; gate++) {
        const float* panel = r.packed + ((q * r.gates + gate) * r.words + skip) * NR;
        const Target& t = targets[gate];
        fetch(ahead, piece, pieces);
        piece++;
        for (int64_t i = 0; i < tiles; i++) {
          const int64_t r0 = cut(rows, tiles, i);
          const int count = (int)(cut(rows, tiles, i + 1) - r0);
          const float* at = left + r.words * r0 + skip * count;
          // Sums of long ago: fetched while the tile is computed.
          for (int row = 0; row < count; row++) {
            __builtin_prefetch(t.c + (r0 + row) * t.ldc + col);
            if (wide) __builtin_prefetch(t.c + (r0 + row) * t.ldc + col + W);
          }
          const Store s = {t.c + r0 * t.ldc + col, t.ldc, pc == 0 && t.bias ? t.bias + col : nullptr, pc > 0 || t.add};
#if SHOSHIN_BF16_DOT
          if (r.bf16) TILES_BF16[wide][count - 1](at, panel, NR, words, s, cols);
          else
#endif
            TILES_F32[wide][count - 1](at, panel, NR, words, s, cols);
        }
      }
    }
    finish(col, cols);
  }
}
