import type { PretrainedConfig } from "../../models/index.ts";

/** The longest text that model and tokenizer take, `wanted` at most. */
export function lengthFor(config: PretrainedConfig, tokenizerMost: number, wanted: number): number {
  const { maxPositionEmbeddings, nPositions } = config as { maxPositionEmbeddings?: number; nPositions?: number };
  // RoBERTa counts positions from its padding token on.
  const spare = ["roberta", "xlm-roberta"].includes(config.modelType) ? 2 : 0;
  return Math.min(wanted, tokenizerMost, (maxPositionEmbeddings ?? nPositions ?? Number.POSITIVE_INFINITY) - spare);
}
