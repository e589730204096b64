import { embedding, embeddingBag } from "../ops/index.ts";
import { empty } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { normal_ } from "./init.ts";
import { Module, Parameter } from "./module.ts";

interface TableOptions {
  /** Row that is 0 and never learns. */
  paddingIdx?: number;
}

function makeTable(rows: number, dim: number, paddingIdx: number | undefined): Parameter {
  const table = new Parameter(empty([rows, dim]));
  normal_(table);
  if (paddingIdx !== undefined) noGrad(() => void table.detach().select(0, paddingIdx).zero_());
  return table;
}

/** A table of vectors looked up by index: `weight` [numEmbeddings, embeddingDim], standard normal at first. */
export class Embedding extends Module {
  readonly weight: Parameter;
  readonly paddingIdx: number | undefined;

  constructor(numEmbeddings: number, embeddingDim: number, { paddingIdx }: TableOptions = {}) {
    super();
    this.paddingIdx = paddingIdx;
    this.weight = makeTable(numEmbeddings, embeddingDim, paddingIdx);
  }

  /** Copies vectors [rows, dim] into a new table; `freeze` keeps them as they are (default, as in PyTorch). */
  static fromPretrained(
    vectors: Tensor,
    { freeze = true, paddingIdx }: { freeze?: boolean } & TableOptions = {},
  ): Embedding {
    if (vectors.ndim !== 2)
      throw new ShapeError(`fromPretrained: expected [rows, dim], found ${showShape(vectors.shape)}`);
    const made = new Embedding(vectors.shape[0], vectors.shape[1], { paddingIdx });
    noGrad(() => void made.weight.copy_(vectors));
    made.weight.requiresGrad = !freeze;
    return made;
  }

  /** index int32 [...] → [..., embeddingDim] */
  forward(index: Tensor): Tensor {
    return embedding(index, this.weight, this.paddingIdx ?? -1);
  }
  override extraRepr(): string {
    return this.weight.shape.join(" × ");
  }
}

/** Sum or mean of table rows over bags: `weight` [numEmbeddings, embeddingDim], standard normal at first. */
export class EmbeddingBag extends Module {
  readonly weight: Parameter;
  readonly mode: "sum" | "mean";
  readonly paddingIdx: number | undefined;

  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    { mode = "mean", paddingIdx }: { mode?: "sum" | "mean" } & TableOptions = {},
  ) {
    super();
    this.mode = mode;
    this.paddingIdx = paddingIdx;
    this.weight = makeTable(numEmbeddings, embeddingDim, paddingIdx);
  }

  /** index int32 [n], offsets int32 [bags], perSampleWeights [n] (mode sum) → [bags, embeddingDim] */
  forward(index: Tensor, offsets: Tensor, perSampleWeights?: Tensor): Tensor {
    return embeddingBag(index, offsets, this.weight, {
      mode: this.mode,
      perSampleWeights,
      paddingIdx: this.paddingIdx,
    });
  }
  override extraRepr(): string {
    return `${this.weight.shape.join(" × ")}, ${this.mode}`;
  }
}
