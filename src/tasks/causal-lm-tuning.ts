import { maximum } from "../backend/arrays.ts";
import { ArrayDataset, DataError, DataLoader, parseRange } from "../data/index.ts";
import { resolveModel } from "../hub/index.ts";
import { autoModels, type CausalLmModel, GenerationConfig } from "../models/index.ts";
import { crossEntropy } from "../nn/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { AutoTokenizer, type PreTrainedTokenizer } from "../text/index.ts";
import { DEFAULTS, type Metrics, Trainer } from "../train/index.ts";
import { type ChatExample, type ChatTokens, encodeExample, pack, readConversations } from "./chat-data.ts";
import { downloads } from "./downloads.ts";
import { settingsOf } from "./folder.ts";
import {
  BlockWindows,
  blocksOf,
  joined,
  readCorpus,
  readInputs,
  readPartLines,
  readToMeasure,
  type StreamBatch,
} from "./lm-data.ts";
import { loraRate } from "./pretrained/adapting.ts";
import { LM_RECIPE, openToTune, saveFineTuned } from "./pretrained/fine-tuning.ts";
import type { TaskOptions, TaskReport } from "./settings.ts";
import { refuseClassOptions } from "./shared/classes.ts";
import { smoothingOf, trainingArgs } from "./shared/recipes.ts";
import { type Generator, writing } from "./writing.ts";

const NAME = "text-generation";

/** Tokens that a step sees of a text, unless --block-size says otherwise. */
const BLOCK = 256;

interface ChatBatch {
  inputIds: Tensor;
  attentionMask: Tensor;
  labels: Tensor;
}

/** Examples side by side, filled up on the right; what is no answer has the label −100. */
function collateChats(examples: readonly ChatTokens[], pad: number): ChatBatch {
  const [rows, t] = [examples.length, maximum(examples.map((e) => e.inputIds.length))];
  const make = (fill: number) => new Int32Array(rows * t).fill(fill);
  const [ids, mask, labels] = [make(pad), make(0), make(-100)];
  examples.forEach(({ inputIds, answer }, row) => {
    ids.set(inputIds, row * t);
    mask.fill(1, row * t, row * t + inputIds.length);
    answer.forEach((learned, i) => {
      if (learned) labels[row * t + i] = inputIds[i];
    });
  });
  const shaped = (values: Int32Array) => tensor(values, [rows, t]);
  return { inputIds: shaped(ids), attentionMask: shaped(mask), labels: shaped(labels) };
}

/** Lines are put together up to so many characters, so that a tokenizer sees few borders that the text does not have. */
const PIECE = 1 << 16;

/** A text as one stream of ids. */
function encodeText(tokenizer: PreTrainedTokenizer, lines: readonly string[]): Int32Array {
  const parts: number[][] = [];
  let piece = "";
  const flush = () => {
    if (piece !== "") parts.push(tokenizer.encode(piece, { addSpecialTokens: false }).inputIds);
    piece = "";
  };
  for (const line of lines) {
    piece += `${line}\n`;
    if (piece.length >= PIECE) flush();
  }
  flush();
  return joined(parts);
}

