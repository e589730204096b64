// Elementary functions on vectors, to about 2 units in the last place of float32.
// exp and log: Cody–Waite reduction with Cephes' minimax polynomials (Moshier); erf: rational form of Eigen's fast erf;
// tanh through expm1.
#pragma once

SH_INLINE vf as_float(vi x) { return (vf)x; }
SH_INLINE vi as_int(vf x) { return (vi)x; }
SH_INLINE vf vabs(vf x) { return (vf)((vi)x & splati(0x7fffffff)); }
SH_INLINE vf copysign(vf size, vf sign) { return (vf)(((vi)size & splati(0x7fffffff)) | ((vi)sign & splati((int)0x80000000))); }
SH_INLINE vi is_nan(vf x) { return x != x; }

SH_INLINE vf vsqrt(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
  return (vf)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE__)
  return (vf)_mm_sqrt_ps((__m128)x);
#elif defined(__aarch64__)
  return (vf)vsqrtq_f32((float32x4_t)x);
#elif defined(__wasm__)
  return __builtin_elementwise_sqrt(x);
#else
  vf y;
  for (int i = 0; i < W; i++) y[i] = __builtin_sqrtf(x[i]);
  return y;
#endif
}

// Nearest whole number of |x| < 2^22, by the float's own rounding.
SH_INLINE vf round_small(vf x) {
  const vf magic = splat(12582912.0f);
  vf shifted = x + magic;
  SH_OPAQUE(shifted);
  return shifted - magic;
}

// 2^n for whole n in [-126, 127].
SH_INLINE vf exp2_int(vf n) {
  vi i = __builtin_convertvector(n, vi);
  return as_float((i + splati(127)) << 23);
}

// a / b for 2^-100 < |b| < 2^100, to about one unit in the last place.
SH_INLINE vf divide(vf a, vf b) {
#if defined(__AVX512F__)
  // A quotient by a 14-bit reciprocal; the correction by its remainder doubles the bits.
  const vf r = (vf)_mm512_rcp14_ps((__m512)b);
  const vf q = a * r;
  return fma(fma(-b, q, a), r, q);
#else
  return a / b;
#endif
}

// y·2^n for whole n; below the normal range it loses bits gradually.
SH_INLINE vf scale(vf y, vf n) {
#if defined(__AVX512F__)
  return (vf)_mm512_scalef_ps((__m512)y, (__m512)n);
#else
  // Two factors, so that n below -126 gives a subnormal and n = 128 no false infinity.
  vf half = round_small(n * splat(0.5f));
  return y * exp2_int(half) * exp2_int(n - half);
#endif
}

// e^r - 1 - r for |r| <= ln2/2: the tail r²·p(r).
SH_INLINE vf exp_tail(vf r) {
  vf p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  return p * r * r;
}

// c = n·ln2 + r with whole n and |r| <= ln2/2; returns r.
SH_INLINE vf exp_rest(vf c, vf* n) {
  const vf magic = splat(12582912.0f);
  vf shifted = fma(c, splat(1.44269504088896341f), magic);
  SH_OPAQUE(shifted);
  *n = shifted - magic;
  return fma(*n, splat(2.12194440e-4f), fma(*n, splat(-0.693359375f), c));
}
// e^c for -104 <= c <= 89; NaN passes through.
SH_INLINE vf exp_within(vf c) {
  vf n;
  const vf r = exp_rest(c, &n);
  return scale(exp_tail(r) + r + splat(1.0f), n);
}
// The same to 2e-7 of the result, for what is summed up: minimax among the polynomials of fifth degree that begin with 1 + r.
SH_INLINE vf exp_short(vf c) {
  vf n;
  const vf r = exp_rest(c, &n);
  vf p = splat(8.3125014318e-3f);
  p = fma(p, r, splat(4.1890332183e-2f));
  p = fma(p, r, splat(1.6667115390e-1f));
  p = fma(p, r, splat(4.9999230305e-1f));
  p = fma(p, r, splat(1.0f));
  return scale(fma(p, r, splat(1.0f)), n);
}
// Below -104 the result is 0, above 88.73 infinite; clamped so that the scaling stays finite. NaN is the second operand of
// min and max, which is what they give then.
SH_INLINE vf vexp(vf x) { return exp_within(min(splat(89.0f), max(splat(-104.0f), x))); }
// The same for x <= 0, or NaN, to 2e-7 of the result.
SH_INLINE vf vexp_negative(vf x) { return exp_short(max(splat(-104.0f), x)); }

