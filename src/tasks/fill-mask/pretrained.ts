import { DataError } from "../../data/index.ts";
import { autoModels, type MaskedLm } from "../../models/index.ts";
import { crossEntropy } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { AutoTokenizer } from "../../text/index.ts";
import { DEFAULTS } from "../../train/index.ts";
import { Isolation } from "../../train/run/isolation.ts";
import { TaskError } from "../error.ts";
import { settingsOf } from "../folder.ts";
import type { FillMaskOptions } from "../predict-options.ts";
import { loraRate } from "../pretrained/adapting.ts";
import { modelFor, openToTune, savedAs } from "../pretrained/fine-tuning.ts";
import type { Lessons } from "../reading.ts";
import { refuseClassOptions } from "../shared/classes.ts";
import { recipeOf, smoothingOf, trainingArgs } from "../shared/recipes.ts";
import { readInputs, readPartTexts } from "../shared/texts.ts";
import type { Course, CourseLessons, ModelOptions, Opened, Plan } from "../task.ts";
import { encodeTexts, type MaskedBatch, MaskedBlocks } from "./blocks.ts";
import { fillMask } from "./filling.ts";
import { hidingFor, scoreGuesses } from "./hiding.ts";
import { PRETRAINED } from "./options.ts";

/**
 * Goes on with a checkpoint's pretraining: texts joined and cut into blocks, a share of the tokens hidden and guessed. Options as
 * those of Transformers' run_mlm.
 */
export async function tune(options: ModelOptions, data: Lessons<string>, folder: string): Promise<Plan> {
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  refuseClassOptions("fill-mask", options, false);
  const args = trainingArgs(options, { ...recipeOf(PRETRAINED.defaults), ...loraRate(options) }, "loss");
  const hiding = hidingFor(modelFor(folder, "maskedLm").config, tokenizer, options);
  const { block, masking } = hiding;
  const [ids, held] = [data.train, data.validation].map(({ examples }) => encodeTexts(tokenizer, examples));
  const trainDataset = new MaskedBlocks(ids, { block, masking, seed: args.seed ?? DEFAULTS.seed });
  if (trainDataset.length === 0) {
    throw new DataError(
      `${options.data}: ${ids.length} tokens are less than one block of ${block}`,
      "Give more text, or a smaller --max-length.",
    );
  }
  const number = (n: number) => n.toLocaleString("en-US");
  options.say?.(
    `${number(trainDataset.length)} blocks of ${block} tokens to train on, ${number(held.length)} tokens to validate; ${Number((100 * masking.probability).toFixed(2))} % are hidden`,
  );
  const labelSmoothing = smoothingOf(options);
  const begin = (): Course => {
    const opened = openToTune(folder, "maskedLm", options);
    const model = opened.model as MaskedLm;
    const { adapting } = opened;
    const lessons: CourseLessons<MaskedBlocks, MaskedBatch> = {
      trainDataset,
      computeLoss(batch) {
        const { loss, logits } = model.forward(batch);
        return labelSmoothing ? crossEntropy(logits, batch.labels, { labelSmoothing }) : (loss as Tensor);
      },
      evaluate: held.length > 0 ? () => scoreGuesses(model, held, hiding) : undefined,
    };
    return {
      ...{ model, lessons, end: adapting.finish },
      identity: [model.config, block, masking.probability, adapting.identity, labelSmoothing],
      ...savedAs(model, tokenizer),
    };
  };
  return { args, settings: { maxLength: block, mlmProbability: masking.probability }, begin };
}

/** A masked language model that was trained here, or any of Hugging Face's with its tokenizer. */
export async function openPretrained(folder: string): Promise<Opened<string>> {
  const here = Isolation.here();
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const opened = here.within(() => autoModels.load(folder, "maskedLm"));
  const { missing } = opened.report;
  if (missing.length > 0) {
    throw new TaskError(
      `${folder}: the checkpoint has no ${missing.slice(0, 3).join(", ")}${missing.length > 3 ? " …" : ""}`,
      `Its head for masks is not trained: shoshin train fill-mask --model ${folder} --data TEXTS.`,
    );
  }
  const model = opened.model as MaskedLm;
  const hiding = hidingFor(model.config, tokenizer, settingsOf(folder));
  const predict: Opened["predict"] = async (inputs, options) =>
    fillMask(model, tokenizer, inputs, options as FillMaskOptions);
  return {
    ...{ model, predict },
    predictFile: async (path, options, { textColumn }) =>
      predict(await readInputs(path, textColumn, readPartTexts), options),
    async evaluate({ examples }, source) {
      const ids = encodeTexts(tokenizer, examples);
      const metrics = await scoreGuesses(model, ids, hiding);
      if (metrics.tokens === 0) throw new DataError(`${source}: no text`);
      return { examples: Math.ceil(ids.length / hiding.block), metrics };
    },
  };
}
