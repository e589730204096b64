// Recurrent layers over whole sequences. The input multiply of all steps is one gemm. The recurrent weights are packed once,
// with the gates of a unit in neighbouring panels, so that each block of units is finished while it is in the cache. Every
// thread takes rows of the batch through all steps: no step waits for another thread, and an element's sum is one chain over k.
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
  const int64_t depth = r.bf16 ? 2 * KC : KC;
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

// Where one gate's sums go.
struct Target {
  float* c;
  int64_t ldc;
  const float* bias;
  int add;
};

// targets[gate] (+)= a · op(b) for `rows` rows; finish(first unit, units) after the last gate of each block of units.
template <class Finish>
SH_INLINE void repeat(const Repeated& r, const float* a, int64_t rows, float* packedA, const Target* targets, Finish finish) {
  const int64_t tiles = ceil_div(rows, MR), panels = ceil_div(r.n, NR);
  for (int64_t pc = 0; pc < r.k; pc += r.kc) {
    const int64_t kc = smaller(r.kc, r.k - pc), words = words_of(r, kc);
    for (int64_t i = 0; i < tiles; i++) {
      const int64_t r0 = cut(rows, tiles, i), count = cut(rows, tiles, i + 1) - r0;
      if (r.bf16) pack_a_bf16(packedA + words * r0, r.g, a, r0, (int)count, pc, kc);
      else pack_a_f32(packedA + words * r0, r.g, a, r0, (int)count, pc, kc);
      if (r.rounds) round_packed(packedA + words * r0, words * count);
    }
    for (int64_t q = 0; q < panels; q++) {
      const int64_t col = q * NR;
      const int cols = (int)smaller(NR, r.n - col), wide = cols > W;
      for (int64_t gate = 0; gate < r.gates; gate++) {
        const float* panel = r.packed + ((q * r.gates + gate) * r.words + words_of(r, pc)) * NR;
        const Target& t = targets[gate];
        for (int64_t i = 0; i < tiles; i++) {
          const int64_t r0 = cut(rows, tiles, i);
          const int count = (int)(cut(rows, tiles, i + 1) - r0);
          const Store s = {t.c + r0 * t.ldc + col, t.ldc, pc == 0 && t.bias ? t.bias + col : nullptr, pc > 0 || t.add};
#if SHOSHIN_BF16_DOT
          if (r.bf16) TILES_BF16[wide][count - 1](packedA + words * r0, panel, NR, words, s, cols);
          else
#endif
            TILES_F32[wide][count - 1](packedA + words * r0, panel, NR, words, s, cols);
        }
      }
      if (pc + kc >= r.k) finish(col, cols);
    }
  }
}

struct RecurrentJob {
  const RecurrentArgs* a;
  const RecurrentGradients* d;
  Repeated w;
  int64_t parts, aFloats;
  float *packedA, *dh, *dc;
};
// A step in the order of computation: its time, and the slots of states that it reads and writes.
struct Step {
  int64_t t, from, to;
};
SH_INLINE Step recurrent_step(const RecurrentArgs& a, int64_t i) {
  const int64_t t = a.reverse ? a.steps - 1 - i : i;
  return {t, a.reverse ? t + 1 : t, a.reverse ? t : t + 1};
}
SH_INLINE int lives(const RecurrentArgs& a, int64_t t, int64_t b) { return !a.lengths || t < a.lengths[b]; }
SH_INLINE vf get(const float* p, int n) { return n == W ? load(p) : load_part(p, n); }
SH_INLINE void put(float* p, vf v, int n) {
  if (n == W) store(p, v);
  else store_part(p, v, n);
}
// f(first, W) for whole vectors, then f(first, rest).
template <class F>
SH_INLINE void in_vectors(int64_t n, F f) {
  int64_t q = 0;
  for (; q + W <= n; q += W) f(q, W);
  if (q < n) f(q, (int)(n - q));
}
SH_INLINE void copy_row(float* to, const float* from, int64_t n) {
  if (from) __builtin_memcpy(to, from, (size_t)n * 4);
  else __builtin_memset(to, 0, (size_t)n * 4);
}

