// Sums, extremes and their positions over the middle of [outer, mid, inner].
#pragma once

// Blocks of this many elements are summed in vectors, the blocks pairwise: the error grows with the logarithm of the length.
constexpr int64_t SUM_BLOCK = 512;

template <bool SQUARES>
static float sum_block(const float* x, int64_t n) {
  vf a = {}, b = {}, c = {}, d = {};
  int64_t i = 0;
  auto in = [](vf v) { return SQUARES ? v * v : v; };
  for (; i + 4 * W <= n; i += 4 * W) {
    a += in(load(x + i));
    b += in(load(x + i + W));
    c += in(load(x + i + 2 * W));
    d += in(load(x + i + 3 * W));
  }
  for (; i + W <= n; i += W) a += in(load(x + i));
  if (i < n) b += in(load_part(x + i, (int)(n - i)));
  return hsum((a + b) + (c + d));
}
template <bool SQUARES>
static float sum_pairwise(const float* x, int64_t n) {
  if (n <= SUM_BLOCK) return sum_block<SQUARES>(x, n);
  const int64_t half = ceil_div(ceil_div(n, SUM_BLOCK), 2) * SUM_BLOCK;
  return sum_pairwise<SQUARES>(x, half) + sum_pairwise<SQUARES>(x + half, n - half);
}

struct ReduceJob {
  int op;
  float* out;
  const float* x;
  int64_t outer, mid, inner;
  int accumulate;
  int64_t per;  // outputs in a piece, or elements of one long sum
  float* partial;
};

static float row_value(int op, const float* x, int64_t n) {
  switch (op) {
    case SUM: case MEAN: return sum_pairwise<false>(x, n);
    case SUM_SQUARES: return sum_pairwise<true>(x, n);
    case MAX: case MIN: {
      float best = x[0];
      for (int64_t i = 1; i < n && best == best; i++)
        if ((op == MAX ? x[i] > best : x[i] < best) || x[i] != x[i]) best = x[i];
      return best;
    }
    default: {
      double p = 1;
      for (int64_t i = 0; i < n; i++) p *= x[i];
      return (float)p;
    }
  }
}
SH_INLINE void put(const ReduceJob& j, int64_t at, float v) {
  if (j.op == MEAN) v = v / (float)j.mid;
  j.out[at] = j.accumulate ? j.out[at] + v : v;
}
static void reduce_rows_part(void* context, int64_t part) {
  const ReduceJob& j = *(const ReduceJob*)context;
  for (int64_t r = part * j.per; r < smaller(j.outer, (part + 1) * j.per); r++) put(j, r, row_value(j.op, j.x + r * j.mid, j.mid));
}
constexpr int64_t LONG = 1 << 16;
static void reduce_long_part(void* context, int64_t part) {
  const ReduceJob& j = *(const ReduceJob*)context;
  const int64_t begin = part * LONG;
  j.partial[part] = row_value(j.op == MEAN ? SUM : j.op, j.x + begin, smaller(LONG, j.mid - begin));
}

