import type { Declaration } from "../task.ts";
import { OF_CLASSES, OF_NUMBERS, OPTIONS } from "./options.ts";

/** Rows of numbers and words, and their class. */
export const tabularClassification: Declaration = {
  name: "tabular-classification",
  help: "a class for each row of a table",
  options: OPTIONS,
  presets: OF_CLASSES,
  predict: {},
  code: async () => (await import("./code.ts")).classification,
};

/** Rows of numbers and words, and a number for each. */
export const tabularRegression: Declaration = {
  name: "tabular-regression",
  help: "a number for each row of a table",
  options: OPTIONS,
  presets: OF_NUMBERS,
  predict: {},
  code: async () => (await import("./code.ts")).regression,
};
