import type { RnnLmConfig } from "../../models/index.ts";
import type { GivenArguments } from "../../train/index.ts";

/** Models that are made here, the first by default. */
export const PRESETS = ["lstm", "rnn", "gru", "awd-lstm", "gpt"] as const;
export type Preset = (typeof PRESETS)[number];

/** Sizes and settings of a language model for which nothing else is said. */
export interface Recipe {
  block: number;
  hidden: number;
  embedding: number;
  layers: number;
  dropout: number;
  /** Epochs are added until there are so many steps, up to 40. */
  steps: number;
  /** Input and output share a table. */
  tied?: boolean;
  regularization?: RnnLmConfig["regularization"];
  args: GivenArguments & { numTrainEpochs: number; perDeviceTrainBatchSize: number };
}

/** Zaremba et al. (2014), "small", trained as PyTorch's word_language_model example (lr 20, norm cut at 0.25) with a cosine. */
const WORDS: Recipe = {
  block: 35,
  hidden: 200,
  embedding: 200,
  layers: 2,
  dropout: 0.2,
  steps: 0,
  args: {
    numTrainEpochs: 8,
    perDeviceTrainBatchSize: 20,
    optim: "sgd",
    momentum: 0,
    learningRate: 20,
    weightDecay: 0,
    maxGradNorm: 0.25,
    lrSchedulerType: "cosine",
  },
};
/** nanoGPT's recipe for a CPU (Karpathy): 4 layers of 128, blocks of 64; twice its rate, which gains a tenth of a nat. */
const GPT: Recipe = {
  block: 64,
  hidden: 128,
  embedding: 128,
  layers: 4,
  dropout: 0,
  steps: 2000,
  args: {
    numTrainEpochs: 1,
    perDeviceTrainBatchSize: 12,
    learningRate: 2e-3,
    weightDecay: 0.1,
    maxGradNorm: 1,
    warmupSteps: 100,
    adamBeta2: 0.99,
    lrSchedulerType: "cosine_with_min_lr",
    lrSchedulerKwargs: { minLrRate: 0.1 },
  },
};
const CHARACTERS: Recipe = {
  block: 64,
  hidden: 256,
  embedding: 64,
  layers: 1,
  dropout: 0.1,
  steps: 1500,
  args: {
    numTrainEpochs: 3,
    perDeviceTrainBatchSize: 32,
    learningRate: 3e-3,
    weightDecay: 0,
    maxGradNorm: 1,
    lrSchedulerType: "cosine",
  },
};

/** An AWD-LSTM (Merity et al., 2018) small enough for two cores and half an hour on the Penn Treebank. */
const AWD: Recipe = {
  block: 35,
  hidden: 320,
  embedding: 320,
  layers: 2,
  dropout: 0.3,
  steps: 0,
  tied: true,
  regularization: { inputDropout: 0.25, hiddenDropout: 0.2, embeddingDropout: 0.05, weightDropout: 0.1 },
  args: { ...WORDS.args, numTrainEpochs: 16, emaDecay: 0.999 },
};

/** One recipe for each preset; those of the plain recurrent nets go by what their tokens are. */
export const recipeOf = (preset: Preset, characters: boolean): Recipe =>
  preset === "awd-lstm" ? AWD : preset === "gpt" ? GPT : characters ? CHARACTERS : WORDS;
