import { featureExtraction, sentenceSimilarity } from "./feature-extraction/index.ts";
import { fillMaskTask } from "./fill-mask/index.ts";
import { imageClassification } from "./image-classification/index.ts";
import { tabularClassification, tabularRegression } from "./tabular/index.ts";
import type { Declaration } from "./task.ts";
import { textClassification } from "./text-classification/index.ts";
import { textGeneration } from "./text-generation/index.ts";
import { tokenClassification } from "./token-classification/index.ts";
import { translation } from "./translation/index.ts";

/** Every task; to add one, add its declaration. */
export const DECLARATIONS: readonly Declaration[] = [
  textClassification,
  tokenClassification,
  tabularClassification,
  tabularRegression,
  imageClassification,
  textGeneration,
  fillMaskTask,
  translation,
  featureExtraction,
  sentenceSimilarity,
];

/** What the task of a name says of itself. */
export const declarationOf = (name: string): Declaration | undefined => DECLARATIONS.find((task) => task.name === name);