// Activations and new states of units [u0, u0 + units) of rows [r0, r1), whose sums are complete.
template <int CELL>
static void finish_units(const RecurrentArgs& a, const Step& s, int64_t r0, int64_t r1, int64_t u0, int64_t units) {
  const int64_t H = a.hidden, size = a.batch * H;
  const vf one = splat(1.0f);
  for (int64_t b = r0; b < r1; b++) {
    const float* old = a.states + s.from * size + b * H + u0;
    float* now = a.states + s.to * size + b * H + u0;
    float* out = a.out ? a.out + s.t * size + b * H + u0 : nullptr;
    const float* oldC = CELL == LSTM ? a.cells + s.from * size + b * H + u0 : nullptr;
    float* nowC = CELL == LSTM ? a.cells + s.to * size + b * H + u0 : nullptr;
    float* g = CELL == LSTM || CELL == GRU ? a.gates + (s.t * a.batch + b) * 4 * H + u0 : nullptr;
    if (!lives(a, s.t, b)) {
      copy_row(now, old, units);
      if (CELL == LSTM) copy_row(nowC, oldC, units);
      if (out) copy_row(out, nullptr, units);
      continue;
    }
    in_vectors(units, [&](int64_t q, int n) __attribute__((always_inline)) {
      vf h;
      if (CELL == LSTM) {
        const vf i = vsigmoid(get(g + q, n)), f = vsigmoid(get(g + H + q, n));
        const vf c = vtanh(get(g + 2 * H + q, n)), o = vsigmoid(get(g + 3 * H + q, n));
        const vf next = f * get(oldC + q, n) + i * c;
        h = o * vtanh(next);
        put(g + q, i, n);
        put(g + H + q, f, n);
        put(g + 2 * H + q, c, n);
        put(g + 3 * H + q, o, n);
        put(nowC + q, next, n);
      } else if (CELL == GRU) {
        const vf r = vsigmoid(get(g + q, n)), z = vsigmoid(get(g + H + q, n));
        const vf c = vtanh(get(g + 2 * H + q, n) + r * get(g + 3 * H + q, n));
        h = (one - z) * c + z * get(old + q, n);
        put(g + q, r, n);
        put(g + H + q, z, n);
        put(g + 2 * H + q, c, n);
      } else {
        const vf x = get(now + q, n);
        h = CELL == RNN_TANH ? vtanh(x) : vrelu(x);
      }
      put(now + q, h, n);
      if (out) put(out + q, h, n);
    });
  }
}

template <int CELL>
static void recurrent_part(void* context, int64_t part) {
  const RecurrentJob& j = *(const RecurrentJob*)context;
  const RecurrentArgs& a = *j.a;
  const int64_t H = a.hidden, size = a.batch * H, first = a.reverse ? a.steps : 0, last = a.steps - first;
  const int64_t r0 = cut(a.batch, j.parts, part), r1 = cut(a.batch, j.parts, part + 1);
  const int64_t begin = r0 * H, span = (r1 - r0) * H;
  copy_row(a.states + first * size + begin, a.h0 ? a.h0 + begin : nullptr, span);
  if (CELL == LSTM) copy_row(a.cells + first * size + begin, a.c0 ? a.c0 + begin : nullptr, span);
  for (int64_t i = 0; i < a.steps; i++) {
    const Step s = recurrent_step(a, i);
    Target targets[4];
    if (CELL == LSTM || CELL == GRU) {
      float* g = a.gates + (s.t * a.batch + r0) * 4 * H;
      for (int64_t k = 0; k < 4; k++) targets[k] = {g + k * H, 4 * H, nullptr, 1};
      // The recurrent part of n stays apart from the input part.
      if (CELL == GRU) targets[2] = {g + 3 * H, 4 * H, a.bhh ? a.bhh + 2 * H : nullptr, 0};
    } else {
      targets[0] = {a.states + s.to * size + begin, H, nullptr, 1};
    }
    int any = 0;
    for (int64_t b = r0; b < r1; b++) any |= lives(a, s.t, b);
    if (!any) {
      finish_units<CELL>(a, s, r0, r1, 0, H);
      continue;
    }
    repeat(j.w, a.states + s.from * size + begin, r1 - r0, j.packedA + part * j.aFloats, targets,
           [&](int64_t u0, int64_t units) { finish_units<CELL>(a, s, r0, r1, u0, units); });
  }
  copy_row(a.hn + begin, a.states + last * size + begin, span);
  if (CELL == LSTM) copy_row(a.cn + begin, a.cells + last * size + begin, span);
}

