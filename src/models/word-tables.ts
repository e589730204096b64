import * as nn from "../nn/index.ts";

/** Vectors of words, normal with the deviation `std`; that of padding is 0. */
export function wordTable(rows: number, size: number, std: number, padTokenId: number): nn.Embedding {
  const table = new nn.Embedding(rows, size, { paddingIdx: padTokenId });
  nn.init.normal_(table.weight, 0, std);
  table.weight.detach().select(0, padTokenId).zero_();
  return table;
}

/** Vectors of words' features; a word has their mean. */
export function featureTable(config: { featureBuckets: number; featureSize: number }): nn.EmbeddingBag {
  const table = new nn.EmbeddingBag(config.featureBuckets, config.featureSize, { mode: "mean" });
  nn.init.normal_(table.weight, 0, 0.3);
  return table;
}
