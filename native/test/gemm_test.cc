// Compares the multiply with double loops over random shapes; `bench` prints shares of the peak.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kernels.h"
#include "../threads.h"

using namespace shoshin;
#define TABLE2(isa) kernels_##isa
#define TABLE(isa) TABLE2(isa)
static const Kernels& K() { return TABLE(SHOSHIN_ISA_NAME); }

static uint64_t seed = 88172645463325252ull;
static uint64_t next() { seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17; return seed; }
static float uniform() { return (float)((double)(next() >> 40) / (1 << 24) * 2 - 1); }
static float bf16(float x) {
  uint32_t u; memcpy(&u, &x, 4);
  u = (u + 0x7fff + ((u >> 16) & 1)) & 0xffff0000;
  memcpy(&x, &u, 4);
  return x;
}
static double act(int a, double x) {
  switch (a) {
    case ACT_RELU: return x > 0 ? x : 0;
    case ACT_GELU: return 0.5 * x * (1 + erf(x / sqrt(2)));
    case ACT_GELU_TANH: return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case ACT_SILU: return x / (1 + exp(-x));
    case ACT_TANH: return tanh(x);
    case ACT_SIGMOID: return 1 / (1 + exp(-x));
    default: return x;
  }
}
static float* room(int64_t n) {
  float* p = (float*)aligned_alloc(64, (size_t)((n * 4 + 63) / 64 * 64 + 64));
  for (int64_t i = 0; i < n; i++) p[i] = uniform();
  return p;
}
static void run(const GemmArgs& g) {
  void* w = malloc((size_t)K().gemm_workspace(g));
  K().gemm(g, w);
  free(w);
}
static int check(int round) {
  static const int sizes[] = {0, 1, 2, 3, 7, 13, 14, 15, 16, 17, 31, 32, 33, 64, 100, 130, 200, 513, 600};
  auto pick = [&](int limit) { return (int64_t)sizes[next() % (uint64_t)limit]; };
  GemmArgs g{};
  g.batch = 1 + (int64_t)(next() % 5 == 0) * (int64_t)(next() % 9);
  const int limit = g.batch > 1 ? 13 : 19;
  g.m = pick(limit); g.n = pick(limit); g.k = pick(limit);
  g.transA = (int)(next() & 1); g.transB = (int)(next() & 1);
  g.precision = (int)(next() & 1);
  g.accumulate = next() % 3 == 0;
  g.activation = g.accumulate ? 0 : (int)(next() % 7);
  g.lda = (g.transA ? g.m : g.k) + (int64_t)(next() % 3); g.ldb = (g.transB ? g.k : g.n) + (int64_t)(next() % 3);
  g.ldc = g.n + (int64_t)(next() % 3);
  if (g.lda == 0) g.lda = 1;
  if (g.ldb == 0) g.ldb = 1;
  g.strideA = g.lda * (g.transA ? g.k : g.m); g.strideB = next() % 2 ? g.ldb * (g.transB ? g.n : g.k) : 0; g.strideC = g.ldc * g.m;
  float* a = room(g.batch * g.strideA); float* b = room(g.batch * g.ldb * (g.transB ? g.n : g.k));
  float* c0 = room(g.batch * g.strideC); float* bias = room(g.n);
  const size_t bytes = (size_t)(g.batch * g.strideC) * 4;
  float *c = room(g.batch * g.strideC), *pre = room(g.batch * g.strideC), *c2 = room(g.batch * g.strideC);
  memcpy(pre, c0, bytes);
  g.a = a; g.b = b; g.bias = next() & 1 ? bias : nullptr; g.preact = next() & 1 ? pre : nullptr;
  int bad = 0;
  for (int threads = 1; threads <= 3; threads++) {
    set_thread_count(threads);
    float* out = threads == 1 ? c : c2;
    memcpy(out, c0, bytes);
    g.c = out;
    run(g);
    if (threads > 1 && memcmp(c, c2, bytes)) { printf("round %d: %d threads differ\n", round, threads); bad = 1; }
  }
  for (int64_t i = 0; i < g.batch; i++)
    for (int64_t r = 0; r < g.m; r++)
      for (int64_t q = 0; q < g.ldc; q++) {
        const int64_t at = i * g.strideC + r * g.ldc + q;
        if (q >= g.n) { if (c[at] != c0[at]) { bad = 1; printf("round %d wrote beyond a row\n", round); } continue; }
        double sum = 0, size = 0;
        for (int64_t p = 0; p < g.k; p++) {
          float x = a[i * g.strideA + (g.transA ? p * g.lda + r : r * g.lda + p)], y = b[i * g.strideB + (g.transB ? q * g.ldb + p : p * g.ldb + q)];
          if (g.precision) { x = bf16(x); y = bf16(y); }
          sum += (double)x * y; size += fabs((double)x * y);
        }
        if (g.bias) sum += bias[q];
        const double want = g.accumulate ? c0[at] + sum : act(g.activation, sum);
        const double allowed = 1e-5 * (fabs(want) + 0.1 * size + 0.1);
        if (!(fabs(c[at] - want) <= allowed)) {
          printf("round %d: m %ld n %ld k %ld tA %d tB %d bf16 %d add %d act %d at %ld,%ld: %g, not %g\n", round, (long)g.m, (long)g.n, (long)g.k, g.transA, g.transB, g.precision, g.accumulate, g.activation, (long)r, (long)q, c[at], want);
          bad = 1; goto done;
        }
      }
done:
  free(a); free(b); free(c0); free(c); free(c2); free(pre); free(bias);
  return bad;
}