// Gradients of one row's gates into w; dh becomes the part of ∂h[t-1] that does not pass through the weights.
template <int CELL>
static void gate_gradients(const RecurrentArgs& a, const Step& s, int64_t b, const float* dout, float* dh, float* dc, float* w) {
  const int64_t H = a.hidden, size = a.batch * H;
  const float *old = a.states + s.from * size + b * H, *now = a.states + s.to * size + b * H;
  const float* oldC = CELL == LSTM ? a.cells + s.from * size + b * H : nullptr;
  const float* nowC = CELL == LSTM ? a.cells + s.to * size + b * H : nullptr;
  const float* g = CELL == LSTM || CELL == GRU ? a.gates + (s.t * a.batch + b) * 4 * H : nullptr;
  const vf one = splat(1.0f), zero = {};
  in_vectors(H, [&](int64_t q, int n) __attribute__((always_inline)) {
    vf d = get(dh + q, n);
    if (dout) d += get(dout + q, n);
    if (CELL == LSTM) {
      const vf i = get(g + q, n), f = get(g + H + q, n), c = get(g + 2 * H + q, n), o = get(g + 3 * H + q, n);
      const vf t = vtanh(get(nowC + q, n));
      const vf e = get(dc + q, n) + d * o * (one - t * t);
      put(w + q, e * c * i * (one - i), n);
      put(w + H + q, e * get(oldC + q, n) * f * (one - f), n);
      put(w + 2 * H + q, e * i * (one - c * c), n);
      put(w + 3 * H + q, d * t * o * (one - o), n);
      put(dc + q, e * f, n);
      put(dh + q, zero, n);
    } else if (CELL == GRU) {
      const vf r = get(g + q, n), z = get(g + H + q, n), c = get(g + 2 * H + q, n), u = get(g + 3 * H + q, n);
      const vf dn = d * (one - z) * (one - c * c);
      const vf dr = dn * u * r * (one - r), dz = d * (get(old + q, n) - c) * z * (one - z);
      put(w + q, dr, n);
      put(w + H + q, dz, n);
      put(w + 2 * H + q, dn, n);
      put(w + 3 * H + q, dr, n);
      put(w + 4 * H + q, dz, n);
      put(w + 5 * H + q, dn * r, n);
      put(dh + q, d * z, n);
    } else {
      const vf h = get(now + q, n);
      put(w + q, CELL == RNN_TANH ? d * (one - h * h) : select(h > zero, d, zero), n);
      put(dh + q, zero, n);
    }
  });
}

