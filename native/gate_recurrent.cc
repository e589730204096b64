#include "checks.h"
#include "dispatch.h"

using namespace shoshin;

namespace {

constexpr int OFFSETS = 6;  // the first offset in params

// The sizes in params, checked.
void sizes(Gate& g, double cell, RecurrentArgs& a) {
  memset(&a, 0, sizeof a);
  a.cell = g.choice("cell", cell, CELL_COUNT);
  a.steps = g.count("steps", params[0], LIMIT - 1);
  a.batch = g.count("batch", params[1]);
  a.input = g.count("input", params[2]);
  a.hidden = g.count("hidden", params[3]);
  a.reverse = params[4] != 0;
  a.precision = g.choice("precision", params[5], 2);
}
void lengths(Gate& g, const RecurrentArgs& a) {
  for (int64_t b = 0; g.ok && a.lengths && b < a.batch; b++)
    if (a.lengths[b] < 0 || a.lengths[b] > a.steps)
      g.fail("length %d of sequence %lld is outside 0 to %lld", a.lengths[b], (long long)b, (long long)a.steps);
}

}  // namespace

extern "C" {

double sh_recurrent(double cell, double out, double hn, double cn, double states, double cells, double gates, double x, double h0,
                    double c0, double wih, double whh, double bih, double bhh, double lens) {
  Gate g("recurrent");
  RecurrentArgs a;
  sizes(g, cell, a);
  const double* at = params + OFFSETS;
  const int64_t size = g.times(a.batch, a.hidden), all = g.times(a.steps, size), slots = g.times(a.steps + 1, size);
  const int64_t inputs = g.times(g.times(a.steps, a.batch), a.input);
  const int64_t rows = g.times(cell_gates(a.cell), a.hidden);
  a.out = g.maybe_out("out", out, at[0], all);
  a.hn = g.out("hn", hn, at[1], size);
  a.states = g.out("states", states, at[3], slots);
  if (a.cell == LSTM) {
    a.cn = g.out("cn", cn, at[2], size);
    a.cells = g.out("cells", cells, at[4], slots);
    a.c0 = g.maybe("c0", c0, at[8], size);
  }
  if (cell_saved(a.cell) > 0) a.gates = g.out("gates", gates, at[5], g.times(cell_saved(a.cell), all));
  a.x = g.f32("x", x, at[6], inputs);
  a.h0 = g.maybe("h0", h0, at[7], size);
  a.wih = g.f32("wih", wih, at[9], g.times(rows, a.input));
  a.whh = g.f32("whh", whh, at[10], g.times(rows, a.hidden));
  a.bih = g.maybe("bih", bih, at[11], rows);
  a.bhh = g.maybe("bhh", bhh, at[12], rows);
  a.lengths = lens == 0 ? nullptr : g.i32("lengths", lens, at[13], a.batch);
  lengths(g, a);
  if (a.lengths && !a.out) g.fail("lengths need a place for the output");
  if (!g.ok) return g.status();
  void* space = scratch.ask(active().recurrent_workspace(a, nullptr));
  if (!space) g.exhausted("workspace");
  else active().recurrent(a, space);
  return g.status();
}

double sh_recurrent_backward(double cell, double dx, double dh0, double dc0, double dwih, double dwhh, double dbih, double dbhh,
                             double work, double dout, double dhn, double dcn, double states, double cells, double gates,
                             double x, double wih, double whh, double lens) {
  Gate g("recurrent backward");
  RecurrentArgs a;
  RecurrentGradients d;
  memset(&d, 0, sizeof d);
  sizes(g, cell, a);
  const double *at = params + OFFSETS, *add = at + 18;
  const int64_t size = g.times(a.batch, a.hidden), all = g.times(a.steps, size), slots = g.times(a.steps + 1, size);
  const int64_t inputs = g.times(g.times(a.steps, a.batch), a.input);
  const int64_t rows = g.times(cell_gates(a.cell), a.hidden);
  const auto gradient = [&](const char* what, double handle, int i, int64_t n) {
    return Gradient{g.maybe_out(what, handle, at[i], n), add[i] != 0};
  };
  d.x = gradient("dx", dx, 0, inputs);
  d.h0 = gradient("dh0", dh0, 1, size);
  d.c0 = gradient("dc0", dc0, 2, size);
  d.wih = gradient("dwih", dwih, 3, g.times(rows, a.input));
  d.whh = gradient("dwhh", dwhh, 4, g.times(rows, a.hidden));
  d.bih = gradient("dbih", dbih, 5, rows);
  d.bhh = gradient("dbhh", dbhh, 6, rows);
  a.lengths = lens == 0 ? nullptr : g.i32("lengths", lens, at[17], a.batch);
  lengths(g, a);
  d.work = g.out("work", work, at[7], g.plus(g.times(cell_work(a.cell), all), a.lengths ? inputs : 0));
  d.dout = g.maybe("dout", dout, at[8], all);
  d.dhn = g.maybe("dhn", dhn, at[9], size);
  a.states = g.out("states", states, at[11], slots);
  if (a.cell == LSTM) {
    d.dcn = g.maybe("dcn", dcn, at[10], size);
    a.cells = g.out("cells", cells, at[12], slots);
  } else if (d.c0.to) {
    g.fail("only an LSTM has a cell state");
  }
  if (cell_saved(a.cell) > 0) a.gates = g.out("gates", gates, at[13], g.times(cell_saved(a.cell), all));
  a.x = g.f32("x", x, at[14], inputs);
  a.wih = g.f32("wih", wih, at[15], g.times(rows, a.input));
  a.whh = g.f32("whh", whh, at[16], g.times(rows, a.hidden));
  if (!g.ok) return g.status();
  void* space = scratch.ask(active().recurrent_workspace(a, &d));
  if (!space) g.exhausted("workspace");
  else active().recurrent_backward(a, d, space);
  return g.status();
}
}
