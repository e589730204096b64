// Scaled dot-product attention without the matrix of weights (online softmax: Milakov & Gimelshein 2018; by blocks: Dao et al.,
// "FlashAttention", 2022). Scores are computed turned, [key][query], so that the queries lie in the lanes: the softmax needs
// nothing across lanes, and the weights are at once the packed right side of the multiply by the values.
// A query's sums run over the keys in order, a key's over the queries in order, however the work is split.
#pragma once

constexpr int64_t KEY_TILES = (128 + MR - 1) / MR;  // of a block of keys
constexpr int64_t KEYS = KEY_TILES * MR;            // at most, of a block
constexpr int64_t PANELS = 128 / NR;                // of NR queries, that share a pass over the keys
constexpr int64_t QUERIES = PANELS * NR;
constexpr float UNSEEN = -1e30f;  // below every score that counts

SH_INLINE int64_t aligned16(int64_t floats) { return ceil_div(floats, 16) * 16; }
SH_INLINE GemmArgs rows_of(int64_t ld, int trans) {
  GemmArgs g = {};
  g.lda = g.ldb = ld;
  g.transA = g.transB = trans;
  return g;
}

// One thread's place and what it works on.
struct AttentionSpace {
  float *kRows, *vRows;  // tiles of keys, each [dimension][rows]
  float *kDims, *vDims;  // tiles of dimensions, each [key][rows]
  float *q, *dout;       // panels [dimension][NR], of the block of queries
  float *qRows, *doutRows;  // panels of NR dimensions, each [query][NR]
  float *scores, *dscores;  // panels [key][NR]
  float *sums;              // panels [dimension][NR]: turned output, or turned gradient of q
  float *best, *total, *delta;  // [QUERIES]
  int64_t floats;
};
static AttentionSpace attention_space(const AttentionArgs& a, int backward, float* at) {
  AttentionSpace s = {};
  float* const begin = at;
  const auto take = [&](float*& p, int64_t n) {
    p = at;
    at += aligned16(n + 2 * W);
  };
  const int64_t d = a.size, e = a.valueSize;
  take(s.kRows, a.keys * d);
  take(s.q, QUERIES * d);
  take(s.scores, (backward ? PANELS : 1) * KEYS * NR);
  take(s.sums, QUERIES * (backward ? d : e));
  take(s.best, QUERIES);
  take(s.total, QUERIES);
  if (!backward) {
    take(s.vDims, a.keys * e);
  } else {
    take(s.vRows, a.keys * e);
    take(s.kDims, a.keys * d);
    take(s.dout, QUERIES * e);
    take(s.qRows, QUERIES * ceil_div(d, NR) * NR);
    take(s.doutRows, QUERIES * ceil_div(e, NR) * NR);
    take(s.dscores, PANELS * KEYS * NR);
    take(s.delta, QUERIES);
  }
  s.floats = at - begin;
  return s;
}

struct AttentionJob {
  const AttentionArgs* a;
  const AttentionGradients* d;
  float* space;
  int64_t floats, parts, units;
  int whole;          // a part takes whole units (heads; backward: groups), else a share of the blocks of each
  int byGroups;       // units of one group are neighbours, and one part takes them all
  int queries, keys;  // gradients wanted of this pass
};
struct Head {
  int64_t b, h, g;
};
SH_INLINE int64_t key_tiles(const AttentionArgs& a) { return ceil_div(a.keys, MR); }
SH_INLINE int64_t key_at(const AttentionArgs& a, int64_t tile) { return cut(a.keys, key_tiles(a), tile); }
SH_INLINE const float* head_of(const float* p, const HeadStrides& s, int64_t b, int64_t h) { return p + b * s.batch + h * s.head; }
SH_INLINE float* head_of(float* p, const HeadStrides& s, int64_t b, int64_t h) { return p + b * s.batch + h * s.head; }

