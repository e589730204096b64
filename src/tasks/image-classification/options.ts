import type { PresetDeclaration } from "../options/declare.ts";
import { CLASSES, LAYERS } from "../options/models.ts";

const RECIPE = { numTrainEpochs: 12, learningRate: 1e-3, weightDecay: 0.01, perDeviceTrainBatchSize: 64 };

export const PRESETS = {
  mlp: {
    help: "layers above the pixels",
    options: { ...LAYERS, ...CLASSES },
    defaults: { ...RECIPE, layers: 2, hiddenSize: 256, dropout: 0.2 },
  },
  linear: { help: "a weight for each pixel", options: CLASSES, defaults: RECIPE },
} satisfies Record<string, PresetDeclaration>;
