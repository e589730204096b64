import type { Tensor } from "../../src/index.ts";
import * as S from "../../src/index.ts";
import { Adagrad, Adam, SGD } from "../../src/optim/index.ts";
import type { OnnxNode } from "./model.ts";
import { attribute, type Operator, Skip } from "./tools.ts";

/** Blocks of rows in another order: gates. */
const blocks = (x: Tensor, order: readonly number[]): Tensor => {
  const size = x.shape[0] / order.length;
  return S.concat(
    order.map((g) => x.slice(0, g * size, (g + 1) * size)),
    0,
  );
};

type Gates = { order: readonly number[]; run: typeof S.rnn | typeof S.gru | typeof S.lstm };
/** ONNX's gates are z r h and i o f c; PyTorch's, and ours, r z n and i f g o. */
const CELLS: Record<string, Gates> = {
  RNN: { order: [0], run: S.rnn },
  GRU: { order: [1, 0, 2], run: S.gru },
  LSTM: { order: [0, 2, 3, 1], run: S.lstm },
};

function recurrent(inputs: (Tensor | undefined)[], node: OnnxNode): (Tensor | undefined)[] {
  const [x0, w, r, b, lengths, h0, c0, peepholes] = inputs as [Tensor, Tensor, Tensor, ...(Tensor | undefined)[]];
  if (node.attributes.activations !== undefined || node.attributes.clip !== undefined)
    throw new Skip("other activations or clipping inside a recurrent layer");
  const batchFirst = attribute(node, "layout", 0) === 1;
  const x = batchFirst ? x0.transpose(0, 1) : x0;
  const direction = attribute<string>(node, "direction", "forward");
  if (direction !== "forward") throw new Skip(`${direction} recurrent layers`);
  const { order, run } = CELLS[node.op];
  const rows = order.length * attribute(node, "hidden_size", 0);
  const bias = b?.select(0, 0);
  const weights = {
    weightIh: blocks(w.select(0, 0), order),
    weightHh: blocks(r.select(0, 0), order),
    biasIh: bias && blocks(bias.slice(0, 0, rows), order),
    biasHh: bias && blocks(bias.slice(0, rows, 2 * rows), order),
  };
  const first = (s: Tensor | undefined) => s && (batchFirst ? s.select(1, 0) : s.select(0, 0));
  const states = [first(h0), first(c0)];
  let [out, h, c]: Tensor[] = [];
  // Two equations that PyTorch's layers do not have are unrolled from operations.
  if (node.op === "GRU" && attribute(node, "linear_before_reset", 0) === 0)
    [out, h] = gruResetFirst(x, weights, states[0]);
  else if (peepholes !== undefined) [out, h, c] = lstmWithPeepholes(x, weights, states, peepholes.select(0, 0));
  else if (node.op === "LSTM") [out, h, c] = S.lstm(x, weights, states as [Tensor, Tensor], { lengths });
  else [out, h] = (run as typeof S.gru)(x, weights, states[0], { lengths });
  const y = out.unsqueeze(1);
  const ends = [h, c].map((s) => s?.unsqueeze(batchFirst ? 1 : 0));
  return [batchFirst ? y.permute([2, 0, 1, 3]) : y, ...ends];
}

type Weights = { weightIh: Tensor; weightHh: Tensor; biasIh?: Tensor; biasHh?: Tensor };

/** Step by step: f gives the next states from the input's and the state's share of the gates. */
function unroll(x: Tensor, states: Tensor[], f: (x: Tensor, states: Tensor[]) => Tensor[]): Tensor[] {
  const outputs: Tensor[] = [];
  let now = states;
  for (let t = 0; t < x.shape[0]; t++) {
    now = f(x.select(0, t), now);
    outputs.push(now[0]);
  }
  return [S.stack(outputs, 0), ...now];
}

/** $n = \tanh(W_{in}x + b_{in} + W_{hn}(r \odot h) + b_{hn})$: the reset gate before the multiply (Cho et al., 2014). */
function gruResetFirst(x: Tensor, w: Weights, h0: Tensor | undefined): Tensor[] {
  const size = w.weightHh.shape[1];
  const part = (t: Tensor, i: number) => t.slice(0, i * size, (i + 1) * size);
  const gate = (i: number, a: Tensor, h: Tensor) =>
    S.linear(a, part(w.weightIh, i), w.biasIh && part(w.biasIh, i)).add(
      S.linear(h, part(w.weightHh, i), w.biasHh && part(w.biasHh, i)),
    );
  return unroll(x, [h0 ?? S.zeros([x.shape[1], size])], (a, [h]) => {
    const [r, z] = [gate(0, a, h).sigmoid(), gate(1, a, h).sigmoid()];
    const n = gate(2, a, r.mul(h)).tanh();
    return [n.add(z.mul(h.sub(n)))];
  });
}