/** A pretrained language model with its tokenizer, on texts or conversations. */
class Tuned {
  readonly model: CausalLmModel;
  readonly tokenizer: PreTrainedTokenizer;
  readonly block: number;
  constructor(model: CausalLmModel, tokenizer: PreTrainedTokenizer, block: number) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.block = Math.min(block, model.maxPositions);
  }
  get #pad(): number {
    return this.tokenizer.padTokenId ?? this.tokenizer.eosTokenId ?? 0;
  }
  /** What stands before a text. */
  get start(): number {
    return this.tokenizer.bosTokenId ?? this.tokenizer.eosTokenId ?? 0;
  }
  collate = (examples: readonly ChatTokens[]) => collateChats(examples, this.#pad);

  /** Tokens of conversations, cut to the block or packed; those without an answer in it are left out. */
  encodeChats(examples: readonly ChatExample[], packing: boolean): ChatTokens[] {
    const encoded = examples.map((example) => encodeExample(this.tokenizer, example));
    const cut = packing
      ? pack(encoded, this.block)
      : encoded.map(({ inputIds, answer }) => ({
          inputIds: inputIds.slice(0, this.block),
          answer: answer.slice(0, this.block),
        }));
    // The first token is nobody's successor.
    return cut.filter(({ answer }) => answer.some((learned, i) => i > 0 && learned));
  }

  /** Mean loss of the answers' tokens. */
  async scoreChats(data: readonly ChatTokens[]): Promise<Metrics> {
    const sorted = [...data].sort((a, b) => a.inputIds.length - b.inputIds.length);
    let [total, tokens] = [0, 0];
    for await (const batch of new DataLoader(new ArrayDataset(sorted), { batchSize: 8, collate: this.collate })) {
      const [rows, t] = batch.labels.shape;
      const labels = batch.labels.data();
      let count = 0;
      for (let i = 0; i < rows * t; i++) if (i % t > 0 && labels[i] !== -100) count++;
      const loss = noGrad(() => this.model.forward(batch).loss as Tensor);
      total += loss.item() * count;
      tokens += count;
      for (const used of [loss, ...Object.values(batch)]) used.dispose();
    }
    return { loss: total / tokens, perplexity: Math.exp(total / tokens), tokens };
  }

  /** Mean loss of the answers' tokens in a batch. */
  chatLoss(batch: ChatBatch, labelSmoothing = 0): Tensor {
    const { loss, logits } = this.model.forward(batch);
    if (labelSmoothing === 0) return loss as Tensor;
    const t = batch.labels.shape[1];
    const next = batch.labels.slice(1, 1, t).flatten();
    return crossEntropy(logits.slice(1, 0, t - 1).flatten(0, 1), next, { labelSmoothing });
  }
  textLoss({ x, y }: StreamBatch, reduction: "mean" | "sum" = "mean", labelSmoothing = 0): Tensor {
    const { logits } = this.model.forward({ inputIds: x });
    return crossEntropy(logits.flatten(0, 1), y, { reduction, labelSmoothing });
  }
  /** Mean loss of a text's tokens, each predicted once in its block. */
  async scoreText(ids: Int32Array): Promise<Metrics> {
    let total = 0;
    for (const batch of blocksOf(ids, { block: this.block, start: this.start, batch: 8 })) {
      const loss = noGrad(() => this.textLoss(batch, "sum"));
      total += loss.item();
      for (const used of [loss, batch.x, batch.y]) used.dispose();
    }
    return { loss: total / ids.length, perplexity: Math.exp(total / ids.length), tokens: ids.length };
  }
}

/**
 * Fine-tunes a pretrained language model: on conversations (rows of `messages`, `conversations`, or `prompt` and `completion`)
 * with the loss on the answers alone, or on plain text in blocks.
 * @throws ConfigError, StateDictError, DataError, HubError.
 */
