// What the machine can do at most, for `doctor` and the benchmarks.
#pragma once

struct PeakJob {
  int precision;
  int64_t rounds;
  float sink[MAX_THREADS * 16];
};

static void peak_part(void* context, int64_t part) {
  PeakJob& j = *(PeakJob*)context;
  constexpr int CHAINS = W == 4 ? 12 : 14;
  vf acc[CHAINS];
#pragma GCC unroll 16
  for (int i = 0; i < CHAINS; i++) acc[i] = splat((float)i);
  vf a = splat(0.999f), b = splat(0.001f);
  SH_OPAQUE(a);
  SH_OPAQUE(b);
#if SHOSHIN_BF16_DOT
  if (j.precision == PRECISION_BF16) {
    for (int64_t r = 0; r < j.rounds; r++) {
#pragma GCC unroll 16
      for (int i = 0; i < CHAINS; i++) acc[i] = (vf)_mm512_dpbf16_ps((__m512)acc[i], (__m512bh)a, (__m512bh)b);
    }
  } else
#endif
    for (int64_t r = 0; r < j.rounds; r++) {
#pragma GCC unroll 16
      for (int i = 0; i < CHAINS; i++) acc[i] = fma(acc[i], a, b);
    }
  vf sum = acc[0];
  for (int i = 1; i < CHAINS; i++) sum += acc[i];
  j.sink[part * 16] = sum[0];
}

static double peak_flops(int precision, int threads, double seconds) {
  PeakJob j;
  j.precision = precision;
#if defined(__wasm__)
  j.rounds = 4000000;  // a page's clock ticks every 100 µs
#else
  j.rounds = 20000;
#endif
  const int before = thread_count();
  set_thread_count(threads);
  const double per = (W == 4 ? 12 : 14) * W * (precision == PRECISION_BF16 && SHOSHIN_BF16_DOT ? 4.0 : 2.0) * threads;
  double best = 0;
  const double end = now_seconds() + seconds;
  do {
    const double start = now_seconds();
    parallel(threads, peak_part, &j);
    const double rate = per * (double)j.rounds / (now_seconds() - start) / 1e9;
    if (rate > best) best = rate;
  } while (now_seconds() < end);
  set_thread_count(before);
  return best;
}

struct TriadJob {
  float* a;
  const float *b, *c;
  int64_t n, parts;
};
static void triad_part(void* context, int64_t part) {
  const TriadJob& j = *(const TriadJob*)context;
  const int64_t vectors = j.n / W;
  const vf s = splat(3.0f);
  for (int64_t i = cut(vectors, j.parts, part); i < cut(vectors, j.parts, part + 1); i++)
    stream(j.a + i * W, load(j.b + i * W) + s * load(j.c + i * W));
  stream_fence();
}
static double triad(float* a, const float* b, const float* c, int64_t n, int threads) {
  const int before = thread_count();
  set_thread_count(threads);
  TriadJob j = {a, b, c, n, threads};
  double best = 0;
  for (int round = 0; round < 12; round++) {
    const double start = now_seconds();
    parallel(threads, triad_part, &j);
    const double rate = 12.0 * (double)n / (now_seconds() - start) / 1e9;
    if (rate > best) best = rate;
  }
  set_thread_count(before);
  return best;
}
