import { NOT_PREDICTED, PREDICT } from "../predict-options.ts";
import type { Declaration } from "../task.ts";
import { OPTIONS, PRESETS, PRETRAINED } from "./options.ts";

/** Language models: the text that goes on. Of pretrained models also the answer to a conversation. */
export const textGeneration: Declaration = {
  name: "text-generation",
  help: "a language model: texts are written on",
  options: OPTIONS,
  presets: PRESETS,
  pretrained: PRETRAINED,
  predict: PREDICT["text-generation"],
  unpredicted: NOT_PREDICTED["text-generation"],
  code: async () => (await import("./code.ts")).code,
};
