import type { Tensor } from "../../src/index.ts";
import * as S from "../../src/index.ts";
import type { OnnxNode, OnnxTensor } from "./model.ts";
import { SEQUENCE_OPERATORS } from "./sequence-operators.ts";
import { attribute, DTYPES, load, type Operator, Skip } from "./tools.ts";

const one =
  (f: (x: Tensor, node: OnnxNode) => Tensor): Operator =>
  ([x], node) => [f(x as Tensor, node)];
const two =
  (f: (a: Tensor, b: Tensor) => Tensor): Operator =>
  ([a, b]) => [f(a as Tensor, b as Tensor)];
const many =
  (f: (a: Tensor, b: Tensor) => Tensor): Operator =>
  (list) => [(list as Tensor[]).reduce(f)];
/** ONNX divides whole numbers towards 0. */
const divide = (a: Tensor, b: Tensor): Tensor => {
  if (a.dtype.startsWith("float")) return a.div(b);
  const magnitude = a.abs().floorDivide(b.abs());
  return a.dtype === "uint8" ? magnitude : magnitude.mul(a.sign()).mul(b.sign());
};
/** Extremes of nothing are refused, as PyTorch does. */
const filled = (x: Tensor) => {
  if (x.numel === 0) throw new Skip("extremes of no elements: refused, as PyTorch does");
  return x;
};
const ints = (t: Tensor | undefined): number[] | undefined => (t === undefined ? undefined : [...t.data()]);

function reduction(f: (x: Tensor, dims: number[] | undefined, keep: boolean) => Tensor): Operator {
  return ([x, axes], node) => {
    const list = ints(axes) ?? attribute<number[] | undefined>(node, "axes", undefined);
    const keep = attribute<number>(node, "keepdims", 1) === 1;
    if ((list === undefined || list.length === 0) && attribute<number>(node, "noop_with_empty_axes", 0) === 1)
      return [x];
    return [f(x as Tensor, list && list.length > 0 ? list : undefined, keep)];
  };
}

function clipBounds(inputs: (Tensor | undefined)[], node: OnnxNode): [number | undefined, number | undefined] {
  const bound = (i: number, name: string) =>
    inputs[i] ? (inputs[i] as Tensor).item() : attribute<number | undefined>(node, name, undefined);
  return [bound(1, "min"), bound(2, "max")];
}

function crossEntropy(inputs: (Tensor | undefined)[], node: OnnxNode, isLog: boolean): (Tensor | undefined)[] {
  const [scores, labels, weight] = inputs as [Tensor, Tensor, Tensor | undefined];
  const classes = scores.shape[1];
  // [n, classes, …] → rows of classes.
  const order = [0, ...Array.from({ length: scores.ndim - 2 }, (_, i) => i + 2), 1];
  const rows = scores.permute(order).reshape([-1, classes]);
  const ignoreIndex = attribute(node, "ignore_index", -100);
  const reduction = attribute<"mean" | "sum" | "none">(node, "reduction", "mean");
  const target = labels.reshape([-1]);
  // Log-probabilities are logits whose softmax has them as logarithm already.
  const loss = S.crossEntropy(rows, target, { weight, ignoreIndex, reduction });
  const shaped = reduction === "none" ? loss.reshape(labels.shape) : loss;
  return isLog ? [shaped] : [shaped, node.outputs.length > 1 ? scores.logSoftmax(1) : undefined];
}

function cast(x: Tensor, type: number): Tensor {
  const dtype = DTYPES[type];
  if (dtype === undefined || (dtype === "float64" && x.backend.name !== "reference"))
    throw new Skip(`ONNX type ${type}`);
  return x.to(dtype);
}

