// Element by element: fills, functions of one and two operands, copies between layouts, casts.
#pragma once

// Work is cut into pieces of a fixed size; below two pieces' worth the calling thread does it alone.
constexpr int64_t PIECE = 1 << 15;
// Results larger than this are written past the cache.
constexpr int64_t STREAM_FROM = 1 << 21;

struct FillJob { float* out; int64_t n; float value; };
static void fill_part(void* context, int64_t i) {
  const FillJob& j = *(const FillJob*)context;
  const int64_t end = smaller(j.n, (i + 1) * PIECE);
  const vf v = splat(j.value);
  int64_t at = i * PIECE;
  SH_UNROLL for (; at + W <= end; at += W) store(j.out + at, v);
  for (; at < end; at++) j.out[at] = j.value;
}
static void fill_f32(float* out, int64_t n, float value) {
  FillJob j = {out, n, value};
  parallel(ceil_div(n, PIECE), fill_part, &j);
}

// ---- functions of one operand

struct UnaryJob {
  int op;
  float* out;
  const float *x, *dy;
  int64_t n;
  float p0, p1;
};

// out = f(x, y) for n floats; y may be null. What is left behind the last whole vector goes through the same loop, beside `rest`: f
// is inlined, and large.
template <class F>
SH_INLINE void map_vectors(float* out, const float* x, const float* y, int64_t n, float rest, F f) {
  float lanes[3][W];
  float* tail = nullptr;
  int left = 0;
  for (;;) {
    int64_t i = 0;
    if (y) for (; i + W <= n; i += W) store(out + i, f(load(x + i), load(y + i)));
    else for (; i + W <= n; i += W) store(out + i, f(load(x + i), vf{}));
    if (tail) return (void)memcpy(tail, lanes[0], (size_t)left * 4);
    left = (int)(n - i);
    if (left <= 0) return;
    tail = out + i;
    store(lanes[1], load_part(x + i, left, rest));
    if (y) store(lanes[2], load_part(y + i, left));
    out = lanes[0], x = lanes[1], y = y ? lanes[2] : nullptr, n = W;
  }
}

template <class F>
SH_INLINE void map1(const UnaryJob& j, int64_t part, F f) {
  int64_t at = part * PIECE;
  const int64_t end = smaller(j.n, at + PIECE);
  if (STREAMS && j.n >= STREAM_FROM && j.out != j.x && ((uintptr_t)(j.out + at) & (W * 4 - 1)) == 0) {
    for (; at + 2 * W <= end; at += 2 * W) {
      __builtin_prefetch(j.x + at + 1024);
      __builtin_prefetch(j.x + at + 1024 + W);
      const vf u = f(load(j.x + at)), v = f(load(j.x + at + W));
      stream(j.out + at, u);
      stream(j.out + at + W, v);
    }
    stream_fence();
  }
  map_vectors(j.out + at, j.x + at, nullptr, end - at, 0, [&](vf x, vf) { return f(x); });
}

template <class F>
SH_INLINE void map_scalar(const UnaryJob& j, int64_t part, F f) {
  const int64_t end = smaller(j.n, (part + 1) * PIECE);
  for (int64_t at = part * PIECE; at < end; at++) j.out[at] = f(j.x[at]);
}