// Tiles of rows of x [n, size], each [dimension][rows].
static void pack_rows(float* to, const float* x, int64_t ld, int64_t n, int64_t size) {
  const GemmArgs g = rows_of(ld, 0);
  const int64_t tiles = ceil_div(n, MR);
  for (int64_t t = 0; t < tiles; t++) {
    const int64_t r0 = cut(n, tiles, t), r1 = cut(n, tiles, t + 1);
    pack_a_f32(to + r0 * size, g, x, r0, (int)(r1 - r0), 0, size);
  }
}
// Tiles of columns of x [n, size], each [row][columns].
static void pack_dims(float* to, const float* x, int64_t ld, int64_t n, int64_t size) {
  const GemmArgs g = rows_of(ld, 1);
  const int64_t tiles = ceil_div(size, MR);
  for (int64_t t = 0; t < tiles; t++) {
    const int64_t c0 = cut(size, tiles, t), c1 = cut(size, tiles, t + 1);
    pack_a_f32(to + c0 * n, g, x, c0, (int)(c1 - c0), 0, n);
  }
}
// sums [size][NR] (+)= x^T · panel for keys [k0, k0 + n) of x packed by pack_dims.
SH_INLINE void multiply_dims(float* sums, const float* packed, const float* panel, int64_t keys, int64_t size, int64_t k0, int64_t n,
                             int wide, int add) {
  const int64_t tiles = ceil_div(size, MR);
  for (int64_t t = 0; t < tiles; t++) {
    const int64_t c0 = cut(size, tiles, t), rows = cut(size, tiles, t + 1) - c0;
    const Store s = {sums + c0 * NR, NR, nullptr, add};
    TILES_F32[wide][rows - 1](packed + c0 * keys + k0 * rows, panel, NR, n, s, wide ? NR : W);
  }
}

