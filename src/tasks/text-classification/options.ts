import { pick } from "../../options/index.ts";
import { COLUMNS } from "../options/data.ts";
import type { PresetDeclaration } from "../options/declare.ts";
import { CLASSES, EMBEDDING, HEADS, LAYERS, LENGTH, WORDS } from "../options/models.ts";

export const OPTIONS = COLUMNS;

/** Entries of a vocabulary at most: of words and pairs that are counted, of pieces of words, of words that have vectors. */
export const VOCABULARY = { counted: 200_000, tokens: 20_000, words: 50_000 };
const WORDS_NOTE = `${VOCABULARY.words} with --embeddings`;

const NET = { ...LAYERS, ...EMBEDDING, ...WORDS, ...CLASSES };
/** Small data is passed over more often, and large data less often where it is read in order. */
const EPOCHS = { numTrainEpochs: "more on small data" };
const IN_ORDER = {
  numTrainEpochs: "more on small data, fewer on large",
  perDeviceTrainBatchSize: "more on large data",
};

const recurrent = (help: string) => ({
  help,
  options: { ...NET, ...LENGTH },
  defaults: {
    ...{ layers: 1, hiddenSize: 128, embeddingSize: 256, dropout: 0.5, vocabSize: VOCABULARY.tokens, maxLength: 256 },
    ...{ numTrainEpochs: 5, learningRate: 1e-3, weightDecay: 0.01, maxGradNorm: 1 },
  },
  notes: { ...IN_ORDER, vocabSize: WORDS_NOTE, embeddingSize: "that of --embeddings" },
});

/** One recipe for each preset, whatever the data. */
export const PRESETS = {
  mlp: {
    help: "words and pairs of words, embedded and added",
    options: NET,
    defaults: {
      ...{ layers: 1, hiddenSize: 64, embeddingSize: 64, dropout: 0.5, vocabSize: VOCABULARY.counted },
      ...{ numTrainEpochs: 6, learningRate: 2e-3, weightDecay: 0.01 },
    },
    notes: { ...EPOCHS, embeddingSize: "that of --embeddings" },
  },
  "bag-of-words": {
    help: "a weight for every word and pair of words",
    options: { ...pick(WORDS, "vocabSize"), ...CLASSES },
    defaults: { vocabSize: VOCABULARY.counted, numTrainEpochs: 8, learningRate: 0.03, weightDecay: 0.01 },
    notes: EPOCHS,
  },
  rnn: recurrent("tokens in order, by a plain recurrent net"),
  gru: recurrent("tokens in order, by a GRU"),
  lstm: recurrent("tokens in order, by an LSTM"),
  transformer: {
    help: "tokens in order, by attention",
    options: { ...LAYERS, ...HEADS, ...WORDS, ...LENGTH, ...CLASSES },
    defaults: {
      ...{ layers: 2, hiddenSize: 128, dropout: 0.2, vocabSize: VOCABULARY.tokens, maxLength: 256 },
      ...{ numTrainEpochs: 5, learningRate: 5e-4, weightDecay: 0.01, maxGradNorm: 1 },
    },
    notes: {
      ...{ ...IN_ORDER, vocabSize: WORDS_NOTE, hiddenSize: "that of --embeddings" },
      ...{ heads: "4, or what divides the width", intermediateSize: "4 times the width" },
    },
  },
} satisfies Record<string, PresetDeclaration>;
