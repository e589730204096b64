import { pick } from "../../options/index.ts";
import { COLUMNS } from "../options/data.ts";
import type { PresetDeclaration } from "../options/declare.ts";
import { CLASSES, LAYERS } from "../options/models.ts";
import { RULE } from "../options/training.ts";

export const OPTIONS = pick(COLUMNS, "labelColumn");

const MLP = {
  help: "layers above the columns",
  options: LAYERS,
  defaults: {
    ...{ layers: 2, hiddenSize: 128, dropout: 0 },
    ...{ numTrainEpochs: 40, learningRate: 3e-3, weightDecay: 0.01, perDeviceTrainBatchSize: 128 },
  },
} satisfies PresetDeclaration;
const LINEAR = {
  help: "a weight for each column",
  options: {},
  defaults: { numTrainEpochs: 40, learningRate: 1e-2, perDeviceTrainBatchSize: 128 },
} satisfies PresetDeclaration;

export const OF_NUMBERS = { mlp: MLP, linear: LINEAR };
export const OF_CLASSES = {
  mlp: { ...MLP, options: { ...LAYERS, ...CLASSES } },
  linear: { ...LINEAR, options: CLASSES },
  perceptron: {
    help: "the perceptron rule, for two classes",
    options: {},
    arguments: RULE,
    // What has been learned last is kept, whatever was better on the way.
    defaults: { numTrainEpochs: 40, loadBestModelAtEnd: false },
  },
} satisfies Record<string, PresetDeclaration>;