SH_INLINE vf vexpm1(vf x) {
  vf c = min(max(x, splat(-30.0f)), splat(89.0f));
  vf n = round_small(c * splat(1.44269504088896341f));
  vf r = fma(n, splat(-0.693359375f), c);
  r = fma(n, splat(2.12194440e-4f), r);
  vf small = exp_tail(r) + r;
  vf half = round_small(n * splat(0.5f));
  vf s1 = exp2_int(half), s2 = exp2_int(n - half);
  // 2^n(e^r - 1) + (2^n - 1)
  vf y = small * s1 * s2 + (s1 * s2 - splat(1.0f));
  y = select(x > splat(88.72f), vexp(x), y);
  return select(is_nan(x), x, y);
}

SH_INLINE vf vlog(vf x) {
  // Subnormals are scaled up.
  vi tiny = x < splat(1.17549435e-38f);
  vf v = select(tiny, x * splat(8388608.0f), x);
  vi bits = as_int(v);
  vi e = ((bits >> 23) & splati(0xff)) - splati(126);
  vf m = as_float((bits & splati(0x007fffff)) | splati(0x3f000000));
  vi low = m < splat(0.707106781186547524f);
  vf ef = __builtin_convertvector(e, vf) - select(low, splat(1.0f), splat(0.0f)) - select(tiny, splat(23.0f), splat(0.0f));
  m = select(low, m + m, m) - splat(1.0f);
  vf z = m * m;
  vf p = splat(7.0376836292e-2f);
  p = fma(p, m, splat(-1.1514610310e-1f));
  p = fma(p, m, splat(1.1676998740e-1f));
  p = fma(p, m, splat(-1.2420140846e-1f));
  p = fma(p, m, splat(1.4249322787e-1f));
  p = fma(p, m, splat(-1.6668057665e-1f));
  p = fma(p, m, splat(2.0000714765e-1f));
  p = fma(p, m, splat(-2.4999993993e-1f));
  p = fma(p, m, splat(3.3333331174e-1f));
  vf y = p * m * z;
  y = fma(ef, splat(-2.12194440e-4f), y);
  y = y - splat(0.5f) * z;
  vf r = m + y;
  r = fma(ef, splat(0.693359375f), r);
  r = select(x == splat(__builtin_inff()), x, r);
  r = select(x == splat(0.0f), splat(-__builtin_inff()), r);
  r = select(x < splat(0.0f), splat(__builtin_nanf("")), r);
  return select(is_nan(x), x, r);
}

// ln(1 + x): u = 1 + x loses the low bits of x; ln u · x/(u - 1) gives them back (Higham 2002, section 1.14.1).
SH_INLINE vf vlog1p(vf x) {
  vf u = x + splat(1.0f);
  SH_OPAQUE(u);
  vf d = u - splat(1.0f);
  vf y = select(d == splat(0.0f), x, vlog(u) * (x / select(d == splat(0.0f), splat(1.0f), d)));
  return select(u == splat(__builtin_inff()), u, y);
}

SH_INLINE vf vsigmoid(vf x) {
  vf e = vexp_negative(-vabs(x));
  vf d = divide(splat(1.0f), splat(1.0f) + e);
  return select(x >= splat(0.0f), d, e * d);
}

SH_INLINE vf vtanh(vf x) {
  // t = expm1(-2|x|); from 20 on the result is 1 in float32. NaN passes through.
  vf c = min(splat(20.0f), vabs(x)) * splat(-2.0f);
  vf n = round_small(c * splat(1.44269504088896341f));
  vf r = fma(n, splat(-0.693359375f), c);
  r = fma(n, splat(2.12194440e-4f), r);
  vf s = exp2_int(n);
  vf t = fma(exp_tail(r) + r, s, s - splat(1.0f));
  return copysign(divide(-t, t + splat(2.0f)), x);
}

