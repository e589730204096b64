import type { TextExample } from "../../data/index.ts";
import { autoModels } from "../../models/index.ts";
import { readConfig } from "../folder.ts";
import type { TaskCode } from "../task.ts";
import { type TextsAbout, textReader } from "./data.ts";
import { openPreset, plan } from "./presets.ts";
import { openPretrained, tune } from "./pretrained.ts";

export const code: TaskCode<TextExample, TextsAbout> = {
  reader: textReader,
  plan,
  tune,
  async open(folder) {
    const config = readConfig(folder);
    return autoModels.knows(config) ? openPretrained(folder) : openPreset(folder, config);
  },
};
