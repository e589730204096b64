import type { Declaration } from "../task.ts";
import { PRESETS } from "./recipes.ts";

/** Language models: the text that goes on. Of pretrained models also the answer to a conversation. */
export const textGeneration: Declaration = {
  name: "text-generation",
  presets: PRESETS,
  code: async () => (await import("./code.ts")).code,
};
