import { plainTexts, readPartTexts } from "../shared/texts.ts";
import type { TaskCode } from "../task.ts";
import { openPretrained, tune } from "./pretrained.ts";

export const code: TaskCode<string> = { reader: plainTexts(readPartTexts), tune, open: openPretrained };
