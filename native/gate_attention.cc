#include "checks.h"
#include "dispatch.h"

using namespace shoshin;

namespace {

// A place in params, read number by number.
struct Reader {
  const double* at;
  double next() { return *at++; }
};
// Offset and strides of rows [batch, heads, n, size], read or written.
float* rows(Gate& g, Reader& r, const char* what, double handle, HeadStrides& s, int64_t batch, int64_t heads, int64_t n, int64_t size) {
  const double offset = r.next();
  s.batch = g.count("a stride", r.next());
  s.head = g.count("a stride", r.next());
  s.row = g.count("a stride", r.next());
  if (!g.ok || batch == 0 || heads == 0 || n == 0 || size == 0) return g.out(what, handle, offset, 0);
  const int64_t span = g.plus(g.plus(g.times(batch - 1, s.batch), g.times(heads - 1, s.head)), g.plus(g.times(n - 1, s.row), size));
  return g.out(what, handle, offset, span);
}
// Offset and four strides over [batch, heads, queries, keys]; null for handle 0.
char* grid(Gate& g, Reader& r, const char* what, double handle, int dtype, int64_t* stride, const AttentionArgs& a) {
  const double offset = r.next();
  const int64_t sizes[4] = {a.batch, a.heads, a.queries, a.keys};
  int64_t span = 1;
  for (int i = 0; i < 4; i++) {
    stride[i] = g.count("a stride", r.next());
    if (sizes[i] == 0) span = 0;
    else if (span > 0) span = g.plus(span, g.times(sizes[i] - 1, stride[i]));
  }
  return handle == 0 ? nullptr : g.range_out(what, handle, offset, span, dtype);
}
void sizes(Gate& g, Reader& r, AttentionArgs& a) {
  memset(&a, 0, sizeof a);
  a.batch = g.count("batch", r.next());
  a.heads = g.count("heads", r.next());
  a.groups = g.count("groups", r.next());
  a.queries = g.count("queries", r.next());
  a.keys = g.count("keys", r.next());
  a.size = g.count("size", r.next());
  a.valueSize = g.count("valueSize", r.next());
  a.causal = r.next() != 0;
  a.scale = (float)r.next();
  const double p = r.next();
  if (!(p >= 0 && p <= 1)) g.fail("dropout is %g; expected 0 to 1", p);
  a.dropout = (float)p;
  a.key0 = (uint32_t)g.count("a key", r.next(), 4294967295.0);
  a.key1 = (uint32_t)g.count("a key", r.next(), 4294967295.0);
  a.site = (uint32_t)g.count("site", r.next(), 4294967295.0);
  if (a.groups < 1 || a.heads % a.groups != 0) g.fail("%lld heads of keys for %lld of queries", (long long)a.groups, (long long)a.heads);
  g.times(g.times(a.batch, a.heads), g.times(a.queries, g.plus(a.keys, 4)));
}
void inputs(Gate& g, Reader& r, AttentionArgs& a, double out, double lse, double q, double k, double v, double mask, double bias,
            double slopes) {
  if (!g.ok) return;
  a.out = rows(g, r, "out", out, a.os, a.batch, a.heads, a.queries, a.valueSize);
  a.q = rows(g, r, "q", q, a.qs, a.batch, a.heads, a.queries, a.size);
  a.k = rows(g, r, "k", k, a.ks, a.batch, a.groups, a.keys, a.size);
  a.v = rows(g, r, "v", v, a.vs, a.batch, a.groups, a.keys, a.valueSize);
  a.mask = (const uint8_t*)grid(g, r, "mask", mask, U8, a.ms, a);
  a.bias = (const float*)grid(g, r, "bias", bias, F32, a.bs, a);
  a.slopes = g.maybe("slopes", slopes, r.next(), a.heads);
  a.lse = g.maybe_out("lse", lse, r.next(), g.times(g.times(a.batch, a.heads), a.queries));
}

}  // namespace

extern "C" {

double sh_attention(double out, double lse, double q, double k, double v, double mask, double bias, double slopes) {
  Gate g("attention");
  AttentionArgs a;
  Reader r = {params};
  sizes(g, r, a);
  inputs(g, r, a, out, lse, q, k, v, mask, bias, slopes);
  if (!g.ok) return g.status();
  void* space = scratch.ask(active().attention_workspace(a, nullptr));
  if (!space) g.exhausted("workspace");
  else active().attention(a, space);
  return g.status();
}

double sh_attention_backward(double dq, double dk, double dv, double dbias, double dout, double out, double lse, double q,
                             double k, double v, double mask, double bias, double slopes) {
  Gate g("attention backward");
  AttentionArgs a;
  AttentionGradients d;
  memset(&d, 0, sizeof d);
  Reader r = {params};
  sizes(g, r, a);
  inputs(g, r, a, out, lse, q, k, v, mask, bias, slopes);
  if (g.ok && !a.lse) g.fail("the forward pass kept no sums");
  if (!g.ok) return g.status();
  d.dout = rows(g, r, "dout", dout, d.ds, a.batch, a.heads, a.queries, a.valueSize);
  d.dq = rows(g, r, "dq", dq, d.dqs, a.batch, a.heads, a.queries, a.size);
  d.dk = rows(g, r, "dk", dk, d.dks, a.batch, a.groups, a.keys, a.size);
  d.dv = rows(g, r, "dv", dv, d.dvs, a.batch, a.groups, a.keys, a.valueSize);
  d.dbias = (float*)grid(g, r, "dbias", dbias, F32, d.dbs, a);
  if (!g.ok) return g.status();
  void* space = scratch.ask(active().attention_workspace(a, &d));
  if (!space) g.exhausted("workspace");
  else active().attention_backward(a, d, space);
  return g.status();
}
}