/** Gates that see the cell's state (Gers and Schmidhuber, 2000); the weights of peepholes are in the order i o f. */
function lstmWithPeepholes(x: Tensor, w: Weights, states: (Tensor | undefined)[], peepholes: Tensor): Tensor[] {
  const size = w.weightHh.shape[1];
  const zero = () => S.zeros([x.shape[1], size]);
  const [pi, po, pf] = [0, 1, 2].map((i) => peepholes.slice(0, i * size, (i + 1) * size));
  return unroll(x, [states[0] ?? zero(), states[1] ?? zero()], (a, [h, c]) => {
    const all = S.linear(a, w.weightIh, w.biasIh).add(S.linear(h, w.weightHh, w.biasHh));
    const [i, f, g, o] = [0, 1, 2, 3].map((k) => all.slice(1, k * size, (k + 1) * size));
    const next = f
      .add(c.mul(pf))
      .sigmoid()
      .mul(c)
      .add(i.add(c.mul(pi)).sigmoid().mul(g.tanh()));
    return [o.add(next.mul(po)).sigmoid().mul(next.tanh()), next];
  });
}

/**
 * [batch, T, heads · size] → [batch, heads, T, size]. The cases were made before ONNX 1.19.1, whose reference took Attention's
 * three-dimensional inputs as [batch, heads, T, size] without turning them; so do we there.
 */
const split = (x: Tensor, heads: number, turn = true): Tensor => {
  if (x.ndim === 4) return x;
  const [batch, steps] = x.shape;
  return turn ? x.reshape([batch, steps, heads, -1]).transpose(1, 2) : x.reshape([batch, heads, steps, -1]);
};
/** Heads in the order of their groups: the same reference gave head h the group h mod groups, we h / (heads / groups). */
const byGroup = (x: Tensor, groups: number, back = false): Tensor => {
  const [batch, heads, steps, size] = x.shape;
  const shape = back ? [groups, heads / groups] : [heads / groups, groups];
  return x
    .reshape([batch, ...shape, steps, size])
    .transpose(1, 2)
    .reshape([batch, heads, steps, size]);
};

function attention(inputs: (Tensor | undefined)[], node: OnnxNode): (Tensor | undefined)[] {
  const [q0, k0, v0, given, pastKey, pastValue] = inputs as [Tensor, Tensor, Tensor, ...(Tensor | undefined)[]];
  const flat = q0.ndim === 3;
  const groups = flat ? attribute(node, "kv_num_heads", 0) : k0.shape[1];
  const q = byGroup(split(q0, attribute(node, "q_num_heads", 0), false), groups);
  const [k, v] = [[k0, pastKey] as const, [v0, pastValue] as const].map(([x, past]) =>
    past ? S.concat([past, split(x, groups, false)], 2) : split(x, groups, false),
  );
  const [queries, keys] = [q.shape[2], k.shape[2]];
  const [scale, softcap] = [attribute(node, "scale", 1 / Math.sqrt(q.shape[3])), attribute(node, "softcap", 0)];
  const causal = attribute(node, "is_causal", 0) === 1;
  // Query i sees the keys up to i, whatever their number; ours counts from the end.
  const triangle = () =>
    S.tensor(
      Float32Array.from({ length: queries * keys }, (_, n) =>
        n % keys > Math.floor(n / keys) ? Number.NEGATIVE_INFINITY : 0,
      ),
      [queries, keys],
    );
  const added = (mask: Tensor): Tensor =>
    mask.dtype === "bool" ? S.where(mask, S.zeros([]), S.full([], Number.NEGATIVE_INFINITY)) : mask;
  const needsScores = softcap !== 0 || (node.outputs[3] ?? "") !== "";
  let y: Tensor;
  let scores: Tensor | undefined;
  if (needsScores) {
    const repeat = q.shape[1] / k.shape[1];
    const whole = (x: Tensor) =>
      repeat === 1
        ? x
        : x
            .unsqueeze(2)
            .expand([x.shape[0], x.shape[1], repeat, x.shape[2], x.shape[3]])
            .reshape([x.shape[0], -1, x.shape[2], x.shape[3]]);
    const raw = q.matmul(whole(k).transpose(2, 3)).mul(scale);
    const masks = [given && added(given), causal ? triangle() : undefined];
    const biased = masks.reduce((s: Tensor, mask) => (mask ? s.add(mask) : s), raw);
    const capped = softcap === 0 ? biased : biased.div(softcap).tanh().mul(softcap);
    const weights = capped.softmax(-1);
    scores = [raw, biased, capped, weights][attribute(node, "qk_matmul_output_mode", 0)];
    y = weights.matmul(whole(v));
  } else {
    const attnMask = causal && given ? added(given).add(triangle()) : causal && queries !== keys ? triangle() : given;
    y = S.scaledDotProductAttention(q, k, v, { scale, attnMask, isCausal: causal && queries === keys && !given });
  }
  y = byGroup(y, groups, true);
  const out = flat ? y.transpose(1, 2).reshape([y.shape[0], queries, -1]) : y;
  return [out, pastKey && k, pastValue && v, scores && byGroup(scores, groups, true)];
}

