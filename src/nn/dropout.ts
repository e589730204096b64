import { checkOptions } from "../backend/options.ts";
import { dropout } from "../ops/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { checkProbability } from "./check.ts";
import { Module } from "./module.ts";

const INPLACE = { inplace: "The results are the same without it." };

/** Zeroes elements with probability p while training and scales the rest by 1/(1−p); see {@link dropout}. */
export class Dropout extends Module {
  readonly p: number;

  /** Throws ShapeError for a probability outside 0 to 1. */
  constructor(p = 0.5, options: Record<string, never> = {}) {
    super();
    checkOptions("Dropout", options, {}, INPLACE);
    checkProbability("Dropout", "probability", p);
    this.p = p;
  }
  forward(x: Tensor): Tensor {
    return dropout(x, this.p, this.training);
  }
  override extraRepr(): string {
    return `p=${this.p}`;
  }
}