static void unary_part(void* context, int64_t part) {
  const UnaryJob& j = *(const UnaryJob*)context;
  const vf p0 = splat(j.p0), p1 = splat(j.p1), one = splat(1.0f), zero = splat(0.0f);
  switch (j.op) {
    case NEG: return map1(j, part, [](vf x) { return -x; });
    case ABS: return map1(j, part, [](vf x) { return vabs(x); });
    case SIGN: return map1(j, part, [=](vf x) { return select(x > zero, one, select(x < zero, -one, zero)); });
    case SQUARE: return map1(j, part, [](vf x) { return x * x; });
    case SQRT: return map1(j, part, [](vf x) { return vsqrt(x); });
    case RSQRT: return map1(j, part, [=](vf x) { return one / vsqrt(x); });
    case RECIPROCAL: return map1(j, part, [=](vf x) { return one / x; });
    case EXP: return map1(j, part, [](vf x) { return vexp(x); });
    case LOG: return map1(j, part, [](vf x) { return vlog(x); });
    case SIN: return map1(j, part, [](vf x) { return vsin(x); });
    case COS: return map1(j, part, [](vf x) { return vcos(x); });
    case SIGMOID: return map1(j, part, [](vf x) { return vsigmoid(x); });
    case TANH: return map1(j, part, [](vf x) { return vtanh(x); });
    case RELU: return map1(j, part, [](vf x) { return vrelu(x); });
    case LEAKY_RELU: return map1(j, part, [=](vf x) { return select(x > zero, x, x * p0); });
    case GELU: return map1(j, part, [](vf x) { return vgelu(x); });
    case GELU_TANH: return map1(j, part, [](vf x) { return vgelu_tanh(x); });
    case SILU: return map1(j, part, [](vf x) { return vsilu(x); });
    case SOFTPLUS: return map1(j, part, [=](vf x) { return select(x * p0 > p1, x, vlog1p(vexp(x * p0)) / p0); });
    case ELU: return map1(j, part, [=](vf x) { return select(x > zero, x, p0 * vexpm1(x)); });
    case ADD_SCALAR: return map1(j, part, [=](vf x) { return x + p0; });
    case MUL_SCALAR: return map1(j, part, [=](vf x) { return x * p0; });
    case POW_SCALAR:
      if (j.p0 == 2.0f) return map1(j, part, [](vf x) { return x * x; });
      if (j.p0 == 3.0f) return map1(j, part, [](vf x) { return x * x * x; });
      return map_scalar(j, part, [&](float x) { return __builtin_powf(x, j.p0); });
    case CLAMP: return map1(j, part, [=](vf x) { return select(is_nan(x), x, min(max(x, p0), p1)); });
    case STEP: return map1(j, part, [=](vf x) { return select(x >= zero, one, zero); });
    case LOG1P: return map1(j, part, [](vf x) { return vlog1p(x); });
    case EXPM1: return map1(j, part, [](vf x) { return vexpm1(x); });
  }
}
static void unary(int op, float* out, const float* x, int64_t n, float p0, float p1) {
  UnaryJob j = {op, out, x, nullptr, n, p0, p1};
  parallel(ceil_div(n, PIECE), unary_part, &j);
}

template <class F>
SH_INLINE void map_slope(const UnaryJob& j, int64_t part, F f) {
  const int64_t at = part * PIECE, end = smaller(j.n, at + PIECE);
  map_vectors(j.out + at, j.x + at, j.dy + at, end - at, 1, [&](vf x, vf dy) { return dy * f(x); });
}

SH_INLINE vf gelu_slope(vf x) {
  const vf density = vexp_negative(splat(-0.5f) * x * x) * splat(0.39894228040143268f);
  return splat(0.5f) * (splat(1.0f) + verf(x * splat(0.70710678118654752f))) + x * density;
}
SH_INLINE vf gelu_tanh_slope(vf x) {
  const vf c = min(splat(16.0f), max(splat(-16.0f), x)), one = splat(1.0f);
  const vf e = gelu_tanh_exp(c), gate = divide(one, one + e);
  const vf dw = fma(c * c, splat(3 * 0.0713548162726f), splat(1.5957691216057308f));
  return gate * fma(c * dw, e * gate, one);
}

