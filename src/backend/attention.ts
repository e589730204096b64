import type { Operand } from "./backend.ts";

/** An operand of four dimensions, and how far apart its elements lie. */
export interface Rows extends Operand {
  /** In elements: over batch, head, row and element (1 for q, k, v and results), 0 where it is repeated. */
  readonly strides: readonly number[];
}

export interface AttentionShape {
  batch: number;
  heads: number;
  /** Heads of keys and values; each serves heads / groups heads of queries (Ainslie et al., 2023). */
  groups: number;
  /** T */
  queries: number;
  /** S */
  keys: number;
  /** Of a query and a key. */
  size: number;
  /** Of a value. */
  valueSize: number;
  /** Query i sees keys up to i + S − T. */
  causal: boolean;
  scale: number;
  /** Probability of dropout on the weights; element (b, h, i, j) has the Philox word of $((bH + h)T + i)\,4\lceil S/4\rceil + j$. */
  dropout: number;
  key0: number;
  key1: number;
  site: number;
}

export interface AttentionInputs {
  /** [batch, heads, T, size] */
  q: Rows;
  /** [batch, groups, S, size] */
  k: Rows;
  /** [batch, groups, S, valueSize] */
  v: Rows;
  /** uint8 [batch, heads, T, S]: 0 hides the key. */
  mask?: Rows;
  /** [batch, heads, T, S], added to the scores. */
  bias?: Rows;
  /** [heads]: slopes of ALiBi (Press et al., 2022); slope · |i + S − T − j| is taken from the score. */
  slopes?: Operand;
}

/** Where the gradients are written, of the shapes of q, k and v. */
export interface AttentionGradients {
  q: Rows;
  k: Rows;
  v: Rows;
  /** Added to what is there; summed over dimensions of stride 0. */
  bias?: Rows;
}
