import { door } from "#door";
import { checkOptions } from "../backend/options.ts";
import { DataError, parseRange } from "../data/index.ts";
import { resolveModel } from "../hub/index.ts";
import { autoModels, type MaskedLm } from "../models/index.ts";
import { crossEntropy } from "../nn/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { AutoTokenizer, type PreTrainedTokenizer } from "../text/index.ts";
import { DEFAULTS, type Metrics, Trainer } from "../train/index.ts";
import { downloads } from "./downloads.ts";
import { TaskError } from "./error.ts";
import { namesModel, settingsOf } from "./folder.ts";
import { readCorpus, readInputs, readPartTexts, readToMeasure } from "./lm-data.ts";
import { encodeTexts, fixedBlocks, type MaskedBatch, MaskedBlocks, type Masking } from "./masked-blocks.ts";
import { checkBatchSize, checkPredict, type FillMaskOptions, NOT_PREDICTED, PREDICT } from "./predict-options.ts";
import { loraRate } from "./pretrained/adapting.ts";
import { LM_RECIPE, lengthFor, MAX_LENGTH, openToTune, saveFineTuned } from "./pretrained/fine-tuning.ts";
import { PretrainedTexts } from "./pretrained/texts.ts";
import type { TaskOptions, TaskReport } from "./settings.ts";
import { refuseClassOptions } from "./shared/classes.ts";
import { smoothingOf, trainingArgs } from "./shared/recipes.ts";
import type { Predictor, Task } from "./task.ts";

