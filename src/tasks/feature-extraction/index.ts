import type { Declaration } from "../task.ts";

const code = async () => import("./code.ts");

/** Hidden states of encoders as they are or pooled; evaluated on pairs of texts with a number, as sentence-similarity. */
export const featureExtraction: Declaration = {
  name: "feature-extraction",
  presets: [],
  code: async () => (await code()).features,
};

/** Cosines of the vectors of two texts, held against numbers that people gave them (STS-B). */
export const sentenceSimilarity: Declaration = {
  name: "sentence-similarity",
  presets: [],
  code: async () => (await code()).similarities,
};
