import { ArrayDataset, DataError } from "../../data/index.ts";
import { autoModels, type CausalLmModel, GenerationConfig } from "../../models/index.ts";
import type { DecoderForCausalLM } from "../../models/pretrained/decoder-heads.ts";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../text/index.ts";
import { DEFAULTS } from "../../train/index.ts";
import { Isolation } from "../../train/run/isolation.ts";
import { settingsOf } from "../folder.ts";
import { loraRate } from "../pretrained/adapting.ts";
import { modelFor, openToTune, savedAs } from "../pretrained/fine-tuning.ts";
import type { Lessons } from "../reading.ts";
import type { TaskOptions } from "../settings.ts";
import { refuseClassOptions } from "../shared/classes.ts";
import { recipeOf, smoothingOf, trainingArgs } from "../shared/recipes.ts";
import { readInputs, readPartLines } from "../shared/texts.ts";
import type { Course, CourseLessons, ModelOptions, Opened, Plan } from "../task.ts";
import { type ChatBatch, type ChatTokens, encodeChats } from "./chats.ts";
import { chatsOf, type LanguageAbout, linesOf, type Sample } from "./data.ts";
import { PRETRAINED } from "./options.ts";
import { encodeText, Tuned } from "./tuned.ts";
import { BlockWindows, type StreamBatch } from "./windows.ts";
import { writing } from "./writing.ts";

/** Tokens that a step sees of a text, unless --block-size says otherwise. */

/** Tokens of a block, no more than the model of a folder has positions. */
function blockFor(folder: string, wanted: number): number {
  const { config, Model } = modelFor(folder, "causalLm");
  return Math.min(wanted, (Model as unknown as typeof DecoderForCausalLM).traits.positions(config));
}

const shown = (n: number) => n.toLocaleString("en-US");

/** What a model learns of conversations: the answers in them. */
function conversations(
  tokenizer: PreTrainedTokenizer,
  { train, validation }: Lessons<Sample, LanguageAbout>,
  options: TaskOptions,
  block: number,
): (tuned: Tuned) => CourseLessons<ArrayDataset<ChatTokens>, ChatBatch> {
  const { data, packing = false, say } = options;
  const chats = chatsOf(train.examples);
  const examples = encodeChats(tokenizer, chats, block, packing);
  const held = encodeChats(tokenizer, chatsOf(validation.examples), block);
  if (examples.length === 0)
    throw new DataError(`${data}: no answer within ${block} tokens`, "Give a larger --block-size.");
  const learned = examples.reduce((n, e) => n + e.answer.reduce((sum, a) => sum + a, 0), 0);
  say?.(
    `${shown(chats.length)} conversations to train on${packing ? ` in ${shown(examples.length)} blocks of ${block}` : ""}, ${shown(learned)} tokens of answers; ${shown(held.length)} to validate`,
  );
  const labelSmoothing = smoothingOf(options);
  return (tuned) => ({
    trainDataset: new ArrayDataset(examples),
    lengths: examples.map((e) => e.inputIds.length),
    collate: tuned.collate,
    computeLoss: (batch) => tuned.chatLoss(batch, labelSmoothing),
    evaluate: held.length > 0 ? () => tuned.scoreChats(held) : undefined,
  });
}

/** What a model learns of plain text, in blocks. */
function plainText(
  tokenizer: PreTrainedTokenizer,
  { train, validation }: Lessons<Sample, LanguageAbout>,
  options: TaskOptions,
  block: number,
): (tuned: Tuned) => CourseLessons<BlockWindows, StreamBatch> {
  const { data, say } = options;
  const [ids, held] = [train, validation].map(({ examples }) => encodeText(tokenizer, linesOf(examples)));
  if (ids.length <= block) {
    throw new DataError(
      `${data}: ${ids.length} tokens are not more than one block of ${block}`,
      "Give more text, or a smaller --block-size.",
    );
  }
  say?.(`${shown(ids.length)} tokens to train on in blocks of ${block}, ${shown(held.length)} to validate`);
  const labelSmoothing = smoothingOf(options);
  return (tuned) => ({
    trainDataset: new BlockWindows(ids, { block, seed: options.args?.seed ?? DEFAULTS.seed }),
    computeLoss: (batch) => tuned.textLoss(batch, "mean", labelSmoothing),
    evaluate: held.length > 0 ? () => tuned.scoreText(held) : undefined,
  });
}

/** A pretrained language model that goes on learning: on conversations with the loss on the answers alone, or on plain text. */
export async function tune(options: ModelOptions, data: Lessons<Sample, LanguageAbout>, folder: string): Promise<Plan> {
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  refuseClassOptions("text-generation", options, false);
  const block = blockFor(folder, options.blockSize ?? options.maxLength ?? PRETRAINED.defaults.blockSize);
  const read = data.train.about.kind === "conversations" ? conversations : plainText;
  const lessonsOf = read(tokenizer, data, options, block);
  return {
    args: trainingArgs(options, { ...recipeOf(PRETRAINED.defaults), ...loraRate(options) }, "loss"),
    settings: { blockSize: block },
    begin(): Course {
      const { model, adapting } = openToTune(folder, "causalLm", options);
      const what = [block, options.packing === true, adapting.identity, smoothingOf(options)];
      return {
        ...{ model, lessons: lessonsOf(new Tuned(model as CausalLmModel, tokenizer, block)) },
        ...{ identity: [model.config, ...what], end: adapting.finish },
        ...savedAs(model, tokenizer),
      };
    },
  };
}

/** A language model of Hugging Face's with its tokenizer, fine-tuned here or not. */
export async function openPretrained(folder: string): Promise<Opened<Sample, LanguageAbout>> {
  const here = Isolation.here();
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const model = here.within(() => autoModels.load(folder, "causalLm")).model as CausalLmModel;
  // Where neither generation_config.json nor the configuration says what ends a text, the tokenizer does.
  model.generationConfig ??= new GenerationConfig();
  const { defaults } = model.generationConfig;
  if (defaults.eosTokenId === undefined && model.config.eosTokenId == null && tokenizer.eosTokenId !== undefined)
    defaults.eosTokenId = tokenizer.eosTokenId;
  const block = Math.min(settingsOf(folder).blockSize ?? 1024, model.maxPositions);
  const tuned = new Tuned(model, tokenizer, block);
  const { predict, ...more } = writing({
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
    ...{ model, predict, more },
    predictFile: async (path, options, { textColumn }) =>
      predict(await readInputs(path, textColumn, readPartLines), options),
    async evaluate({ examples, about }, source) {
      if (about.kind === "conversations") {
        const chats = encodeChats(tokenizer, chatsOf(examples), block);
        if (chats.length === 0) throw new DataError(`${source}: no answer within ${block} tokens`);
        return { examples: chats.length, metrics: await tuned.scoreChats(chats) };
      }
      const ids = encodeText(tokenizer, linesOf(examples));
      if (ids.length === 0) throw new DataError(`${source}: no text`);
      return { examples: ids.length, metrics: await tuned.scoreText(ids) };
    },
  };
}
