// Optimizer updates in one pass over all parameters.
#pragma once

SH_INLINE vf vsign(vf x) {
  const vf zero = splat(0.0f), one = splat(1.0f);
  return select(x > zero, one, select(x < zero, -one, zero));
}

// body(i, full): one vector from i; part: through buffers of one vector.
template <int B, class F>
SH_INLINE void update_pieces(float* const (&buffers)[B], const float* g, int64_t part, int64_t n, F body) {
  int64_t at = part * PIECE;
  const int64_t end = smaller(n, at + PIECE);
  vf v[B];
  for (; at + W <= end; at += W) {
    for (int b = 0; b < B; b++) v[b] = buffers[b] ? load(buffers[b] + at) : vf{};
    body(v, load(g + at));
    for (int b = 0; b < B; b++) if (buffers[b]) store(buffers[b] + at, v[b]);
  }
  if (at < end) {
    const int rest = (int)(end - at);
    for (int b = 0; b < B; b++) v[b] = buffers[b] ? load_part(buffers[b] + at, rest) : vf{};
    body(v, load_part(g + at, rest));
    for (int b = 0; b < B; b++) if (buffers[b]) store_part(buffers[b] + at, v[b], rest);
  }
}

static void adam_part(void* context, int64_t part) {
  const AdamArgs& a = *(const AdamArgs*)context;
  const float scale = a.gradScale ? *a.gradScale : 1.0f;
  const vf k = splat(scale), b1 = splat(1 - a.beta1), b2 = splat(a.beta2), c2 = splat(1 - a.beta2);
  const vf decay = splat(a.decoupled ? 0.0f : a.weightDecay), shrink = splat(a.decoupled ? a.lr * a.weightDecay : 0.0f);
  const vf rate = splat(a.lr / a.bias1), root = splat(1.0f / __builtin_sqrtf(a.bias2)), eps = splat(a.eps), l1 = splat(a.l1);
  const bool l1On = a.l1 != 0, max2 = a.vmax != nullptr;
  float* const buffers[4] = {a.p, a.m, a.v, a.vmax};
  update_pieces(buffers, a.g, part, a.n, [&](vf* v, vf g0) {
    vf g = g0 * k + decay * v[0];
    if (l1On) g += l1 * vsign(v[0]);
    vf p = v[0] - shrink * v[0];
    v[1] += b1 * (g - v[1]);
    v[2] = b2 * v[2] + c2 * g * g;
    vf second = v[2];
    if (max2) second = v[3] = max(v[3], second);
    v[0] = p - rate * v[1] / (vsqrt(second) * root + eps);
  });
}
static void adam(const AdamArgs& a) { parallel(ceil_div(a.n, PIECE), adam_part, (void*)&a); }

static void sgd_part(void* context, int64_t part) {
  const SgdArgs& a = *(const SgdArgs*)context;
  const vf k = splat(a.gradScale ? *a.gradScale : 1.0f), decay = splat(a.weightDecay), l1 = splat(a.l1), lr = splat(a.lr);
  const vf mu = splat(a.momentum), fresh = splat(1 - a.dampening);
  const bool l1On = a.l1 != 0, moves = a.buf != nullptr;
  float* const buffers[2] = {a.p, a.buf};
  update_pieces(buffers, a.g, part, a.n, [&](vf* v, vf g0) {
    vf g = g0 * k + decay * v[0];
    if (l1On) g += l1 * vsign(v[0]);
    if (moves) {
      v[1] = a.first ? g : mu * v[1] + fresh * g;
      g = a.nesterov ? g + mu * v[1] : v[1];
    }
    v[0] -= lr * g;
  });
}
static void sgd(const SgdArgs& a) { parallel(ceil_div(a.n, PIECE), sgd_part, (void*)&a); }

static void rmsprop_part(void* context, int64_t part) {
  const RmspropArgs& a = *(const RmspropArgs*)context;
  const vf k = splat(a.gradScale ? *a.gradScale : 1.0f), decay = splat(a.weightDecay), l1 = splat(a.l1), lr = splat(a.lr);
  const vf alpha = splat(a.alpha), beta = splat(1 - a.alpha), eps = splat(a.eps), mu = splat(a.momentum);
  const bool l1On = a.l1 != 0;
  float* const buffers[4] = {a.p, a.square, a.buf, a.gradAvg};
  update_pieces(buffers, a.g, part, a.n, [&](vf* v, vf g0) {
    vf g = g0 * k + decay * v[0];
    if (l1On) g += l1 * vsign(v[0]);
    v[1] = alpha * v[1] + beta * g * g;
    vf second = v[1];
    if (a.gradAvg) {
      v[3] = alpha * v[3] + beta * g;
      second -= v[3] * v[3];
    }
    vf step = g / (vsqrt(second) + eps);
    if (a.buf) step = v[2] = mu * v[2] + step;
    v[0] -= lr * step;
  });
}
static void rmsprop(const RmspropArgs& a) { parallel(ceil_div(a.n, PIECE), rmsprop_part, (void*)&a); }

static void adagrad_part(void* context, int64_t part) {
  const AdagradArgs& a = *(const AdagradArgs*)context;
  const vf k = splat(a.gradScale ? *a.gradScale : 1.0f), decay = splat(a.weightDecay), l1 = splat(a.l1), lr = splat(a.lr), eps = splat(a.eps);
  const bool l1On = a.l1 != 0;
  float* const buffers[2] = {a.p, a.sum};
  update_pieces(buffers, a.g, part, a.n, [&](vf* v, vf g0) {
    vf g = g0 * k + decay * v[0];
    if (l1On) g += l1 * vsign(v[0]);
    v[1] += g * g;
    v[0] -= lr * g / (vsqrt(v[1]) + eps);
  });
}
static void adagrad(const AdagradArgs& a) { parallel(ceil_div(a.n, PIECE), adagrad_part, (void*)&a); }
