import * as nn from "../../nn/index.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { labelsOf, type PretrainedConfig } from "./config.ts";

/**
 * The loss of a sequence classifier, as Transformers chooses it: mean squared error for one label (regression), binary
 * cross-entropy for `multi_label_classification`, else cross-entropy.
 * @param logits [batch, labels]
 * @param labels int32 [batch]; float32 [batch] for regression, [batch, labels] for several labels at once.
 */
export function classificationLoss(config: PretrainedConfig, logits: Tensor, labels: Tensor): Tensor {
  const kind = config.problemType ?? (labelsOf(config).length === 1 ? "regression" : "single_label_classification");
  if (kind === "regression") {
    return nn.mseLoss(labels.ndim === 1 && logits.shape[1] === 1 ? logits.squeeze(1) : logits, labels.to(logits.dtype));
  }
  if (kind === "multi_label_classification") return nn.bceWithLogitsLoss(logits, labels.to(logits.dtype));
  return nn.crossEntropy(logits, labels);
}

/** Cross-entropy over tokens; those labelled −100 do not count. logits [batch, T, classes], labels int32 [batch, T]. */
export const tokenLoss = (logits: Tensor, labels: Tensor): Tensor =>
  nn.crossEntropy(logits.flatten(0, 1), labels.flatten(0, 1));

/** Where an answer begins and ends: the mean of both cross-entropies; positions past the text do not count. */
export function spanLoss(starts: Tensor, ends: Tensor, startPositions: Tensor, endPositions: Tensor): Tensor {
  const loss = (logits: Tensor, positions: Tensor) =>
    nn.crossEntropy(logits, tensor(Int32Array.from(positions.data(), (p) => (p < logits.shape[1] ? p : -100))));
  return loss(starts, startPositions).add(loss(ends, endPositions)).div(2);
}
