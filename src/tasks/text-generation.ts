import { join } from "#platform";
import { DataError, parseRange } from "../data/index.ts";
import {
  autoModels,
  type CausalLm,
  GenerationConfig,
  type GenerationDefaults,
  GPT2LMHeadModel,
  gpt2Config,
  type LmState,
  RNN_CELLS,
  RnnForCausalLM,
} from "../models/index.ts";
import { crossEntropy } from "../nn/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { manualSeed } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { Tokenizer } from "../text/index.ts";
import { type Carry, DEFAULTS, type Metrics, Trainer } from "../train/index.ts";
import { fineTuneCausalLm, loadCausalLm } from "./causal-lm-tuning.ts";
import { TaskError } from "./error.ts";
import { type ModelConfig, namesModel, readJson, sizesOf, withWeights } from "./folder.ts";
import {
  BlockWindows,
  blocksOf,
  encodeStream,
  MOST_WORDS,
  makeTokenizer,
  readCorpus,
  readInputs,
  readPartLines,
  readToMeasure,
  type StreamBatch,
  StreamWindows,
  startToken,
} from "./lm-data.ts";
import { AWD, CHARACTERS, GPT, type Recipe, WORDS } from "./lm-recipes.ts";
import { saveModel } from "./save.ts";
import type { TaskOptions, TaskReport } from "./settings.ts";
import { refuseClassOptions } from "./shared/classes.ts";
import { smoothingOf, trainingArgs } from "./shared/recipes.ts";
import { readVectors, widthOf } from "./shared/word-vectors.ts";
import type { Task } from "./task.ts";
import { type Generator, writing } from "./writing.ts";

const NAME = "text-generation";
const PRESETS = [...RNN_CELLS, "awd-lstm", "gpt"];
type Model = RnnForCausalLM | GPT2LMHeadModel;

function buildModel(config: ModelConfig): Model {
  if (config.model_type === "gpt2") {
    return new GPT2LMHeadModel(gpt2Config.parse(config));
  }
  const modelType = RNN_CELLS.find((cell) => cell === config.model_type);
  if (modelType === undefined) {
    throw new TaskError(`unknown model type ${config.model_type}`, `Known: ${PRESETS.join(", ")}.`);
  }
  const { vocabSize, embeddingSize, hiddenSize, numHiddenLayers, dropout } = sizesOf(config);
  return new RnnForCausalLM({
    modelType,
    ...{ vocabSize, embeddingSize, hiddenSize, numHiddenLayers, dropout },
    tieWordEmbeddings: config.tie_word_embeddings === true,
    regularization:
      config.dropouti === undefined
        ? undefined
        : {
            inputDropout: Number(config.dropouti),
            hiddenDropout: Number(config.dropouth),
            embeddingDropout: Number(config.dropoute),
            weightDropout: Number(config.wdrop),
          },
  });
}

/** The AWD-LSTM's dropouts, by the names that its authors' code gives them. */
function dropouts({ regularization: r }: Recipe, o: TaskOptions): Record<string, number> {
  if (r === undefined) return {};
  return {
    dropouti: o.inputDropout ?? r.inputDropout,
    dropouth: o.hiddenDropout ?? r.hiddenDropout,
    dropoute: o.embeddingDropout ?? r.embeddingDropout,
    wdrop: o.weightDropout ?? r.weightDropout,
  };
}

