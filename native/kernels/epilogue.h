// What happens to a multiply's sums on their way to memory.
#pragma once

// Lines of memory that come next: `count` of them from `from`, `step` bytes apart.
struct Lines {
  const char* from;
  int64_t step, count, size;  // size: bytes of one
};
struct Store {
  float* c;
  int64_t ldc;
  const float* bias;  // of this tile's first column, or null
  int add;            // c += instead of c =
  Lines left, right;  // brought into the cache meanwhile, or null; of left one line of each
  const float* soon;  // where rows are written right after, soonLd apart; null: c
  int64_t soonLd;
};

// One vector of `cols` ≤ W columns.
SH_INLINE void store_vector(const Store& s, int row, int col, vf v, int cols) {
  float* at = s.c + row * s.ldc + col;
  if (cols == W) {
    if (s.add) v += load(at);
    if (s.bias) v += load(s.bias + col);
    store(at, v);
    return;
  }
  if (s.add) v += load_part(at, cols);
  if (s.bias) v += load_part(s.bias + col, cols);
  store_part(at, v, cols);
}

// The first `cols` of each row of `width` sums.
static __attribute__((noinline)) void store_edge(const Store& s, const float* rows, int count, int width, int cols) {
  for (int r = 0; r < count; r++) {
    float* at = s.c + r * s.ldc;
    for (int q = 0; q < cols; q++) {
      float x = rows[r * width + q];
      if (s.add) x += at[q];
      if (s.bias) x += s.bias[q];
      at[q] = x;
    }
  }
}

template <int A>
SH_INLINE vf activate(vf x) {
  switch (A) {
    case ACT_RELU: return vrelu(x);
    case ACT_GELU: return vgelu(x);
    case ACT_GELU_TANH: return vgelu_tanh(x);
    case ACT_SILU: return vsilu(x);
    case ACT_TANH: return vtanh(x);
    case ACT_SIGMOID: return vsigmoid(x);
    default: return x;
  }
}

// Where the activations of a tile's sums and the sums themselves go. past: not through the cache (whole aligned vectors).
struct Finish {
  float *c, *preact;  // preact may be null
  int64_t ld;
  int pastC, pastPreact;
};
template <int A>
static void finish_rows(const Finish& f, const float* sums, int64_t ld, int rows, int cols) {
  for (int r = 0; r < rows; r++, sums += ld) {
    float *c = f.c + r * f.ld, *preact = f.preact ? f.preact + r * f.ld : nullptr;
    for (int q = 0; q < cols; q += W) {
      if (cols - q >= W) {
        const vf v = load(sums + q);
        if (STREAMS && preact && f.pastPreact) stream(preact + q, v);
        else if (preact) store(preact + q, v);
        if (STREAMS && f.pastC) stream(c + q, activate<A>(v));
        else store(c + q, activate<A>(v));
      } else {
        const vf v = load_part(sums + q, cols - q);
        if (preact) store_part(preact + q, v, cols - q);
        store_part(c + q, activate<A>(v), cols - q);
      }
    }
  }
}

// sums may be f.c itself.
static void finish_tile(int activation, const Finish& f, const float* sums, int64_t ld, int rows, int cols) {
  typedef void (*Rows)(const Finish&, const float*, int64_t, int, int);
  static const Rows table[] = {finish_rows<ACT_NONE>, finish_rows<ACT_RELU>, finish_rows<ACT_GELU>,
                               finish_rows<ACT_GELU_TANH>, finish_rows<ACT_SILU>, finish_rows<ACT_TANH>,
                               finish_rows<ACT_SIGMOID>};
  table[activation](f, sums, ld, rows, cols);
}