/** The error function by its series, Abramowitz and Stegun 7.1.6; 1 beyond 6 in float64. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** out[i][j][k] = x[i][index[i][j][k]][k] along the middle dimension. */
function gatherElements(x: Tensor, index: Tensor, axis: number): Tensor {
  const dim = axis < 0 ? axis + x.ndim : axis;
  const [values, chosen] = [x.contiguous().data(), index.contiguous().data()];
  const out = Float32Array.from(chosen, (c, n) => {
    let at = 0;
    let rest = n;
    for (let d = index.ndim - 1, step = 1; d >= 0; step *= x.shape[d], d--) {
      at += step * (d === dim ? (c < 0 ? c + x.shape[d] : c) : rest % index.shape[d]);
      rest = Math.floor(rest / index.shape[d]);
    }
    return values[at];
  });
  return S.tensor(out, index.shape).to(x.dtype);
}

function cumSum(x: Tensor, axis: number, node: OnnxNode): Tensor {
  if (attribute(node, "exclusive", 0) || attribute(node, "reverse", 0)) throw new Skip("sums that run otherwise");
  const dim = axis < 0 ? axis + x.ndim : axis;
  const after = x.shape.slice(dim + 1).reduce((n, s) => n * s, 1);
  const values = x.data().slice();
  for (let i = 0; i < values.length; i++) if (Math.floor(i / after) % x.shape[dim] > 0) values[i] += values[i - after];
  return S.tensor(values, x.shape);
}

