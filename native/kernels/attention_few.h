// Attention of few queries, as for one token with a key-value cache: bound by reading keys and values, so each is read once, where
// it lies, and nothing is packed. A piece is a group of heads that share their keys, or a chunk of its keys where groups are few;
// the chunks' sums are then put together in order. How it is cut follows from the shape alone.
#pragma once

constexpr int64_t FEW_QUERIES = 4;
constexpr int64_t FEW_KEYS = 128;    // scores at a time; their keys stay in the first-level caches
constexpr int64_t FEW_CHUNK = 512;   // keys of a piece where groups are few
constexpr int64_t FEW_GROUPS = 8;

SH_INLINE int few_queries(const AttentionArgs& a, int backward) { return !backward && a.queries <= FEW_QUERIES && a.dropout == 0; }

struct FewAttention {
  const AttentionArgs* a;
  float* space;  // for every piece and query: sums [valueSize], then the maximum and the total
  int64_t chunks, depth, rows, width;
};
static FewAttention few_attention(const AttentionArgs& a, float* space) {
  FewAttention f = {&a, space, 1, a.keys, a.heads / a.groups * a.queries, aligned16(a.valueSize + 2)};
  if (a.batch * a.groups >= FEW_GROUPS || a.keys <= FEW_CHUNK) return f;
  f.chunks = ceil_div(a.keys, FEW_CHUNK);
  f.depth = FEW_CHUNK;
  return f;
}
static int64_t few_attention_floats(const AttentionArgs& a) {
  const FewAttention f = few_attention(a, nullptr);
  return a.batch * a.groups * f.chunks * f.rows * f.width;
}

// scores[key] = q · k for n keys.
static void few_scores(float* scores, const float* q, const float* k, int64_t ld, int64_t n, int64_t size, float scale) {
  for (int64_t j = 0; j < n; j += W) {
    const int live = (int)smaller(W, n - j);
    const float* at[W];
#pragma GCC unroll 16
    for (int i = 0; i < W; i++) at[i] = k + (j + (i < live ? i : live - 1)) * ld;
    vf acc[W] = {};
    int64_t c = 0;
    for (; c + W <= size; c += W) {
      const vf x = load(q + c);
#pragma GCC unroll 16
      for (int i = 0; i < W; i++) acc[i] = fma(x, load(at[i] + c), acc[i]);
    }
    if (c < size) {
      const vf x = load_part(q + c, (int)(size - c));
      for (int i = 0; i < live; i++) acc[i] = fma(x, load_part(at[i] + c, (int)(size - c)), acc[i]);
    }
    turn(acc);
#pragma GCC unroll 4
    for (int s = W / 2; s > 0; s /= 2)
#pragma GCC unroll 8
      for (int i = 0; i < s; i++) acc[i] += acc[i + s];
    store(scores + j, acc[0] * splat(scale));
  }
}
// Positions, biases and masks on the scores of keys [k0, k0 + n) of one query. What is hidden becomes minus infinity.
static void few_dress(const AttentionArgs& a, const Head& at, int64_t query, float* scores, int64_t k0, int64_t n) {
  const int64_t sees = query + a.keys - a.queries;  // the last key, where it is causal
  if (a.slopes) for (int64_t j = 0; j < n; j++) scores[j] -= a.slopes[at.h] * __builtin_fabsf((float)(sees - k0 - j));
  if (a.bias) {
    const float* from = a.bias + offset_of(a.bs, at) + query * a.bs[2] + k0 * a.bs[3];
    for (int64_t j = 0; j < n; j++) scores[j] += from[j * a.bs[3]];
  }
  if (a.mask) {
    const uint8_t* from = a.mask + offset_of(a.ms, at) + query * a.ms[2] + k0 * a.ms[3];
    for (int64_t j = 0; j < n; j++) if (!from[j * a.ms[3]]) scores[j] = -__builtin_inff();
  }
  if (a.causal) for (int64_t j = sees + 1 - k0 < 0 ? 0 : sees + 1 - k0; j < n; j++) scores[j] = -__builtin_inff();
}
// Scores become weights relative to the greatest yet; returns the factor for earlier sums.
static float few_weigh(float* scores, int64_t n, float* best, float* total) {
  vf top = splat(*best);
  int64_t j = 0;
  for (; j + W <= n; j += W) top = max(top, load(scores + j));
  if (j < n) top = max(top, load_part(scores + j, (int)(n - j), UNSEEN));
  const float greatest = hmax(top);
  const vf shift = splat(greatest);
  vf sum = {};
  for (j = 0; j < n; j += W) {
    const int live = (int)smaller(W, n - j);
    const vf x = vexp_negative(get(scores + j, live) - shift);
    store(scores + j, x);
    if (live == W) sum += x;
    else sum += load_part(scores + j, live);
  }
  const float shrink = vexp_negative(splat(*best) - shift)[0];
  *best = greatest;
  *total = *total * shrink + hsum(sum);
  return shrink;
}
// sums [size] = sums · shrink + weights · v for n keys.
template <int V>
SH_INLINE void few_values(float* sums, const float* weights, const float* v, int64_t ld, int64_t n, float shrink) {
  vf acc[V], next[V] = {};
#pragma GCC unroll 4
  for (int i = 0; i < V; i++) acc[i] = load(sums + i * W) * splat(shrink);
  int64_t j = 0;
  for (; j + 2 <= n; j += 2, v += 2 * ld) {
#pragma GCC unroll 4
    for (int i = 0; i < V; i++) {
      acc[i] = fma(splat(weights[j]), load(v + i * W), acc[i]);
      next[i] = fma(splat(weights[j + 1]), load(v + ld + i * W), next[i]);
    }
  }
  if (j < n)
#pragma GCC unroll 4
    for (int i = 0; i < V; i++) acc[i] = fma(splat(weights[j]), load(v + i * W), acc[i]);
#pragma GCC unroll 4
  for (int i = 0; i < V; i++) store(sums + i * W, acc[i] + next[i]);
}
static void few_sums(float* sums, const float* weights, const float* v, int64_t ld, int64_t n, int64_t size, float shrink) {
  int64_t c = 0;
  for (; c + 4 * W <= size; c += 4 * W) few_values<4>(sums + c, weights, v + c, ld, n, shrink);
  for (; c + W <= size; c += W) few_values<1>(sums + c, weights, v + c, ld, n, shrink);
  if (c == size) return;
  const int rest = (int)(size - c);
  vf acc = load_part(sums + c, rest) * splat(shrink);
  for (int64_t j = 0; j < n; j++) acc = fma(splat(weights[j]), load_part(v + j * ld + c, rest), acc);
  store_part(sums + c, acc, rest);
}