static void unary_backward_part(void* context, int64_t part) {
  const UnaryJob& j = *(const UnaryJob*)context;
  const vf p0 = splat(j.p0), p1 = splat(j.p1), one = splat(1.0f), zero = splat(0.0f), half = splat(0.5f);
  switch (j.op) {
    case NEG: return map_slope(j, part, [=](vf) { return -one; });
    case ABS: return map_slope(j, part, [=](vf x) { return select(x > zero, one, select(x < zero, -one, zero)); });
    case SIGN: case STEP: return map_slope(j, part, [=](vf) { return zero; });
    case SQUARE: return map_slope(j, part, [](vf x) { return x + x; });
    case SQRT: return map_slope(j, part, [=](vf y) { return half / y; });
    case RSQRT: return map_slope(j, part, [=](vf y) { return -half * y * y * y; });
    case RECIPROCAL: return map_slope(j, part, [](vf y) { return -(y * y); });
    case EXP: return map_slope(j, part, [](vf y) { return y; });
    case LOG: return map_slope(j, part, [=](vf x) { return one / x; });
    case SIN: return map_slope(j, part, [](vf x) { return vcos(x); });
    case COS: return map_slope(j, part, [](vf x) { return -vsin(x); });
    case SIGMOID: return map_slope(j, part, [=](vf y) { return y * (one - y); });
    case TANH: return map_slope(j, part, [=](vf y) { return one - y * y; });
    case RELU: return map_slope(j, part, [=](vf y) { return select(y > zero, one, zero); });
    case LEAKY_RELU: return map_slope(j, part, [=](vf x) { return select(x > zero, one, p0); });
    case GELU: return map_slope(j, part, [](vf x) { return gelu_slope(x); });
    case GELU_TANH: return map_slope(j, part, [](vf x) { return gelu_tanh_slope(x); });
    case SILU: return map_slope(j, part, [=](vf x) { const vf s = vsigmoid(x); return s * (one + x * (one - s)); });
    case SOFTPLUS: return map_slope(j, part, [=](vf x) { return select(x * p0 > p1, one, vsigmoid(x * p0)); });
    case ELU: return map_slope(j, part, [=](vf y) { return select(y > zero, one, y + p0); });
    case ADD_SCALAR: return map_slope(j, part, [=](vf) { return one; });
    case MUL_SCALAR: return map_slope(j, part, [=](vf) { return p0; });
    case POW_SCALAR: {
      const int64_t end = smaller(j.n, (part + 1) * PIECE);
      for (int64_t at = part * PIECE; at < end; at++)
        j.out[at] = j.p0 == 0 ? 0 : j.dy[at] * j.p0 * __builtin_powf(j.x[at], j.p0 - 1);
      return;
    }
    case CLAMP: return map_slope(j, part, [=](vf x) { return select((x >= p0) & (x <= p1), one, zero); });
    case LOG1P: return map_slope(j, part, [=](vf x) { return one / (one + x); });
    case EXPM1: return map_slope(j, part, [=](vf y) { return y + one; });
  }
}
static void unary_backward(int op, float* dx, const float* dy, const float* s, int64_t n, float p0, float p1) {
  UnaryJob j = {op, dx, s, dy, n, p0, p1};
  parallel(ceil_div(n, PIECE), unary_backward_part, &j);
}

// ---- loops over strided operands

// Rows of the last dimension; the positions of up to three operands at the beginning of row `row`.
struct Rows {
  int64_t rows, cols;
  int64_t step[3];  // strides of the last dimension
};
SH_INLINE Rows rows_of(const Strided& s) {
  Rows r = {1, 1, {0, 0, 0}};
  for (int d = 0; d + 1 < s.ndim; d++) r.rows *= s.size[d];
  if (s.ndim > 0) {
    r.cols = s.size[s.ndim - 1];
    for (int o = 0; o < 3; o++) r.step[o] = s.stride[o][s.ndim - 1];
  }
  return r;
}
SH_INLINE void row_start(const Strided& s, int64_t row, int64_t* at) {
  at[0] = at[1] = at[2] = 0;
  for (int d = s.ndim - 2; d >= 0; d--) {
    const int64_t i = row % s.size[d];
    row /= s.size[d];
    for (int o = 0; o < 3; o++) at[o] += i * s.stride[o][d];
  }
}

struct StridedJob {
  int op;
  void* out;
  const void *a, *b, *c;
  const Strided* s;
  Rows r;
  int64_t rowsPer;   // rows in a piece (short rows), or
  int64_t pieces;    // pieces of a long row
};
static void plan_strided(StridedJob& j) {
  j.r = rows_of(*j.s);
  j.rowsPer = j.r.cols >= PIECE ? 1 : PIECE / (j.r.cols > 0 ? j.r.cols : 1);
  j.pieces = j.r.cols >= 2 * PIECE ? ceil_div(j.r.cols, PIECE) : 1;
}
template <class F>
SH_INLINE void each_row(const StridedJob& j, int64_t part, F f) {
  // f stands here once: it is inlined, and large.
  const bool cut = j.pieces > 1;
  const int64_t first = cut ? part / j.pieces : part * j.rowsPer;
  const int64_t last = cut ? first + 1 : smaller(j.r.rows, first + j.rowsPer);
  const int64_t begin = cut ? part % j.pieces * PIECE : 0;
  const int64_t n = cut ? smaller(PIECE, j.r.cols - begin) : j.r.cols;
  int64_t at[3];
  for (int64_t row = first; row < last; row++) {
    row_start(*j.s, row, at);
    for (int o = 0; o < 3; o++) at[o] += begin * j.r.step[o];
    f(row * j.r.cols + begin, at, n);
  }
}
SH_INLINE int64_t strided_parts(const StridedJob& j) {
  if (j.r.rows <= 0 || j.r.cols <= 0) return 0;
  return j.pieces > 1 ? j.r.rows * j.pieces : ceil_div(j.r.rows, j.rowsPer);
}