static void bench(const char* name, int64_t m, int64_t k, int64_t n, int tA, int tB, int precision) {
  GemmArgs g{};
  g.batch = 1; g.m = m; g.n = n; g.k = k; g.transA = tA; g.transB = tB; g.precision = precision;
  g.lda = tA ? m : k; g.ldb = tB ? k : n; g.ldc = n;
  float *a = room(m * k), *b = room(k * n), *c = room(m * n);
  g.a = a; g.b = b; g.c = c;
  void* w = aligned_alloc(64, (size_t)(K().gemm_workspace(g) + 63) / 64 * 64);
  const int threads = thread_count();
  double shares[5];
  double rate = 0;
  const int rounds = (int)(2e10 / (2.0 * (double)m * (double)n * (double)k)) + 1;
  for (int i = 0; i < 5; i++) {
    const double peak = K().peak_flops(precision, threads, 0.05);
    K().gemm(g, w);
    double best = 1e9;
    const int inner = rounds / 5 + 1;
    const double start = now_seconds();
    for (int r = 0; r < inner; r++) K().gemm(g, w);
    best = (now_seconds() - start) / inner;
    rate = 2.0 * (double)m * (double)n * (double)k / best / 1e9;
    shares[i] = rate / peak;
  }
  for (int i = 0; i < 5; i++) for (int j = i + 1; j < 5; j++) if (shares[j] < shares[i]) { double t = shares[i]; shares[i] = shares[j]; shares[j] = t; }
  printf("%-28s %6.1f GFLOP/s  %5.1f %% of peak\n", name, rate, 100 * shares[2]);
  free(a); free(b); free(c); free(w);
}

int main(int argc, char** argv) {
  if (argc > 1 && !strcmp(argv[1], "bench")) {
    for (int precision = 0; precision < 2; precision++) {
      printf("%s, %s, %d threads, peak %.0f\n", K().name, precision ? "bf16" : "f32", thread_count(), K().peak_flops(precision, thread_count(), 0.2));
      bench("2048x768x768", 2048, 768, 768, 0, 0, precision);
      bench("512x512x512", 512, 512, 512, 0, 0, precision);
      bench("2048x768x3072", 2048, 768, 3072, 0, 0, precision);
      bench("64x256x1024", 64, 256, 1024, 0, 0, precision);
      bench("TN 2048x768x768", 2048, 768, 768, 1, 0, precision);
      bench("NT 2048x768x768", 2048, 768, 768, 0, 1, precision);
      bench("NT 128x784x512", 128, 784, 512, 0, 1, precision);
      bench("TN 512x128x784", 512, 128, 784, 1, 0, precision);
      bench("NT 128x512x256", 128, 512, 256, 0, 1, precision);
      bench("NN 128x256x512", 128, 256, 512, 0, 0, precision);
      bench("TN 256x128x512", 256, 128, 512, 1, 0, precision);
      bench("NT 128x256x10", 128, 256, 10, 0, 1, precision);
      bench("TN 10x128x256", 10, 128, 256, 1, 0, precision);
    }
    return 0;
  }
  const int rounds = argc > 1 ? atoi(argv[1]) : 400;
  int bad = 0;
  for (int i = 0; i < rounds && bad < 5; i++) bad += check(i);
  printf("%s: %d rounds, %d failed\n", K().name, rounds, bad);
  return bad > 0;
}