static void few_result(const AttentionArgs& a, int64_t b, int64_t h, int64_t query, const float* sums, float best, float total) {
  const float factor = total == 0 ? 0.0f : 1.0f / total;
  float* to = head_of(a.out, a.os, b, h) + query * a.os.row;
  in_vectors(a.valueSize, [&](int64_t c, int n) { put(to + c, get(sums + c, n) * splat(factor), n); });
  if (a.lse) a.lse[(b * a.heads + h) * a.queries + query] = total == 0 ? __builtin_inff() : best + vlog(splat(total))[0];
}
static void few_attention_part(void* context, int64_t part) {
  const FewAttention& f = *(const FewAttention*)context;
  const AttentionArgs& a = *f.a;
  const int64_t unit = part / f.chunks, b = unit / a.groups, g = unit % a.groups, shared = a.heads / a.groups;
  const int64_t begin = part % f.chunks * f.depth, end = smaller(a.keys, begin + f.depth), e = a.valueSize;
  const float *k = head_of(a.k, a.ks, b, g), *v = head_of(a.v, a.vs, b, g);
  float* const space = f.space + part * f.rows * f.width;
  for (int64_t r = 0; r < f.rows; r++) {
    float* sums = space + r * f.width;
    for (int64_t c = 0; c < e; c++) sums[c] = 0;
    sums[e] = UNSEEN;
    sums[e + 1] = 0;
  }
  float scores[FEW_KEYS];
  for (int64_t k0 = begin; k0 < end; k0 += FEW_KEYS) {
    const int64_t n = smaller(FEW_KEYS, end - k0);
    for (int64_t r = 0; r < f.rows; r++) {
      const int64_t h = g * shared + r / a.queries, query = r % a.queries;
      float* sums = space + r * f.width;
      few_scores(scores, head_of(a.q, a.qs, b, h) + query * a.qs.row, k + k0 * a.ks.row, a.ks.row, n, a.size, a.scale);
      few_dress(a, {b, h, g}, query, scores, k0, n);
      const float shrink = few_weigh(scores, n, sums + e, sums + e + 1);
      few_sums(sums, scores, v + k0 * a.vs.row, a.vs.row, n, e, shrink);
    }
  }
  if (f.chunks > 1) return;
  for (int64_t r = 0; r < f.rows; r++) {
    const float* sums = space + r * f.width;
    few_result(a, b, g * shared + r / a.queries, r % a.queries, sums, sums[e], sums[e + 1]);
  }
}
static void few_together(const FewAttention& f) {
  const AttentionArgs& a = *f.a;
  const int64_t e = a.valueSize;
  for (int64_t u = 0; u < a.batch * a.groups; u++)
    for (int64_t r = 0; r < f.rows; r++) {
      float* const first = f.space + (u * f.chunks * f.rows + r) * f.width;
      float best = UNSEEN, total = 0;
      for (int64_t i = 0; i < f.chunks; i++) {
        const float top = first[i * f.rows * f.width + e];
        if (top > best || top != top) best = top;
      }
      for (int64_t i = 0; i < f.chunks; i++) {
        const float* at = first + i * f.rows * f.width;
        const float share = vexp_negative(splat(at[e] - best))[0];
        total += at[e + 1] * share;
        for (int64_t c = 0; c < e; c++) first[c] = (i > 0 ? first[c] : 0.0f) + at[c] * share;
      }
      few_result(a, u / a.groups, u % a.groups * (a.heads / a.groups) + r / a.queries, r % a.queries, first, best, total);
    }
}
static void attend_few(const AttentionArgs& a, void* space) {
  FewAttention f = few_attention(a, (float*)(((uintptr_t)space + 63) & ~(uintptr_t)63));
  const int64_t parts = a.batch * a.groups * f.chunks;
  if ((double)parts * (double)f.depth * (double)(a.size + a.valueSize) < 3.0e4) {
    for (int64_t i = 0; i < parts; i++) few_attention_part(&f, i);
  } else {
    parallel(parts, few_attention_part, &f);
  }
  if (f.chunks > 1) few_together(f);
}
