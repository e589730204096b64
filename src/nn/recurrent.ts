import { checkOptions, type Known } from "../backend/options.ts";
import {
  concat,
  dropout,
  gru,
  lockedDropout,
  lstm,
  type RecurrentOptions,
  type RecurrentWeights,
  rnn,
  stack,
} from "../ops/index.ts";
import { empty } from "../tensor/create.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkProbability, checkSize, checkWord, ELSEWHERE } from "./check.ts";
import { uniform_ } from "./init.ts";
import { Module, Parameter } from "./module.ts";

export interface RecurrentModuleOptions {
  /** Layers one above the other; 1. */
  numLayers?: number;
  /** With $b_{ih}$ and $b_{hh}$; true. */
  bias?: boolean;
  /** Input and output [batch, T, …] instead of [T, batch, …]; false. States are [layers · directions, batch, hidden] always. */
  batchFirst?: boolean;
  /** Probability of dropout on the output of every layer but the last; 0. */
  dropout?: number;
  /** That dropout's mask is the same at every step (see the operation `lockedDropout`); false. */
  lockedDropout?: boolean;
  /** Probability of dropout on the weights $W_{hh}$, drawn once for all steps (DropConnect; Merity et al. 2018); 0. */
  weightDropout?: number;
  /** A second network from the last step to the first, whose output is appended; false. */
  bidirectional?: boolean;
}

export interface RecurrentForwardOptions {
  /** Steps of each sequence that count, [batch]; see {@link RecurrentOptions}. */
  lengths?: RecurrentOptions["lengths"];
}

const KNOWN: Known<RecurrentModuleOptions> = {
  numLayers: true,
  bias: true,
  batchFirst: true,
  dropout: true,
  lockedDropout: true,
  weightDropout: true,
  bidirectional: true,
};
const FORWARD: Known<RecurrentForwardOptions> = { lengths: true };
const REFUSED = {
  ...ELSEWHERE,
  projSize: "Put a Linear layer behind the network: it gives the same output size.",
};