template <int CELL>
static void recurrent_backward_part(void* context, int64_t part) {
  const RecurrentJob& j = *(const RecurrentJob*)context;
  const RecurrentArgs& a = *j.a;
  const RecurrentGradients& d = *j.d;
  const int64_t H = a.hidden, size = a.batch * H, width = cell_work(CELL) * H;
  const int64_t r0 = cut(a.batch, j.parts, part), r1 = cut(a.batch, j.parts, part + 1);
  const int64_t begin = r0 * H, span = (r1 - r0) * H;
  copy_row(j.dh + begin, d.dhn ? d.dhn + begin : nullptr, span);
  copy_row(j.dc + begin, d.dcn ? d.dcn + begin : nullptr, span);
  for (int64_t i = a.steps - 1; i >= 0; i--) {
    const Step s = recurrent_step(a, i);
    int any = 0;
    for (int64_t b = r0; b < r1; b++) {
      const int64_t row = s.t * a.batch + b;
      float* w = d.work + row * width;
      const int live = lives(a, s.t, b);
      // A copy of x for ∂W: padding has no influence even where it is no number.
      if (a.lengths && d.wih.to)
        copy_row(d.work + a.steps * a.batch * width + row * a.input, live ? a.x + row * a.input : nullptr, a.input);
      if (!live) {
        copy_row(w, nullptr, width);
        continue;
      }
      any = 1;
      gate_gradients<CELL>(a, s, b, d.dout ? d.dout + s.t * size + b * H : nullptr, j.dh + b * H, j.dc + b * H, w);
    }
    if (!any || (i == 0 && !d.h0.to)) continue;
    const Target target = {j.dh + begin, H, nullptr, 1};
    repeat(j.w, d.work + (s.t * a.batch + r0) * width + (CELL == GRU ? 3 * H : 0), r1 - r0, j.packedA + part * j.aFloats,
           &target, [](int64_t, int64_t) {});
  }
}

static GemmArgs recurrent_gemm(const RecurrentArgs& a, int64_t m, int64_t n, int64_t k, const float* x, int64_t lda, int transA,
                               const float* y, int64_t ldb, int transB, float* c, int64_t ldc, int add) {
  GemmArgs g{};
  g.batch = 1;
  g.m = m;
  g.n = n;
  g.k = k;
  g.a = x;
  g.lda = lda;
  g.transA = transA;
  g.b = y;
  g.ldb = ldb;
  g.transB = transB;
  g.c = c;
  g.ldc = ldc;
  g.accumulate = add;
  g.precision = a.precision;
  return g;
}

// The gemms around the recurrence, and where each part of the workspace begins (in floats).
struct RecurrentPlan {
  Repeated w;
  GemmArgs input, dx, dwih, dwhh;
  int64_t parts, aFloats;
  int64_t packed, packedA, dh, dc, sums, gemm, total;
};
static RecurrentPlan recurrent_plan(const RecurrentArgs& a, const RecurrentGradients* d) {
  RecurrentPlan p;
  const int64_t H = a.hidden, G = cell_gates(a.cell) * H, S = cell_saved(a.cell) * H, V = cell_work(a.cell) * H, I = a.input;
  const int64_t rows = a.steps * a.batch, size = a.batch * H;
  // How the rows are split decides who computes an element, never how.
  const double work = 2.0 * (double)rows * (double)H * (double)G;
  p.parts = a.batch < 1 || work < 1.0e6 ? 1 : smaller(thread_count(), a.batch);
  int64_t gemms = 0;
  const auto also = [&](const GemmArgs& g) {
    const int64_t bytes = gemm_workspace(g);
    if (bytes > gemms) gemms = bytes;
  };
  if (!d) {
    p.w = repeated(a.precision, H, H, cell_gates(a.cell), a.whh, 1, H);
    float* to = S > 0 ? a.gates : a.states + (a.reverse ? 0 : size);
    p.input = recurrent_gemm(a, rows, G, I, a.x, I, 0, a.wih, I, 1, to, S > 0 ? S : H, 0);
    also(p.input);
  } else {
    p.w = repeated(a.precision, G, H, 1, a.whh, 0, V);
    const float *da = d->work, *du = d->work + V - G;
    const float* x = a.lengths ? d->work + rows * V : a.x;
    p.dx = recurrent_gemm(a, rows, I, G, da, V, 0, a.wih, I, 0, d->x.to, I, d->x.add);
    p.dwih = recurrent_gemm(a, G, I, rows, da, V, 1, x, I, 0, d->wih.to, I, d->wih.add);
    p.dwhh = recurrent_gemm(a, G, H, rows, du, V, 1, a.states + (a.reverse ? size : 0), H, 0, d->whh.to, H, d->whh.add);
    also(p.dx);
    also(p.dwih);
    also(p.dwhh);
  }
  p.aFloats = words_of(p.w, p.w.kc) * ceil_div(a.batch, p.parts) + W;
  const auto place = [&](int64_t floats) {
    const int64_t at = p.total;
    p.total += ceil_div(floats, 16) * 16;
    return at;
  };
  p.total = 16;  // for the alignment
  p.packed = place(repeated_floats(p.w));
  p.packedA = place(p.parts * p.aFloats);
  p.dh = place(d ? size : 0);
  p.dc = place(d ? size : 0);
  p.sums = place(d ? V : G);
  p.gemm = place(ceil_div(gemms, 4));
  return p;
}
static int64_t recurrent_workspace(const RecurrentArgs& a, const RecurrentGradients* d) { return recurrent_plan(a, d).total * 4; }

