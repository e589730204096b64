// Recurrent layers over whole sequences. The input multiply of all steps is one gemm. The recurrent weights are packed once,
// with the gates of a unit in neighbouring panels, so that each block of units is finished while it is in the cache.
// Small weights: every thread takes rows of the batch through all steps and waits for nobody. Large ones: every thread takes
// units, whose weights stay in its cache, and all meet after each step. Either way an element's sum is one chain over k.
#pragma once

struct RecurrentJob {
  const RecurrentArgs* a;
  const RecurrentGradients* d;
  Repeated w;
  int64_t parts, leftFloats;
  float *left, *dh, *dc;
  int64_t i;  // by units: the step
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

SH_INLINE int any_lives(const RecurrentArgs& a, int64_t t, int64_t r0, int64_t r1) {
  for (int64_t b = r0; b < r1; b++) if (lives(a, t, b)) return 1;
  return 0;
}

// Step i for rows [r0, r1) and the blocks of units [q0, q1).
template <int CELL>
static void recurrent_units(const RecurrentJob& j, int64_t i, int64_t r0, int64_t r1, int64_t q0, int64_t q1, const float* left) {
  const RecurrentArgs& a = *j.a;
  const int64_t H = a.hidden, size = a.batch * H;
  const Step s = recurrent_step(a, i);
  if (!any_lives(a, s.t, r0, r1)) return finish_units<CELL>(a, s, r0, r1, q0 * NR, smaller(H, q1 * NR) - q0 * NR);
  Target targets[4];
  if (CELL == LSTM || CELL == GRU) {
    float* g = a.gates + (s.t * a.batch + r0) * 4 * H;
    for (int64_t k = 0; k < 4; k++) targets[k] = {g + k * H, 4 * H, nullptr, 1};
    // The recurrent part of n stays apart from the input part.
    if (CELL == GRU) targets[2] = {g + 3 * H, 4 * H, a.bhh ? a.bhh + 2 * H : nullptr, 0};
  } else {
    targets[0] = {a.states + s.to * size + r0 * H, H, nullptr, 1};
  }
  NextStep ahead = {};
  if (i + 1 < a.steps) {
    const Step next = recurrent_step(a, i + 1);
    const int64_t u0 = q0 * NR, units = smaller(H, q1 * NR) - u0;
    ahead.rows = r1 - r0;
    for (int64_t k = 0; a.gates && k < 4; k++) also(ahead, a.gates + (next.t * a.batch + r0) * 4 * H + k * H + u0, units, 4 * H);
    also(ahead, a.states + next.to * size + r0 * H + u0, units, H);
    also(ahead, a.cells ? a.cells + next.to * size + r0 * H + u0 : nullptr, units, H);
    also(ahead, a.out ? a.out + next.t * size + r0 * H + u0 : nullptr, units, H);
  }
  repeat(j.w, left, r1 - r0, q0, q1, targets, ahead, [&](int64_t u0, int64_t units) { finish_units<CELL>(a, s, r0, r1, u0, units); });
}
static void recurrent_begin(const RecurrentArgs& a, int64_t begin, int64_t span) {
  const int64_t at = (a.reverse ? a.steps : 0) * a.batch * a.hidden + begin;
  copy_row(a.states + at, a.h0 ? a.h0 + begin : nullptr, span);
  if (a.cells) copy_row(a.cells + at, a.c0 ? a.c0 + begin : nullptr, span);
}
static void recurrent_end(const RecurrentArgs& a, int64_t begin, int64_t span) {
  const int64_t at = (a.reverse ? 0 : a.steps) * a.batch * a.hidden + begin;
  copy_row(a.hn + begin, a.states + at, span);
  if (a.cells) copy_row(a.cn + begin, a.cells + at, span);
}
SH_INLINE int64_t unit_blocks(const RecurrentArgs& a) { return ceil_div(a.hidden, NR); }

// A part of the rows through all steps.
template <int CELL>
static void recurrent_by_rows(void* context, int64_t part) {
  const RecurrentJob& j = *(const RecurrentJob*)context;
  const RecurrentArgs& a = *j.a;
  const int64_t H = a.hidden, r0 = cut(a.batch, j.parts, part), r1 = cut(a.batch, j.parts, part + 1);
  float* left = j.left + part * j.leftFloats;
  recurrent_begin(a, r0 * H, (r1 - r0) * H);
  for (int64_t i = 0; i < a.steps; i++) {
    pack_left(j.w, a.states + (recurrent_step(a, i).from * a.batch + r0) * H, r1 - r0, 0, H, left);
    recurrent_units<CELL>(j, i, r0, r1, 0, unit_blocks(a), left);
  }
  recurrent_end(a, r0 * H, (r1 - r0) * H);
}
// A part of the units through one step; packs its part of the new state for the next.
template <int CELL>
static void recurrent_by_units(void* context, int64_t part) {
  const RecurrentJob& j = *(const RecurrentJob*)context;
  const RecurrentArgs& a = *j.a;
  const int64_t H = a.hidden, q0 = cut(unit_blocks(a), j.parts, part), q1 = cut(unit_blocks(a), j.parts, part + 1);
  recurrent_units<CELL>(j, j.i, 0, a.batch, q0, q1, j.left + j.i % 2 * j.leftFloats);
  pack_left(j.w, a.states + recurrent_step(a, j.i).to * a.batch * H, a.batch, q0 * NR, smaller(H, q1 * NR),
            j.left + (j.i + 1) % 2 * j.leftFloats);
}

// Gradients of the gates of units [u0, u1) of one row into w; dh becomes the part of ∂h[t-1] that does not pass through the weights.
template <int CELL>
static void gate_gradients(const RecurrentJob& j, const Step& s, int64_t b, int64_t u0, int64_t u1) {
  const RecurrentArgs& a = *j.a;
  const int64_t H = a.hidden, size = a.batch * H, at = b * H + u0, row = s.t * a.batch + b;
  float* w = j.d->work + row * cell_work(CELL) * H + u0;
  if (!lives(a, s.t, b)) {
    for (int64_t k = 0; k < cell_work(CELL); k++) copy_row(w + k * H, nullptr, u1 - u0);
    return;
  }
  float *dh = j.dh + at, *dc = j.dc + at;
  const float* dout = j.d->dout ? j.d->dout + s.t * size + at : nullptr;
  const float *old = a.states + s.from * size + at, *now = a.states + s.to * size + at;
  const float* oldC = CELL == LSTM ? a.cells + s.from * size + at : nullptr;
  const float* nowC = CELL == LSTM ? a.cells + s.to * size + at : nullptr;
  const float* g = CELL == LSTM || CELL == GRU ? a.gates + row * 4 * H + u0 : nullptr;
  const vf one = splat(1.0f), zero = {};
  in_vectors(u1 - u0, [&](int64_t q, int n) __attribute__((always_inline)) {
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

SH_INLINE const float* gates_of_step(const RecurrentJob& j, int64_t i, int64_t r0) {
  const RecurrentArgs& a = *j.a;
  const int64_t width = cell_work(a.cell) * a.hidden;
  return j.d->work + (recurrent_step(a, i).t * a.batch + r0) * width + width - cell_gates(a.cell) * a.hidden;
}
// ∂h += ∂gates of step i · W_hh for rows [r0, r1) and the blocks of units [q0, q1).
static void back_through_weights(const RecurrentJob& j, int64_t i, int64_t r0, int64_t r1, int64_t q0, int64_t q1, const float* left) {
  const RecurrentArgs& a = *j.a;
  if (!any_lives(a, recurrent_step(a, i).t, r0, r1)) return;
  const Target target = {j.dh + r0 * a.hidden, a.hidden, nullptr, 1};
  repeat(j.w, left, r1 - r0, q0, q1, &target, NextStep{}, [](int64_t, int64_t) {});
}
static void backward_begin(const RecurrentJob& j, int64_t begin, int64_t span) {
  copy_row(j.dh + begin, j.d->dhn ? j.d->dhn + begin : nullptr, span);
  copy_row(j.dc + begin, j.d->dcn ? j.d->dcn + begin : nullptr, span);
}

template <int CELL>
static void backward_by_rows(void* context, int64_t part) {
  const RecurrentJob& j = *(const RecurrentJob*)context;
  const RecurrentArgs& a = *j.a;
  const int64_t H = a.hidden, r0 = cut(a.batch, j.parts, part), r1 = cut(a.batch, j.parts, part + 1);
  float* left = j.left + part * j.leftFloats;
  backward_begin(j, r0 * H, (r1 - r0) * H);
  for (int64_t i = a.steps - 1; i >= 0; i--) {
    const Step s = recurrent_step(a, i);
    for (int64_t b = r0; b < r1; b++) gate_gradients<CELL>(j, s, b, 0, H);
    if (i == 0 && !j.d->h0.to) break;
    pack_left(j.w, gates_of_step(j, i, r0), r1 - r0, 0, j.w.k, left);
    back_through_weights(j, i, r0, r1, 0, unit_blocks(a), left);
  }
}
// A part of the units: ∂h from the gates of step i + 1, then the gates of step i, packed for the next call. Step -1 has none.
template <int CELL>
static void backward_by_units(void* context, int64_t part) {
  const RecurrentJob& j = *(const RecurrentJob*)context;
  const RecurrentArgs& a = *j.a;
  const int64_t H = a.hidden, q0 = cut(unit_blocks(a), j.parts, part), q1 = cut(unit_blocks(a), j.parts, part + 1);
  const int64_t u0 = q0 * NR, u1 = smaller(H, q1 * NR), i = j.i;
  if (i + 1 < a.steps) back_through_weights(j, i + 1, 0, a.batch, q0, q1, j.left + (i + 1) % 2 * j.leftFloats);
  if (i < 0) return;
  const Step s = recurrent_step(a, i);
  for (int64_t b = 0; b < a.batch; b++) gate_gradients<CELL>(j, s, b, u0, u1);
  for (int64_t k = 0; k < cell_gates(CELL); k++)
    pack_left(j.w, gates_of_step(j, i, 0), a.batch, k * H + u0, k * H + u1, j.left + i % 2 * j.leftFloats);
}

// A copy of x for ∂W in which padding is 0: it has no influence even where it is no number.
static void mask_input_part(void* context, int64_t t) {
  const RecurrentJob& j = *(const RecurrentJob*)context;
  const RecurrentArgs& a = *j.a;
  float* to = j.d->work + a.steps * a.batch * cell_work(a.cell) * a.hidden;
  for (int64_t b = 0; b < a.batch; b++) {
    const int64_t at = (t * a.batch + b) * a.input;
    copy_row(to + at, lives(a, t, b) ? a.x + at : nullptr, a.input);
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
  int byUnits;
  int64_t parts, leftFloats;
  int64_t packed, left, dh, dc, sums, gemm, total;
};
// Weights larger than this should not be read by every thread.
constexpr int64_t SHARED_WEIGHTS = 1 << 21;
static RecurrentPlan recurrent_plan(const RecurrentArgs& a, const RecurrentGradients* d) {
  RecurrentPlan p;
  const int64_t H = a.hidden, G = cell_gates(a.cell) * H, S = cell_saved(a.cell) * H, V = cell_work(a.cell) * H, I = a.input;
  const int64_t rows = a.steps * a.batch, size = a.batch * H;
  // How the work is split decides who computes an element, never how.
  const double step = 2.0 * (double)a.batch * (double)H * (double)G;
  const int64_t threads = thread_count();
  p.byUnits = step > 1.0e6 && threads > 1 && (H * G > SHARED_WEIGHTS || a.batch < 4 * threads) && (a.precision == PRECISION_F32 || H % 2 == 0);
  if (p.byUnits) p.parts = smaller(threads, unit_blocks(a));
  else p.parts = a.batch < 1 || step * (double)a.steps < 1.0e6 ? 1 : smaller(threads, a.batch);
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
  p.leftFloats = repeated_left(p.w, p.byUnits ? a.batch : ceil_div(a.batch, p.parts));
  const auto place = [&](int64_t floats) {
    const int64_t at = p.total;
    p.total += ceil_div(floats, 16) * 16;
    return at;
  };
  p.total = 0;
  p.packed = place(repeated_floats(p.w));
  p.left = place((p.byUnits ? 2 : p.parts) * p.leftFloats);
  p.dh = place(d ? size : 0);
  p.dc = place(d ? size : 0);
  p.sums = place(d ? V : G);
  p.gemm = place(ceil_div(gemms, 4));
  return p;
}
static int64_t recurrent_workspace(const RecurrentArgs& a, const RecurrentGradients* d) {
  return recurrent_plan(a, d).total * 4 + 64;  // for the alignment
}

static RecurrentJob recurrent_job(const RecurrentArgs& a, const RecurrentGradients* d, RecurrentPlan& p, float* space) {
  p.w.packed = space + p.packed;
  parallel(repeated_panels(p.w), pack_repeated_part, &p.w);
  return {&a, d, p.w, p.parts, p.leftFloats, space + p.left, space + p.dh, space + p.dc, 0};
}

typedef void (*RecurrentPart)(void*, int64_t);
#define SH_CELLS(F) {F<RNN_TANH>, F<RNN_RELU>, F<LSTM>, F<GRU>}
static const RecurrentPart FORWARD[2][CELL_COUNT] = {SH_CELLS(recurrent_by_rows), SH_CELLS(recurrent_by_units)};
static const RecurrentPart BACKWARD[2][CELL_COUNT] = {SH_CELLS(backward_by_rows), SH_CELLS(backward_by_units)};

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
  if (!p.byUnits) return parallel(p.parts, FORWARD[0][a.cell], &j);
  recurrent_begin(a, 0, a.batch * H);
  pack_left(p.w, a.states + (a.reverse ? a.steps : 0) * a.batch * H, a.batch, 0, H, j.left);
  for (j.i = 0; j.i < a.steps; j.i++) parallel(p.parts, FORWARD[1][a.cell], &j);
  recurrent_end(a, 0, a.batch * H);
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
    if (p.byUnits) {
      backward_begin(j, 0, size);
      for (j.i = a.steps - 1; j.i >= (d.h0.to ? -1 : 0); j.i--) parallel(p.parts, BACKWARD[1][a.cell], &j);
    } else {
      parallel(p.parts, BACKWARD[0][a.cell], &j);
    }
    if (a.lengths && d.wih.to) parallel(a.steps, mask_input_part, &j);
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
