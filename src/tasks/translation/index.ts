import { NOT_PREDICTED, PREDICT } from "../predict-options.ts";
import type { Declaration } from "../task.ts";
import { OPTIONS, PRESETS, PRETRAINED } from "./options.ts";

/** Texts of one language are read, those of another written. */
export const translation: Declaration = {
  name: "translation",
  help: "texts of one language, written in another",
  options: OPTIONS,
  presets: PRESETS,
  pretrained: PRETRAINED,
  predict: PREDICT.translation,
  unpredicted: NOT_PREDICTED.translation,
  code: async () => (await import("./code.ts")).code,
};