/** State that goes from window to window: truncated backpropagation through time. */
class CarriedState implements Carry {
  /** By the first of the columns that it belongs to. */
  readonly #states = new Map<number, { now: Tensor[]; old: Tensor[] }>();
  of(column = 0): LmState | undefined {
    return this.#states.get(column)?.now;
  }
  /** Keeps the numbers without their history; what was carried before goes when the next one comes. */
  keep(state: readonly Tensor[], column = 0): void {
    const before = this.#states.get(column);
    for (const t of before?.old ?? []) t.dispose();
    this.#states.set(column, { now: state.map((t) => t.detach()), old: before?.now ?? [] });
  }
  reset(): void {
    for (const { now, old } of this.#states.values()) for (const t of [...now, ...old]) t.dispose();
    this.#states.clear();
  }
  /** Named by number, for columns further on with theirs before it. */
  get() {
    return new Map(
      [...this.#states].flatMap(([column, { now }]) =>
        now.map((t, i): [string, { shape: number[]; data: Float32Array }] => [
          column === 0 ? String(i) : `${column}.${i}`,
          { shape: [...t.shape], data: t.data() as Float32Array },
        ]),
      ),
    );
  }
  set(state: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>): void {
    this.reset();
    for (const [name, { shape, data }] of state) {
      const [i, column = 0] = name.split(".").map(Number).reverse();
      const own = this.#states.get(column) ?? { now: [], old: [] };
      own.now[i] = tensor(Float32Array.from(data), [...shape]);
      this.#states.set(column, own);
    }
  }
}

/** Sizes of a text, for the units that a loss is given in. */
interface Units {
  words: number;
  characters: number;
}
function unitsOf(lines: readonly string[]): Units {
  let [words, characters] = [0, 0];
  for (const line of lines) {
    words += line.split(/\s+/).filter((w) => w !== "").length + 1;
    characters += [...line].length + 1;
  }
  return { words, characters };
}

/**
 * Loss of a stream, every token predicted once: `loss` per token in nats; `perplexity` per word with an end of sentence for
 * each line (per character for models of characters); `tokenPerplexity`; `bitsPerCharacter`, line ends counted.
 */
async function scoreStream(
  model: Model,
  ids: Int32Array,
  units: Units,
  options: { streams: number; block: number; start: number; characters: boolean },
): Promise<Metrics> {
  const wasTraining = model.training;
  const carried = new CarriedState();
  model.eval();
  let total = 0;
  try {
    if (model instanceof GPT2LMHeadModel) {
      const block = Math.min(options.block, model.maxPositions);
      for (const { x, y } of blocksOf(ids, { block, start: options.start, batch: 32 })) {
        const sum = noGrad(() =>
          crossEntropy(model.forward({ inputIds: x }).logits.flatten(0, 1), y, { reduction: "sum" }),
        );
        total += sum.item();
        for (const t of [x, y, sum]) t.dispose();
      }
    } else {
      const windows = new StreamWindows(ids, options);
      for (let w = 0; w < windows.windows; w++) {
        const { x, y } = windows.window(w);
        const { sum, state } = noGrad(() => {
          const out = model.forward(x, carried.of());
          return { sum: crossEntropy(out.logits, y, { reduction: "sum" }), state: out.state };
        });
        total += sum.item();
        carried.keep(state);
        for (const t of [x, y, sum]) t.dispose();
      }
    }
  } finally {
    carried.reset();
    model.train(wasTraining);
  }
  const tokens = ids.length;
  return {
    loss: total / tokens,
    perplexity: Math.exp(total / (options.characters ? units.characters : units.words)),
    tokens,
    tokenPerplexity: Math.exp(total / tokens),
    bitsPerCharacter: total / Math.LN2 / units.characters,
  };
}

/** Streams side by side while validating: the loss hardly differs from one stream's, and it is many times faster. */
const VALIDATION_STREAMS = 16;

async function train(options: TaskOptions): Promise<TaskReport> {
  const preset = options.model ?? "lstm";
  if (namesModel(preset, PRESETS)) return fineTuneCausalLm({ ...options, model: preset });
  if (!PRESETS.includes(preset)) {
    throw new TaskError(
      `${NAME} has no preset ${preset}`,
      `There are: ${PRESETS.join(", ")}. A model to fine-tune is a folder (./NAME) or hub:OWNER/NAME.`,
    );
  }
  refuseClassOptions(NAME, options, false);
  const corpus = await readCorpus(options);
  const [from, to] = parseRange(options.range);
  const lines = corpus.train.slice(from, to);
  if (lines.every((line) => line === "")) {
    throw new DataError(`${options.data}: no text in the rows ${options.range}; there are ${corpus.train.length} rows`);
  }
  const kind = options.tokenizer ?? (corpus.words ? "word" : "character");
  const tokenizer = await makeTokenizer(kind, lines, options.vocabSize);
  if (tokenizer.kind === "word" && tokenizer.vocabSize === (options.vocabSize ?? MOST_WORDS)) {
    options.say?.(
      `only the ${tokenizer.vocabSize.toLocaleString("en-US")} most frequent words are known: perplexity cannot be held against that of a full vocabulary (--vocab-size)`,
    );
  }
  const start = startToken(tokenizer);
  const ids = encodeStream(tokenizer, lines);
  const held = encodeStream(tokenizer, corpus.validation);
  const gpt = preset === "gpt";
  const recipe: Recipe = preset === "awd-lstm" ? AWD : gpt ? GPT : tokenizer.kind === "character" ? CHARACTERS : WORDS;
  const args = trainingArgs(options, recipe.args, "loss");
  const labelSmoothing = smoothingOf(options);
  // A rate is meant for its optimizer.
  const { optim, learningRate } = options.args ?? {};
  const meant = recipe.args.optim ?? DEFAULTS.optim;
  if (optim !== undefined && optim !== meant && learningRate === undefined)
    args.learningRate = optim === "sgd" ? 1 : 1e-3;
  const block = options.blockSize ?? recipe.block;
  if (block < 1) throw new TaskError(`--block-size ${block}: expected at least 1`);
  const most = Math.floor(ids.length / block);
  const accumulate = Math.max(1, Math.min(args.gradientAccumulationSteps ?? 1, most));
  // Blocks come in any number; streams lie side by side, as many in every batch of a step.
  const columns = Math.min(args.perDeviceTrainBatchSize, gpt ? most : Math.floor(most / accumulate));
  if (columns < 1) {
    throw new DataError(
      `${options.data}: ${ids.length} tokens are fewer than one block of ${block}`,
      "Give more text, or a smaller --block-size.",
    );
  }
  args.perDeviceTrainBatchSize = columns;
  args.gradientAccumulationSteps = accumulate;
  options.say?.(
    `${tokenizer.kind} tokenizer, ${tokenizer.vocabSize} tokens; ${ids.length.toLocaleString("en-US")} tokens to train on, ${held.length.toLocaleString("en-US")} to validate`,
  );
  const tied = options.tieWeights ?? recipe.tied ?? false;
  if (options.embeddings !== undefined && tokenizer.kind !== "word") {
    throw new TaskError(
      `--embeddings: a model of the ${tokenizer.kind} tokenizer has no words that vectors could belong to`,
      "Add --tokenizer word.",
    );
  }
  const pretrained = await readVectors(options, tokenizer.vocabulary);
  // A shared table is as wide as the layer that it reads from.
  const hidden = gpt || tied ? widthOf(options, pretrained, recipe.hidden) : (options.hiddenSize ?? recipe.hidden);
  const embedding = pretrained?.size ?? options.embeddingSize ?? (tied ? hidden : recipe.embedding);
  const config: ModelConfig = gpt
    ? {
        model_type: "gpt2",
        architectures: ["GPT2LMHeadModel"],
        vocab_size: tokenizer.vocabSize,
        n_positions: block,
        n_embd: hidden,
        n_layer: options.layers ?? recipe.layers,
        n_head: options.heads ?? [4, 2, 1].find((heads) => hidden % heads === 0),
        n_inner: options.intermediateSize ?? 4 * hidden,
        activation_function: "gelu_new",
        resid_pdrop: options.dropout ?? recipe.dropout,
        embd_pdrop: options.dropout ?? recipe.dropout,
        attn_pdrop: options.dropout ?? recipe.dropout,
        bos_token_id: start,
        eos_token_id: null,
        tie_word_embeddings: true,
        block_size: block,
      }
    : {
        model_type: preset === "awd-lstm" ? "lstm" : preset,
        architectures: ["RnnForCausalLM"],
        vocab_size: tokenizer.vocabSize,
        embedding_size: embedding,
        hidden_size: hidden,
        num_hidden_layers: options.layers ?? recipe.layers,
        dropout: options.dropout ?? recipe.dropout,
        ...dropouts(recipe, options),
        tie_word_embeddings: tied,
        block_size: block,
      };
  const seed = args.seed ?? DEFAULTS.seed;
  const windows = gpt
    ? new BlockWindows(ids, { block, seed })
    : new StreamWindows(ids, { streams: columns * accumulate, block, start });
  if (options.args?.numTrainEpochs === undefined) {
    const perEpoch = Math.ceil(windows.length / (columns * accumulate));
    args.numTrainEpochs = Math.max(recipe.args.numTrainEpochs, Math.min(40, Math.ceil(recipe.steps / perEpoch)));
  }
  manualSeed(seed);
  const model = buildModel(config);
  pretrained?.initialize(model, gpt ? "transformer.wte.weight" : "encoder.weight");
  const carried = new CarriedState();
  const units = unitsOf(corpus.validation);
  const characters = tokenizer.kind === "character";
  const trainer = new Trainer<StreamWindows | BlockWindows, StreamBatch>({
    model,
    trainDataset: windows,
    shuffle: gpt,
    carry: gpt ? undefined : carried,
    computeLoss: ({ x, y, column }) => {
      if (model instanceof GPT2LMHeadModel)
        return crossEntropy(model.forward({ inputIds: x }).logits.flatten(0, 1), y, { labelSmoothing });
      const { logits, state } = model.forward(x, carried.of(column));
      carried.keep(state, column);
      return crossEntropy(logits, y, { labelSmoothing });
    },
    evaluate:
      held.length > 0
        ? () =>
            scoreStream(model, held, units, {
              streams: Math.min(VALIDATION_STREAMS, held.length),
              block,
              start,
              characters,
            })
        : undefined,
    savesModel: true,
    callbacks: options.callbacks,
    args,
    fingerprint: JSON.stringify([config, options.data, kind, options.embeddings, labelSmoothing]),
  });
  const result = await trainer.train();
  carried.reset();
  tokenizer.save(options.output);
  new GenerationConfig(writingOf(tokenizer)).save(options.output);
  return saveModel(options.output, model, config, { task: NAME, preset, data: options.data, options, result });
}

/** How a preset writes unless something else is said: it draws, never a word that it does not know. */
function writingOf(tokenizer: Tokenizer): GenerationDefaults {
  const unknown = tokenizer.tokenToId("<unk>");
  return {
    ...{ doSample: true, temperature: 0.8, topK: 0, maxNewTokens: 200, eosTokenId: null },
    ...(unknown === undefined ? {} : { suppressTokens: [unknown] }),
  };
}

async function load(folder: string): Promise<Generator> {
  const config = readJson(join(folder, "config.json")) as ModelConfig;
  // The presets' own models have a block size.
  if (config.block_size === undefined && autoModels.knows(config)) return loadCausalLm(folder);
  const tokenizer = Tokenizer.fromFile(join(folder, "tokenizer.json"));
  if (tokenizer.vocabSize !== Number(config.vocab_size)) {
    throw new TaskError(
      `${folder}: the tokenizer has ${tokenizer.vocabSize} tokens, the model ${config.vocab_size}`,
      "Both files must come from the same training.",
    );
  }
  const model = withWeights(buildModel(config), folder);
  const start = startToken(tokenizer);
  const word = tokenizer.kind === "word";
  const textOf = (ids: readonly number[]) => {
    const text = tokenizer.decode(ids, { skipSpecialTokens: !word });
    return word ? text.replaceAll(/ ?<eos> ?/g, "\n") : text;
  };
  // Folders of before there was the file are read as if they had it.
  const writer: CausalLm = model;
  writer.generationConfig = GenerationConfig.fromFolder(folder) ?? new GenerationConfig(writingOf(tokenizer));
  const written = writing({
    model: writer,
    encode: (prompt) => tokenizer.encode(prompt, { addSpecialTokens: false }).ids,
    textOf,
    start: [start],
  });
  return {
    task: NAME,
    model,
    ...written,
    predictFile: async (path, { textColumn, ...options }) =>
      written.predict(await readInputs(path, textColumn, readPartLines), options),
    async evaluate(options) {
      const begin = performance.now();
      const lines = await readToMeasure(options, readPartLines);
      const ids = encodeStream(tokenizer, lines);
      if (ids.length === 0) throw new DataError(`${options.data}: no text`);
      const metrics = await scoreStream(model, ids, unitsOf(lines), {
        streams: 1,
        block: 512,
        start,
        characters: tokenizer.kind === "character",
      });
      return { task: NAME, examples: ids.length, seconds: (performance.now() - begin) / 1000, metrics };
    },
  };
}

export const textGeneration: Task = { name: NAME, presets: PRESETS, defaultPreset: "lstm", train, load };
