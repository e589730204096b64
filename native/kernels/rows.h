// Row by row: softmax, cross-entropy, layer and RMS norm.
#pragma once

// NaN may be passed over: the sums of exp that follow meet it again.
SH_INLINE float row_max(const float* x, int64_t n) {
  const vf lowest = splat(-__builtin_inff());
  vf a = lowest, b = lowest, c = lowest, d = lowest;
  int64_t i = 0;
  for (; i + 4 * W <= n; i += 4 * W) {
    a = max(load(x + i), a);
    b = max(load(x + i + W), b);
    c = max(load(x + i + 2 * W), c);
    d = max(load(x + i + 3 * W), d);
  }
  for (; i + W <= n; i += W) a = max(load(x + i), a);
  if (i < n) b = max(load_part(x + i, (int)(n - i), -__builtin_inff()), b);
  const vf best = max(max(a, b), max(c, d));
  float m = best[0];
  for (int l = 1; l < W; l++) if (best[l] > m) m = best[l];
  return m;
}
// Σ exp(x - shift); the terms go to `out` when there is one. Asks for the row after, which would be waited for otherwise.
SH_INLINE float row_exp_sum(const float* x, float shift, int64_t n, float* out) {
  vf a = {}, b = {};
  const vf m = splat(shift);
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    for (int c = 0; c < 2 * W; c += 16) __builtin_prefetch(x + n + i + c);
    const vf u = vexp_negative(load(x + i) - m), v = vexp_negative(load(x + i + W) - m);
    a += u;
    b += v;
    if (out) {
      store(out + i, u);
      store(out + i + W, v);
    }
  }
  for (; i < n; i += W) {
    const int rest = (int)smaller(W, n - i);
    const vf u = vexp_negative(load_part(x + i, rest, -__builtin_inff()) - m);
    if (out) store_part(out + i, u, rest);
    a += rest == W ? u : load_part((const float*)&u, rest);
  }
  return hsum(a + b);
}
// log Σ exp(x), its greatest entry apart: their sum would lose, beside large entries, what the others differ by.
struct LogSum {
  float max, rest;
};
SH_INLINE LogSum row_lse(const float* x, int64_t n) {
  const float m = row_max(x, n);
  return {m, __builtin_logf(row_exp_sum(x, m, n, nullptr))};
}

SH_INLINE int64_t rows_per(int64_t cols) { return cols >= PIECE ? 1 : ceil_div(PIECE, cols > 0 ? cols : 1); }

struct SoftmaxJob {
  float* out;
  const float *x, *y;
  int64_t rows, cols;
  int log;
};
template <class F>
SH_INLINE void each(int64_t part, int64_t rows, int64_t per, F f) {
  for (int64_t r = part * per; r < smaller(rows, (part + 1) * per); r++) f(r);
}

