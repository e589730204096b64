import { COLUMNS } from "../options/data.ts";
import type { PresetDeclaration } from "../options/declare.ts";
import { CLASSES, EMBEDDING, HEADS, LAYERS, LENGTH, WORDS } from "../options/models.ts";

export const OPTIONS = COLUMNS;

const TAGGER = { ...LAYERS, ...EMBEDDING, ...WORDS, ...LENGTH, ...CLASSES };
const NOTES = { numTrainEpochs: "more on small data", embeddingSize: "that of --embeddings" };
const COMMON = { embeddingSize: 100, vocabSize: 50_000, maxLength: 256 };

const recurrent = (help: string) => ({
  help,
  options: TAGGER,
  defaults: {
    ...{ ...COMMON, layers: 1, hiddenSize: 128, dropout: 0.5 },
    ...{ numTrainEpochs: 6, learningRate: 4e-3, weightDecay: 0.01, perDeviceTrainBatchSize: 32, maxGradNorm: 1 },
  },
  notes: NOTES,
});

/** One recipe for each preset, whatever the data. */
export const PRESETS = {
  lstm: recurrent("words and their letters, read both ways by an LSTM"),
  rnn: recurrent("the same by a plain recurrent net"),
  gru: recurrent("the same by a GRU"),
  transformer: {
    help: "the same by attention",
    options: { ...TAGGER, ...HEADS },
    defaults: {
      ...{ ...COMMON, layers: 2, hiddenSize: 128, dropout: 0.3 },
      ...{ numTrainEpochs: 8, learningRate: 1e-3, weightDecay: 0.01, perDeviceTrainBatchSize: 32, maxGradNorm: 1 },
      warmupSteps: 200,
    },
    notes: { ...NOTES, heads: "4, or what divides the width", intermediateSize: "4 times the width" },
  },
} satisfies Record<string, PresetDeclaration>;
