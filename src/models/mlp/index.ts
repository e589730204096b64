import * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";

export interface MlpConfig {
  inputSize: number;
  /** Classes, or 1 for regression. */
  outputSize: number;
  hiddenSize: number;
  /** 0 is a linear model. */
  numHiddenLayers: number;
  dropout: number;
}

/** A feed-forward net: `numHiddenLayers` rectified layers with dropout, then a linear one. [n, inputSize] → [n, outputSize] */
export class Mlp extends nn.Module {
  readonly layers: nn.Linear[];
  readonly dropout: nn.Dropout;
  readonly output: nn.Linear;

  constructor({ inputSize, outputSize, hiddenSize, numHiddenLayers, dropout }: MlpConfig) {
    super();
    this.layers = Array.from(
      { length: numHiddenLayers },
      (_, i) => new nn.Linear(i === 0 ? inputSize : hiddenSize, hiddenSize),
    );
    for (const { weight } of this.layers) nn.init.kaimingUniform_(weight, { nonlinearity: "relu" });
    this.dropout = new nn.Dropout(dropout);
    this.output = new nn.Linear(numHiddenLayers === 0 ? inputSize : hiddenSize, outputSize);
  }
  forward(x: Tensor): Tensor {
    let h = x;
    for (const layer of this.layers) h = this.dropout.forward(layer.forward(h, "relu"));
    return this.output.forward(h);
  }
}
