import { checkOptions, type Known } from "../../backend/options.ts";
import type { Encoder } from "../../models/index.ts";
import { takenInputs } from "../../models/pretrained/check-inputs.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PreTrainedTokenizer } from "../../text/index.ts";
import { TaskError } from "../error.ts";
import { checkBatchSize } from "../predict-options.ts";
import { lengthFor } from "../pretrained/length.ts";
import { PretrainedTexts } from "../pretrained/texts.ts";

/** How a text's vector is made of its tokens': their mean, or the first. */
export const POOLINGS = ["mean", "cls", "none"] as const;
export type Pooling = (typeof POOLINGS)[number];

export interface EmbeddingOptions {
  /** mean */
  pooling?: Exclude<Pooling, "none">;
  /** Vectors of length 1; true. */
  normalize?: boolean;
  /** Texts in a batch; 32. */
  batchSize?: number;
  /** Longest text in tokens; what is beyond is cut off. By default the model's longest. */
  maxLength?: number;
}

const EMBEDDING: Known<EmbeddingOptions> = { pooling: true, normalize: true, batchSize: true, maxLength: true };

/** The mean of hidden states [batch, T, width] over the tokens that the mask shows: [batch, width]. */
function meanOverMask(x: Tensor, mask: Tensor | undefined): Tensor {
  if (mask === undefined) return x.mean([1]);
  const shown = mask.to("float32").unsqueeze(2);
  return x
    .mul(shown)
    .sum([1])
    .div(shown.sum([1]));
}
const unitLength = (x: Tensor): Tensor => x.div(x.square().sum([-1], true).sqrt().clamp(1e-12));

/** A vector for each text, [hidden size]. */
export function embed(
  model: Encoder,
  texts: PretrainedTexts,
  list: readonly string[],
  { pooling = "mean", normalize = true, batchSize = 32 }: EmbeddingOptions,
): Float32Array[] {
  const out: Float32Array[] = [];
  const encoded = list.map((text) => texts.encode([text]));
  for (const { rows, batch } of texts.batches(encoded, batchSize)) {
    const pooled = noGrad(() => {
      const x = model.forward(takenInputs(model, batch)).lastHiddenState;
      const vectors = pooling === "cls" ? x.select(1, 0) : meanOverMask(x, batch.attentionMask);
      return normalize ? unitLength(vectors) : vectors.contiguous();
    });
    const [data, width] = [pooled.data(), pooled.shape[1]];
    rows.forEach(({ i }, row) => {
      out[i] = Float32Array.from(data.subarray(row * width, (row + 1) * width));
    });
    pooled.dispose();
  }
  return out;
}

/**
 * Vectors of texts, [hidden size] each: the mean of the encoder's last hidden states over a text's tokens, of length 1, so that
 * the product of two vectors is their cosine (Reimers and Gurevych, 2019).
 * @param model as `AutoModel.fromPretrained` opens it
 * @throws OptionError for unknown options, TaskError for values that cannot be.
 */
export function sentenceEmbeddings(
  model: Encoder,
  tokenizer: PreTrainedTokenizer,
  texts: readonly string[],
  options: EmbeddingOptions = {},
): Float32Array[] {
  checkOptions("sentenceEmbeddings", options, EMBEDDING);
  checkBatchSize(options.batchSize);
  const { pooling = "mean", maxLength = Number.POSITIVE_INFINITY } = options;
  if (pooling !== "mean" && pooling !== "cls") throw new TaskError(`pooling is ${pooling}; expected mean or cls`);
  if (!(maxLength >= 1)) throw new TaskError(`maxLength is ${maxLength}; expected a whole number from 1 on`);
  const most = lengthFor(model.config, tokenizer.modelMaxLength, maxLength);
  return embed(model, new PretrainedTexts(tokenizer, most), texts, options);
}

/** Every token's vector, [1][T][hidden size], as Transformers' pipeline gives them. */
export function tokenVectors(
  model: Encoder,
  texts: PretrainedTexts,
  list: readonly string[],
  normalize: boolean,
  batchSize: number | undefined,
) {
  const out: number[][][][] = [];
  const encoded = list.map((text) => texts.encode([text]));
  for (const { rows, batch } of texts.batches(encoded, batchSize)) {
    const x = noGrad(() => {
      const states = model.forward(takenInputs(model, batch)).lastHiddenState;
      return normalize ? unitLength(states) : states;
    });
    const [data, [, t, width]] = [x.data(), x.shape];
    rows.forEach(({ i, inputIds }, row) => {
      const first = row * t + texts.before(inputIds.length, t);
      const vector = (_: unknown, k: number) => [...data.subarray((first + k) * width, (first + k + 1) * width)];
      out[i] = [Array.from(inputIds, vector)];
    });
    x.dispose();
  }
  return out;
}
