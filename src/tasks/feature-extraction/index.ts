import { COLUMNS } from "../options/data.ts";
import { NOT_PREDICTED, PREDICT } from "../predict-options.ts";
import type { Declaration } from "../task.ts";

const code = async () => import("./code.ts");

/** Hidden states of encoders as they are or pooled; evaluated on pairs of texts with a number, as sentence-similarity. */
export const featureExtraction: Declaration = {
  name: "feature-extraction",
  help: "vectors of texts",
  options: COLUMNS,
  presets: {},
  predict: PREDICT["feature-extraction"],
  unpredicted: NOT_PREDICTED["feature-extraction"],
  code: async () => (await code()).features,
};

/** Cosines of the vectors of two texts, held against numbers that people gave them (STS-B). */
export const sentenceSimilarity: Declaration = {
  name: "sentence-similarity",
  help: "how much alike two texts are",
  options: COLUMNS,
  presets: {},
  predict: {},
  code: async () => (await code()).similarities,
};