// Columns: `cols` neighbouring outputs at a time, rows added in blocks that are added pairwise.
constexpr int COLS = 4 * W;
template <int OP>
static void column_block(vf* acc, const float* x, int64_t stride, int64_t n, int cols) {
  const int full = cols / W, rest = cols % W;
  const vf none = splat(OP == MAX ? -__builtin_inff() : OP == MIN ? __builtin_inff() : OP == PROD ? 1.0f : 0.0f);
  for (int v = 0; v < 4; v++) acc[v] = none;
  auto take = [](vf a, vf v) {
    if (OP == MAX) return select((v > a) | is_nan(v), v, a);
    if (OP == MIN) return select((v < a) | is_nan(v), v, a);
    if (OP == PROD) return a * v;
    return OP == SUM_SQUARES ? a + v * v : a + v;
  };
  for (int64_t i = 0; i < n; i++, x += stride) {
    // Rows far apart are no stream that the machine sees.
    for (int64_t c = 0; c < cols; c += 16) __builtin_prefetch(x + 12 * stride + c);
    for (int v = 0; v < full; v++) acc[v] = take(acc[v], load(x + v * W));
    if (rest) acc[full] = take(acc[full], load_part(x + full * W, rest));
  }
}
template <int OP>
static void column_sum(vf* acc, const float* x, int64_t stride, int64_t n, int cols) {
  if (n <= 64 || OP == MAX || OP == MIN || OP == PROD) return column_block<OP>(acc, x, stride, n, cols);
  const int64_t half = ceil_div(ceil_div(n, 64), 2) * 64;
  vf other[4];
  column_sum<OP>(acc, x, stride, half, cols);
  column_sum<OP>(other, x + half * stride, stride, n - half, cols);
  for (int v = 0; v < 4; v++) acc[v] += other[v];
}
static void reduce_columns_part(void* context, int64_t part) {
  const ReduceJob& j = *(const ReduceJob*)context;
  const int64_t groups = ceil_div(j.inner, COLS);
  for (int64_t g = part * j.per; g < smaller(j.outer * groups, (part + 1) * j.per); g++) {
    const int64_t o = g / groups, col = g % groups * COLS;
    const int cols = (int)smaller(COLS, j.inner - col);
    const float* x = j.x + o * j.mid * j.inner + col;
    vf acc[4];
    switch (j.op) {
      case SUM: case MEAN: column_sum<SUM>(acc, x, j.inner, j.mid, cols); break;
      case SUM_SQUARES: column_sum<SUM_SQUARES>(acc, x, j.inner, j.mid, cols); break;
      case MAX: column_sum<MAX>(acc, x, j.inner, j.mid, cols); break;
      case MIN: column_sum<MIN>(acc, x, j.inner, j.mid, cols); break;
      default: column_sum<PROD>(acc, x, j.inner, j.mid, cols);
    }
    float values[COLS];
    for (int v = 0; v < 4; v++) store(values + v * W, acc[v]);
    for (int c = 0; c < cols; c++) put(j, o * j.inner + col + c, values[c]);
  }
}

static void reduce(int op, float* out, const float* x, int64_t outer, int64_t mid, int64_t inner, int accumulate) {
  ReduceJob j = {op, out, x, outer, mid, inner, accumulate, 1, nullptr};
  if (outer <= 0 || inner <= 0) return;
  if (mid == 0) {
    // Nothing to take the extreme of; the gate refuses that. Sum 0, product 1, mean NaN.
    for (int64_t i = 0; i < outer * inner; i++) put(j, i, op == PROD ? 1.0f : 0.0f);
    return;
  }
  if (inner > 1) {
    const int64_t work = mid * smaller(inner, COLS), groups = outer * ceil_div(inner, COLS);
    j.per = work >= PIECE ? 1 : ceil_div(PIECE, work);
    parallel(ceil_div(groups, j.per), reduce_columns_part, &j);
    return;
  }
  if (outer < 8 && mid > 2 * LONG && op != PROD) {
    for (int64_t r = 0; r < outer; r++) {
      const int64_t parts = ceil_div(mid, LONG);
      float partial[1 << 12];
      if (parts > (1 << 12)) {
        put(j, r, row_value(op, x + r * mid, mid));
        continue;
      }
      ReduceJob one = j;
      one.x = x + r * mid;
      one.partial = partial;
      parallel(parts, reduce_long_part, &one);
      put(j, r, row_value(op == SUM_SQUARES ? SUM : op, partial, parts));
    }
    return;
  }
  j.per = mid >= PIECE ? 1 : ceil_div(PIECE, mid);
  parallel(ceil_div(outer, j.per), reduce_rows_part, &j);
}

static void arg_part(void* context, int64_t part) {
  const ReduceJob& j = *(const ReduceJob*)context;
  for (int64_t g = part * j.per; g < smaller(j.outer * j.inner, (part + 1) * j.per); g++) {
    const float* x = j.x + g / j.inner * j.mid * j.inner + g % j.inner;
    float best = x[0];
    int64_t at = 0;
    for (int64_t i = 1; i < j.mid && best == best; i++) {
      const float v = x[i * j.inner];
      if ((j.op == MAX ? v > best : v < best) || v != v) {
        best = v;
        at = i;
      }
    }
    ((int32_t*)j.out)[g] = (int32_t)at;
  }
}
static void arg_reduce(int op, int32_t* out, const float* x, int64_t outer, int64_t mid, int64_t inner) {
  ReduceJob j = {op, (float*)out, x, outer, mid, inner, 0, mid >= PIECE ? 1 : ceil_div(PIECE, mid > 0 ? mid : 1), nullptr};
  if (mid > 0) parallel(ceil_div(outer * inner, j.per), arg_part, &j);
}