// A panel of queries against a block of keys.
struct Panel {
  int64_t query;  // first
  int live;       // queries in it
  int wide;       // 0: they fit one vector
  int64_t end;    // keys from here on are hidden from all
};
SH_INLINE Panel panel_at(const AttentionArgs& a, int64_t query) {
  Panel p;
  p.query = query;
  p.live = (int)smaller(NR, a.queries - query);
  p.wide = p.live > W;
  const int64_t sees = query + p.live + a.keys - a.queries;
  p.end = a.causal ? (sees < 0 ? 0 : smaller(sees, a.keys)) : a.keys;
  return p;
}
SH_INLINE int64_t offset_of(const int64_t* s, const Head& at) { return at.b * s[0] + at.h * s[1]; }
// Whether any of keys [k0, k1) is seen by any query of the panel, as the mask has it.
static int seen(const AttentionArgs& a, const Head& at, const Panel& p, int64_t k0, int64_t k1) {
  if (k1 <= k0) return 0;
  if (!a.mask) return 1;
  const int rows = a.ms[2] == 0 ? 1 : p.live;
  for (int i = 0; i < rows; i++) {
    const uint8_t* m = a.mask + offset_of(a.ms, at) + (p.query + i) * a.ms[2];
    for (int64_t j = k0; j < k1; j++) if (m[j * a.ms[3]]) return 1;
  }
  return 0;
}
// Positions, biases and masks on the scores [key][NR] of keys [k0, k0 + n). What is hidden becomes minus infinity.
static void dress(const AttentionArgs& a, const Head& at, const Panel& p, float* scores, int64_t k0, int64_t n) {
  const int64_t ahead = a.keys - a.queries;
  const vf hidden = splat(-__builtin_inff());
  const int plain = !a.bias && !a.mask && !a.slopes;
  int64_t j = 0;
  if (plain) {
    if (!a.causal) return;
    j = p.query + ahead + 1 - k0;
    if (j < 0) j = 0;
  }
  float lane[NR];
  for (int i = 0; i < NR; i++) lane[i] = (float)i;
  for (; j < n; j++)
    for (int v = 0; v <= p.wide; v++) {
      float* to = scores + j * NR + v * W;
      const int64_t key = k0 + j, q0 = p.query + v * W;
      const int live = p.live - v * W < W ? p.live - v * W : W;
      vf s = load(to);
      const vf behind = load(lane) + splat((float)(q0 + ahead - key));  // how far the key lies behind the query
      if (a.slopes) s -= splat(a.slopes[at.h]) * vabs(behind);
      if (a.bias) {
        const float* from = a.bias + offset_of(a.bs, at) + q0 * a.bs[2] + key * a.bs[3];
        float more[W] = {};
        for (int i = 0; i < live; i++) more[i] = from[i * a.bs[2]];
        s += load(more);
      }
      if (a.mask) {
        const uint8_t* from = a.mask + offset_of(a.ms, at) + q0 * a.ms[2] + key * a.ms[3];
        int32_t shown[W] = {};
        for (int i = 0; i < live; i++) shown[i] = from[i * a.ms[2]];
        s = select(loadi(shown) != splati(0), s, hidden);
      }
      if (a.causal) s = select(behind < splat(0.0f), hidden, s);
      store(to, s);
    }
}
// f(v, key, factors) for the queries of vector v and keys [k0, k0 + n): 0 or 1/(1-p).
template <class F>
SH_INLINE void dropped(const AttentionArgs& a, const Head& at, const Panel& p, int64_t k0, int64_t n, F f) {
  const uint32_t step = (uint32_t)ceil_div(a.keys, 4);
  const uint32_t first = (uint32_t)((at.b * a.heads + at.h) * a.queries + p.query) * step;
  const Mask mask = mask_of(a.dropout, a.key0, a.key1, a.site);
  for (int64_t j = k0 / 4 * 4; j < k0 + n; j += 4)
    for (int v = 0; v <= p.wide; v++) {
      vf factor[4];
      factors(mask, first + (uint32_t)(v * W) * step + (uint32_t)(j / 4), step, factor);
      for (int k = 0; k < 4; k++)
        if (j + k >= k0 && j + k < k0 + n) f(v, j + k - k0, factor[k]);
    }
}
static void multiply_rows(float* to, const float* packed, const float* panel, const AttentionArgs& a, int64_t size, int64_t t0,
                          int64_t t1, int64_t end, int wide) {
  const int64_t k0 = key_at(a, t0);
  for (int64_t t = t0; t < t1 && key_at(a, t) < end; t++) {
    const int64_t r0 = key_at(a, t), rows = key_at(a, t + 1) - r0;
    const Store s = {to + (r0 - k0) * NR, NR, nullptr, 0};
    TILES_F32[wide][rows - 1](packed + r0 * size, panel, NR, size, s, wide ? NR : W);
  }
}
// Scores of the queries [from, from + live) as packed panels, times the scale.
static void pack_queries(float* to, const float* x, int64_t ld, int64_t size, int64_t from, int live, float scale) {
  const GemmArgs g = rows_of(ld, 1);
  pack_b_f32(to, g, x, 0, size, from, live);
  if (scale != 1.0f) for (int64_t i = 0; i < size * NR; i += W) store(to + i, load(to + i) * splat(scale));
}
// to[query][dimension] = sums[dimension][query] · factor[query] for the live queries.
static void write_turned(float* to, int64_t ld, const float* sums, int64_t size, int live, const float* factor) {
  for (int q = 0; q < live; q += W)
    for (int64_t c = 0; c < size; c += W) {
      const int cols = (int)smaller(W, size - c);
      vf v[W];
      for (int i = 0; i < W; i++) v[i] = i < cols ? load(sums + (c + i) * NR + q) * load(factor + q) : vf{};
      turn(v);
      for (int i = 0; i < W && q + i < live; i++) put(to + (q + i) * ld + c, v[i], cols);
    }
}

