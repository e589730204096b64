import type { Declaration } from "../task.ts";
import { PRESETS } from "./options.ts";

/** Images, and their class. */
export const imageClassification: Declaration = {
  name: "image-classification",
  help: "a class for each image",
  options: {},
  presets: PRESETS,
  predict: {},
  code: async () => (await import("./code.ts")).code,
};