template <class V, class S>
SH_INLINE void binary_rows(const StridedJob& j, int64_t part, V vector, S scalar) {
  const int64_t sa = j.r.step[0], sb = j.r.step[1];
  const bool past = STREAMS && j.r.rows * j.r.cols >= STREAM_FROM && sa == 1 && sb == 1;
  each_row(j, part, [&](int64_t o, const int64_t* at, int64_t n) {
    float* out = (float*)j.out + o;
    const float* a = (const float*)j.a + at[0];
    const float* b = (const float*)j.b + at[1];
    int64_t i = 0;
    if (past && ((uintptr_t)out & (W * 4 - 1)) == 0) {
      for (; i + W <= n; i += W) stream(out + i, vector(load(a + i), load(b + i)));
      stream_fence();
    } else if (sa == 1 && sb == 1) {
      SH_UNROLL for (; i + W <= n; i += W) store(out + i, vector(load(a + i), load(b + i)));
    } else if (sa == 1 && sb == 0) {
      const vf y = splat(*b);
      for (; i + W <= n; i += W) store(out + i, vector(load(a + i), y));
    } else if (sa == 0 && sb == 1) {
      const vf x = splat(*a);
      for (; i + W <= n; i += W) store(out + i, vector(x, load(b + i)));
    }
    for (; i < n; i++) out[i] = scalar(a[i * sa], b[i * sb]);
  });
}
template <class T, class S>
SH_INLINE void compare_rows(const StridedJob& j, int64_t part, S scalar) {
  each_row(j, part, [&](int64_t o, const int64_t* at, int64_t n) {
    uint8_t* out = (uint8_t*)j.out + o;
    const T* a = (const T*)j.a + at[0];
    const T* b = (const T*)j.b + at[1];
    const int64_t sa = j.r.step[0], sb = j.r.step[1];
    if (sa == 1 && sb == 1) for (int64_t i = 0; i < n; i++) out[i] = scalar(a[i], b[i]);
    else for (int64_t i = 0; i < n; i++) out[i] = scalar(a[i * sa], b[i * sb]);
  });
}
template <class T>
SH_INLINE void compare_part(const StridedJob& j, int64_t part) {
  switch (j.op) {
    case EQ: return compare_rows<T>(j, part, [](T a, T b) { return a == b; });
    case NE: return compare_rows<T>(j, part, [](T a, T b) { return a != b; });
    case LT: return compare_rows<T>(j, part, [](T a, T b) { return a < b; });
    case LE: return compare_rows<T>(j, part, [](T a, T b) { return a <= b; });
    case GT: return compare_rows<T>(j, part, [](T a, T b) { return a > b; });
    case GE: return compare_rows<T>(j, part, [](T a, T b) { return a >= b; });
  }
}

static void binary_part(void* context, int64_t part) {
  const StridedJob& j = *(const StridedJob*)context;
  switch (j.op) {
    case ADD: return binary_rows(j, part, [](vf a, vf b) { return a + b; }, [](float a, float b) { return a + b; });
    case SUB: return binary_rows(j, part, [](vf a, vf b) { return a - b; }, [](float a, float b) { return a - b; });
    case MUL: return binary_rows(j, part, [](vf a, vf b) { return a * b; }, [](float a, float b) { return a * b; });
    case DIV: return binary_rows(j, part, [](vf a, vf b) { return a / b; }, [](float a, float b) { return a / b; });
    case MAXIMUM:
      return binary_rows(j, part, [](vf a, vf b) { return select((a > b) | is_nan(a), a, b); },
                         [](float a, float b) { return a > b || a != a ? a : b; });
    case MINIMUM:
      return binary_rows(j, part, [](vf a, vf b) { return select((a < b) | is_nan(a), a, b); },
                         [](float a, float b) { return a < b || a != a ? a : b; });
    case POW:
      return each_row(j, part, [&](int64_t o, const int64_t* at, int64_t n) {
        for (int64_t i = 0; i < n; i++)
          ((float*)j.out)[o + i] = __builtin_powf(((const float*)j.a)[at[0] + i * j.r.step[0]], ((const float*)j.b)[at[1] + i * j.r.step[1]]);
      });
    default: return compare_part<float>(j, part);
  }
}
static void binary(int op, void* out, const float* a, const float* b, const Strided& s) {
  StridedJob j = {op, out, a, b, nullptr, &s, {}, 0, 0};
  plan_strided(j);
  parallel(strided_parts(j), binary_part, &j);
}

