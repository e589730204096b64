import { pick } from "../../options/index.ts";
import { LANGUAGES } from "../options/data.ts";
import type { ModelDeclaration, PresetDeclaration } from "../options/declare.ts";
import { EMBEDDING, HEADS, LAYERS, LENGTH, PREFIX, SMOOTHING, TOKENIZER, WORDS } from "../options/models.ts";
import { WRITER_TUNING } from "../pretrained/options.ts";

export const OPTIONS = LANGUAGES;

const TRANSLATOR = { ...LAYERS, ...pick(WORDS, "vocabSize"), ...TOKENIZER, ...LENGTH, ...SMOOTHING };
const COMMON = { tokenizer: "unigram", vocabSize: 8000, maxLength: 128, labelSmoothingFactor: 0.1 };
const EPOCHS = { numTrainEpochs: "more on small data" };

/** Sizes and settings for which nothing else is said: for tens of thousands of sentences on two cores. */
export const PRESETS = {
  /** Bahdanau et al. (2015) with Luong et al.'s order (2015). */
  "lstm-attention": {
    help: "LSTMs that read and write, with attention between them",
    options: { ...TRANSLATOR, ...EMBEDDING },
    defaults: {
      ...{ ...COMMON, hiddenSize: 256, layers: 1, dropout: 0.3, embeddingSize: 256 },
      numTrainEpochs: 8,
      perDeviceTrainBatchSize: 64,
      learningRate: 2e-3,
      lrSchedulerType: "linear",
      maxGradNorm: 1,
      emaDecay: 0.998,
      groupByLength: true,
    },
    notes: EPOCHS,
  },
  /** Vaswani et al. (2017), small. */
  transformer: {
    help: "an encoder and a decoder of attention",
    options: { ...TRANSLATOR, ...HEADS },
    defaults: {
      ...{ ...COMMON, hiddenSize: 256, layers: 3, dropout: 0.1 },
      numTrainEpochs: 8,
      perDeviceTrainBatchSize: 128,
      learningRate: 1e-3,
      warmupSteps: 200,
      lrSchedulerType: "inverse_sqrt",
      adamBeta2: 0.98,
      maxGradNorm: 1,
      emaDecay: 0.998,
      groupByLength: true,
    },
    notes: { ...EPOCHS, heads: "4, or what divides the width", intermediateSize: "twice the width" },
  },
} satisfies Record<string, PresetDeclaration>;

/** A checkpoint that goes on learning to translate. */
export const PRETRAINED = {
  ...WRITER_TUNING,
  options: { ...WRITER_TUNING.options, ...PREFIX, ...SMOOTHING },
} satisfies ModelDeclaration;