const NAME = "fill-mask";
/** Share of the tokens that are hidden, unless --mlm-probability says otherwise. */
const PROBABILITY = 0.15;
/** Tokens in a batch of evaluation, at most. */
const TOKENS = 2048;

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
function maskOf({ config }: MaskedLm, tokenizer: PreTrainedTokenizer): { id: number; name: string } {
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
  const mask = maskOf(model, tokenizer);
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

/** A masked language model, its tokenizer, and how texts are hidden from it. */
class Guesser {
  readonly model: MaskedLm;
  readonly block: number;
  readonly masking: Masking;

  /** @throws TaskError as {@link maskOf}, and for a share or a length out of range */
  constructor(
    model: MaskedLm,
    tokenizer: PreTrainedTokenizer,
    { maxLength = MAX_LENGTH, mlmProbability: probability = PROBABILITY }: Partial<TaskOptions>,
  ) {
    if (!(probability > 0 && probability <= 1))
      throw new TaskError(`--mlm-probability is ${probability}; expected a number above 0, at most 1`);
    if (!(Number.isInteger(maxLength) && maxLength > 0))
      throw new TaskError(`--max-length is ${maxLength}; expected a whole number above 0`);
    this.model = model;
    this.block = lengthFor(model.config, tokenizer.modelMaxLength, maxLength);
    const { vocabSize, allSpecialIds } = tokenizer;
    const specialIds = new Set(allSpecialIds);
    this.masking = { probability, maskTokenId: maskOf(model, tokenizer).id, vocabSize, specialIds };
  }

  /** Mean loss of the hidden tokens, its exponential, and the share of them that is guessed. */
  async score(ids: Int32Array): Promise<Metrics> {
    let [total, hits, tokens] = [0, 0, 0];
    const { block, masking } = this;
    const batches = fixedBlocks(ids, { block, masking, batch: Math.max(1, Math.floor(TOKENS / block)) });
    for (const batch of batches) {
      const count = batch.labels.numel;
      if (count > 0) {
        const { loss, guesses } = noGrad(() => {
          const { loss, logits } = this.model.forward(batch);
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
    if (tokens === 0) return { loss: Number.NaN, perplexity: Number.NaN, accuracy: Number.NaN, tokens };
    const loss = total / tokens;
    return { loss, perplexity: Math.exp(loss), accuracy: hits / tokens, tokens };
  }
}

/**
 * Goes on with a checkpoint's pretraining: texts joined and cut into blocks, a share of the tokens hidden and guessed. Options as
 * those of Transformers' run_mlm.
 * @throws TaskError without a model, ConfigError, StateDictError, DataError, HubError.
 */
async function train(options: TaskOptions): Promise<TaskReport> {
  const { model: name, say } = options;
  if (name === undefined || !namesModel(name, [])) {
    throw new TaskError(
      `${NAME} needs --model FOLDER or hub:OWNER/NAME${name === undefined ? "" : `, found ${name}`}`,
      "It goes on with a checkpoint of BERT, RoBERTa, XLM-R, DistilBERT or ELECTRA.",
    );
  }
  const folder = await resolveModel(name, downloads(options));
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  refuseClassOptions(NAME, options, false);
  const args = trainingArgs(options, { ...LM_RECIPE, ...loraRate(options) }, "loss");
  const labelSmoothing = smoothingOf(options);
  const seed = args.seed ?? DEFAULTS.seed;
  const { model, adapting } = openToTune(folder, "maskedLm", options);
  const guesser = new Guesser(model as MaskedLm, tokenizer, options);
  const { block, masking } = guesser;
  const corpus = await readCorpus(options, readPartTexts);
  const [from, to] = parseRange(options.range);
  const [ids, held] = [corpus.train.slice(from, to), corpus.validation].map((texts) => encodeTexts(tokenizer, texts));
  const trainDataset = new MaskedBlocks(ids, { block, masking, seed });
  if (trainDataset.length === 0) {
    throw new DataError(
      `${options.data}: ${ids.length} tokens are less than one block of ${block}`,
      "Give more text, or a smaller --max-length.",
    );
  }
  const number = (n: number) => n.toLocaleString("en-US");
  say?.(
    `${number(trainDataset.length)} blocks of ${block} tokens to train on, ${number(held.length)} tokens to validate; ${Number((100 * masking.probability).toFixed(2))} % are hidden`,
  );
  const result = await new Trainer<MaskedBlocks, MaskedBatch>({
    model,
    trainDataset,
    computeLoss(batch) {
      const { loss, logits } = guesser.model.forward(batch);
      return labelSmoothing ? crossEntropy(logits, batch.labels, { labelSmoothing }) : (loss as Tensor);
    },
    evaluate: held.length > 0 ? () => guesser.score(held) : undefined,
    savesModel: true,
    callbacks: options.callbacks,
    args,
    fingerprint: JSON.stringify([
      model.config,
      options.data,
      block,
      masking.probability,
      adapting.identity,
      labelSmoothing,
    ]),
  }).train();
  adapting.finish();
  const settings = { ...options, model: name, maxLength: block, mlmProbability: masking.probability };
  return saveFineTuned(NAME, settings, model, tokenizer, result);
}

/** A masked language model that was trained here, or any of Hugging Face's with its tokenizer. */
async function load(folder: string): Promise<Predictor> {
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const { model, report } = autoModels.load(folder, "maskedLm");
  if (report.missing.length > 0) {
    throw new TaskError(
      `${folder}: the checkpoint has no ${report.missing.slice(0, 3).join(", ")}${report.missing.length > 3 ? " …" : ""}`,
      `Its head for masks is not trained: shoshin train ${NAME} --model ${folder} --data TEXTS.`,
    );
  }
  const guesser = new Guesser(model as MaskedLm, tokenizer, settingsOf(folder));
  const predict: Predictor["predict"] = async (inputs, options) => {
    checkPredict(NAME, options);
    return fillMask(guesser.model, tokenizer, inputs, options as FillMaskOptions);
  };
  return {
    task: NAME,
    model,
    predict,
    predictFile: async (path, { textColumn, ...options }) =>
      predict(await readInputs(path, textColumn, readPartTexts), options),
    async evaluate(options) {
      const begin = performance.now();
      const ids = encodeTexts(tokenizer, await readToMeasure(options, readPartTexts));
      const metrics = await guesser.score(ids);
      if (metrics.tokens === 0) throw new DataError(`${options.data}: no text`);
      return {
        task: NAME,
        examples: Math.ceil(ids.length / guesser.block),
        metrics,
        seconds: (performance.now() - begin) / 1000,
      };
    },
  };
}

/** Masked language models (BERT and its kin): the tokens that a mask hides. */
export const fillMaskTask: Task = { name: NAME, presets: [], defaultPreset: "", train, load };