SH_SMALL static void whole_part(void* context, int64_t part) {
  const StridedJob& j = *(const StridedJob*)context;
  each_row(j, part, [&](int64_t o, const int64_t* at, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
      const int32_t a = ((const int32_t*)j.a)[at[0] + i * j.r.step[0]], b = ((const int32_t*)j.b)[at[1] + i * j.r.step[1]];
      int32_t y = 0;
      switch (j.op) {
        case ADD: y = (int32_t)((uint32_t)a + (uint32_t)b); break;
        case SUB: y = (int32_t)((uint32_t)a - (uint32_t)b); break;
        case MUL: y = (int32_t)((uint32_t)a * (uint32_t)b); break;
        // Truncated, 0 for a division by 0, as storing the quotient of doubles would give.
        case DIV: y = b == 0 ? 0 : b == -1 ? (int32_t)(0u - (uint32_t)a) : a / b; break;
        case POW: {
          const double p = __builtin_pow((double)a, (double)b);
          y = p >= -2147483648.0 && p <= 2147483647.0 ? (int32_t)p : 0;
          break;
        }
        case MAXIMUM: y = a > b ? a : b; break;
        case MINIMUM: y = a < b ? a : b; break;
      }
      ((int32_t*)j.out)[o + i] = y;
    }
  });
}
static void compare_i32_part(void* context, int64_t part) { compare_part<int32_t>(*(const StridedJob*)context, part); }
static void binary_i32(int op, void* out, const int32_t* a, const int32_t* b, const Strided& s) {
  StridedJob j = {op, out, a, b, nullptr, &s, {}, 0, 0};
  plan_strided(j);
  parallel(strided_parts(j), op >= EQ ? compare_i32_part : whole_part, &j);
}

static void where_part(void* context, int64_t part) {
  const StridedJob& j = *(const StridedJob*)context;
  each_row(j, part, [&](int64_t o, const int64_t* at, int64_t n) {
    const uint8_t* c = (const uint8_t*)j.a + at[0];
    const float* a = (const float*)j.b + at[1];
    const float* b = (const float*)j.c + at[2];
    float* out = (float*)j.out + o;
    for (int64_t i = 0; i < n; i++) out[i] = c[i * j.r.step[0]] ? a[i * j.r.step[1]] : b[i * j.r.step[2]];
  });
}
static void where(float* out, const uint8_t* cond, const float* a, const float* b, const Strided& s) {
  StridedJob j = {0, out, cond, a, b, &s, {}, 0, 0};
  plan_strided(j);
  parallel(strided_parts(j), where_part, &j);
}

// ---- copies: operand 0 is out, operand 1 is x

template <class T>
static void copy_part(void* context, int64_t part) {
  const StridedJob& j = *(const StridedJob*)context;
  each_row(j, part, [&](int64_t, const int64_t* at, int64_t n) {
    T* out = (T*)j.out + at[0];
    const T* x = (const T*)j.a + at[1];
    const int64_t so = j.r.step[0], sx = j.r.step[1];
    if (so == 1 && sx == 1) __builtin_memcpy(out, x, (size_t)n * sizeof(T));
    else if (so == 1 && sx == 0) {
      const T value = *x;
      SH_UNROLL for (int64_t i = 0; i < n; i++) out[i] = value;
    } else if (so == 1) for (int64_t i = 0; i < n; i++) out[i] = x[i * sx];
    else for (int64_t i = 0; i < n; i++) out[i * so] = x[i * sx];
  });
}

// The last two dimensions turned: tiles that fit the cache, read along x and written along out.
struct TurnJob {
  float* out;
  const float* x;
  int64_t rows, cols, so, sx;  // out[r·so + c] = x[c·sx + r]
};
static void turn_part(void* context, int64_t part) {
  const TurnJob& j = *(const TurnJob*)context;
  const int64_t r0 = part * 64, r1 = smaller(j.rows, r0 + 64);
  for (int64_t c0 = 0; c0 < j.cols; c0 += W) {
    const int64_t c1 = smaller(j.cols, c0 + W);
    int64_t r = r0;
    if (c1 - c0 == W)
      for (; r + W <= r1; r += W) {
        vf v[W];
        for (int i = 0; i < W; i++) v[i] = load(j.x + (c0 + i) * j.sx + r);
        turn(v);
        for (int i = 0; i < W; i++) store(j.out + (r + i) * j.so + c0, v[i]);
      }
    for (; r < r1; r++)
      for (int64_t c = c0; c < c1; c++) j.out[r * j.so + c] = j.x[c * j.sx + r];
  }
}

