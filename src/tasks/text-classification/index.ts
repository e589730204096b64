import { CLASSES } from "../options/models.ts";
import { NOT_PREDICTED, PREDICT } from "../predict-options.ts";
import { FINE_TUNING } from "../pretrained/options.ts";
import type { Declaration } from "../task.ts";
import { OPTIONS, PRESETS } from "./options.ts";

/** Texts, or pairs of texts, and their class; of pretrained models also a number for each. */
export const textClassification: Declaration = {
  name: "text-classification",
  aliases: ["sentiment", "sentiment-analysis"],
  help: "a class for each text",
  options: OPTIONS,
  presets: PRESETS,
  pretrained: { ...FINE_TUNING, options: { ...FINE_TUNING.options, ...CLASSES } },
  predict: PREDICT["text-classification"],
  unpredicted: NOT_PREDICTED["text-classification"],
  code: async () => (await import("./code.ts")).code,
};
