import { type OnnxAttribute, type OnnxAxis, OnnxError, type OnnxGraph } from "../../formats/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { ACTIVATIONS } from "../pretrained/activations.ts";

/** The least float32: what is added to a score, or stands in its place, that shall not count. */
const HIDDEN = -3.4028234663852886e38;

/** Activations that are neither a node nor a form of GELU. */
const APART: Readonly<Record<string, (b: OnnxBuilder, x: string) => string>> = {
  linear: (_, x) => x,
  sigmoid: (b, x) => b.op("Sigmoid", [x]),
  leaky_relu: (b, x) => b.op("LeakyRelu", [x], { alpha: { float: 0.01 } }),
  relu2: (b, x) => b.op("Pow", [b.op("Relu", [x]), b.float(2)]),
  relu6: (b, x) => b.op("Min", [b.op("Relu", [x]), b.float(6)]),
  quick_gelu: (b, x) => b.op("Mul", [x, b.op("Sigmoid", [b.op("Mul", [x, b.float(1.702)])])]),
  mish: (b, x) => b.op("Mul", [x, b.op("Tanh", [b.op("Softplus", [x])])]),
  hardswish: (b, x) => {
    const gate = b.op("Add", [b.op("Div", [x, b.float(6)]), b.float(0.5)]);
    return b.op("Mul", [x, b.op("Min", [b.op("Relu", [gate]), b.float(1)])]);
  },
};

/** A graph that is built as a model's forward is written: layers by the names of their parameters. */
export class OnnxBuilder {
  readonly graph: OnnxGraph;
  readonly #state: ReadonlyMap<string, Tensor>;
  readonly #names = new Map<Tensor, string>();

