import type { AdagradSettings, AdamSettings, RmspropSettings, SgdSettings, TypedArray } from "./backend.ts";

/** The gradient that an update sees: scaled, plus L2 decay λp and the subgradient of λ₁|p|. */
function seen(g: number, p: number, scale: number, decay: number, l1: number): number {
  return g * scale + decay * p + (l1 === 0 ? 0 : l1 * Math.sign(p));
}

/** Adam (Kingma & Ba, 2015, algorithm 1); `decoupled` is AdamW (Loshchilov & Hutter, 2019); vmax is AMSGrad. */
export function adam(
  p: TypedArray,
  g: TypedArray,
  m: TypedArray,
  v: TypedArray,
  vmax: TypedArray | undefined,
  scale: number,
  s: AdamSettings,
): void {
  for (let i = 0; i < p.length; i++) {
    const grad = seen(g[i], p[i], scale, s.decoupled ? 0 : s.weightDecay, s.l1);
    if (s.decoupled) p[i] -= s.lr * s.weightDecay * p[i];
    m[i] += (1 - s.beta1) * (grad - m[i]);
    v[i] = s.beta2 * v[i] + (1 - s.beta2) * grad * grad;
    let second = v[i];
    if (vmax) {
      vmax[i] = Math.max(vmax[i], second);
      second = vmax[i];
    }
    p[i] -= ((s.lr / s.bias1) * m[i]) / (Math.sqrt(second) / Math.sqrt(s.bias2) + s.eps);
  }
}

/** SGD with momentum as PyTorch writes it: b = μb + (1−τ)g, p −= lr·(nesterov ? g + μb : b). */
export function sgd(p: TypedArray, g: TypedArray, buf: TypedArray | undefined, scale: number, s: SgdSettings): void {
  for (let i = 0; i < p.length; i++) {
    let grad = seen(g[i], p[i], scale, s.weightDecay, s.l1);
    if (buf) {
      buf[i] = s.first ? grad : s.momentum * buf[i] + (1 - s.dampening) * grad;
      grad = s.nesterov ? grad + s.momentum * buf[i] : buf[i];
    }
    p[i] -= s.lr * grad;
  }
}

/** RMSprop (Hinton's lecture 6e), centred (Graves, 2013) when gradAvg is given, with PyTorch's momentum. */
export function rmsprop(
  p: TypedArray,
  g: TypedArray,
  square: TypedArray,
  buf: TypedArray | undefined,
  gradAvg: TypedArray | undefined,
  scale: number,
  s: RmspropSettings,
): void {
  for (let i = 0; i < p.length; i++) {
    const grad = seen(g[i], p[i], scale, s.weightDecay, s.l1);
    square[i] = s.alpha * square[i] + (1 - s.alpha) * grad * grad;
    let second = square[i];
    if (gradAvg) {
      gradAvg[i] = s.alpha * gradAvg[i] + (1 - s.alpha) * grad;
      second -= gradAvg[i] * gradAvg[i];
    }
    const step = grad / (Math.sqrt(second) + s.eps);
    if (buf) {
      buf[i] = s.momentum * buf[i] + step;
      p[i] -= s.lr * buf[i];
    } else p[i] -= s.lr * step;
  }
}

/** Adagrad (Duchi et al., 2011). */
export function adagrad(p: TypedArray, g: TypedArray, sum: TypedArray, scale: number, s: AdagradSettings): void {
  for (let i = 0; i < p.length; i++) {
    const grad = seen(g[i], p[i], scale, s.weightDecay, s.l1);
    sum[i] += grad * grad;
    p[i] -= (s.lr * grad) / (Math.sqrt(sum[i]) + s.eps);
  }
}
