import type { Declaration } from "../task.ts";

/** Texts, or pairs of texts, and their class; of pretrained models also a number for each. */
export const textClassification: Declaration = {
  name: "text-classification",
  presets: ["mlp", "bag-of-words", "rnn", "gru", "lstm", "transformer"],
  code: async () => (await import("./code.ts")).code,
};
