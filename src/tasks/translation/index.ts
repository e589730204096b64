import type { Declaration } from "../task.ts";

/** Texts of one language are read, those of another written. */
export const translation: Declaration = {
  name: "translation",
  presets: ["lstm-attention", "transformer"],
  code: async () => (await import("./code.ts")).code,
};