static void softmax_part(void* context, int64_t part) {
  const SoftmaxJob& j = *(const SoftmaxJob*)context;
  const int64_t n = j.cols;
  const bool past = STREAMS && j.rows * n >= STREAM_FROM && n % W == 0 && n <= 4096 && ((uintptr_t)j.out & (W * 4 - 1)) == 0;
  float kept[4096];
  each(part, j.rows, rows_per(n), [&](int64_t r) {
    const float* x = j.x + r * n;
    float* out = j.out + r * n;
    if (j.log) {
      const LogSum lse = row_lse(x, n);
      const vf m = splat(lse.max), s = splat(lse.rest);
      int64_t i = 0;
      SH_UNROLL for (; i + W <= n; i += W) store(out + i, (load(x + i) - m) - s);
      for (; i < n; i++) out[i] = (x[i] - lse.max) - lse.rest;
      return;
    }
    float* terms = past ? kept : out;
    const float m = row_max(x, n);
    const float sum = row_exp_sum(x, m, n, terms);
    const vf factor = splat(1.0f / sum);
    int64_t i = 0;
    if (past) for (; i + W <= n; i += W) stream(out + i, load(terms + i) * factor);
    for (; i + W <= n; i += W) store(out + i, load(terms + i) * factor);
    for (; i < n; i++) out[i] = terms[i] * factor[0];
  });
  if (past) stream_fence();
}
static void softmax(float* out, const float* x, int64_t rows, int64_t cols, int log) {
  if (cols <= 0) return;
  SoftmaxJob j = {out, x, nullptr, rows, cols, log};
  parallel(ceil_div(rows, rows_per(cols)), softmax_part, &j);
}
static void softmax_backward_part(void* context, int64_t part) {
  const SoftmaxJob& j = *(const SoftmaxJob*)context;
  const int64_t n = j.cols;
  each(part, j.rows, rows_per(n), [&](int64_t r) {
    const float *g = j.x + r * n, *y = j.y + r * n;
    float* dx = j.out + r * n;
    vf acc = {};
    int64_t i = 0;
    for (; i + W <= n; i += W) acc += j.log ? load(g + i) : load(g + i) * load(y + i);
    if (i < n) {
      const int rest = (int)(n - i);
      acc += j.log ? load_part(g + i, rest) : load_part(g + i, rest) * load_part(y + i, rest);
    }
    const vf sum = splat(hsum(acc));
    const auto slope = [&](vf gv, vf yv) { return j.log ? gv - vexp(yv) * sum : yv * (gv - sum); };
    for (i = 0; i + W <= n; i += W) store(dx + i, slope(load(g + i), load(y + i)));
    if (i < n) {
      const int rest = (int)(n - i);
      store_part(dx + i, slope(load_part(g + i, rest), load_part(y + i, rest)), rest);
    }
  });
}
static void softmax_backward(float* dx, const float* dy, const float* y, int64_t rows, int64_t cols, int log) {
  if (cols <= 0) return;
  SoftmaxJob j = {dx, dy, y, rows, cols, log};
  parallel(ceil_div(rows, rows_per(cols)), softmax_backward_part, &j);
}

struct CrossEntropyJob {
  float *loss, *weightOut, *lse, *dx;
  const float *x, *weight, *dy, *denominator;
  const int32_t* target;
  int64_t dyStride, rows, cols;
  float smoothing;
  int32_t ignoreIndex;
  float totalWeight;
};
static void cross_entropy_part(void* context, int64_t part) {
  const CrossEntropyJob& j = *(const CrossEntropyJob*)context;
  const int64_t n = j.cols;
  each(part, j.rows, rows_per(n), [&](int64_t r) {
    const float* x = j.x + r * n;
    const LogSum lse = row_lse(x, n);
    const int32_t t = j.target[r];
    j.lse[2 * r] = lse.max;
    j.lse[2 * r + 1] = lse.rest;
    if (t == j.ignoreIndex) {
      j.loss[r] = j.weightOut[r] = 0;
      return;
    }
    const float w = j.weight ? j.weight[t] : 1.0f;
    float loss = (1 - j.smoothing) * w * (lse.rest - (x[t] - lse.max));
    if (j.smoothing > 0) {
      double all = 0;
      for (int64_t c = 0; c < n; c++) all += (j.weight ? j.weight[c] : 1.0f) * (lse.rest - (x[c] - lse.max));
      loss += j.smoothing / (float)n * (float)all;
    }
    j.loss[r] = loss;
    j.weightOut[r] = w;
  });
}
static void cross_entropy(float* loss, float* weightOut, float* lse, const float* x, const int32_t* target,
                          const float* weight, int64_t rows, int64_t cols, float smoothing, int32_t ignoreIndex) {
  CrossEntropyJob j = {loss, weightOut, lse, nullptr, x, weight, nullptr, nullptr, target, 0, rows, cols, smoothing, ignoreIndex, 0};
  parallel(ceil_div(rows, rows_per(cols)), cross_entropy_part, &j);
}
static void cross_entropy_backward_part(void* context, int64_t part) {
  const CrossEntropyJob& j = *(const CrossEntropyJob*)context;
  const int64_t n = j.cols;
  const float even = j.smoothing / (float)n;
  each(part, j.rows, rows_per(n), [&](int64_t r) {
    const float* x = j.x + r * n;
    float* dx = j.dx + r * n;
    const int32_t t = j.target[r];
    if (t == j.ignoreIndex) {
      for (int64_t c = 0; c < n; c++) dx[c] = 0;
      return;
    }
    const float s = j.dy[r * j.dyStride] / (j.denominator ? *j.denominator : 1.0f);
    const float w = (1 - j.smoothing) * (j.weight ? j.weight[t] : 1.0f);
    // exp(x − max − rest), its last factor taken out of the row.
    const vf mass = splat((w + even * j.totalWeight) * s) * vexp(splat(-j.lse[2 * r + 1]));
    const vf m = splat(j.lse[2 * r]), spread = splat(even * s);
    const auto slope = [&](vf v, vf weight) {
      const vf g = vexp(v - m) * mass;
      return j.smoothing > 0 ? g - spread * weight : g;
    };
    const vf one = splat(1.0f);
    int64_t c = 0;
    for (; c + W <= n; c += W) store(dx + c, slope(load(x + c), j.weight ? load(j.weight + c) : one));
    if (c < n) {
      const int left = (int)(n - c);
      store_part(dx + c, slope(load_part(x + c, left), j.weight ? load_part(j.weight + c, left) : one), left);
    }
    dx[t] -= w * s;
  });
}
static void cross_entropy_backward(float* dx, const float* dy, int64_t dyStride, const float* denominator, const float* x,
                                   const int32_t* target, const float* weight, const float* lse, int64_t rows, int64_t cols,
                                   float smoothing, int32_t ignoreIndex) {
  double total = (double)cols;
  if (weight) {
    total = 0;
    for (int64_t c = 0; c < cols; c++) total += weight[c];
  }
  CrossEntropyJob j = {nullptr, nullptr, (float*)lse, dx, x, weight, dy, denominator, target, dyStride, rows, cols, smoothing, ignoreIndex, (float)total};
  parallel(ceil_div(rows, rows_per(cols)), cross_entropy_backward_part, &j);
}