static void copy4(void* out, const void* x, const Strided& s) {
  const int n = s.ndim;
  if (n >= 2 && s.stride[0][n - 1] == 1 && s.stride[1][n - 2] == 1 && s.stride[1][n - 1] != 1 && s.size[n - 1] >= W && s.size[n - 2] >= W) {
    Strided outer = s;
    outer.ndim = n - 1;  // row_start walks all but the last dimension
    int64_t count = 1, at[3];
    for (int d = 0; d < n - 2; d++) count *= s.size[d];
    for (int64_t i = 0; i < count; i++) {
      row_start(outer, i, at);
      TurnJob j = {(float*)out + at[0], (const float*)x + at[1], s.size[n - 2], s.size[n - 1], s.stride[0][n - 2], s.stride[1][n - 1]};
      const int64_t parts = ceil_div(j.rows, 64);
      if (j.rows * j.cols < 2 * PIECE) for (int64_t p = 0; p < parts; p++) turn_part(&j, p);
      else parallel(parts, turn_part, &j);
    }
    return;
  }
  StridedJob j = {0, out, x, nullptr, nullptr, &s, {}, 0, 0};
  plan_strided(j);
  parallel(strided_parts(j), copy_part<uint32_t>, &j);
}
static void copy1(void* out, const void* x, const Strided& s) {
  StridedJob j = {0, out, x, nullptr, nullptr, &s, {}, 0, 0};
  plan_strided(j);
  parallel(strided_parts(j), copy_part<uint8_t>, &j);
}
static void copy_add_part(void* context, int64_t part) {
  const StridedJob& j = *(const StridedJob*)context;
  each_row(j, part, [&](int64_t, const int64_t* at, int64_t n) {
    float* out = (float*)j.out + at[0];
    const float* x = (const float*)j.a + at[1];
    const int64_t so = j.r.step[0], sx = j.r.step[1];
    int64_t i = 0;
    if (so == 1 && sx == 1)
      SH_UNROLL for (; i + W <= n; i += W) store(out + i, load(out + i) + load(x + i));
    for (; i < n; i++) out[i * so] += x[i * sx];
  });
}
static void copy_add(float* out, const float* x, const Strided& s) {
  StridedJob j = {0, out, x, nullptr, nullptr, &s, {}, 0, 0};
  plan_strided(j);
  // Rows of a broadcast output overlap: one thread, in order.
  bool overlap = false;
  for (int d = 0; d < s.ndim; d++) overlap = overlap || (s.stride[0][d] == 0 && s.size[d] > 1);
  const int64_t parts = strided_parts(j);
  if (overlap) for (int64_t p = 0; p < parts; p++) copy_add_part(&j, p);
  else parallel(parts, copy_add_part, &j);
}

SH_INLINE int32_t to_int(float x) {
  // As JavaScript stores a number in an Int32Array: truncated, modulo 2^32, 0 for what is no number.
  if (x >= -2147483648.0f && x < 2147483648.0f) return (int32_t)x;
  if (!(x - x == 0)) return 0;
  const double d = __builtin_trunc((double)x);
  double m = d - __builtin_floor(d / 4294967296.0) * 4294967296.0;
  return (int32_t)(uint32_t)m;
}
static void cast(void* out, int outType, const void* x, int xType, int64_t n) {
  const float* f = (const float*)x;
  const int32_t* i = (const int32_t*)x;
  const uint8_t* u = (const uint8_t*)x;
  for (int64_t at = 0; at < n; at++) {
    if (outType == F32) ((float*)out)[at] = xType == F32 ? f[at] : xType == I32 ? (float)i[at] : (float)u[at];
    else if (outType == I32) ((int32_t*)out)[at] = xType == F32 ? to_int(f[at]) : xType == I32 ? i[at] : (int32_t)u[at];
    else ((uint8_t*)out)[at] = xType == F32 ? f[at] != 0 : xType == I32 ? i[at] != 0 : u[at] != 0;
  }
}
