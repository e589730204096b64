import { autoModels } from "../../models/index.ts";
import { readConfig } from "../folder.ts";
import type { TaskCode } from "../task.ts";
import { type LanguageAbout, languageReader, type Sample } from "./data.ts";
import { openPreset, plan } from "./presets.ts";
import { openPretrained, tune } from "./pretrained.ts";

export const code: TaskCode<Sample, LanguageAbout> = {
  reader: languageReader,
  plan,
  tune,
  async open(folder) {
    const config = readConfig(folder);
    // The presets' own models have a block size.
    const preset = config.block_size !== undefined || !autoModels.knows(config);
    return preset ? openPreset(folder, config) : openPretrained(folder);
  },
};