export const OPERATORS: Record<string, Operator> = {
  ...SEQUENCE_OPERATORS,
  Erf: one((x) => S.tensor(Float32Array.from(x.data(), erf), x.shape)),
  Tile: ([x, repeats]) => [
    (ints(repeats) as number[]).reduce((t, n, d) => S.concat(new Array<Tensor>(n).fill(t), d), x as Tensor),
  ],
  Ceil: one((x) => S.tensor(Float32Array.from(x.data(), Math.ceil), x.shape)),
  GatherElements: ([x, index], n) => [gatherElements(x as Tensor, index as Tensor, attribute(n, "axis", 0))],
  Mod: ([a, b], n) => {
    const [x, y] = [a as Tensor, b as Tensor];
    // C's fmod has the sign of the dividend.
    return [attribute(n, "fmod", 0) === 1 ? x.abs().remainder(y.abs()).mul(x.sign()) : x.remainder(y)];
  },
  CumSum: ([x, axis], node) => [cumSum(x as Tensor, (axis as Tensor).item(), node)],
  Add: two((a, b) => a.add(b)),
  Sub: two((a, b) => a.sub(b)),
  Mul: two((a, b) => a.mul(b)),
  Div: two(divide),
  // ONNX keeps the type of the base.
  Pow: two((a, b) => a.pow(b).to(a.dtype)),
  Max: many((a, b) => a.maximum(b)),
  Min: many((a, b) => a.minimum(b)),
  Sum: many((a, b) => a.add(b)),
  Mean: (list) => [(list as Tensor[]).reduce((a, b) => a.add(b)).div(list.length)],
  Equal: two((a, b) => a.eq(b)),
  Less: two((a, b) => a.lt(b)),
  LessOrEqual: two((a, b) => a.le(b)),
  Greater: two((a, b) => a.gt(b)),
  GreaterOrEqual: two((a, b) => a.ge(b)),
  Neg: one((x) => x.neg()),
  Abs: one((x) => x.abs()),
  Sign: one((x) => x.sign()),
  Sqrt: one((x) => x.sqrt()),
  Reciprocal: one((x) => x.reciprocal()),
  Exp: one((x) => x.exp()),
  Log: one((x) => x.log()),
  Sin: one((x) => x.sin()),
  Cos: one((x) => x.cos()),
  Sigmoid: one((x) => x.sigmoid()),
  Tanh: one((x) => x.tanh()),
  Relu: one((x) => x.relu()),
  LeakyRelu: one((x, n) => x.leakyRelu(attribute(n, "alpha", 0.01))),
  Elu: one((x, n) => x.elu(attribute(n, "alpha", 1))),
  Softplus: one((x) => x.softplus()),
  Gelu: one((x, n) => x.gelu(attribute<"none" | "tanh">(n, "approximate", "none"))),
  And: two((a, b) => a.logicalAnd(b)),
  Or: two((a, b) => a.logicalOr(b)),
  Xor: two((a, b) => a.logicalXor(b)),
  Not: one((x) => x.logicalNot()),
  Selu: one((x, n) =>
    // Ours has the paper's constants; others are an elu.
    n.attributes.alpha === undefined && n.attributes.gamma === undefined
      ? x.selu()
      : x.elu(attribute(n, "alpha", 1.6732632)).mul(attribute(n, "gamma", 1.0507009)),
  ),
  Softsign: one((x) => x.softsign()),
  HardSigmoid: one((x, n) =>
    x
      .mul(attribute(n, "alpha", 0.2))
      .add(attribute(n, "beta", 0.5))
      .clamp(0, 1),
  ),
  HardSwish: one((x) => x.hardswish()),
  ThresholdedRelu: one((x, n) => S.where(x.gt(attribute(n, "alpha", 1)), x, S.zeros([]))),
  Split: ([x, sizes], n) => {
    const t = x as Tensor;
    const axis = attribute(n, "axis", 0);
    const given = ints(sizes) ?? attribute<number[] | undefined>(n, "split", undefined);
    return t.split(given ?? Math.ceil((t.shape.at(axis) as number) / n.outputs.length), axis);
  },
  ReduceProd: reduction((x, d, k) =>
    d === undefined ? x.prod(undefined, k) : d.reduce((t, dim) => t.prod(dim, k), x),
  ),
  Constant: (
    _,
    { attributes: { value, value_float: float, value_int: int, value_ints: ints, value_floats: floats } },
  ) => {
    if (value !== undefined) return [load(value as OnnxTensor)];
    if (float !== undefined) return [S.full([], float as number)];
    if (int !== undefined) return [S.full([], int as number, { dtype: "int64" })];
    if (floats !== undefined) return [S.tensor(Float32Array.from([floats].flat() as number[]))];
    return [S.tensor([ints].flat() as number[], { dtype: "int64" })];
  },
  Shape: ([x], n) => {
    const { shape } = x as Tensor;
    return [S.tensor(shape.slice(attribute(n, "start", 0), attribute(n, "end", shape.length)), { dtype: "int64" })];
  },
  ConstantOfShape: ([shape], n) => {
    const value = n.attributes.value === undefined ? S.zeros([1]) : load(n.attributes.value as OnnxTensor);
    return [S.full(ints(shape) as number[], value.item(), { dtype: value.dtype })];
  },
  Range: ([start, limit, delta]) => {
    const [from, to, by] = [start, limit, delta].map((t) => (t as Tensor).item());
    const values = Array.from({ length: Math.max(0, Math.ceil((to - from) / by)) }, (_, i) => from + i * by);
    return [S.tensor(values, { dtype: (start as Tensor).dtype })];
  },
  Trilu: ([x, k], n) => {
    const diagonal = k?.item() ?? 0;
    return [attribute(n, "upper", 1) === 1 ? (x as Tensor).triu(diagonal) : (x as Tensor).tril(diagonal)];
  },
  Size: one((x) => S.full([], x.numel, { dtype: "int64" })),
  Cast: one((x, n) => cast(x, attribute(n, "to", 1))),
  CastLike: ([x, like]) => [(x as Tensor).to((like as Tensor).dtype)],
  Reshape: ([x, shape]) => {
    const t = x as Tensor;
    return [t.reshape((ints(shape) as number[]).map((s, i) => (s === 0 ? t.shape[i] : s)))];
  },
  Expand: ([x, shape]) => {
    const wanted = ints(shape) as number[];
    const t = x as Tensor;
    const rank = Math.max(wanted.length, t.ndim);
    const own = [...new Array(rank - t.ndim).fill(1), ...t.shape];
    const other = [...new Array(rank - wanted.length).fill(1), ...wanted];
    return [t.reshape(own).expand(own.map((s, i) => (s === 1 ? other[i] : s)))];
  },
  Identity: one((x) => x),
  EyeLike: one((x, n) => {
    const [rows, columns] = x.shape;
    const k = attribute(n, "k", 0);
    const type = attribute(n, "dtype", 0);
    const line = S.ones([rows, columns]).triu(k).tril(k);
    return type === 0 ? line.to(x.dtype) : cast(line, type);
  }),
  OneHot: ([indices, depth, values], n) => {
    const [classes, ids] = [(depth as Tensor).item(), indices as Tensor];
    const axis = attribute(n, "axis", -1);
    const at = axis < 0 ? axis + ids.ndim + 1 : axis;
    const places = ids.remainder(classes).long().unsqueeze(at);
    const steps = S.arange(classes).reshape(Array.from({ length: ids.ndim + 1 }, (_, d) => (d === at ? classes : 1)));
    const [off, on] = [(values as Tensor).select(0, 0), (values as Tensor).select(0, 1)];
    return [S.where(places.eq(steps), on, off)];
  },
  Flatten: one((x, n) => {
    const axis = attribute(n, "axis", 1);
    const at = axis < 0 ? axis + x.ndim : axis;
    return x.reshape([x.shape.slice(0, at).reduce((p, s) => p * s, 1), -1]);
  }),
  Clip: (inputs, node) => [(inputs[0] as Tensor).clamp(...clipBounds(inputs, node))],
  Softmax: one((x, n) => x.softmax(attribute(n, "axis", -1))),
  LogSoftmax: one((x, n) => x.logSoftmax(attribute(n, "axis", -1))),
  MatMul: two((a, b) => a.matmul(b)),
  Gemm: ([a, b, c], node) => {
    const [x, y] = [
      attribute(node, "transA", 0) ? (a as Tensor).T : (a as Tensor),
      attribute(node, "transB", 0) ? (b as Tensor).T : (b as Tensor),
    ];
    const product = x.matmul(y).mul(attribute(node, "alpha", 1));
    return [c ? product.add(c.mul(attribute(node, "beta", 1))) : product];
  },
  ReduceSum: reduction((x, d, k) => x.sum(d, k)),
  ReduceMean: reduction((x, d, k) => x.mean(d, k)),
  ReduceMax: reduction((x, d, k) => filled(x).amax(d, k)),
  ReduceMin: reduction((x, d, k) => filled(x).amin(d, k)),
  ReduceSumSquare: reduction((x, d, k) => x.square().sum(d, k)),
  ReduceL1: reduction((x, d, k) => x.abs().sum(d, k)),
  ReduceL2: reduction((x, d, k) => x.square().sum(d, k).sqrt()),
  ReduceLogSum: reduction((x, d, k) => x.sum(d, k).log()),
  ReduceLogSumExp: reduction((x, d, k) => x.exp().sum(d, k).log()),
  ArgMax: ([x], n) => {
    if (attribute(n, "select_last_index", 0))
      throw new Skip("the last of equal maxima; ours is the first, as PyTorch's");
    return [(x as Tensor).argmax(attribute(n, "axis", 0), attribute(n, "keepdims", 1) === 1)];
  },
  ArgMin: ([x], n) => {
    if (attribute(n, "select_last_index", 0))
      throw new Skip("the last of equal minima; ours is the first, as PyTorch's");
    return [(x as Tensor).argmin(attribute(n, "axis", 0), attribute(n, "keepdims", 1) === 1)];
  },
  Transpose: one((x, n) =>
    x.permute(
      attribute(
        n,
        "perm",
        x.shape.map((_, d) => x.ndim - 1 - d),
      ),
    ),
  ),
  Concat: (list, n) => [S.concat(list as Tensor[], attribute(n, "axis", 0))],
  Where: ([c, a, b]) => [S.where(c as Tensor, a as Tensor, b as Tensor)],
  Gather: ([x, index], n) => {
    if ((index as Tensor).ndim === 0) return [(x as Tensor).select(attribute(n, "axis", 0), (index as Tensor).item())];
    if (attribute(n, "axis", 0) !== 0) throw new Skip("gathers along other axes than the first");
    const t = x as Tensor;
    const rows = t.shape[0];
    const ids = S.tensor(
      Int32Array.from((index as Tensor).data(), (i) => (i < 0 ? i + rows : i)),
      (index as Tensor).shape,
    );
    if (t.ndim === 1) {
      const values = t.data();
      return [
        S.tensor(Float32Array.from(ids.data(), (i) => values[i]))
          .reshape(ids.shape)
          .to(t.dtype),
      ];
    }
    return [S.embedding(ids, t.float().reshape([rows, -1])).reshape([...ids.shape, ...t.shape.slice(1)])];
  },
  LayerNormalization: ([x, scale, bias], n) => {
    const t = x as Tensor;
    const axis = attribute(n, "axis", -1);
    const at = axis < 0 ? axis + t.ndim : axis;
    return [S.layerNorm(t, t.shape.slice(at), scale, bias, attribute(n, "epsilon", 1e-5))];
  },
  RMSNormalization: ([x, scale], n) => {
    const t = x as Tensor;
    const axis = attribute(n, "axis", -1);
    return [S.rmsNorm(t, t.shape.slice(axis < 0 ? axis + t.ndim : axis), scale, attribute(n, "epsilon", 1e-5))];
  },
  SoftmaxCrossEntropyLoss: (inputs, node) => crossEntropy(inputs, node, false),
  NegativeLogLikelihoodLoss: (inputs, node) => {
    const [scores, labels, weight] = inputs as [Tensor, Tensor, Tensor | undefined];
    const order = [0, ...Array.from({ length: scores.ndim - 2 }, (_, i) => i + 2), 1];
    const ignore = attribute(node, "ignore_index", -100);
    const t = labels.data();
    const w = weight?.data();
    const known = S.tensor(
      Int32Array.from(t, (c) => (c === ignore ? 0 : c)),
      labels.shape,
    );
    const factor = S.tensor(
      Float32Array.from(t, (c) => (c === ignore ? 0 : (w?.[c] ?? 1))),
      labels.shape,
    );
    const loss = S.gatherLast(scores.permute(order), known).neg().mul(factor);
    const how = attribute<string>(node, "reduction", "mean");
    return [how === "none" ? loss : how === "sum" ? loss.sum() : loss.sum().div(factor.sum())];
  },
  Squeeze: ([x, axes], n) => {
    const t = x as Tensor;
    const list = ints(axes) ?? attribute<number[] | undefined>(n, "axes", undefined);
    const drop = list?.map((d) => (d < 0 ? d + t.ndim : d));
    return [t.reshape(t.shape.filter((s, d) => (drop ? !drop.includes(d) : s !== 1)))];
  },
  Unsqueeze: ([x, axes], n) => {
    const list = ints(axes) ?? attribute<number[]>(n, "axes", []);
    const rank = (x as Tensor).ndim + list.length;
    return [
      list
        .map((d) => (d < 0 ? d + rank : d))
        .sort((a, b) => a - b)
        .reduce((t, d) => t.unsqueeze(d), x as Tensor),
    ];
  },
  Slice: ([x, starts, ends, axes, steps]) => {
    let t = x as Tensor;
    const [from, to] = [ints(starts) as number[], ints(ends) as number[]];
    const dims = ints(axes) ?? from.map((_, i) => i);
    const by = ints(steps) ?? from.map(() => 1);
    if (by.some((s) => s < 0)) throw new Skip("slices that run backwards");
    dims.forEach((d, i) => {
      t = t.slice(d, from[i], to[i], by[i]);
    });
    return [t];
  },
  Dropout: ([x, ratio, mode], node) => {
    if (
      mode !== undefined &&
      mode.item() !== 0 &&
      (ratio === undefined ? attribute(node, "ratio", 0.5) : ratio.item()) > 0
    )
      throw new Skip("the mask of another random generator");
    if (node.outputs.length > 1) return [x, S.ones((x as Tensor).shape, { dtype: "bool" })];
    return [x];
  },
};
