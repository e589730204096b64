// Rows of a table by index, and the gradient that goes back to them.
#pragma once

struct GatherJob {
  float* out;
  const float* table;
  const int32_t* index;
  int64_t n, dim;
};
static void gather_part(void* context, int64_t part) {
  const GatherJob& j = *(const GatherJob*)context;
  each(part, j.n, rows_per(j.dim), [&](int64_t i) {
    __builtin_memcpy(j.out + i * j.dim, j.table + j.index[i] * j.dim, (size_t)j.dim * 4);
  });
}
static void gather(float* out, const float* table, const int32_t* index, int64_t n, int64_t dim) {
  if (dim <= 0) return;
  GatherJob j = {out, table, index, n, dim};
  parallel(ceil_div(n, rows_per(dim)), gather_part, &j);
}

SH_INLINE void add_scaled(float* out, const float* x, float w, int64_t n) {
  const vf wv = splat(w);
  int64_t i = 0;
  SH_UNROLL for (; i + W <= n; i += W) store(out + i, load(out + i) + load(x + i) * wv);
  for (; i < n; i++) out[i] += x[i] * w;
}

// The columns are cut among the threads: every row's additions stay in the order of the indices.
struct ScatterJob {
  float* table;
  const float *dy, *perSample;
  const int32_t *index, *offsets;
  int64_t n, dim, bags, parts;
  int mean;
  int32_t skip;
};
SH_INLINE int64_t column_parts(int64_t work, int64_t dim) {
  if (work < 2 * PIECE) return 1;
  return smaller(16, dim / 16 > 0 ? dim / 16 : 1);
}
static void scatter_part(void* context, int64_t part) {
  const ScatterJob& j = *(const ScatterJob*)context;
  const int64_t d0 = cut(j.dim, j.parts, part), d1 = cut(j.dim, j.parts, part + 1);
  for (int64_t i = 0; i < j.n; i++) {
    if (j.index[i] == j.skip) continue;
    add_scaled(j.table + j.index[i] * j.dim + d0, j.dy + i * j.dim + d0, 1.0f, d1 - d0);
  }
}
static void scatter_add(float* table, const float* dy, const int32_t* index, int64_t n, int64_t dim, int32_t skip) {
  ScatterJob j = {table, dy, nullptr, index, nullptr, n, dim, 0, column_parts(n * dim, dim), 0, skip};
  parallel(j.parts, scatter_part, &j);
}

struct BagJob {
  float* out;
  const float *table, *perSample;
  const int32_t *index, *offsets;
  int64_t bags, n, dim, per;
  int mean;
  int32_t skip;
};
SH_INLINE float bag_share(const int32_t* index, int64_t begin, int64_t end, int mean, int32_t skip) {
  if (!mean) return 1.0f;
  int64_t count = 0;
  for (int64_t i = begin; i < end; i++) count += index[i] != skip;
  return count ? 1.0f / (float)count : 0.0f;
}
static void bag_part(void* context, int64_t part) {
  const BagJob& j = *(const BagJob*)context;
  each(part, j.bags, j.per, [&](int64_t b) {
    float* out = j.out + b * j.dim;
    const int64_t begin = j.offsets[b], end = b + 1 < j.bags ? j.offsets[b + 1] : j.n;
    const float share = bag_share(j.index, begin, end, j.mean, j.skip);
    for (int64_t d = 0; d < j.dim; d++) out[d] = 0;
    for (int64_t i = begin; i < end; i++) {
      if (i + 8 < end) __builtin_prefetch(j.table + j.index[i + 8] * j.dim);
      if (j.index[i] == j.skip) continue;
      add_scaled(out, j.table + j.index[i] * j.dim, share * (j.perSample ? j.perSample[i] : 1.0f), j.dim);
    }
  });
}
static void embedding_bag(float* out, const float* table, const int32_t* index, const int32_t* offsets, const float* perSample,
                          int64_t bags, int64_t n, int64_t dim, int mean, int32_t skip) {
  if (dim <= 0 || bags <= 0) return;
  BagJob j = {out, table, perSample, index, offsets, bags, n, dim, 1, mean, skip};
  const int64_t work = ceil_div(n, bags) * dim;
  j.per = work >= 4096 ? 1 : ceil_div(4096, work > 0 ? work : 1);
  if (n * dim < PIECE) for (int64_t p = 0; p < ceil_div(bags, j.per); p++) bag_part(&j, p);
  else parallel(ceil_div(bags, j.per), bag_part, &j);
}
static void bag_backward_part(void* context, int64_t part) {
  const ScatterJob& j = *(const ScatterJob*)context;
  const int64_t d0 = cut(j.dim, j.parts, part), d1 = cut(j.dim, j.parts, part + 1);
  for (int64_t b = 0; b < j.bags; b++) {
    const int64_t begin = j.offsets[b], end = b + 1 < j.bags ? j.offsets[b + 1] : j.n;
    const float share = bag_share(j.index, begin, end, j.mean, j.skip);
    for (int64_t i = begin; i < end; i++) {
      if (j.index[i] == j.skip) continue;
      add_scaled(j.table + j.index[i] * j.dim + d0, j.dy + b * j.dim + d0, share * (j.perSample ? j.perSample[i] : 1.0f), d1 - d0);
    }
  }
}
static void embedding_bag_backward(float* dtable, const float* dy, const int32_t* index, const int32_t* offsets,
                                   const float* perSample, int64_t bags, int64_t n, int64_t dim, int mean, int32_t skip) {
  ScatterJob j = {dtable, dy, perSample, index, offsets, n, dim, bags, column_parts(n * dim, dim), mean, skip};
  parallel(j.parts, bag_backward_part, &j);
}
