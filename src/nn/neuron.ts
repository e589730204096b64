import { linear } from "../ops/index.ts";
import { zeros } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSize } from "./check.ts";
import { Linear } from "./linear.ts";
import { Module, Parameter } from "./module.ts";

/**
 * Rosenblatt's perceptron (1958): 1 where $w\cdot x + b \ge 0$, else 0. Its step function has no useful gradient; it learns by
 * the perceptron rule, which finds a separating plane whenever there is one (Novikoff 1962).
 */
export class Perceptron extends Module {
  readonly inFeatures: number;
  /** [1, in], 0 at first. */
  weight: Parameter;
  /** [1], 0 at first. */
  bias: Parameter;

  constructor(inFeatures: number) {
    super();
    checkSize("Perceptron", "inFeatures", inFeatures);
    this.inFeatures = inFeatures;
    this.weight = new Parameter(zeros([1, inFeatures]), false);
    this.bias = new Parameter(zeros([1]), false);
  }

  /** $w\cdot x + b$: [n, in] → [n] */
  score(x: Tensor): Tensor {
    if (x.shape[x.ndim - 1] !== this.inFeatures) {
      throw new ShapeError(`Perceptron: expected input [n, ${this.inFeatures}], found ${showShape(x.shape)}`);
    }
    return linear(x, this.weight, this.bias).reshape(x.shape.slice(0, -1));
  }
  /** [n, in] → [n] of 0 and 1 */
  forward(x: Tensor): Tensor {
    return this.score(x).step();
  }

  /**
   * One pass over the examples in order: $w \mathrel{+}= \eta\,(t - y)\,x$ and likewise $b$, after each mistake.
   * @param x [n, in] @param target [n] of 0 and 1 @param lr $\eta$
   * @returns the number of mistakes; 0 means that the examples are separated.
   */
  learn(x: Tensor, target: Tensor, lr = 1): number {
    if (x.ndim !== 2 || x.shape[1] !== this.inFeatures || target.numel !== x.shape[0]) {
      throw new ShapeError(
        `Perceptron: expected [n, ${this.inFeatures}] and [n], found ${showShape(x.shape)} and ${showShape(target.shape)}`,
      );
    }
    const [rows, t] = [x.data(), target.data()];
    const w = this.weight.data();
    let b = this.bias.item();
    let mistakes = 0;
    for (let r = 0; r < t.length; r++) {
      let sum = b;
      for (let j = 0; j < this.inFeatures; j++) sum += w[j] * rows[r * this.inFeatures + j];
      const error = t[r] - (sum >= 0 ? 1 : 0);
      if (error === 0) continue;
      mistakes++;
      for (let j = 0; j < this.inFeatures; j++) w[j] += lr * error * rows[r * this.inFeatures + j];
      b += lr * error;
    }
    noGrad(() => {
      this.weight.copy_(w);
      this.bias.fill_(b);
    });
    return mistakes;
  }
  override printRepr(): string {
    return `inFeatures=${this.inFeatures}`;
  }
  override extraRepr(): string {
    return `${this.inFeatures} → 1`;
  }
}

/** One logistic neuron: $\sigma(w\cdot x + b)$, [n, in] → [n, 1]. Trained by gradient descent. */
export class SigmoidNeuron extends Linear {
  constructor(inFeatures: number) {
    super(inFeatures, 1);
  }
  override forward(x: Tensor): Tensor {
    return super.forward(x, "sigmoid");
  }
}

/** One rectified neuron: $\max(0, w\cdot x + b)$, [n, in] → [n, 1]. */
export class ReluNeuron extends Linear {
  constructor(inFeatures: number) {
    super(inFeatures, 1);
  }
  override forward(x: Tensor): Tensor {
    return super.forward(x, "relu");
  }
}
