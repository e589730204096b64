#include "gate.h"

#include "checks.h"
#include "dispatch.h"
#include "threads.h"

using namespace shoshin;

namespace shoshin {
thread_local char error_text[ERROR_SIZE];
thread_local double last_status = 0;
thread_local double params[SH_PARAMS];
thread_local Scratch scratch;
}  // namespace shoshin

namespace {

float p(int i) { return (float)params[i]; }
bool flag(double x) { return x != 0; }

// op(b) as the kernel reads it, from its second use on; null where a multiply of that shape does not read it so.
const float* kept(int64_t handle, const GemmArgs& x) {
  const int64_t floats = active().packed_floats(x);
  if (floats == 0) return nullptr;
  Packed like = {};
  like.offset = (int64_t)params[11];
  like.n = x.n;
  like.k = x.k;
  like.ld = x.ldb;
  like.transposed = x.transB;
  like.precision = x.precision;
  like.reader = &active();
  Packed* p = storage_packed(handle, like);
  if (!p || p->data || p->uses < 2) return p ? p->data : nullptr;
  float* data = storage_pack(p, floats * 4);
  if (data) active().pack(x, data);
  return data;
}

}  // namespace

extern "C" {

double sh_abi() { return SHOSHIN_ABI; }
double sh_alloc(double length, double dtype) {
  Gate g("alloc");
  const int64_t n = g.count("length", length);
  const int t = g.choice("dtype", dtype, 3);
  if (!g.ok) return g.status();
  const int64_t handle = storage_alloc(n, t);
  if (handle == 0) {
    g.fail("no memory for %lld elements of %s: %lld tensors of %lld MB are live", (long long)n, DTYPES[t], (long long)storage_stat(0),
           (long long)(storage_stat(1) >> 20));
    g.code = -2;
    return g.status();
  }
  return (double)handle;
}
double sh_free(double handle) {
  Gate g("free");
  if (!(handle > 0 && handle <= LIMIT && storage_free((int64_t)handle))) g.fail("no live storage (freed before)");
  return g.status();
}
double sh_size(double handle) {
  const Buffer* b = handle > 0 && handle <= LIMIT ? storage_open((int64_t)handle) : nullptr;
  return b ? (double)(b->length * item_size(b->dtype)) : 0;
}
double sh_trim() {
  storage_trim();
  return 0;
}
double sh_stat(double which) { return (double)storage_stat(which >= 0 && which < 5 ? (int)which : -1); }
double sh_get(double handle, double i) {
  Gate g("get");
  const Buffer* b = g.open("the tensor", handle);
  const char* at = b ? g.range("the tensor", handle, i, 1, -1) : nullptr;
  g.status();
  if (!at) return NAN;
  if (b->dtype == F32) return *(const float*)at;
  return b->dtype == I32 ? (double)*(const int32_t*)at : (double)*(const uint8_t*)at;
}
#if defined(__wasm__)
double sh_limit(double bytes) {
  storage_limit((int64_t)bytes);
  return 0;
}
#endif
double* sh_params() { return params; }
double sh_status() { return last_status; }
const char* sh_error() { return error_text; }
void* sh_address(double handle, double byteOffset, double bytes) {
  Gate g("read or write");
  const Buffer* b = g.open("the tensor", handle);
  const int64_t at = g.count("the offset", byteOffset), n = g.count("the length", bytes);
  if (b && g.ok) {
    const int64_t size = b->length * item_size(b->dtype);
    if (at > size || n > size - at) g.fail("bytes %lld to %lld lie outside a storage of %lld", (long long)at, (long long)(at + n), (long long)size);
  }
  g.status();
  if (g.ok) storage_written((int64_t)handle);
  return g.ok ? b->data + at : nullptr;
}

double sh_threads(double n) {
  if (n > 0) set_thread_count(n > MAX_THREADS ? MAX_THREADS : (int)n);
  return thread_count();
}
const char* sh_isa() { return active().name; }
double sh_peak_flops(double precision, double threads, double seconds) {
  const int t = threads >= 1 && threads <= MAX_THREADS ? (int)threads : 1;
  return active().peak_flops(precision == 1 ? PRECISION_BF16 : PRECISION_F32, t, seconds > 0 && seconds < 60 ? seconds : 0.1);
}
double sh_triad(double length, double threads) {
  Gate g("triad");
  const int64_t n = g.count("length", length, 1e9) / 64 * 64;
  if (!g.ok) return g.status();
  void* data = nullptr;
  if (posix_memalign(&data, 2 << 20, (size_t)n * 12 + 64) != 0) {
    g.fail("no memory");
    return g.status();
  }
  float* a = (float*)data;
  memset(a, 0, (size_t)n * 12);
  const double rate = active().triad(a, a + n, a + 2 * n, n, threads >= 1 && threads <= MAX_THREADS ? (int)threads : 1);
  free(data);
  return rate;
}

double sh_fill(double out, double outOffset, double n, double value) {
  Gate g("fill");
  const int64_t count = g.count("n", n);
  const Buffer* b = g.open("out", out);
  char* at = g.range_out("out", out, outOffset, count, -1);
  if (!g.ok) return g.status();
  if (b->dtype == F32) active().fill_f32((float*)at, count, (float)value);
  else if (b->dtype == U8) memset(at, (int)(uint8_t)(int64_t)(value == value ? fmod(value, 256) : 0), (size_t)count);
  else {
    const int32_t v = value >= -2147483648.0 && value <= 2147483647.0 ? (int32_t)value : 0;
    for (int64_t i = 0; i < count; i++) ((int32_t*)at)[i] = v;
  }
  return g.status();
}
double sh_unary(double op, double out, double outOffset, double x, double xOffset, double n, double p0, double p1) {
  Gate g("unary");
  const int o = g.choice("op", op, UNARY_COUNT);
  const int64_t count = g.count("n", n);
  float* y = g.out("out", out, outOffset, count);
  const float* a = g.f32("x", x, xOffset, count);
  if (g.ok) active().unary(o, y, a, count, (float)p0, (float)p1);
  return g.status();
}
double sh_unary_backward(double op, double dx, double dxOffset, double dy, double dyOffset, double s, double sOffset, double n,
                         double p0, double p1) {
  Gate g("unary backward");
  const int o = g.choice("op", op, UNARY_COUNT);
  const int64_t count = g.count("n", n);
  float* y = g.out("dx", dx, dxOffset, count);
  const float *d = g.f32("dy", dy, dyOffset, count), *a = g.f32("s", s, sOffset, count);
  if (g.ok) active().unary_backward(o, y, d, a, count, (float)p0, (float)p1);
  return g.status();
}
double sh_binary(double op, double out, double outOffset, double a, double aOffset, double b, double bOffset, double ndim) {
  Gate g("binary");
  const int o = g.choice("op", op, BINARY_COUNT);
  Strided s;
  int64_t spans[3];
  const int64_t total = g.loop(ndim, 2, s, spans);
  const Buffer* first = g.open("a", a);
  if (!g.ok) return g.status();
  const int type = first->dtype;
  if (type == U8) g.fail("a is uint8; expected float32 or int32");
  const void *x = g.range("a", a, aOffset, spans[0], type), *y = g.range("b", b, bOffset, spans[1], type);
  void* z = g.range_out("out", out, outOffset, total, o >= EQ ? U8 : type);
  if (g.ok && total > 0) {
    if (type == F32) active().binary(o, z, (const float*)x, (const float*)y, s);
    else active().binary_i32(o, z, (const int32_t*)x, (const int32_t*)y, s);
  }
  return g.status();
}
double sh_where(double out, double outOffset, double cond, double condOffset, double a, double aOffset, double b, double bOffset,
                double ndim) {
  Gate g("where");
  Strided s;
  int64_t spans[3];
  const int64_t total = g.loop(ndim, 3, s, spans);
  const uint8_t* c = (const uint8_t*)g.range("cond", cond, condOffset, spans[0], U8);
  // Four bytes are chosen, whatever they mean.
  const Buffer* like = g.open("a", a);
  if (!g.ok) return g.status();
  const int type = like->dtype == I32 ? I32 : F32;
  const float *x = (const float*)g.range("a", a, aOffset, spans[1], type), *y = (const float*)g.range("b", b, bOffset, spans[2], type);
  float* z = (float*)g.range_out("out", out, outOffset, total, type);
  if (g.ok && total > 0) active().where(z, c, x, y, s);
  return g.status();
}
double sh_copy(double out, double outOffset, double x, double xOffset, double ndim, double add) {
  Gate g("copy");
  Strided s;
  int64_t spans[3];
  const int64_t total = g.loop(ndim, 2, s, spans);
  const Buffer* b = g.open("x", x);
  if (!g.ok) return g.status();
  if (flag(add) && b->dtype != F32) g.fail("adding needs float32, found %s", DTYPES[b->dtype]);
  const char* from = g.range("x", x, xOffset, spans[1], b->dtype);
  char* to = g.range_out("out", out, outOffset, spans[0], b->dtype);
  if (!g.ok || total == 0) return g.status();
  if (flag(add)) active().copy_add((float*)to, (const float*)from, s);
  else if (b->dtype == U8) active().copy1(to, from, s);
  else active().copy4(to, from, s);
  return g.status();
}
double sh_cast(double out, double outOffset, double x, double xOffset, double n) {
  Gate g("cast");
  const int64_t count = g.count("n", n);
  const Buffer *a = g.open("x", x), *b = g.open("out", out);
  const char* from = g.range("x", x, xOffset, count, -1);
  char* to = g.range_out("out", out, outOffset, count, -1);
  if (g.ok) active().cast(to, b->dtype, from, a->dtype, count);
  return g.status();
}
double sh_reduce(double op, double out, double outOffset, double x, double xOffset, double outer, double mid, double inner,
                 double accumulate) {
  Gate g("reduce");
  const int o = g.choice("op", op, REDUCE_COUNT);
  const int64_t a = g.count("outer", outer), m = g.count("mid", mid), b = g.count("inner", inner);
  const int64_t results = g.times(a, b);
  float* y = g.out("out", out, outOffset, results);
  const float* v = g.f32("x", x, xOffset, g.times(results, m));
  if (m == 0 && results > 0 && (o == MAX || o == MIN)) g.fail("no elements to take the extreme of");
  if (flag(accumulate) && (o == MAX || o == MIN || o == PROD)) g.fail("only sums accumulate");
  if (g.ok) active().reduce(o, y, v, a, m, b, flag(accumulate));
  return g.status();
}
double sh_arg_reduce(double op, double out, double outOffset, double x, double xOffset, double outer, double mid, double inner) {
  Gate g("argmax");
  const int o = g.choice("op", op, REDUCE_COUNT);
  const int64_t a = g.count("outer", outer), m = g.count("mid", mid, 2147483647.0), b = g.count("inner", inner);
  const int64_t results = g.times(a, b);
  int32_t* y = g.out_i32("out", out, outOffset, results);
  const float* v = g.f32("x", x, xOffset, g.times(results, m));
  if (o != MAX && o != MIN) g.fail("op must be MAX or MIN");
  if (m == 0 && results > 0) g.fail("no elements to choose from");
  if (g.ok) active().arg_reduce(o, y, v, a, m, b);
  return g.status();
}

double sh_gemm(double c, double a, double b, double bias, double preact) {
  Gate g("matmul");
  GemmArgs x;
  memset(&x, 0, sizeof x);
  x.batch = g.count("batch", params[0]);
  x.m = g.count("m", params[1]);
  x.n = g.count("n", params[2]);
  x.k = g.count("k", params[3]);
  x.lda = g.count("lda", params[4]);
  x.strideA = g.count("strideA", params[5]);
  x.ldb = g.count("ldb", params[6]);
  x.strideB = g.count("strideB", params[7]);
  x.ldc = g.count("ldc", params[8]);
  x.strideC = g.count("strideC", params[9]);
  x.transA = params[15] != 0;
  x.transB = params[16] != 0;
  x.accumulate = params[17] != 0;
  x.activation = g.choice("activation", params[18], ACT_SIGMOID + 1);
  x.precision = g.choice("precision", params[19], 2);
  if (x.accumulate && x.activation != ACT_NONE) g.fail("an activation cannot accumulate");
  const auto reach = [&](int64_t rows, int64_t cols, int64_t ld, int64_t stride) -> int64_t {
    if (x.batch == 0 || rows == 0 || cols == 0) return 0;
    return g.plus(g.plus(g.times(x.batch - 1, stride), g.times(rows - 1, ld)), cols);
  };
  if (x.m > 0 && x.n > 0 && (x.ldc < x.n || (x.batch > 1 && x.strideC < x.ldc * (x.m - 1) + x.n))) g.fail("rows or matrices of c overlap");
  if (!g.ok) return g.status();
  const int64_t reachC = reach(x.m, x.n, x.ldc, x.strideC);
  x.a = g.f32("a", a, params[10], x.transA ? reach(x.k, x.m, x.lda, x.strideA) : reach(x.m, x.k, x.lda, x.strideA));
  x.b = g.f32("b", b, params[11], x.transB ? reach(x.n, x.k, x.ldb, x.strideB) : reach(x.k, x.n, x.ldb, x.strideB));
  x.c = g.out("c", c, params[12], reachC);
  x.bias = g.maybe("bias", bias, params[13], x.n);
  x.preact = g.maybe_out("preact", preact, params[14], reachC);
  if (!g.ok) return g.status();
  if (params[20] != 0) x.packed = kept((int64_t)b, x);
  void* space = scratch.ask(active().gemm_workspace(x));
  if (!space) g.exhausted("workspace");
  else active().gemm(x, space);
  return g.status();
}
double sh_softmax(double out, double outOffset, double x, double xOffset, double rows, double cols, double log) {
  Gate g("softmax");
  const int64_t r = g.count("rows", rows), c = g.count("cols", cols), n = g.times(r, c);
  float* y = g.out("out", out, outOffset, n);
  const float* a = g.f32("x", x, xOffset, n);
  if (g.ok) active().softmax(y, a, r, c, flag(log));
  return g.status();
}
double sh_softmax_backward(double dx, double dxOffset, double dy, double dyOffset, double y, double yOffset, double rows,
                           double cols, double log) {
  Gate g("softmax backward");
  const int64_t r = g.count("rows", rows), c = g.count("cols", cols), n = g.times(r, c);
  float* out = g.out("dx", dx, dxOffset, n);
  const float *d = g.f32("dy", dy, dyOffset, n), *a = g.f32("y", y, yOffset, n);
  if (g.ok) active().softmax_backward(out, d, a, r, c, flag(log));
  return g.status();
}
double sh_cross_entropy(double loss, double weightOut, double lse, double x, double xOffset, double target, double targetOffset,
                        double weight, double weightOffset, double rows, double cols, double smoothing, double ignoreIndex) {
  Gate g("cross entropy");
  const int64_t r = g.count("rows", rows), c = g.count("cols", cols);
  float *l = g.out("loss", loss, 0, r), *w = g.out("weightOut", weightOut, 0, r), *e = g.out("lse", lse, 0, g.times(r, 2));
  const float* a = g.f32("x", x, xOffset, g.times(r, c));
  const int32_t* t = g.i32("target", target, targetOffset, r);
  const float* cw = g.maybe("weight", weight, weightOffset, c);
  g.targets(t, r, c, ignoreIndex);
  if (r > 0 && c == 0) g.fail("no classes");
  if (g.ok) active().cross_entropy(l, w, e, a, t, cw, r, c, (float)smoothing, (int32_t)ignoreIndex);
  return g.status();
}
double sh_cross_entropy_backward(double dx, double dxOffset, double dy, double dyOffset, double dyStride, double denominator,
                                 double x, double xOffset, double target, double targetOffset, double weight,
                                 double weightOffset, double lse, double rows, double cols, double smoothing,
                                 double ignoreIndex) {
  Gate g("cross entropy backward");
  const int64_t r = g.count("rows", rows), c = g.count("cols", cols), stride = g.count("dyStride", dyStride, 1);
  float* out = g.out("dx", dx, dxOffset, g.times(r, c));
  const float* d = g.f32("dy", dy, dyOffset, stride ? r : 1);
  const float* den = g.maybe("denominator", denominator, 0, 1);
  const float* a = g.f32("x", x, xOffset, g.times(r, c));
  const int32_t* t = g.i32("target", target, targetOffset, r);
  const float *cw = g.maybe("weight", weight, weightOffset, c), *e = g.f32("lse", lse, 0, g.times(r, 2));
  g.targets(t, r, c, ignoreIndex);
  if (g.ok && r > 0) active().cross_entropy_backward(out, d, stride, den, a, t, cw, e, r, c, (float)smoothing, (int32_t)ignoreIndex);
  return g.status();
}
double sh_norm(double out, double outOffset, double mean, double rstd, double x, double xOffset, double weight,
               double weightOffset, double bias, double biasOffset, double rows, double cols, double eps) {
  Gate g("norm");
  const int64_t r = g.count("rows", rows), c = g.count("cols", cols), n = g.times(r, c);
  float *y = g.out("out", out, outOffset, n), *m = g.maybe_out("mean", mean, 0, r), *s = g.out("rstd", rstd, 0, r);
  const float *a = g.f32("x", x, xOffset, n), *w = g.maybe("weight", weight, weightOffset, c), *b = g.maybe("bias", bias, biasOffset, c);
  if (g.ok && n > 0) active().norm(y, m, s, a, w, b, r, c, (float)eps);
  return g.status();
}
double sh_norm_backward(double dx, double dxOffset, double dweight, double dweightOffset, double dbias, double dbiasOffset,
                        double dy, double dyOffset, double x, double xOffset, double mean, double rstd, double weight,
                        double weightOffset, double rows, double cols, double accumulate) {
  Gate g("norm backward");
  const int64_t r = g.count("rows", rows), c = g.count("cols", cols), n = g.times(r, c);
  float *o = g.maybe_out("dx", dx, dxOffset, n), *dw = g.maybe_out("dweight", dweight, dweightOffset, c), *db = g.maybe_out("dbias", dbias, dbiasOffset, c);
  const float *d = g.f32("dy", dy, dyOffset, n), *a = g.f32("x", x, xOffset, n);
  const float *m = g.maybe("mean", mean, 0, r), *s = g.f32("rstd", rstd, 0, r), *w = g.maybe("weight", weight, weightOffset, c);
  if (!g.ok || c == 0) return g.status();
  void* space = scratch.ask(active().norm_backward_workspace(r, c));
  if (!space) g.exhausted("workspace");
  else active().norm_backward(o, dw, db, d, a, m, s, w, r, c, flag(accumulate), space);
  return g.status();
}
double sh_gather(double out, double outOffset, double table, double tableOffset, double index, double indexOffset, double n,
                 double dim, double vocabulary) {
  Gate g("embedding");
  const int64_t count = g.count("n", n), d = g.count("dim", dim), v = g.count("vocabulary", vocabulary);
  float* y = g.out("out", out, outOffset, g.times(count, d));
  const float* t = g.f32("table", table, tableOffset, g.times(v, d));
  const int32_t* ix = g.i32("index", index, indexOffset, count);
  g.indices("index", ix, count, v, -1);
  if (g.ok) active().gather(y, t, ix, count, d);
  return g.status();
}
double sh_scatter_add(double table, double tableOffset, double dy, double dyOffset, double index, double indexOffset, double n,
                      double dim, double vocabulary, double skip) {
  Gate g("embedding backward");
  const int64_t count = g.count("n", n), d = g.count("dim", dim), v = g.count("vocabulary", vocabulary);
  float* t = g.out("table", table, tableOffset, g.times(v, d));
  const float* y = g.f32("dy", dy, dyOffset, g.times(count, d));
  const int32_t* ix = g.i32("index", index, indexOffset, count);
  g.indices("index", ix, count, v, skip);
  if (g.ok) active().scatter_add(t, y, ix, count, d, (int32_t)skip);
  return g.status();
}
double sh_embedding_bag(double out, double outOffset, double table, double tableOffset, double index, double indexOffset,
                        double offsets, double offsetsOffset, double perSample, double perSampleOffset, double bags, double n,
                        double dim, double vocabulary, double mean, double skip) {
  Gate g("embedding bag");
  const int64_t b = g.count("bags", bags), count = g.count("n", n), d = g.count("dim", dim), v = g.count("vocabulary", vocabulary);
  float* y = g.out("out", out, outOffset, g.times(b, d));
  const float* t = g.f32("table", table, tableOffset, g.times(v, d));
  const int32_t *ix = g.i32("index", index, indexOffset, count), *o = g.i32("offsets", offsets, offsetsOffset, b);
  const float* w = g.maybe("perSample", perSample, perSampleOffset, count);
  g.indices("index", ix, count, v, skip);
  g.offsets(o, b, count);
  if (g.ok) active().embedding_bag(y, t, ix, o, w, b, count, d, flag(mean), (int32_t)skip);
  return g.status();
}
double sh_embedding_bag_backward(double dtable, double dtableOffset, double dy, double dyOffset, double index, double indexOffset,
                                 double offsets, double offsetsOffset, double perSample, double perSampleOffset, double bags,
                                 double n, double dim, double vocabulary, double mean, double skip) {
  Gate g("embedding bag backward");
  const int64_t b = g.count("bags", bags), count = g.count("n", n), d = g.count("dim", dim), v = g.count("vocabulary", vocabulary);
  float* t = g.out("dtable", dtable, dtableOffset, g.times(v, d));
  const float* y = g.f32("dy", dy, dyOffset, g.times(b, d));
  const int32_t *ix = g.i32("index", index, indexOffset, count), *o = g.i32("offsets", offsets, offsetsOffset, b);
  const float* w = g.maybe("perSample", perSample, perSampleOffset, count);
  g.indices("index", ix, count, v, skip);
  g.offsets(o, b, count);
  if (g.ok) active().embedding_bag_backward(t, y, ix, o, w, b, count, d, flag(mean), (int32_t)skip);
  return g.status();
}
double sh_dropout(double out, double outOffset, double x, double xOffset, double n, double prob, double key0, double key1,
                  double site) {
  Gate g("dropout");
  const int64_t count = g.count("n", n, 17179869184.0);
  float* y = g.out("out", out, outOffset, count);
  const float* a = g.f32("x", x, xOffset, count);
  if (!(prob >= 0 && prob <= 1)) g.fail("probability %g is outside 0 to 1", prob);
  const uint32_t k0 = (uint32_t)g.count("key0", key0, 4294967295.0), k1 = (uint32_t)g.count("key1", key1, 4294967295.0);
  const uint32_t s = (uint32_t)g.count("site", site, 4294967295.0);
  if (g.ok) active().dropout(y, a, count, (float)prob, k0, k1, s);
  return g.status();
}

double sh_adam(double pp, double gg, double m, double v, double vmax, double offset, double n, double gradScale) {
  Gate g("adam");
  AdamArgs a;
  a.n = g.count("n", n);
  a.p = g.out("p", pp, offset, a.n);
  a.g = g.f32("g", gg, offset, a.n);
  a.m = g.out("m", m, offset, a.n);
  a.v = g.out("v", v, offset, a.n);
  a.vmax = g.maybe_out("vmax", vmax, offset, a.n);
  a.gradScale = g.maybe("gradScale", gradScale, 0, 1);
  a.lr = p(0); a.beta1 = p(1); a.beta2 = p(2); a.eps = p(3); a.weightDecay = p(4); a.l1 = p(5); a.bias1 = p(6); a.bias2 = p(7);
  a.decoupled = params[8] != 0;
  if (g.ok) active().adam(a);
  return g.status();
}
double sh_sgd(double pp, double gg, double buf, double offset, double n, double gradScale) {
  Gate g("sgd");
  SgdArgs a;
  a.n = g.count("n", n);
  a.p = g.out("p", pp, offset, a.n);
  a.g = g.f32("g", gg, offset, a.n);
  a.buf = g.maybe_out("buf", buf, offset, a.n);
  a.gradScale = g.maybe("gradScale", gradScale, 0, 1);
  a.lr = p(0); a.momentum = p(1); a.dampening = p(2); a.weightDecay = p(3); a.l1 = p(4);
  a.nesterov = params[5] != 0;
  a.first = params[6] != 0;
  if (g.ok) active().sgd(a);
  return g.status();
}
double sh_rmsprop(double pp, double gg, double square, double buf, double gradAvg, double offset, double n, double gradScale) {
  Gate g("rmsprop");
  RmspropArgs a;
  a.n = g.count("n", n);
  a.p = g.out("p", pp, offset, a.n);
  a.g = g.f32("g", gg, offset, a.n);
  a.square = g.out("square", square, offset, a.n);
  a.buf = g.maybe_out("buf", buf, offset, a.n);
  a.gradAvg = g.maybe_out("gradAvg", gradAvg, offset, a.n);
  a.gradScale = g.maybe("gradScale", gradScale, 0, 1);
  a.lr = p(0); a.alpha = p(1); a.eps = p(2); a.weightDecay = p(3); a.l1 = p(4); a.momentum = p(5);
  if (g.ok) active().rmsprop(a);
  return g.status();
}
double sh_adagrad(double pp, double gg, double sum, double offset, double n, double gradScale) {
  Gate g("adagrad");
  AdagradArgs a;
  a.n = g.count("n", n);
  a.p = g.out("p", pp, offset, a.n);
  a.g = g.f32("g", gg, offset, a.n);
  a.sum = g.out("sum", sum, offset, a.n);
  a.gradScale = g.maybe("gradScale", gradScale, 0, 1);
  a.lr = p(0); a.eps = p(1); a.weightDecay = p(2); a.l1 = p(3);
  if (g.ok) active().adagrad(a);
  return g.status();
}
}
