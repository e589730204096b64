import { pick } from "../../options/index.ts";
import type { Defaults, ModelDeclaration } from "../options/declare.ts";
import { ADAPTER, LAYERS, LENGTH } from "../options/models.ts";

/** What every pretrained model hears when it goes on learning. */
const OPTIONS = { ...ADAPTER, ...pick(LAYERS, "dropout"), ...LENGTH };
const NOTES = {
  learningRate: "3e-4 with --lora",
  maxLength: "or what the model takes",
  dropout: "the model's own",
};

/** Transformers' defaults for GLUE. */
export const FINE_TUNING = {
  options: OPTIONS,
  defaults: {
    ...{ numTrainEpochs: 3, learningRate: 5e-5, weightDecay: 0.01, perDeviceTrainBatchSize: 32, maxGradNorm: 1 },
    maxLength: 128,
  },
  notes: NOTES,
} satisfies ModelDeclaration;

/** Transformers' defaults for models that write or fill in (run_clm, run_mlm, run_translation). */
export const WRITER_TUNING = {
  options: OPTIONS,
  defaults: {
    ...{ numTrainEpochs: 3, learningRate: 5e-5, perDeviceTrainBatchSize: 8, maxGradNorm: 1 },
    maxLength: 128,
  },
  notes: NOTES,
} satisfies ModelDeclaration;

/** The rate that an adapter learns with where none is given; the weights themselves take less. */
export const ADAPTER_DEFAULTS = { learningRate: 3e-4 } satisfies Defaults;
