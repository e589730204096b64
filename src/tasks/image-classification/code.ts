import type { TaskCode } from "../task.ts";
import { type ImagesAbout, imageReader, type LabelledImage } from "./data.ts";
import { openPreset, plan } from "./presets.ts";

export const code: TaskCode<LabelledImage, ImagesAbout> = {
  reader: imageReader,
  plan,
  open: async (folder) => openPreset(folder),
};
