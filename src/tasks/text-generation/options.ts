import { omit, pick } from "../../options/index.ts";
import { COLUMNS } from "../options/data.ts";
import type { Defaults, ModelDeclaration, PresetDeclaration } from "../options/declare.ts";
import {
  AWD_DROPOUTS,
  BLOCK,
  CHATS,
  EMBEDDING,
  HEADS,
  LAYERS,
  SMOOTHING,
  TIED,
  TOKENIZER,
  WORDS,
} from "../options/models.ts";
import { WRITER_TUNING } from "../pretrained/options.ts";

export const OPTIONS = pick(COLUMNS, "textColumn");

const WRITER = { ...LAYERS, ...WORDS, ...TOKENIZER, ...BLOCK, ...SMOOTHING };
const RECURRENT = { ...WRITER, ...EMBEDDING, ...TIED };
/** Entries of a vocabulary at most, by the kind of its tokenizer. */
export const VOCABULARY = { character: 10_000, word: 50_000, pieces: 8_000 };
const NOTES = {
  tokenizer: "character; word for data that is cut into words",
  vocabSize: `${VOCABULARY.character} characters, ${VOCABULARY.word} words, ${VOCABULARY.pieces} pieces`,
  numTrainEpochs: "more on small data",
};

/** Recurrent models of characters, and of pieces of words. */
const OF_CHARACTERS = {
  ...{ blockSize: 64, hiddenSize: 256, embeddingSize: 64, layers: 1, dropout: 0.1 },
  ...{ numTrainEpochs: 3, perDeviceTrainBatchSize: 32, learningRate: 3e-3, weightDecay: 0, maxGradNorm: 1 },
  lrSchedulerType: "cosine",
} satisfies Defaults;
/** Zaremba et al. (2014), "small", trained as PyTorch's word_language_model example (lr 20, norm cut at 0.25) with a cosine. */
const OF_WORDS = {
  ...{ blockSize: 35, hiddenSize: 200, embeddingSize: 200, layers: 2, dropout: 0.2 },
  ...{ numTrainEpochs: 8, perDeviceTrainBatchSize: 20, learningRate: 20, weightDecay: 0, maxGradNorm: 0.25 },
  ...{ lrSchedulerType: "cosine", optim: "sgd", momentum: 0 },
} satisfies Defaults;

/** What models of anything but characters begin with, beside what those of characters do. */
const others = Object.fromEntries(
  Object.entries(OF_WORDS)
    .filter(([name, value]) => (OF_CHARACTERS as Defaults)[name as keyof Defaults] !== value)
    .map(([name, value]) => [name, `${value} with other tokenizers than character`]),
);
const recurrent = (help: string) => ({
  help,
  options: RECURRENT,
  defaults: OF_CHARACTERS,
  notes: { ...others, ...NOTES, numTrainEpochs: `${others.numTrainEpochs}; more on small data` },
});

export const PRESETS = {
  lstm: recurrent("an LSTM"),
  rnn: recurrent("a plain recurrent net"),
  gru: recurrent("a GRU"),
  /** An AWD-LSTM (Merity et al., 2018) small enough for two cores and half an hour on the Penn Treebank. */
  "awd-lstm": {
    help: "an LSTM with dropout everywhere and averaged weights: the best for words",
    options: { ...RECURRENT, ...AWD_DROPOUTS },
    defaults: {
      ...{ ...OF_WORDS, hiddenSize: 320, embeddingSize: 320, dropout: 0.3, tieWeights: true },
      ...{ inputDropout: 0.25, hiddenDropout: 0.2, embeddingDropout: 0.05, weightDropout: 0.1 },
      ...{ numTrainEpochs: 16, emaDecay: 0.999 },
    },
    notes: { tokenizer: NOTES.tokenizer, vocabSize: NOTES.vocabSize },
  },
  /** nanoGPT's recipe for a CPU (Karpathy): 4 layers of 128, blocks of 64; twice its rate, which gains a tenth of a nat. */
  gpt: {
    help: "attention to what came before",
    options: { ...WRITER, ...HEADS },
    defaults: {
      ...{ blockSize: 64, hiddenSize: 128, layers: 4, dropout: 0 },
      ...{ numTrainEpochs: 1, perDeviceTrainBatchSize: 12, learningRate: 2e-3, weightDecay: 0.1, maxGradNorm: 1 },
      ...{ warmupSteps: 100, adamBeta2: 0.99 },
      lrSchedulerType: "cosine_with_min_lr",
      lrSchedulerKwargs: { minLrRate: 0.1 },
    },
    notes: { ...NOTES, heads: "4, or what divides the width", intermediateSize: "4 times the width" },
  },
} satisfies Record<string, PresetDeclaration>;

export type Preset = keyof typeof PRESETS;

/** Epochs are added until there are so many steps, up to 40. */
const STEPS = { characters: 1500, gpt: 2000 };

/** What holds for a preset where nothing else is said; that of the plain recurrent nets goes by what their tokens are. */
export function defaultsOf(preset: Preset, characters: boolean): { defaults: Recipe; steps: number } {
  if (preset === "awd-lstm") return { defaults: PRESETS[preset].defaults, steps: 0 };
  if (preset === "gpt") return { defaults: PRESETS.gpt.defaults, steps: STEPS.gpt };
  return characters ? { defaults: OF_CHARACTERS, steps: STEPS.characters } : { defaults: OF_WORDS, steps: 0 };
}
type Sizes = "blockSize" | "hiddenSize" | "layers" | "dropout" | "numTrainEpochs" | "perDeviceTrainBatchSize";
export type Recipe = Defaults & { readonly [name in Sizes]: number };

/** Transformers' defaults for language models (run_clm). */
export const PRETRAINED = {
  ...WRITER_TUNING,
  options: { ...WRITER_TUNING.options, ...BLOCK, ...CHATS, ...SMOOTHING },
  defaults: { ...omit(WRITER_TUNING.defaults, "maxLength"), blockSize: 256 },
  notes: { ...WRITER_TUNING.notes, maxLength: "the same as --block-size" },
} satisfies ModelDeclaration;
