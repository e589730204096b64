import type { Declaration } from "../task.ts";

/** Masked language models (BERT and its kin): the tokens that a mask hides. */
export const fillMaskTask: Declaration = {
  name: "fill-mask",
  presets: [],
  code: async () => (await import("./code.ts")).code,
};