  constructor(graph: OnnxGraph, state: ReadonlyMap<string, Tensor>) {
    this.graph = graph;
    this.#state = state;
  }
  op(op: string, inputs: readonly string[], attributes?: Readonly<Record<string, OnnxAttribute>>): string {
    return this.graph.node(op, inputs, attributes);
  }
  float(value: number | readonly number[]): string {
    return this.graph.constant(value);
  }
  ints(value: number | readonly number[]): string {
    return this.graph.constant(value, "I64");
  }
  has(name: string): boolean {
    return this.#state.has(name);
  }
  shape(name: string): readonly number[] {
    return (this.#state.get(name) as Tensor).shape;
  }
  input(name: string, shape: readonly OnnxAxis[], dtype: "I64" | "F32" | "BOOL" = "I64"): string {
    return this.graph.input(name, dtype, shape);
  }
  /** A parameter as it is; a shared one under its first name. */
  weight(name: string): string {
    const t = this.#state.get(name) as Tensor;
    const known = this.#names.get(t);
    if (known !== undefined) return known;
    this.#names.set(t, name);
    return this.table(name, t);
  }
  /** Numbers that are no parameter. */
  table(name: string, t: Tensor): string {
    return this.graph.initializer(name, { shape: t.shape, dtype: "F32", data: () => t.data() });
  }
  /** A weight [out, in] turned to [in, out], as MatMul takes it; one that is in the file already is turned there. */
  #turned(name: string): string {
    const t = this.#state.get(name) as Tensor;
    const known = this.#names.get(t);
    if (known !== undefined) return this.op("Transpose", [known], { perm: [1, 0] });
    return this.table(`${name}.T`, t.detach().transpose(0, 1));
  }
  /** `layer.weight` [out, in], with `layer.bias` where there is one (or another bias). */
  linear(x: string, layer: string, bias = `${layer}.bias`): string {
    return this.#biased(this.op("MatMul", [x, this.#turned(`${layer}.weight`)]), bias);
  }
  /** GPT-2's linear layer: `layer.weight` [in, out]. */
  conv1d(x: string, layer: string): string {
    return this.#biased(this.op("MatMul", [x, this.weight(`${layer}.weight`)]), `${layer}.bias`);
  }
  #biased(y: string, bias: string): string {
    return this.has(bias) ? this.op("Add", [y, this.weight(bias)]) : y;
  }
  embedding(ids: string, table: string): string {
    return this.op("Gather", [this.weight(`${table}.weight`), ids], { axis: 0 });
  }
  layerNorm(x: string, layer: string, epsilon: number): string {
    const inputs = [x, this.weight(`${layer}.weight`), this.weight(`${layer}.bias`)];
    return this.op("LayerNormalization", inputs, { axis: -1, epsilon: { float: epsilon } });
  }
  rmsNorm(x: string, layer: string, epsilon: number): string {
    const mean = this.op("ReduceMean", [this.op("Mul", [x, x])], { axes: [-1], keepdims: 1 });
    const root = this.op("Sqrt", [this.op("Add", [mean, this.float(epsilon)])]);
    return this.op("Mul", [this.op("Div", [x, root]), this.weight(`${layer}.weight`)]);
  }
  /** By Hugging Face's names; in operators that runtimes recognise and fuse. */
  activation(x: string, name: string): string {
    const op = (kind: string, ...inputs: string[]) => this.op(kind, inputs);
    const own = APART[name]?.(this, x);
    if (own !== undefined) return own;
    if (name === "relu") return op("Relu", x);
    if (name === "tanh") return op("Tanh", x);
    if (name === "silu" || name === "swish") return op("Mul", x, op("Sigmoid", x));
    if (name === "gelu" || name === "gelu_python") {
      const erf = op("Erf", op("Div", x, this.float(Math.SQRT2)));
      return op("Mul", op("Mul", x, op("Add", erf, this.float(1))), this.float(0.5));
    }
    if (ACTIVATIONS[name] !== "geluTanh") throw new OnnxError(`the activation ${name} is not written to ONNX`);
    const cube = op("Mul", op("Pow", x, this.float(3)), this.float(0.044715));
    const inner = op("Mul", op("Add", x, cube), this.float(Math.sqrt(2 / Math.PI)));
    return op("Mul", op("Mul", x, this.float(0.5)), op("Add", op("Tanh", inner), this.float(1)));
  }
  /** [batch, T, width] → [batch, heads, T, width / heads] */
  split(x: string, heads: number, size: number): string {
    return this.op("Transpose", [this.op("Reshape", [x, this.ints([0, 0, heads, size])])], { perm: [0, 2, 1, 3] });
  }
  /** [batch, heads, T, size] → [batch, T, heads · size] */
  join(x: string, width: number): string {
    return this.op("Reshape", [this.op("Transpose", [x], { perm: [0, 2, 1, 3] }), this.ints([0, 0, width])]);
  }
  /** q [batch, heads, T, size], k and v [batch, heads, S, size], already split; mask is added to the scores. */
  attend(q: string, k: string, v: string, mask: string, divisor: number): string {
    const scores = this.op("MatMul", [q, this.op("Transpose", [k], { perm: [0, 1, 3, 2] })]);
    const scaled = divisor === 1 ? scores : this.op("Div", [scores, this.float(divisor)]);
    return this.op("MatMul", [this.op("Softmax", [this.op("Add", [scaled, mask])], { axis: -1 }), v]);
  }
  /** attention_mask int64 [batch, T] → what is added to scores, [batch, 1, 1, T]. */
  paddingMask(mask: string): string {
    const wide = this.op("Unsqueeze", [this.op("Unsqueeze", [mask, this.ints([1])]), this.ints([2])]);
    const shown = this.op("Cast", [wide], { to: 1 });
    return this.op("Mul", [this.op("Sub", [this.float(1), shown]), this.float(HIDDEN)]);
  }
  /** 0 where a truth value is true, else the least float32. */
  maskOf(shown: string): string {
    return this.op("Where", [shown, this.float(0), this.float(HIDDEN)]);
  }
  /** The length of an axis, int64 [1]. */
  axis(x: string, axis: number): string {
    return this.op("Shape", [x], { start: axis, end: axis + 1 });
  }
  /** 0 … n − 1 for n int64 [1], from `first` int64 [1] on. */
  range(first: string, end: string): string {
    const scalar = (t: string) => this.op("Squeeze", [t, this.ints([0])]);
    return this.op("Range", [scalar(first), scalar(end), this.ints(1)]);
  }
  /** Positions of keys less those of queries, int64 [S] and [T] → [T, S]: above 0 ahead. */
  distances(queries: string, keys: string): string {
    return this.op("Sub", [
      this.op("Unsqueeze", [keys, this.ints([0])]),
      this.op("Unsqueeze", [queries, this.ints([1])]),
    ]);
  }
  /** The i-th of an axis, which goes. */
  select(x: string, axis: number, i: number): string {
    return this.op("Gather", [x, this.ints(i)], { axis });
  }
}
