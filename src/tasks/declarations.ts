import { featureExtraction, sentenceSimilarity } from "./feature-extraction/index.ts";
import * as filling from "./fill-mask/options.ts";
import { imageClassification } from "./image-classification/index.ts";
import type { TaskAbout } from "./options/declare.ts";
import { NOT_PREDICTED, PREDICT } from "./predict-options.ts";
import { tabularClassification, tabularRegression } from "./tabular/index.ts";
import { textClassification } from "./text-classification/index.ts";
import * as writing from "./text-generation/options.ts";
import { tokenClassification } from "./token-classification/index.ts";
import { translation } from "./translation/index.ts";

const textGeneration: TaskAbout = {
  name: "text-generation",
  help: "a language model: texts are written on",
  options: writing.OPTIONS,
  presets: writing.PRESETS,
  pretrained: writing.PRETRAINED,
  predict: PREDICT["text-generation"],
  unpredicted: NOT_PREDICTED["text-generation"],
};
const fillMask: TaskAbout = {
  name: "fill-mask",
  help: "words in the place of masks",
  options: filling.OPTIONS,
  presets: {},
  pretrained: filling.PRETRAINED,
  predict: PREDICT["fill-mask"],
  unpredicted: NOT_PREDICTED["fill-mask"],
};

/** Every task; to add one, add its declaration. */
export const DECLARATIONS: readonly TaskAbout[] = [
  textClassification,
  tokenClassification,
  tabularClassification,
  tabularRegression,
  imageClassification,
  textGeneration,
  fillMask,
  translation,
  featureExtraction,
  sentenceSimilarity,
];

/** What a task says of itself. */
export const aboutTask = (name: string): TaskAbout | undefined => DECLARATIONS.find((task) => task.name === name);
