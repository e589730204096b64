import type { Declaration } from "../task.ts";

/** Words of sentences, and a tag for each: entities, parts of speech. */
export const tokenClassification: Declaration = {
  name: "token-classification",
  presets: ["lstm", "rnn", "gru", "transformer"],
  code: async () => (await import("./code.ts")).code,
};
