import { NOT_PREDICTED, PREDICT } from "../predict-options.ts";
import type { Declaration } from "../task.ts";
import { OPTIONS, PRETRAINED } from "./options.ts";

/** Masked language models (BERT and its kin): the tokens that a mask hides. */
export const fillMaskTask: Declaration = {
  name: "fill-mask",
  help: "words in the place of masks",
  options: OPTIONS,
  presets: {},
  pretrained: PRETRAINED,
  predict: PREDICT["fill-mask"],
  unpredicted: NOT_PREDICTED["fill-mask"],
  code: async () => (await import("./code.ts")).code,
};