/** Layers and directions, common to the three. */
abstract class Recurrent extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly lockedDropout: boolean;
  readonly weightDropout: number;
  readonly bidirectional: boolean;

  constructor(inputSize: number, hiddenSize: number, gates: number, options: RecurrentModuleOptions) {
    super();
    checkOptions(new.target.name, options, KNOWN, REFUSED);
    const { numLayers = 1, bias = true, batchFirst = false, dropout: p = 0, bidirectional = false } = options;
    const { lockedDropout: locked = false, weightDropout = 0 } = options;
    const name = new.target.name;
    checkSize(name, "inputSize", inputSize);
    checkSize(name, "hiddenSize", hiddenSize, 1);
    checkSize(name, "numLayers", numLayers, 1);
    checkProbability(name, "dropout", p);
    checkProbability(name, "weightDropout", weightDropout);
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = p;
    this.lockedDropout = locked;
    this.weightDropout = weightDropout;
    this.bidirectional = bidirectional;
    const bound = 1 / Math.sqrt(hiddenSize);
    const rows = gates * hiddenSize;
    for (let layer = 0; layer < numLayers; layer++) {
      const width = layer === 0 ? inputSize : hiddenSize * this.directions;
      for (let d = 0; d < this.directions; d++) {
        const end = suffix(layer, d);
        const shapes: Record<string, number[]> = { weight_ih: [rows, width], weight_hh: [rows, hiddenSize] };
        if (bias) Object.assign(shapes, { bias_ih: [rows], bias_hh: [rows] });
        for (const [kind, shape] of Object.entries(shapes)) {
          const parameter = new Parameter(empty(shape));
          uniform_(parameter, -bound, bound);
          Object.assign(this, { [kind + end]: parameter });
        }
      }
    }
  }

  /** 2 when bidirectional, else 1. */
  get directions(): number {
    return this.bidirectional ? 2 : 1;
  }

  /** The parameters of one layer and direction (1: reverse), by the names they have. */
  weights(layer: number, direction = 0): RecurrentWeights {
    const own = this as unknown as Record<string, Parameter>;
    const end = suffix(layer, direction);
    return {
      weightIh: own[`weight_ih${end}`],
      weightHh: own[`weight_hh${end}`],
      biasIh: this.bias ? own[`bias_ih${end}`] : undefined,
      biasHh: this.bias ? own[`bias_hh${end}`] : undefined,
    };
  }

  protected abstract layer(
    x: Tensor,
    weights: RecurrentWeights,
    states: readonly Tensor[],
    options: RecurrentOptions,
  ): Tensor[];

  /** All layers: the output and the last states, in the order of `initial`. */
  protected run(
    input: Tensor,
    initial: readonly Tensor[],
    options: RecurrentForwardOptions,
  ): { output: Tensor; states: Tensor[] } {
    const name = this.constructor.name;
    checkOptions(`${name}.forward`, options, FORWARD);
    const { lengths } = options;
    const single = input.ndim === 2;
    if ((!single && input.ndim !== 3) || input.shape[input.ndim - 1] !== this.inputSize) {
      const order = this.batchFirst ? "batch, T" : "T, batch";
      throw new ShapeError(`${name}: expected input [${order}, ${this.inputSize}], found ${showShape(input.shape)}`);
    }
    let x = single ? input.unsqueeze(1) : this.batchFirst ? input.transpose(0, 1) : input;
    const shape = [this.numLayers * this.directions, x.shape[1], this.hiddenSize];
    const states = initial.map((s) => (single && s.ndim === 2 ? s.unsqueeze(1) : s));
    for (const s of states) {
      if (s.ndim !== 3 || shape.some((n, d) => n !== s.shape[d])) {
        throw new ShapeError(`${name}: expected a state ${showShape(shape)}, found ${showShape(s.shape)}`);
      }
    }
    const last: Tensor[][] = [];
    for (let layer = 0; layer < this.numLayers; layer++) {
      if (layer > 0) x = (this.lockedDropout ? lockedDropout : dropout)(x, this.dropout, this.training);
      const outputs: Tensor[] = [];
      for (let d = 0; d < this.directions; d++) {
        const own = states.map((s) => s.select(0, layer * this.directions + d));
        const weights = this.weights(layer, d);
        weights.weightHh = dropout(weights.weightHh, this.weightDropout, this.training);
        const [output, ...ends] = this.layer(x, weights, own, { reverse: d === 1, lengths });
        outputs.push(output);
        last.push(ends);
      }
      x = outputs.length === 1 ? outputs[0] : concat(outputs, 2);
    }
    const ends = last[0].map((_, i) => stack(last.map((list) => list[i])));
    return {
      output: single ? x.squeeze(1) : this.batchFirst ? x.transpose(0, 1) : x,
      states: single ? ends.map((s) => s.squeeze(1)) : ends,
    };
  }

  override printRepr(): string {
    const parts = [`${this.inputSize}, ${this.hiddenSize}`];
    if (this.numLayers !== 1) parts.push(`numLayers=${this.numLayers}`);
    if (!this.bias) parts.push("bias=false");
    if (this.batchFirst) parts.push("batchFirst=true");
    if (this.dropout !== 0) parts.push(`dropout=${this.dropout}`);
    if (this.lockedDropout) parts.push("lockedDropout=true");
    if (this.weightDropout !== 0) parts.push(`weightDropout=${this.weightDropout}`);
    if (this.bidirectional) parts.push("bidirectional=true");
    return parts.join(", ");
  }
  override extraRepr(): string {
    const parts = [`${this.inputSize} → ${this.hiddenSize}`];
    if (this.numLayers > 1) parts.push(`${this.numLayers} layers`);
    if (this.bidirectional) parts.push("bidirectional");
    if (!this.bias) parts.push("no bias");
    if (this.dropout > 0) parts.push(`${this.lockedDropout ? "locked " : ""}dropout ${this.dropout}`);
    if (this.weightDropout > 0) parts.push(`weight dropout ${this.weightDropout}`);
    if (this.batchFirst) parts.push("batch first");
    return parts.join(", ");
  }
}

