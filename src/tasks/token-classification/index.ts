import { CLASSES } from "../options/models.ts";
import { NOT_PREDICTED, PREDICT } from "../predict-options.ts";
import { FINE_TUNING } from "../pretrained/options.ts";
import type { Declaration } from "../task.ts";
import { OPTIONS, PRESETS } from "./options.ts";

/** Words of sentences, and a tag for each: entities, parts of speech. */
export const tokenClassification: Declaration = {
  name: "token-classification",
  aliases: ["ner"],
  help: "a tag for each word: names, parts of speech",
  options: OPTIONS,
  presets: PRESETS,
  pretrained: { ...FINE_TUNING, options: { ...FINE_TUNING.options, ...CLASSES } },
  predict: PREDICT["token-classification"],
  unpredicted: NOT_PREDICTED["token-classification"],
  code: async () => (await import("./code.ts")).code,
};
