import { pick, type Table } from "../../options/index.ts";
import { COLUMNS, LANGUAGES } from "./data.ts";
import {
  ADAPTER,
  AWD_DROPOUTS,
  BLOCK,
  CHATS,
  CLASSES,
  EMBEDDING,
  HEADS,
  LAYERS,
  LENGTH,
  MASKS,
  PREFIX,
  SMOOTHING,
  TIED,
  TOKENIZER,
  WORDS,
} from "./models.ts";
import { RULE } from "./training.ts";

/** What one preset hears. */
export interface PresetHears {
  /** A line for `--help`. */
  readonly help?: string;
  readonly options: Table;
  /** What holds where nothing else is said, of the shape and of the training. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** The training arguments; left out: all of them. */
  readonly arguments?: Table;
}
/** What a task hears: always (`evaluate` too), of each preset, of pretrained models. */
export interface Heard {
  /** A line for `--help`. */
  readonly help: string;
  readonly options: Table;
  readonly presets: Readonly<Record<string, PresetHears>>;
  readonly pretrained?: PresetHears;
}

const RECURRENT = { ...LAYERS, ...EMBEDDING, ...WORDS };
const READERS = { ...RECURRENT, ...LENGTH, ...CLASSES };
const FINE_TUNED = { ...ADAPTER, ...pick(LAYERS, "dropout"), ...LENGTH };
const LM = { ...LAYERS, ...WORDS, ...TOKENIZER, ...BLOCK, ...SMOOTHING };
const TRANSLATOR = { ...LAYERS, ...pick(WORDS, "vocabSize"), ...TOKENIZER, ...LENGTH, ...SMOOTHING };
const cells = <T>(hears: T): Record<"rnn" | "gru" | "lstm", T> => ({ rnn: hears, gru: hears, lstm: hears });

export const HEARD: Readonly<Record<string, Heard>> = {
  "text-classification": {
    help: "a class for each text",
    options: COLUMNS,
    presets: {
      mlp: { options: { ...RECURRENT, ...CLASSES } },
      "bag-of-words": { options: { ...pick(WORDS, "vocabSize"), ...CLASSES } },
      ...cells({ options: READERS }),
      transformer: { options: { ...LAYERS, ...WORDS, ...HEADS, ...LENGTH, ...CLASSES } },
    },
    pretrained: { options: { ...FINE_TUNED, ...CLASSES } },
  },
  "token-classification": {
    help: "a class for each word: names, parts of speech",
    options: COLUMNS,
    presets: { ...cells({ options: READERS }), transformer: { options: { ...READERS, ...HEADS } } },
    pretrained: { options: { ...FINE_TUNED, ...CLASSES } },
  },
  "tabular-classification": {
    help: "a class for each row of a table",
    options: pick(COLUMNS, "labelColumn"),
    presets: {
      mlp: { options: { ...LAYERS, ...CLASSES } },
      linear: { options: CLASSES },
      perceptron: { options: {}, arguments: RULE },
    },
  },
  "tabular-regression": {
    help: "a number for each row of a table",
    options: pick(COLUMNS, "labelColumn"),
    presets: { mlp: { options: LAYERS }, linear: { options: {} } },
  },
  "image-classification": {
    help: "a class for each image",
    options: {},
    presets: { mlp: { options: { ...LAYERS, ...CLASSES } }, linear: { options: CLASSES } },
  },
  "text-generation": {
    help: "a language model: texts are written on",
    options: pick(COLUMNS, "textColumn"),
    presets: {
      ...cells({ options: { ...LM, ...EMBEDDING, ...TIED } }),
      "awd-lstm": { options: { ...LM, ...EMBEDDING, ...TIED, ...AWD_DROPOUTS } },
      gpt: { options: { ...LM, ...HEADS } },
    },
    pretrained: { options: { ...FINE_TUNED, ...BLOCK, ...CHATS, ...SMOOTHING } },
  },
  "fill-mask": {
    help: "words in the place of masks",
    options: pick(COLUMNS, "textColumn"),
    presets: {},
    pretrained: { options: { ...FINE_TUNED, ...MASKS, ...SMOOTHING } },
  },
  translation: {
    help: "texts of one language, in another",
    options: LANGUAGES,
    presets: {
      transformer: { options: { ...TRANSLATOR, ...HEADS } },
      "lstm-attention": { options: { ...TRANSLATOR, ...EMBEDDING } },
    },
    pretrained: { options: { ...FINE_TUNED, ...PREFIX, ...SMOOTHING } },
  },
  "feature-extraction": { help: "vectors of texts", options: COLUMNS, presets: {} },
  "sentence-similarity": { help: "how much alike two texts are", options: COLUMNS, presets: {} },
};