struct NormJob {
  float *out, *mean, *rstd, *dx, *partial;
  const float *x, *weight, *bias, *dy;
  int64_t rows, cols, per;
  float eps;
};
static void norm_part(void* context, int64_t part) {
  const NormJob& j = *(const NormJob*)context;
  const int64_t n = j.cols;
  const bool past = STREAMS && j.rows * n >= STREAM_FROM && n % W == 0 && ((uintptr_t)j.out & (W * 4 - 1)) == 0;
  each(part, j.rows, rows_per(n), [&](int64_t r) {
    const float* x = j.x + r * n;
    float* out = j.out + r * n;
    float mu = 0;
    if (j.mean) {
      mu = sum_pairwise<false>(x, n) / (float)n;
      j.mean[r] = mu;
    }
    const vf m = splat(mu);
    vf a = {}, b = {};
    int64_t i = 0;
    for (; i + 2 * W <= n; i += 2 * W) {
      const vf u = load(x + i) - m, v = load(x + i + W) - m;
      a += u * u;
      b += v * v;
    }
    for (; i < n; i += W) {
      const int rest = (int)smaller(W, n - i);
      const vf u = load_part(x + i, rest, mu) - m;
      a += u * u;
    }
    const float inverse = 1.0f / __builtin_sqrtf(hsum(a + b) / (float)n + j.eps);
    j.rstd[r] = inverse;
    const vf k = splat(inverse), one = splat(1.0f);
    i = 0;
    for (; i + W <= n; i += W) {
      vf y = (load(x + i) - m) * k * (j.weight ? load(j.weight + i) : one);
      if (j.bias) y += load(j.bias + i);
      if (past) stream(out + i, y);
      else store(out + i, y);
    }
    for (; i < n; i++) out[i] = (x[i] - mu) * inverse * (j.weight ? j.weight[i] : 1.0f) + (j.bias ? j.bias[i] : 0.0f);
  });
  if (past) stream_fence();
}
static void norm(float* out, float* mean, float* rstd, const float* x, const float* weight, const float* bias, int64_t rows,
                 int64_t cols, float eps) {
  NormJob j = {out, mean, rstd, nullptr, nullptr, x, weight, bias, nullptr, rows, cols, 0, eps};
  parallel(ceil_div(rows, rows_per(cols)), norm_part, &j);
}

