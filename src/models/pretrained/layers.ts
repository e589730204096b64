import * as nn from "../../nn/index.ts";
import { linear } from "../../ops/index.ts";
import { normal } from "../../tensor/random.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";

/** A linear layer of normal values; a bias begins at 0. */
export function plainLinear(input: number, output: number, std: number, { bias = false } = {}): nn.Linear {
  const layer = new nn.Linear(input, output, { bias });
  nn.init.normal_(layer.weight, 0, std);
  if (layer.bias) nn.init.zeros_(layer.bias);
  return layer;
}

/** A linear layer with a bias, as BERT's begin. */
export const bertLinear = (input: number, output: number, config: { initializerRange: number }): nn.Linear =>
  plainLinear(input, output, config.initializerRange, { bias: true });

/** A table of normal values; the row of padding is 0 and does not learn, −1 the last. */
export function plainTable(rows: number, size: number, std: number, padding?: number | null): nn.Embedding {
  const paddingIdx = padding == null ? undefined : padding < 0 ? rows + padding : padding;
  const table = new nn.Embedding(rows, size, { paddingIdx });
  nn.init.filled_(table.weight, () => {
    const values = normal(rows * size, 0, std);
    if (paddingIdx !== undefined) values.fill(0, paddingIdx * size, (paddingIdx + 1) * size);
    return values;
  });
  return table;
}

/** A weight [output, input] of normal values. */
export function plainWeight(output: number, input: number, std: number): nn.Parameter {
  const weight = new nn.Parameter(empty([output, input]));
  nn.init.normal_(weight, 0, std);
  return weight;
}

/** A bias that begins at 0. */
export const zeroBias = (size: number): nn.Parameter => new nn.Parameter(nn.init.zeros_(empty([size])));

/** The output layer: `weight` [vocab, width], often the table of tokens. */
export class LmHead extends nn.Module {
  readonly weight: nn.Parameter;
  constructor(weight: nn.Parameter) {
    super();
    this.weight = weight;
  }
  /** x [..., width] → [..., vocab] */
  forward(x: Tensor, bias?: Tensor): Tensor {
    return linear(x, this.weight, bias);
  }
}