const suffix = (layer: number, direction: number) => `_l${layer}${direction === 1 ? "_reverse" : ""}`;

/**
 * Recurrent network of Elman (see the operation `rnn`), as PyTorch's `nn.RNN`: parameters `weight_ih_l0`, `weight_hh_l0`,
 * `bias_ih_l0`, `bias_hh_l0`, …, `…_reverse`, uniform within $\pm1/\sqrt{hidden}$ at first.
 * @throws ShapeError for sizes below 1 or a dropout outside 0 to 1.
 */
export class RNN extends Recurrent {
  readonly nonlinearity: "tanh" | "relu";

  constructor(
    inputSize: number,
    hiddenSize: number,
    options: RecurrentModuleOptions & { nonlinearity?: "tanh" | "relu" } = {},
  ) {
    checkOptions("RNN", options, { ...KNOWN, nonlinearity: true }, REFUSED);
    const { nonlinearity = "tanh", ...rest } = options;
    super(inputSize, hiddenSize, 1, rest);
    checkWord("RNN", "nonlinearity", nonlinearity, ["tanh", "relu"]);
    this.nonlinearity = nonlinearity;
  }

  protected layer(x: Tensor, weights: RecurrentWeights, [h0]: readonly Tensor[], options: RecurrentOptions): Tensor[] {
    return rnn(x, weights, h0, { ...options, nonlinearity: this.nonlinearity });
  }
  /**
   * @param x [T, batch, input], [batch, T, input] when `batchFirst`, or [T, input]
   * @param state $h_0$, [layers · directions, batch, hidden]; 0 when left out.
   * @returns output [T, batch, directions · hidden] (ordered as x) and the last state, shaped as $h_0$.
   * @throws ShapeError unless the sizes agree.
   */
  forward(x: Tensor, state?: Tensor, options: RecurrentForwardOptions = {}): { output: Tensor; state: Tensor } {
    const { output, states } = this.run(x, state ? [state] : [], options);
    return { output, state: states[0] };
  }
  override printRepr(): string {
    return this.nonlinearity === "relu" ? `${super.printRepr()}, nonlinearity='relu'` : super.printRepr();
  }
  override extraRepr(): string {
    return this.nonlinearity === "relu" ? `${super.extraRepr()}, relu` : super.extraRepr();
  }
}

/** Gated recurrent units (see the operation `gru`), as PyTorch's `nn.GRU`; parameters as {@link RNN}, gates r, z, n. */
export class GRU extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentModuleOptions = {}) {
    super(inputSize, hiddenSize, 3, options);
  }

  protected layer(x: Tensor, weights: RecurrentWeights, [h0]: readonly Tensor[], options: RecurrentOptions): Tensor[] {
    return gru(x, weights, h0, options);
  }
  /** As {@link RNN.forward}. */
  forward(x: Tensor, state?: Tensor, options: RecurrentForwardOptions = {}): { output: Tensor; state: Tensor } {
    const { output, states } = this.run(x, state ? [state] : [], options);
    return { output, state: states[0] };
  }
}

/** Long short-term memory (see the operation `lstm`), as PyTorch's `nn.LSTM`; parameters as {@link RNN}, gates i, f, g, o. */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentModuleOptions = {}) {
    super(inputSize, hiddenSize, 4, options);
  }

  protected layer(
    x: Tensor,
    weights: RecurrentWeights,
    [h0, c0]: readonly Tensor[],
    options: RecurrentOptions,
  ): Tensor[] {
    return lstm(x, weights, [h0, c0], options);
  }
  /** As {@link RNN.forward}; the state is $(h, c)$. */
  forward(
    x: Tensor,
    state?: readonly [h0: Tensor, c0: Tensor],
    options: RecurrentForwardOptions = {},
  ): { output: Tensor; state: [hN: Tensor, cN: Tensor] } {
    const { output, states } = this.run(x, state ?? [], options);
    return { output, state: [states[0], states[1]] };
  }
}