// erf on |x| < 4 as x·p(x²)/q(x²); beyond it is ±1 in float32.
SH_INLINE vf verf(vf x) {
  // NaN is the second operand of min and max, which is what they give then.
  vf c = min(splat(4.0f), max(splat(-4.0f), x));
  vf z = c * c;
  vf p = splat(-2.72614225801306e-10f);
  p = fma(p, z, splat(2.77068142495902e-08f));
  p = fma(p, z, splat(-2.10102402082508e-06f));
  p = fma(p, z, splat(-5.69250639462346e-05f));
  p = fma(p, z, splat(-7.34990630326855e-04f));
  p = fma(p, z, splat(-2.95459980854025e-03f));
  p = fma(p, z, splat(-1.60960333262415e-02f));
  vf q = splat(-1.45660718464996e-05f);
  q = fma(q, z, splat(-2.13374055278905e-04f));
  q = fma(q, z, splat(-1.68282697438203e-03f));
  q = fma(q, z, splat(-7.37332916720468e-03f));
  q = fma(q, z, splat(-1.42647390514189e-02f));
  return min(splat(1.0f), max(splat(-1.0f), divide(c * p, q)));
}

// sin and cos by reduction modulo π/2 in three parts (exact to |x| of about 10^4) and Cephes' polynomials.
SH_INLINE void vsincos(vf x, vf* s, vf* c) {
  vf n = round_small(x * splat(0.63661977236758134f));
  vf r = fma(n, splat(-1.5703125f), x);
  r = fma(n, splat(-4.837512969970703125e-4f), r);
  r = fma(n, splat(-7.54978995489188216e-8f), r);
  vi quadrant = __builtin_convertvector(n, vi);
  vf z = r * r;
  vf ps = splat(-1.9515295891e-4f);
  ps = fma(ps, z, splat(8.3321608736e-3f));
  ps = fma(ps, z, splat(-1.6666654611e-1f));
  vf sn = fma(ps * z, r, r);
  vf pc = splat(2.443315711809948e-5f);
  pc = fma(pc, z, splat(-1.388731625493765e-3f));
  pc = fma(pc, z, splat(4.166664568298827e-2f));
  vf cs = fma(pc * z, z, fma(z, splat(-0.5f), splat(1.0f)));
  vi odd = (quadrant & splati(1)) != splati(0);
  vf a = select(odd, cs, sn), b = select(odd, sn, cs);
  *s = select((quadrant & splati(2)) != splati(0), -a, a);
  *c = select(((quadrant + splati(1)) & splati(2)) != splati(0), -b, b);
}

// Exact to the scalar functions where the fast reduction above no longer is.
SH_INLINE vf vsin(vf x) {
  vf s, c;
  vsincos(x, &s, &c);
  for (int i = 0; i < W; i++) if (!(x[i] > -8192.0f && x[i] < 8192.0f)) s[i] = __builtin_sinf(x[i]);
  return s;
}
SH_INLINE vf vcos(vf x) {
  vf s, c;
  vsincos(x, &s, &c);
  for (int i = 0; i < W; i++) if (!(x[i] > -8192.0f && x[i] < 8192.0f)) c[i] = __builtin_cosf(x[i]);
  return c;
}

SH_INLINE vf vgelu(vf x) {
  // Finite, because minus infinity times 0 would be NaN.
  vf half = splat(0.5f) * max(splat(-3.0e38f), x);
  return fma(half, verf(x * splat(0.70710678118654752f)), half);
}
// With w = 2·sqrt(2/π)·(x + 0.044715·x³), (1 + tanh(w/2))/2 = 1/(1 + e^-w), which cancels nothing; this is e^-w.
SH_INLINE vf gelu_tanh_exp(vf x) {
  const vf w = x * fma(x * x, splat(-0.0713548162726f), splat(-1.5957691216057308f));
  return exp_short(min(splat(69.0f), max(splat(-104.0f), w)));
}
SH_INLINE vf vgelu_tanh(vf x) {
  // Finite, because minus infinity would stay; from -16 down the result is smaller than any sum notices.
  const vf c = max(splat(-16.0f), x);
  return c * divide(splat(1.0f), splat(1.0f) + gelu_tanh_exp(c));
}
SH_INLINE vf vsilu(vf x) { return select(x == splat(-__builtin_inff()), splat(0.0f), x * vsigmoid(x)); }
SH_INLINE vf vrelu(vf x) { return select((x > splat(0.0f)) | is_nan(x), x, splat(0.0f)); }

// Sum of the lanes in a fixed order: halves added until one is left.
SH_INLINE float hsum(vf v) {
  float lane[W];
  store(lane, v);
  for (int w = W / 2; w > 0; w /= 2)
    for (int i = 0; i < w; i++) lane[i] += lane[i + w];
  return lane[0];
}
SH_INLINE float hmax(vf v) {
  float best = v[0];
  for (int i = 1; i < W; i++) if (v[i] > best || v[i] != v[i]) best = v[i];
  return best;
}