// Softmax of a panel's scores of n more keys; earlier sums are scaled to the new maximum.
static void weigh(float* scores, int64_t n, int wide, float* best, float* total, float* sums, int64_t size, int first) {
  for (int v = 0; v <= wide; v++) {
    float* s = scores + v * W;
    const vf old = load(best + v * W);
    vf top = old;
    for (int64_t j = 0; j < n; j++) top = max(top, load(s + j * NR));
    vf sum = {}, sum2 = {};
    int64_t j = 0;
    for (; j + 2 <= n; j += 2) {
      const vf x = vexp_negative(load(s + j * NR) - top), y = vexp_negative(load(s + (j + 1) * NR) - top);
      store(s + j * NR, x);
      store(s + (j + 1) * NR, y);
      sum += x;
      sum2 += y;
    }
    for (; j < n; j++) {
      const vf x = vexp_negative(load(s + j * NR) - top);
      store(s + j * NR, x);
      sum += x;
    }
    store(best + v * W, top);
    sum += sum2;
    if (!first) {
      const vf shrink = vexp_negative(old - top);
      sum += load(total + v * W) * shrink;
      for (int64_t c = 0; c < size; c++) store(sums + c * NR + v * W, load(sums + c * NR + v * W) * shrink);
    }
    store(total + v * W, sum);
  }
}

static void attend(const AttentionJob& j, const AttentionSpace& s, const Head& at, int64_t q0, int64_t q1) {
  const AttentionArgs& a = *j.a;
  const int64_t e = a.valueSize, tiles = key_tiles(a), panels = ceil_div(q1 - q0, NR);
  int first[PANELS];
  for (int64_t i = 0; i < panels; i++) {
    const Panel p = panel_at(a, q0 + i * NR);
    pack_queries(s.q + i * NR * a.size, head_of(a.q, a.qs, at.b, at.h), a.qs.row, a.size, p.query, p.live, a.scale);
    first[i] = 1;
    for (int k = 0; k < NR; k++) s.best[i * NR + k] = UNSEEN, s.total[i * NR + k] = 0;
  }
  for (int64_t t0 = 0; t0 < tiles; t0 += KEY_TILES) {
    const int64_t t1 = smaller(tiles, t0 + KEY_TILES), k0 = key_at(a, t0), k1 = key_at(a, t1);
    for (int64_t i = 0; i < panels; i++) {
      const Panel p = panel_at(a, q0 + i * NR);
      const int64_t n = smaller(k1, p.end) - k0;
      if (!seen(a, at, p, k0, k0 + n)) continue;
      float *scores = s.scores, *sums = s.sums + i * NR * e;
      multiply_rows(scores, s.kRows, s.q + i * NR * a.size, a, a.size, t0, t1, k0 + n, p.wide);
      dress(a, at, p, scores, k0, n);
      weigh(scores, n, p.wide, s.best + i * NR, s.total + i * NR, sums, e, first[i]);
      if (a.dropout > 0)
        dropped(a, at, p, k0, n, [&](int v, int64_t r, vf factor) {
          store(scores + r * NR + v * W, load(scores + r * NR + v * W) * factor);
        });
      multiply_dims(sums, s.vDims, scores, a.keys, e, k0, n, p.wide, !first[i]);
      first[i] = 0;
    }
  }
  for (int64_t i = 0; i < panels; i++) {
    const Panel p = panel_at(a, q0 + i * NR);
    float *total = s.total + i * NR, *best = s.best + i * NR, *sums = s.sums + i * NR * e;
    float* lse = a.lse ? a.lse + (at.b * a.heads + at.h) * a.queries + p.query : nullptr;
    if (first[i]) for (int64_t k = 0; k < e * NR; k++) sums[k] = 0;
    for (int v = 0; v <= p.wide; v++) {
      const vf sum = load(total + v * W);
      const vi none = sum == splat(0.0f);
      if (lse) put(lse + v * W, select(none, splat(__builtin_inff()), load(best + v * W) + vlog(sum)), p.live - v * W < W ? p.live - v * W : W);
      store(total + v * W, select(none, splat(0.0f), splat(1.0f) / sum));
    }
    write_turned(head_of(a.out, a.os, at.b, at.h) + p.query * a.os.row, a.os.row, sums, e, p.live, total);
  }
}
static void attention_part(void* context, int64_t part) {
  const AttentionJob& j = *(const AttentionJob*)context;
  const AttentionArgs& a = *j.a;
  const AttentionSpace s = attention_space(a, 0, j.space + part * j.floats);
  const int64_t blocks = ceil_div(a.queries, QUERIES), step = j.whole ? 1 : j.parts;
  const int64_t u0 = j.whole ? cut(j.units, j.parts, part) : 0, u1 = j.whole ? cut(j.units, j.parts, part + 1) : j.units;
  int64_t packed = -1;
  for (int64_t u = u0; u < u1; u++) {
    const int64_t b = u / a.heads, h = u % a.heads;
    const Head at = {b, h, h / (a.heads / a.groups)};
    if (packed != b * a.groups + at.g) {
      packed = b * a.groups + at.g;
      pack_rows(s.kRows, head_of(a.k, a.ks, b, at.g), a.ks.row, a.keys, a.size);
      pack_dims(s.vDims, head_of(a.v, a.vs, b, at.g), a.vs.row, a.keys, a.valueSize);
    }
    for (int64_t q = j.whole ? 0 : part; q < blocks; q += step) attend(j, s, at, q * QUERIES, smaller(a.queries, (q + 1) * QUERIES));
  }
}

