import type { MaskedLm, PretrainedConfig } from "../../models/index.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PreTrainedTokenizer } from "../../text/index.ts";
import { type Metrics, measure } from "../../train/index.ts";
import { TaskError } from "../error.ts";
import { lengthFor } from "../pretrained/length.ts";
import type { TaskOptions } from "../settings.ts";
import { fixedBlocks, type Masking } from "./blocks.ts";
import { maskOf } from "./filling.ts";
import { PRETRAINED } from "./options.ts";

/** Tokens in a batch of evaluation, at most. */
const TOKENS = 2048;

/** How texts are hidden from a model. */
export interface Hiding {
  /** Tokens in a block. */
  block: number;
  masking: Masking;
}

/** @throws TaskError as {@link maskOf}, and for a share or a length out of range */
export function hidingFor(
  config: PretrainedConfig,
  tokenizer: PreTrainedTokenizer,
  {
    maxLength = PRETRAINED.defaults.maxLength,
    mlmProbability: probability = PRETRAINED.defaults.mlmProbability,
  }: Partial<TaskOptions>,
): Hiding {
  if (!(probability > 0 && probability <= 1))
    throw new TaskError(`--mlm-probability is ${probability}; expected a number above 0, at most 1`);
  if (!(Number.isInteger(maxLength) && maxLength > 0))
    throw new TaskError(`--max-length is ${maxLength}; expected a whole number above 0`);
  const { vocabSize, allSpecialIds } = tokenizer;
  const specialIds = new Set(allSpecialIds);
  return {
    block: lengthFor(config, tokenizer.modelMaxLength, maxLength),
    masking: { probability, maskTokenId: maskOf(config, tokenizer).id, vocabSize, specialIds },
  };
}

/** Mean loss of the hidden tokens of a stream, its exponential, and the share of them that is guessed. */
export async function scoreGuesses(model: MaskedLm, ids: Int32Array, { block, masking }: Hiding): Promise<Metrics> {
  let [total, hits, tokens] = [0, 0, 0];
  const batches = fixedBlocks(ids, { block, masking, batch: Math.max(1, Math.floor(TOKENS / block)) });
  for (const batch of batches) {
    const count = batch.labels.numel;
    if (count > 0) {
      const { loss, guesses } = noGrad(() => {
        const { loss, logits } = model.forward(batch);
        return { loss: loss as Tensor, guesses: logits.argmax(-1) };
      });
      const [guessed, wanted] = [guesses.data(), batch.labels.data()];
      for (let i = 0; i < count; i++) if (guessed[i] === wanted[i]) hits++;
      total += loss.item() * count;
      tokens += count;
      for (const used of [loss, guesses]) used.dispose();
    }
    for (const used of Object.values(batch) as Tensor[]) used.dispose();
  }
  return { loss: total / tokens, ...measure("tokens", { total, tokens, hits }) };
}
