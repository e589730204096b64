import { pick } from "../../options/index.ts";
import { COLUMNS } from "../options/data.ts";
import type { ModelDeclaration } from "../options/declare.ts";
import { MASKS, SMOOTHING } from "../options/models.ts";
import { WRITER_TUNING } from "../pretrained/options.ts";

export const OPTIONS = pick(COLUMNS, "textColumn");

/** Transformers' defaults for masked models (run_mlm). */
export const PRETRAINED = {
  ...WRITER_TUNING,
  options: { ...WRITER_TUNING.options, ...MASKS, ...SMOOTHING },
  defaults: { ...WRITER_TUNING.defaults, mlmProbability: 0.15 },
} satisfies ModelDeclaration;
