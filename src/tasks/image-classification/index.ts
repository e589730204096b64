import type { Declaration } from "../task.ts";

/** Images, and their class. */
export const imageClassification: Declaration = {
  name: "image-classification",
  presets: ["mlp", "linear"],
  code: async () => (await import("./code.ts")).code,
};