export async function fineTuneCausalLm(options: TaskOptions & { model: string }): Promise<TaskReport> {
  const folder = await resolveModel(options.model, downloads(options));
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  refuseClassOptions(NAME, options, false);
  const labelSmoothing = smoothingOf(options);
  const args = trainingArgs(options, { ...LM_RECIPE, ...loraRate(options) }, "loss");
  const seed = args.seed ?? DEFAULTS.seed;
  const { model, adapting } = openToTune(folder, "causalLm", options);
  const tuned = new Tuned(model as CausalLmModel, tokenizer, options.blockSize ?? options.maxLength ?? BLOCK);
  const { block } = tuned;
  const packing = options.packing === true;
  const common = {
    model,
    savesModel: true,
    callbacks: options.callbacks,
    args,
    fingerprint: JSON.stringify([model.config, options.data, block, packing, adapting.identity, labelSmoothing]),
  };
  const number = (n: number) => n.toLocaleString("en-US");
  const chats = await readConversations(options);
  const run = async () => {
    if (chats !== undefined) {
      const train = tuned.encodeChats(chats.train, packing);
      const held = tuned.encodeChats(chats.validation, false);
      if (train.length === 0)
        throw new DataError(`${options.data}: no answer within ${block} tokens`, "Give a larger --block-size.");
      const learned = train.reduce((n, e) => n + e.answer.reduce((sum, a) => sum + a, 0), 0);
      options.say?.(
        `${number(chats.train.length)} conversations to train on${packing ? ` in ${number(train.length)} blocks of ${block}` : ""}, ${number(learned)} tokens of answers; ${number(held.length)} to validate`,
      );
      return new Trainer<ArrayDataset<ChatTokens>, ChatBatch>({
        ...common,
        trainDataset: new ArrayDataset(train),
        lengths: train.map((e) => e.inputIds.length),
        collate: tuned.collate,
        computeLoss: (batch) => tuned.chatLoss(batch, labelSmoothing),
        evaluate: held.length > 0 ? () => tuned.scoreChats(held) : undefined,
      }).train();
    }
    const corpus = await readCorpus(options);
    const [from, to] = parseRange(options.range);
    const [ids, held] = [corpus.train.slice(from, to), corpus.validation].map((lines) => encodeText(tokenizer, lines));
    if (ids.length <= block) {
      throw new DataError(
        `${options.data}: ${ids.length} tokens are not more than one block of ${block}`,
        "Give more text, or a smaller --block-size.",
      );
    }
    options.say?.(`${number(ids.length)} tokens to train on in blocks of ${block}, ${number(held.length)} to validate`);
    return new Trainer<BlockWindows, StreamBatch>({
      ...common,
      trainDataset: new BlockWindows(ids, { block, seed }),
      computeLoss: (batch) => tuned.textLoss(batch, "mean", labelSmoothing),
      evaluate: held.length > 0 ? () => tuned.scoreText(held) : undefined,
    }).train();
  };
  const result = await run();
  adapting.finish();
  return saveFineTuned(NAME, { ...options, blockSize: block }, model, tokenizer, result);
}

/** A language model of Hugging Face's with its tokenizer, fine-tuned here or not. */
export async function loadCausalLm(folder: string): Promise<Generator> {
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const model = autoModels.load(folder, "causalLm").model as CausalLmModel;
  // Where neither generation_config.json nor the configuration says what ends a text, the tokenizer does.
  model.generationConfig ??= new GenerationConfig();
  const { defaults } = model.generationConfig;
  if (defaults.eosTokenId === undefined && model.config.eosTokenId == null && tokenizer.eosTokenId !== undefined)
    defaults.eosTokenId = tokenizer.eosTokenId;
  const tuned = new Tuned(model, tokenizer, settingsOf(folder).blockSize ?? 1024);
  const written = writing({
    model,
    encode(prompt) {
      const { inputIds } = tokenizer.encode(prompt);
      return inputIds.length > 0 ? inputIds : [tuned.start];
    },
    encodeChat: (messages) => tokenizer.applyChatTemplate(messages, { addGenerationPrompt: true }),
    textOf: (ids) => tokenizer.decode(ids),
    start: [],
    endsOfTurn: tokenizer.eosTokenId === undefined ? [] : [tokenizer.eosTokenId],
  });
  return {
    task: NAME,
    model,
    ...written,
    predictFile: async (path, { textColumn, ...options }) =>
      written.predict(await readInputs(path, textColumn, readPartLines), options),
    async evaluate(options) {
      const begin = performance.now();
      const seconds = () => (performance.now() - begin) / 1000;
      const chats = await readConversations({ ...options, validation: "none" }, ["test", "validation", "train"]);
      if (chats !== undefined) {
        const data = tuned.encodeChats(chats.train, false);
        if (data.length === 0) throw new DataError(`${options.data}: no answer within ${tuned.block} tokens`);
        return { task: NAME, examples: data.length, metrics: await tuned.scoreChats(data), seconds: seconds() };
      }
      const ids = encodeText(tokenizer, await readToMeasure(options, readPartLines));
      if (ids.length === 0) throw new DataError(`${options.data}: no text`);
      return { task: NAME, examples: ids.length, metrics: await tuned.scoreText(ids), seconds: seconds() };
    },
  };
}
