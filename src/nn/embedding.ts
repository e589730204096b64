import { checkOptions, type Known } from "../backend/options.ts";
import { embedding, embeddingBag } from "../ops/index.ts";
import { empty } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkSize, checkWord, ELSEWHERE } from "./check.ts";
import { normal_ } from "./init.ts";
import { Module, Parameter } from "./module.ts";

interface TableOptions {
  /** Row that is 0 and never learns. */
  paddingIdx?: number;
}

const KNOWN: Known<TableOptions> = { paddingIdx: true };
const REFUSED = {
  ...ELSEWHERE,
  maxNorm: "Scale the rows yourself: weight.div_ by their norms, inside noGrad.",
  normType: "There is no maxNorm that it could belong to.",
  scaleGradByFreq: "Weight the loss in its place.",
  sparse: "Gradients are dense here.",
  includeLastOffset: "Leave the last offset out.",
};

/** PyTorch counts a negative row from the end. */
function checkRow(where: string, rows: number, paddingIdx: number | undefined): number | undefined {
  if (paddingIdx === undefined || paddingIdx === null) return undefined;
  if (Number.isInteger(paddingIdx) && paddingIdx >= -rows && paddingIdx < rows) {
    return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
  }
  throw new ShapeError(`${where}: paddingIdx ${paddingIdx} is no row of ${rows}`);
}

function makeTable(where: string, rows: number, dim: number, paddingIdx: number | undefined): Parameter {
  checkSize(where, "numEmbeddings", rows);
  checkSize(where, "embeddingDim", dim);
  const table = new Parameter(empty([rows, dim]));
  normal_(table);
  if (paddingIdx !== undefined) noGrad(() => void table.detach().select(0, paddingIdx).zero_());
  return table;
}

/** A table of vectors looked up by index: `weight` [numEmbeddings, embeddingDim], standard normal at first. */
export class Embedding extends Module {
  weight: Parameter;
  readonly paddingIdx: number | undefined;

  /** Throws ShapeError for sizes that are none or a padding row outside the table, OptionError for unknown options. */
  constructor(numEmbeddings: number, embeddingDim: number, options: TableOptions = {}) {
    super();
    checkOptions("Embedding", options, KNOWN, REFUSED);
    this.paddingIdx = checkRow("Embedding", numEmbeddings, options.paddingIdx);
    this.weight = makeTable("Embedding", numEmbeddings, embeddingDim, this.paddingIdx);
  }

  /** Copies vectors [rows, dim] into a new table; `freeze` keeps them as they are (default, as in PyTorch). */
  static fromPretrained(vectors: Tensor, options: { freeze?: boolean } & TableOptions = {}): Embedding {
    checkOptions("Embedding.fromPretrained", options, { ...KNOWN, freeze: true }, REFUSED);
    const { freeze = true, paddingIdx } = options;
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
  override printRepr(): string {
    return `${this.weight.shape.join(", ")}${this.paddingIdx === undefined ? "" : `, paddingIdx=${this.paddingIdx}`}`;
  }
  override extraRepr(): string {
    return this.weight.shape.join(" × ");
  }
}

/** Sum or mean of table rows over bags: `weight` [numEmbeddings, embeddingDim], standard normal at first. */
export class EmbeddingBag extends Module {
  weight: Parameter;
  readonly mode: "sum" | "mean";
  readonly paddingIdx: number | undefined;

  constructor(numEmbeddings: number, embeddingDim: number, options: { mode?: "sum" | "mean" } & TableOptions = {}) {
    super();
    checkOptions("EmbeddingBag", options, { ...KNOWN, mode: true }, REFUSED);
    const { mode = "mean" } = options;
    checkWord("EmbeddingBag", "mode", mode, ["sum", "mean"]);
    this.mode = mode;
    this.paddingIdx = checkRow("EmbeddingBag", numEmbeddings, options.paddingIdx);
    this.weight = makeTable("EmbeddingBag", numEmbeddings, embeddingDim, this.paddingIdx);
  }

  /** index int32 [n], offsets int32 [bags], perSampleWeights [n] (mode sum) → [bags, embeddingDim] */
  forward(index: Tensor, offsets: Tensor, perSampleWeights?: Tensor): Tensor {
    return embeddingBag(index, offsets, this.weight, {
      mode: this.mode,
      perSampleWeights,
      paddingIdx: this.paddingIdx,
    });
  }
  override printRepr(): string {
    return `${this.weight.shape.join(", ")}, mode='${this.mode}'${this.paddingIdx === undefined ? "" : `, paddingIdx=${this.paddingIdx}`}`;
  }
  override extraRepr(): string {
    return `${this.weight.shape.join(" × ")}, ${this.mode}`;
  }
}