// dbias[query][key] += dscores[key][query] for keys [k0, k0 + n).
static void add_to_bias(const AttentionGradients& d, const Head& at, const Panel& p, const float* dscores, int64_t k0, int64_t n) {
  float* to = d.dbias + offset_of(d.dbs, at) + p.query * d.dbs[2] + k0 * d.dbs[3];
  for (int q = 0; q < p.live; q += W)
    for (int64_t r = 0; r < n; r += W) {
      const int live = p.live - q < W ? p.live - q : W, rows = (int)smaller(W, n - r);
      if (d.dbs[3] != 1 || rows < W) {
        for (int i = 0; i < live; i++)
          for (int k = 0; k < rows; k++) to[(q + i) * d.dbs[2] + (r + k) * d.dbs[3]] += dscores[(r + k) * NR + q + i];
        continue;
      }
      vf v[W];
      for (int k = 0; k < W; k++) v[k] = load(dscores + (r + k) * NR + q);
      turn(v);
      for (int i = 0; i < live; i++) {
        float* row = to + (q + i) * d.dbs[2] + r;
        store(row, load(row) + v[i]);
      }
    }
}
// Weights of a panel (into scores, dropped) and gradients of its scores (into dscores).
static void panel_gradients(const AttentionJob& j, const AttentionSpace& s, const Head& at, const Panel& p, int64_t i, int64_t t0,
                            int64_t t1, int64_t k0, int64_t n) {
  const AttentionArgs& a = *j.a;
  float *scores = s.scores + i * KEYS * NR, *dscores = s.dscores + i * KEYS * NR;
  multiply_rows(scores, s.kRows, s.q + i * NR * a.size, a, a.size, t0, t1, k0 + n, p.wide);
  multiply_rows(dscores, s.vRows, s.dout + i * NR * a.valueSize, a, a.valueSize, t0, t1, k0 + n, p.wide);
  dress(a, at, p, scores, k0, n);
  // The bias's gradient is that of the scores after the scale.
  const int biased = j.d->dbias && j.queries;
  const vf scale = splat(biased ? 1.0f : a.scale);
  for (int v = 0; v <= p.wide; v++) {
    const vf lse = load(s.best + i * NR + v * W), delta = load(s.delta + i * NR + v * W);
    if (a.dropout > 0) {
      for (int64_t r = 0; r < n; r++) store(scores + r * NR + v * W, vexp_negative(min(vf{}, load(scores + r * NR + v * W) - lse)));
      continue;
    }
    for (int64_t r = 0; r < n; r++) {
      float *x = scores + r * NR + v * W, *d = dscores + r * NR + v * W;
      const vf w = vexp_negative(min(splat(0.0f), load(x) - lse));
      store(x, w);
      store(d, w * (load(d) - delta) * scale);
    }
  }
  if (a.dropout > 0)
    dropped(a, at, p, k0, n, [&](int v, int64_t r, vf f) {
      float *x = scores + r * NR + v * W, *d = dscores + r * NR + v * W;
      const vf w = load(x);
      store(d, w * (load(d) * f - load(s.delta + i * NR + v * W)) * scale);
      store(x, w * f);
    });
  if (!biased) return;
  add_to_bias(*j.d, at, p, dscores, k0, n);
  for (int64_t r = 0; r < n; r++)
    for (int v = 0; v <= p.wide; v++) store(dscores + r * NR + v * W, load(dscores + r * NR + v * W) * splat(a.scale));
}
// A tile [R keys][V·W dimensions] += weights^T · rows over `count` panels of queries, the last of `live`. The weights are read as
// they lie, [key][NR queries].
template <int R, int V>
static void tile_keys(const float* weights, const float* rows, int64_t count, int64_t live, const Store& s, int cols) {
  vf acc[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) {
    __builtin_prefetch(s.c + r * s.ldc);
    if (V > 1) __builtin_prefetch(s.c + r * s.ldc + W);
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) acc[r][v] = vf{};
  }
  for (; count > 0; count--, weights += KEYS * NR, rows += NR * NR) {
    const int64_t n = count > 1 ? NR : live;
    for (int64_t q = 0; q < n; q++) {
      vf x[V];
#pragma GCC unroll 2
      for (int v = 0; v < V; v++) x[v] = load(rows + q * NR + v * W);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) {
        const vf weight = splat(weights[r * NR + q]);
#pragma GCC unroll 2
        for (int v = 0; v < V; v++) acc[r][v] = fma(weight, x[v], acc[r][v]);
      }
    }
  }
  store_tile<R, V>(acc, s, cols);
}
typedef void (*KeyTile)(const float*, const float*, int64_t, int64_t, const Store&, int);
#define SH_KEY_TILE(R, V) tile_keys<R, V>
static const KeyTile KEY_TILE[2][MR] = {SH_PER_ROWS(SH_KEY_TILE, 1), SH_PER_ROWS(SH_KEY_TILE, 2)};
// to[keys of a tile] += weights^T · rows, for panels [p0, p1); rows: panels of NR dimensions, each [query][NR].
static void add_to_keys(float* to, int64_t ld, const float* weights, const float* rows, int64_t size, int64_t row, int64_t count,
                        int64_t p0, int64_t p1, int64_t queries) {
  for (int64_t c = 0; c < size; c += NR) {
    const int cols = (int)smaller(NR, size - c);
    const Store store = {to + c, ld, nullptr, 1};
    KEY_TILE[cols > W][count - 1](weights + (p0 * KEYS + row) * NR, rows + c * queries + p0 * NR * NR, p1 - p0,
                                  smaller(NR, queries - (p1 - 1) * NR), store, cols);
  }
}
static void attend_back(const AttentionJob& j, const AttentionSpace& s, const Head& at, int64_t q0, int64_t q1, int64_t first, int64_t step) {
  const AttentionArgs& a = *j.a;
  const AttentionGradients& d = *j.d;
  const int64_t e = a.valueSize, tiles = key_tiles(a), panels = ceil_div(q1 - q0, NR), queries = q1 - q0;
  const float *q = head_of(a.q, a.qs, at.b, at.h), *dout = head_of(d.dout, d.ds, at.b, at.h), *out = head_of(a.out, a.os, at.b, at.h);
  int fresh[PANELS];
  for (int64_t i = 0; i < panels; i++) {
    const Panel p = panel_at(a, q0 + i * NR);
    pack_queries(s.q + i * NR * a.size, q, a.qs.row, a.size, p.query, p.live, a.scale);
    pack_queries(s.dout + i * NR * e, dout, d.ds.row, e, p.query, p.live, 1.0f);
    fresh[i] = 1;
    for (int r = 0; r < NR; r++) {
      const int64_t row = p.query + r;
      vf sum = {};
      if (r < p.live) in_vectors(e, [&](int64_t c, int n) { sum += get(dout + row * d.ds.row + c, n) * get(out + row * a.os.row + c, n); });
      s.delta[i * NR + r] = hsum(sum);
      s.best[i * NR + r] = r < p.live ? a.lse[(at.b * a.heads + at.h) * a.queries + row] : __builtin_inff();
    }
  }
  if (j.keys) {
    const GemmArgs gq = rows_of(a.qs.row, 0), gd = rows_of(d.ds.row, 0);
    for (int64_t c = 0; c < a.size; c += NR) pack_b_f32(s.qRows + c * queries, gq, q + q0 * a.qs.row, 0, queries, c, (int)smaller(NR, a.size - c));
    for (int64_t c = 0; c < e; c += NR) pack_b_f32(s.doutRows + c * queries, gd, dout + q0 * d.ds.row, 0, queries, c, (int)smaller(NR, e - c));
  }
  for (int64_t t0 = first * KEY_TILES; t0 < tiles; t0 += step * KEY_TILES) {
    const int64_t t1 = smaller(tiles, t0 + KEY_TILES), k0 = key_at(a, t0), k1 = key_at(a, t1);
    int64_t begin = panels;
    for (int64_t i = 0; i < panels; i++) {
      const Panel p = panel_at(a, q0 + i * NR);
      const int64_t n = smaller(k1, p.end) - k0;
      float *scores = s.scores + i * KEYS * NR, *dscores = s.dscores + i * KEYS * NR;
      int64_t done = 0;
      if (seen(a, at, p, k0, k0 + n)) {
        panel_gradients(j, s, at, p, i, t0, t1, k0, n);
        done = n;
        if (j.queries) multiply_dims(s.sums + i * NR * a.size, s.kDims, dscores, a.keys, a.size, k0, n, p.wide, !fresh[i]);
        fresh[i] = 0;
        begin = smaller(begin, i);
      }
      // Later panels see all that this one sees; what it does not see counts as 0 where their tiles reach it.
      if (j.keys && begin < panels) {
        for (int64_t r = done * NR; r < (k1 - k0) * NR; r += W) store(scores + r, vf{}), store(dscores + r, vf{});
      }
    }
    if (!j.keys || begin == panels) continue;
    float *dk = head_of(d.dk, d.dks, at.b, at.g), *dv = head_of(d.dv, d.dvs, at.b, at.g);
    for (int64_t t = t0; t < t1; t++) {
      const int64_t r0 = key_at(a, t), count = key_at(a, t + 1) - r0;
      int64_t p0 = begin;
      while (p0 < panels && panel_at(a, q0 + p0 * NR).end <= r0) p0++;
      if (p0 == panels) break;
      add_to_keys(dv + r0 * d.dvs.row, d.dvs.row, s.scores, s.doutRows, e, r0 - k0, count, p0, panels, queries);
      add_to_keys(dk + r0 * d.dks.row, d.dks.row, s.dscores, s.qRows, a.size, r0 - k0, count, p0, panels, queries);
    }
  }
  if (!j.queries) return;
  float one[NR];
  for (int i = 0; i < NR; i++) one[i] = 1;
  for (int64_t i = 0; i < panels; i++) {
    const Panel p = panel_at(a, q0 + i * NR);
    float* sums = s.sums + i * NR * a.size;
    if (fresh[i]) for (int64_t k = 0; k < a.size * NR; k++) sums[k] = 0;
    write_turned(head_of(d.dq, d.dqs, at.b, at.h) + p.query * d.dqs.row, d.dqs.row, sums, a.size, p.live, one);
  }
}
static void clear_rows(float* x, int64_t ld, int64_t r0, int64_t r1, int64_t size) {
  for (int64_t r = r0; r < r1; r++) __builtin_memset(x + r * ld, 0, (size_t)size * 4);
}
static void attention_backward_part(void* context, int64_t part) {
  const AttentionJob& j = *(const AttentionJob*)context;
  const AttentionArgs& a = *j.a;
  const AttentionSpace s = attention_space(a, 1, j.space + part * j.floats);
  const int64_t blocks = ceil_div(a.queries, QUERIES), shared = a.heads / a.groups, tiles = key_tiles(a);
  const int64_t each = j.byGroups ? a.batch : 1, wholes = j.units / each;
  const int64_t u0 = j.whole ? cut(wholes, j.parts, part) * each : 0, u1 = j.whole ? cut(wholes, j.parts, part + 1) * each : j.units;
  // A share of a unit: every parts-th block of queries for dq, every parts-th block of keys for dk and dv.
  const int64_t qFirst = j.whole || !j.queries ? 0 : part, qStep = j.whole || !j.queries ? 1 : j.parts;
  const int64_t kFirst = j.whole || !j.keys ? 0 : part, kStep = j.whole || !j.keys ? 1 : j.parts;
  for (int64_t u = u0; u < u1; u++) {
    const int64_t b = j.byGroups ? u % a.batch : u / a.groups, g = j.byGroups ? u / a.batch : u % a.groups;
    const float *k = head_of(a.k, a.ks, b, g), *v = head_of(a.v, a.vs, b, g);
    pack_rows(s.kRows, k, a.ks.row, a.keys, a.size);
    pack_rows(s.vRows, v, a.vs.row, a.keys, a.valueSize);
    if (j.queries) pack_dims(s.kDims, k, a.ks.row, a.keys, a.size);
    if (j.keys)
      for (int64_t t0 = kFirst * KEY_TILES; t0 < tiles; t0 += kStep * KEY_TILES) {
        const int64_t r0 = key_at(a, t0), r1 = key_at(a, smaller(tiles, t0 + KEY_TILES));
        clear_rows(head_of(j.d->dk, j.d->dks, b, g), j.d->dks.row, r0, r1, a.size);
        clear_rows(head_of(j.d->dv, j.d->dvs, b, g), j.d->dvs.row, r0, r1, a.valueSize);
      }
    for (int64_t h = g * shared; h < (g + 1) * shared; h++)
      for (int64_t q = qFirst; q < blocks; q += qStep)
        attend_back(j, s, {b, h, g}, q * QUERIES, smaller(a.queries, (q + 1) * QUERIES), kFirst, kStep);
  }
}