// Rows are cut into at most this many groups, each with its own sums for dweight and dbias.
constexpr int64_t NORM_GROUPS = 16;
SH_INLINE int64_t norm_groups(int64_t rows, int64_t cols) {
  return rows * cols < 2 * PIECE ? 1 : smaller(NORM_GROUPS, rows);
}
static int64_t norm_backward_workspace(int64_t rows, int64_t cols) { return norm_groups(rows, cols) * cols * 2 * 4; }

static void norm_backward_part(void* context, int64_t part) {
  const NormJob& j = *(const NormJob*)context;
  const int64_t n = j.cols, groups = j.per;
  float *dw = j.partial + part * 2 * n, *db = dw + n;
  for (int64_t i = 0; i < 2 * n; i++) dw[i] = 0;
  for (int64_t r = cut(j.rows, groups, part); r < cut(j.rows, groups, part + 1); r++) {
    const float *x = j.x + r * n, *dy = j.dy + r * n;
    const float mu = j.mean ? j.mean[r] : 0;
    const vf m = splat(mu), k = splat(j.rstd[r]), one = splat(1.0f);
    vf sum = {}, dot = {};
    for (int64_t i = 0; i < n; i += W) {
      const int rest = (int)smaller(W, n - i);
      const bool whole = rest == W;
      const vf xv = whole ? load(x + i) : load_part(x + i, rest, mu);
      const vf d = whole ? load(dy + i) : load_part(dy + i, rest);
      const vf wv = j.weight ? whole ? load(j.weight + i) : load_part(j.weight + i, rest) : one;
      const vf hat = (xv - m) * k, g = d * wv;
      sum += g;
      dot += g * hat;
      if (whole) {
        store(dw + i, load(dw + i) + d * hat);
        store(db + i, load(db + i) + d);
      } else {
        store_part(dw + i, load_part(dw + i, rest) + d * hat, rest);
        store_part(db + i, load_part(db + i, rest) + d, rest);
      }
    }
    if (!j.dx) continue;
    const vf s = splat(j.mean ? hsum(sum) / (float)n : 0.0f), t = splat(hsum(dot) / (float)n);
    float* dx = j.dx + r * n;
    for (int64_t i = 0; i < n; i += W) {
      const int rest = (int)smaller(W, n - i);
      if (rest == W) {
        const vf hat = (load(x + i) - m) * k, g = load(dy + i) * (j.weight ? load(j.weight + i) : one);
        store(dx + i, k * (g - s - hat * t));
      } else {
        const vf hat = (load_part(x + i, rest) - m) * k, g = load_part(dy + i, rest) * (j.weight ? load_part(j.weight + i, rest) : one);
        store_part(dx + i, k * (g - s - hat * t), rest);
      }
    }
  }
}
static void norm_backward(float* dx, float* dweight, float* dbias, const float* dy, const float* x, const float* mean,
                          const float* rstd, const float* weight, int64_t rows, int64_t cols, int accumulate, void* partial) {
  const int64_t groups = norm_groups(rows, cols);
  NormJob j = {nullptr, (float*)mean, (float*)rstd, dx, (float*)partial, x, weight, nullptr, dy, rows, cols, groups, 0};
  parallel(groups, norm_backward_part, &j);
  for (int64_t i = 0; i < cols; i++) {
    double w = 0, b = 0;
    for (int64_t g = 0; g < groups; g++) {
      w += j.partial[g * 2 * cols + i];
      b += j.partial[g * 2 * cols + cols + i];
    }
    if (dweight) dweight[i] = (accumulate ? dweight[i] : 0.0f) + (float)w;
    if (dbias) dbias[i] = (accumulate ? dbias[i] : 0.0f) + (float)b;
  }
}
