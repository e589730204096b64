import type { SentencePair } from "../../data/index.ts";
import { autoModels } from "../../models/index.ts";
import { AutoTokenizer } from "../../text/index.ts";
import { loraRate } from "../pretrained/adapting.ts";
import { MAX_LENGTH, openToTune, savedAs } from "../pretrained/fine-tuning.ts";
import { lengthFor } from "../pretrained/length.ts";
import { WRITER_TUNING } from "../pretrained/options.ts";
import type { Lessons } from "../reading.ts";
import { recipeOf, smoothingOf, trainingArgs } from "../shared/recipes.ts";
import type { Course, ModelOptions, Plan } from "../task.ts";
import { type PairsAbout, sayPairs } from "./data.ts";
import { type LearnedTranslator, lessonsOf, Translator } from "./translator.ts";

/** A checkpoint that goes on learning to translate. */
export async function tune(
  options: ModelOptions,
  data: Lessons<SentencePair, PairsAbout>,
  folder: string,
): Promise<Plan> {
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  sayPairs(data, options);
  const { sourceLanguage, targetLanguage } = data.train.about;
  const maxLength = lengthFor(autoModels.config(folder), tokenizer.modelMaxLength, options.maxLength ?? MAX_LENGTH);
  const labelSmoothing = smoothingOf(options) ?? 0;
  const settings = { sourceLanguage, targetLanguage, maxLength };
  return {
    args: trainingArgs(options, { ...recipeOf(WRITER_TUNING.defaults), ...loraRate(options) }, "bleu"),
    settings,
    begin(): Course {
      const opened = openToTune(folder, "seq2seqLm", options);
      const model = opened.model as LearnedTranslator;
      const { sourcePrefix: prefix, sourceColumn, targetColumn } = options;
      const translator = new Translator(model, tokenizer, {
        ...{ maxLength, prefix, targetLanguage },
        defaults: { numBeams: 1 },
      });
      const { lessons } = lessonsOf(translator, data, labelSmoothing);
      return {
        ...{ model, lessons, end: opened.adapting.finish },
        identity: [
          ...[model.config, settings, sourceColumn, targetColumn, prefix, labelSmoothing],
          opened.adapting.identity,
        ],
        ...savedAs(model, tokenizer),
      };
    },
  };
}