#include "attention_few.h"

// Whole units to every thread where they come out even, else shares of each.
static AttentionJob attention_job(const AttentionArgs& a, const AttentionGradients* d, void* space) {
  AttentionJob j = {&a, d, (float*)(((uintptr_t)space + 63) & ~(uintptr_t)63), 0, 1, 0, 1, 0, 1, 1};
  j.units = a.batch * (d ? a.groups : a.heads);
  j.floats = attention_space(a, d != nullptr, nullptr).floats;
  const double work = 2.0 * (double)a.batch * (double)a.heads * (double)a.queries * (double)a.keys * (double)(a.size + a.valueSize);
  if (work < 1.0e6) return j;
  const int64_t threads = thread_count();
  const auto even = [&](int64_t n) { return n % threads == 0 || n >= 4 * threads; };
  j.whole = even(j.units);
  const auto sums = [&](int i, int64_t n) { return d && d->dbias && d->dbs[i] == 0 && n > 1; };
  if (sums(0, a.batch) || sums(1, a.heads) || sums(2, a.queries)) {
    // One part alone adds to an element: that of its group, else that of its query, else one does everything.
    j.byGroups = !sums(1, a.heads) && even(a.groups);
    j.whole = j.byGroups || sums(2, a.queries);
    if (j.whole && !j.byGroups) return j;
  }
  j.parts = j.whole ? smaller(threads, j.byGroups ? a.groups : j.units) : threads;
  return j;
}
static int64_t attention_workspace(const AttentionArgs& a, const AttentionGradients* d) {
  if (few_queries(a, d != nullptr)) return 4 * few_attention_floats(a) + 64;
  const AttentionJob j = attention_job(a, d, nullptr);
  return 4 * j.parts * j.floats + 64;
}
static void attention(const AttentionArgs& a, void* space) {
  if (a.batch * a.heads * a.queries == 0) return;
  if (few_queries(a, 0)) return attend_few(a, space);
  AttentionJob j = attention_job(a, nullptr, space);
  parallel(j.parts, attention_part, &j);
}
static void attention_backward(const AttentionArgs& a, const AttentionGradients& d, void* space) {
  AttentionJob j = attention_job(a, &d, space);
  if (j.whole) return parallel(j.parts, attention_backward_part, &j);
  j.keys = 0;
  parallel(j.parts, attention_backward_part, &j);
  j.keys = 1;
  j.queries = 0;
  parallel(j.parts, attention_backward_part, &j);
}
