import { door } from "#door";
import { checkOptions } from "../../backend/options.ts";
import type { MaskedLm, PretrainedConfig } from "../../models/index.ts";
import { tensor } from "../../tensor/create.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import type { PreTrainedTokenizer } from "../../text/index.ts";
import { TaskError } from "../error.ts";
import { checkBatchSize, type FillMaskOptions, NOT_PREDICTED, PREDICT } from "../predict-options.ts";
import { lengthFor } from "../pretrained/length.ts";
import { PretrainedTexts } from "../pretrained/texts.ts";

const NAME = "fill-mask";
/** What may stand in a mask's place, as Transformers' pipeline gives it. */
export interface FilledMask {
  /** Probability, 0 to 1. */
  score: number;
  token: number;
  token_str: string;
  /** The text with the token in the mask's place. */
  sequence: string;
}

/** The token that hides others. Throws {@link TaskError} where the tokenizer has none, or more tokens than the model. */
export function maskOf(config: PretrainedConfig, tokenizer: PreTrainedTokenizer): { id: number; name: string } {
  const { maskTokenId: id, maskToken: name } = tokenizer;
  if (id === undefined || name === undefined) {
    throw new TaskError(
      `${NAME}: the tokenizer has no mask token`,
      "Take a model that was trained with one: BERT, RoBERTa, XLM-R, DistilBERT, ELECTRA's generator.",
    );
  }
  const { vocabSize } = config as { vocabSize?: number };
  if (vocabSize !== undefined && tokenizer.vocabSize > vocabSize) {
    throw new TaskError(
      `${NAME}: the tokenizer has ${tokenizer.vocabSize} tokens, the model ${vocabSize}`,
      "Both must come from the same checkpoint.",
    );
  }
  return { id, name };
}

/** The tokens that targets mean, each once, by their ids. Throws {@link TaskError} where there are none. */
function targetIds(tokenizer: PreTrainedTokenizer, targets: string | readonly string[]): number[] {
  const list: readonly unknown[] = typeof targets === "string" ? [targets] : targets;
  if (!Array.isArray(list) || list.some((word) => typeof word !== "string"))
    throw new TaskError("targets: expected a word or a list of words");
  const ids = (list as string[]).flatMap((word) => {
    const own = tokenizer.convertTokensToIds(word) as number;
    if (own !== tokenizer.unkTokenId || word === tokenizer.unkToken) return [own];
    const first = tokenizer.encode(word, { addSpecialTokens: false }).inputIds.slice(0, 1);
    const instead =
      first.length === 0 ? "it is left out" : `${JSON.stringify(tokenizer.convertIdsToTokens(first[0]))} is taken`;
    door.warn(`warning: fill-mask: the target ${JSON.stringify(word)} is no token; ${instead}`);
    return first;
  });
  if (ids.length === 0) throw new TaskError("targets: none of them is a token");
  return [...new Set(ids)].sort((a, b) => a - b);
}

/** The likeliest of the first `known` tokens by a row of logits, best first; of equal ones that with the lower id. */
function best(
  logits: Float32Array,
  k: number,
  known: number,
  only: readonly number[] | undefined,
): { token: number; score: number }[] {
  let most = Number.NEGATIVE_INFINITY;
  for (const x of logits) if (x > most) most = x;
  let sum = 0;
  for (const x of logits) sum += Math.exp(x - most);
  const top: number[] = [];
  for (let n = 0; n < (only?.length ?? known); n++) {
    const id = only === undefined ? n : only[n];
    const x = logits[id];
    if (top.length === k && !(x > logits[top[k - 1]])) continue;
    let at = top.length;
    while (at > 0 && x > logits[top[at - 1]]) at--;
    top.splice(at, 0, id);
    if (top.length > k) top.pop();
  }
  return top.map((token) => ({ token, score: Math.exp(logits[token] - most) / sum }));
}

/**
 * What may stand where texts have the mask token: a list of the `topK` likeliest tokens for each text, or, for a text with
 * several masks, a list of such lists, each mask's by itself.
 * @param model as `AutoModelForMaskedLM.fromPretrained` opens it
 * @param options.topK 1 to the size of the vocabulary; 5
 * @param options.targets only these words are judged; of one that is no token, the first token, with a warning
 * @throws TaskError for a text without the mask token, and for a tokenizer without one; OptionError for unknown options
 */
export function fillMask(
  model: MaskedLm,
  tokenizer: PreTrainedTokenizer,
  inputs: readonly string[],
  options: FillMaskOptions = {},
): (FilledMask[] | FilledMask[][])[] {
  checkOptions("fillMask", options, PREDICT[NAME], NOT_PREDICTED[NAME]);
  const { topK = 5, targets, batchSize } = options;
  checkBatchSize(batchSize);
  const mask = maskOf(model.config, tokenizer);
  if (!Number.isInteger(topK) || topK < 1 || topK > tokenizer.vocabSize)
    throw new TaskError(`top-k is ${topK}; expected a whole number from 1 to ${tokenizer.vocabSize}`);
  const most = lengthFor(model.config, tokenizer.modelMaxLength, Number.POSITIVE_INFINITY);
  const texts = new PretrainedTexts(tokenizer, most);
  const encoded = inputs.map((text, n) => {
    const one = texts.encode([text]);
    const places = one.inputIds.flatMap((id, i) => (id === mask.id ? [i] : []));
    if (places.length > 0) return { ...one, places };
    const within = one.inputIds.length >= most ? ` within its first ${most} tokens` : "";
    throw new TaskError(
      `input ${n + 1}: ${JSON.stringify(text.slice(0, 60))} has no ${mask.name}${within}`,
      `Write ${mask.name} where a word is to be found: "Paris is the ${mask.name} of France."`,
    );
  });
  const only = targets === undefined ? undefined : targetIds(tokenizer, targets);
  const out: (FilledMask[] | FilledMask[][])[] = [];
  for (const { rows, batch } of texts.batches(encoded, batchSize)) {
    const [, t] = batch.inputIds.shape;
    const places = rows.flatMap((e, row) => e.places.map((i) => row * t + texts.before(e.inputIds.length, t) + i));
    const maskedPositions = tensor(Int32Array.from(places));
    const logits = noGrad(() => model.forward({ ...batch, maskedPositions }).logits);
    const [data, width] = [logits.data() as Float32Array, logits.shape[1]];
    let at = 0;
    for (const { i, inputIds, places } of rows) {
      const single = places.length === 1;
      const lists = places.map((place) => {
        const row = data.subarray(at * width, ++at * width);
        return best(row, topK, tokenizer.vocabSize, only).map(({ token, score }) => {
          const ids = inputIds.map((id, k) => (k === place ? token : id)).filter((id) => id !== tokenizer.padTokenId);
          const token_str = tokenizer.decode([token], { skipSpecialTokens: false });
          // Other masks shall be seen.
          const sequence = tokenizer.decode(ids, { skipSpecialTokens: single });
          return { score, token, token_str, sequence };
        });
      });
      out[i] = single ? lists[0] : lists;
    }
    logits.dispose();
  }
  return out;
}
