import type { Declaration } from "../task.ts";

/** Rows of numbers and words, and their class. */
export const tabularClassification: Declaration = {
  name: "tabular-classification",
  presets: ["mlp", "linear", "perceptron"],
  code: async () => (await import("./code.ts")).classification,
};

/** Rows of numbers and words, and a number for each. */
export const tabularRegression: Declaration = {
  name: "tabular-regression",
  presets: ["mlp", "linear"],
  code: async () => (await import("./code.ts")).regression,
};
