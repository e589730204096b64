// Elementwise functions, rows, reductions and optimizers against double arithmetic, for machines that only run emulated.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kernels.h"
#include "../threads.h"

using namespace shoshin;
#define TABLE2(isa) kernels_##isa
#define TABLE(isa) TABLE2(isa)
static const Kernels& K = TABLE(SHOSHIN_ISA_NAME);

static int failures = 0;
static void expect(const char* what, int i, double got, double want, double tolerance) {
  if (fabs(got - want) <= tolerance * (1 + fabs(want)) || (got != got && want != want) || got == want) return;
  if (failures++ < 20) printf("%s[%d]: %g, not %g\n", what, i, got, want);
}

// Two steps of an LSTM, and the gradient of its weights by central differences of Σ h.
static void lstm() {
  constexpr int T = 2, B = 3, I = 5, H = 7, G = 4 * H;
  static float x[T * B * I], wih[G * I], whh[G * H], states[(T + 1) * B * H], cells[(T + 1) * B * H], gates[T * B * G];
  static float hn[B * H], cn[B * H], dwhh[G * H], work[T * B * G], ones[T * B * H];
  for (int i = 0; i < T * B * I; i++) x[i] = (float)sin(i * 1.3);
  for (int i = 0; i < G * I; i++) wih[i] = (float)cos(i * 0.7) * 0.5f;
  for (int i = 0; i < G * H; i++) whh[i] = (float)sin(i * 0.3) * 0.5f;
  for (int i = 0; i < T * B * H; i++) ones[i] = 1;
  RecurrentArgs a{};
  a.cell = LSTM; a.steps = T; a.batch = B; a.input = I; a.hidden = H;
  a.x = x; a.wih = wih; a.whh = whh; a.states = states; a.cells = cells; a.gates = gates; a.hn = hn; a.cn = cn;
  const auto sum = [&](bool compare) {
    double h[B][H] = {}, c[B][H] = {}, total = 0;
    for (int t = 0; t < T; t++)
      for (int b = 0; b < B; b++) {
        double g[G];
        for (int r = 0; r < G; r++) {
          g[r] = 0;
          for (int p = 0; p < I; p++) g[r] += (double)wih[r * I + p] * x[(t * B + b) * I + p];
          for (int p = 0; p < H; p++) g[r] += (double)whh[r * H + p] * h[b][p];
        }
        for (int u = 0; u < H; u++) {
          const auto s = [&](int k) { return 1 / (1 + exp(-g[k * H + u])); };
          c[b][u] = s(1) * c[b][u] + s(0) * tanh(g[2 * H + u]);
          h[b][u] = s(3) * tanh(c[b][u]);
          total += h[b][u];
        }
      }
    for (int i = 0; compare && i < B * H; i++) expect("lstm", i, hn[i], h[i / H][i % H], 1e-5);
    return total;
  };
  void* space = malloc((size_t)K.recurrent_workspace(a, nullptr));
  K.recurrent(a, space);
  free(space);
  sum(true);
  RecurrentGradients d{};
  d.whh.to = dwhh; d.work = work; d.dout = ones;
  space = malloc((size_t)K.recurrent_workspace(a, &d));
  K.recurrent_backward(a, d, space);
  free(space);
  for (int i = 0; i < G * H; i += 11) {
    const float w = whh[i];
    whh[i] = w + 1e-3f;
    const double up = sum(false), step = (double)whh[i];
    whh[i] = w - 1e-3f;
    const double slope = (up - sum(false)) / (step - whh[i]);
    whh[i] = w;
    expect("lstm dW", i, dwhh[i], slope, 1e-4);
  }
}

int main() {
  lstm();
  constexpr int N = 1003;
  static float x[N], y[N], z[N], w[N];
  for (int i = 0; i < N; i++) {
    x[i] = (float)(sin(i * 1.7) * 4);
    w[i] = (float)(cos(i * 0.9) * 2 + 2.5);
  }
  struct Case { int op; double (*f)(double); int positive; };
  static const Case cases[] = {
    {EXP, exp, 0}, {LOG, log, 1}, {SIN, sin, 0}, {COS, cos, 0}, {TANH, tanh, 0}, {SQRT, sqrt, 1}, {LOG1P, log1p, 1}, {EXPM1, expm1, 0},
    {SIGMOID, [](double v) { return 1 / (1 + exp(-v)); }, 0},
    {GELU, [](double v) { return 0.5 * v * (1 + erf(v / sqrt(2))); }, 0},
    {SILU, [](double v) { return v / (1 + exp(-v)); }, 0},
    {RELU, [](double v) { return v > 0 ? v : 0; }, 0},
  };
  for (const Case& c : cases) {
    const float* in = c.positive ? w : x;
    K.unary(c.op, y, in, N, 0, 0);
    for (int i = 0; i < N; i++) expect("unary", c.op, y[i], c.f(in[i]), 2e-6);
  }
  K.softmax(y, x, 17, 59, 0);
  for (int r = 0; r < 17; r++) {
    double sum = 0;
    for (int i = 0; i < 59; i++) sum += exp((double)x[r * 59 + i]);
    for (int i = 0; i < 59; i++) expect("softmax", i, y[r * 59 + i], exp((double)x[r * 59 + i]) / sum, 1e-6);
  }
  float mean[17], rstd[17];
  K.norm(y, mean, rstd, x, nullptr, nullptr, 17, 59, 1e-5f);
  for (int r = 0; r < 17; r++) {
    double m = 0, v = 0;
    for (int i = 0; i < 59; i++) m += x[r * 59 + i] / 59.0;
    for (int i = 0; i < 59; i++) v += (x[r * 59 + i] - m) * (x[r * 59 + i] - m) / 59.0;
    for (int i = 0; i < 59; i++) expect("norm", i, y[r * 59 + i], (x[r * 59 + i] - m) / sqrt(v + 1e-5), 1e-5);
  }
  K.reduce(SUM, y, x, 1, 17, 59, 0);
  for (int i = 0; i < 59; i++) {
    double sum = 0;
    for (int r = 0; r < 17; r++) sum += x[r * 59 + i];
    expect("sum", i, y[i], sum, 5e-6);
  }
  memcpy(y, x, sizeof x);
  memset(z, 0, sizeof z);
  static float v[N];
  AdamArgs a{};
  a.p = y; a.g = w; a.m = z; a.v = v; a.n = N;
  a.lr = 0.1f; a.beta1 = 0.9f; a.beta2 = 0.999f; a.eps = 1e-8f; a.bias1 = 1 - a.beta1; a.bias2 = 1 - a.beta2;
  K.adam(a);
  for (int i = 0; i < N; i++) expect("adam", i, y[i], x[i] - 0.1, 1e-4);
  K.dropout(y, w, N, 0.25f, 1, 2, 3);
  int dropped = 0;
  for (int i = 0; i < N; i++) {
    dropped += y[i] == 0;
    if (y[i] != 0) expect("dropout", i, y[i], w[i] / 0.75, 1e-6);
  }
  if (dropped < 200 || dropped > 300) expect("dropped", 0, dropped, 250, 0);
  printf("%s kernels: %d failures\n", K.name, failures);
  return failures > 0;
}