static RecurrentJob recurrent_job(const RecurrentArgs& a, const RecurrentGradients* d, RecurrentPlan& p, float* space) {
  p.w.packed = space + p.packed;
  parallel(repeated_panels(p.w), pack_repeated_part, &p.w);
  return {&a, d, p.w, p.parts, p.aFloats, space + p.packedA, space + p.dh, space + p.dc};
}

static void recurrent(const RecurrentArgs& a, void* workspace) {
  const int64_t H = a.hidden, G = cell_gates(a.cell) * H;
  if (a.batch <= 0 || H <= 0) return;
  float* space = (float*)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
  RecurrentPlan p = recurrent_plan(a, nullptr);
  // Both biases at once, but for the recurrent one of the GRU's n.
  float* bias = space + p.sums;
  for (int64_t i = 0; i < G; i++)
    bias[i] = (a.bih ? a.bih[i] : 0.0f) + (a.bhh && !(a.cell == GRU && i >= 2 * H) ? a.bhh[i] : 0.0f);
  p.input.bias = bias;
  gemm(p.input, space + p.gemm);
  RecurrentJob j = recurrent_job(a, nullptr, p, space);
  static void (*const parts[])(void*, int64_t) = {recurrent_part<RNN_TANH>, recurrent_part<RNN_RELU>, recurrent_part<LSTM>,
                                                  recurrent_part<GRU>};
  parallel(p.parts, parts[a.cell], &j);
}

static void give(const Gradient& g, const float* values, int64_t n) {
  if (g.to) for (int64_t i = 0; i < n; i++) g.to[i] = (g.add ? g.to[i] : 0.0f) + values[i];
}

static void recurrent_backward(const RecurrentArgs& a, const RecurrentGradients& d, void* workspace) {
  const int64_t H = a.hidden, G = cell_gates(a.cell) * H, V = cell_work(a.cell) * H, I = a.input;
  const int64_t rows = a.steps * a.batch, size = a.batch * H;
  float* space = (float*)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
  RecurrentPlan p = recurrent_plan(a, &d);
  if (size > 0) {
    RecurrentJob j = recurrent_job(a, &d, p, space);
    static void (*const parts[])(void*, int64_t) = {recurrent_backward_part<RNN_TANH>, recurrent_backward_part<RNN_RELU>,
                                                    recurrent_backward_part<LSTM>, recurrent_backward_part<GRU>};
    parallel(p.parts, parts[a.cell], &j);
  }
  float* space2 = space + p.gemm;
  if (d.x.to) gemm(p.dx, space2);
  give(d.h0, space + p.dh, size);
  give(d.c0, space + p.dc, size);
  if (d.wih.to) gemm(p.dwih, space2);
  if (d.whh.to) gemm(p.dwhh, space2);
  if ((!d.bih.to && !d.bhh.to) || H == 0) return;
  float* sums = space + p.sums;
  if (size > 0) reduce(SUM, sums, d.work, 1, rows, V, 0);
  else copy_row(sums, nullptr, V);
  give(d.bih, sums, G);
  give(d.bhh, sums + V - G, G);
}