const rotary: Operator = ([x0, cosTable, sinTable, ids], node) => {
  const flat = (x0 as Tensor).ndim === 3;
  const x = split(x0 as Tensor, attribute(node, "num_heads", 0));
  const rows = (table: Tensor) => (ids ? S.embedding(ids, table) : table).unsqueeze(1);
  const dim = attribute(node, "rotary_embedding_dim", 0) || x.shape[3];
  const [cos, sin] = [cosTable, sinTable].map((table) => rows(table as Tensor).slice(-1, 0, dim / 2));
  const [part, rest] = [x.slice(-1, 0, dim), x.slice(-1, dim)];
  const turned = S.rotary(part, cos, sin, { interleaved: attribute(node, "interleaved", 0) === 1 });
  const y = S.concat([turned, rest], -1);
  return [flat ? y.transpose(1, 2).reshape((x0 as Tensor).shape) : y];
};

type AnyOptimizer = Adam | Adagrad | SGD;

/** A step of one of our optimizers from ONNX's inputs: rate, count, parameters, gradients, state by state. */
function optimizer(
  make: (params: Tensor[], rate: number, t: number, node: OnnxNode) => { optimizer: AnyOptimizer; steps: number },
  names: readonly string[],
): Operator {
  return ([rate, count, ...rest], node) => {
    const n = rest.length / (2 + names.length);
    const list = (i: number) => rest.slice(i * n, (i + 1) * n) as Tensor[];
    const params = list(0).map((x) => {
      const p = x.detach();
      p.requiresGrad = true;
      return p;
    });
    const made = make(params, (rate as Tensor).item(), (count as Tensor).item(), node);
    const saved = made.optimizer.stateDict();
    saved.groups[0].steps = params.map(() => made.steps);
    saved.groups[0].state = Object.fromEntries(names.map((name, i) => [name, list(2 + i).map((s) => s.data())]));
    made.optimizer.loadStateDict(saved);
    list(1).forEach((g, i) => {
      params[i].mul(g).sum().backward();
    });
    made.optimizer.step();
    const { state } = made.optimizer.stateDict().groups[0];
    const states = names.flatMap((name) => state[name].map((s, i) => S.tensor(Float32Array.from(s), params[i].shape)));
    return [...params.map((p) => p.detach()), ...states];
  };
}

/** So many steps that the corrections of Adam's bias are 1. */
const LATE = 1e7;

export const SEQUENCE_OPERATORS: Record<string, Operator> = {
  RNN: recurrent,
  GRU: recurrent,
  LSTM: recurrent,
  Attention: attention,
  RotaryEmbedding: rotary,
  Adam: optimizer(
    (params, rate, t, n) => {
      const [alpha, beta] = [attribute(n, "alpha", 0.9), attribute(n, "beta", 0.999)];
      // ONNX corrects the rate, not the moments, and leaves epsilon as it is.
      const lr = t > 0 ? (rate * Math.sqrt(1 - beta ** t)) / (1 - alpha ** t) : rate;
      // ONNX's default is 1e-6; its case of two parameters was made with 0.01, which its model leaves out.
      const options = { lr, betas: [alpha, beta] as const, eps: attribute(n, "epsilon", 0.01) };
      const weightDecay = attribute(n, "norm_coefficient", 0);
      return { optimizer: new Adam(params, { ...options, weightDecay }), steps: LATE };
    },
    ["expAvg", "expAvgSq"],
  ),
  Adagrad: optimizer(
    (params, lr, t, n) => {
      const options = { lr, lrDecay: attribute(n, "decay_factor", 0), eps: attribute(n, "epsilon", 1e-6) };
      const weightDecay = attribute(n, "norm_coefficient", 0);
      return { optimizer: new Adagrad(params, { ...options, weightDecay }), steps: t };
    },
    ["sum"],
  ),
  Momentum: optimizer(
    (params, lr, t, n) => {
      const nesterov = attribute<string>(n, "mode", "standard") === "nesterov";
      const beta = t > 0 ? attribute(n, "beta", 1) : 1;
      if (nesterov && beta !== 1) throw new Skip("Nesterov momentum with dampening, which PyTorch refuses");
      const options = { lr, momentum: attribute(n, "alpha", 0.9), dampening: 1 - beta, nesterov };
      const weightDecay = attribute(n, "norm_coefficient", 0);
      return { optimizer: new SGD(params, { ...options, weightDecay }), steps: Math.max(1, t) };
    },
    ["momentumBuffer"],
  ),
};
