import type { SentencePair } from "../../data/index.ts";
import { autoModels } from "../../models/index.ts";
import { AutoTokenizer } from "../../text/index.ts";
import { Isolation } from "../../train/run/isolation.ts";
import { settingsOf } from "../folder.ts";
import type { PredictOptions, TranslationOptions } from "../predict-options.ts";
import { MAX_LENGTH } from "../pretrained/fine-tuning.ts";
import { lengthFor } from "../pretrained/length.ts";
import { readInputs, readPartTexts } from "../shared/texts.ts";
import type { Opened, TaskCode } from "../task.ts";
import { type PairsAbout, pairReader } from "./data.ts";
import { plan } from "./presets.ts";
import { tune } from "./pretrained.ts";
import { type LearnedTranslator, Translator } from "./translator.ts";

/** Opens a model that was trained here, or any of Hugging Face's that writes another text than it reads. */
async function open(folder: string): Promise<Opened<SentencePair, PairsAbout>> {
  const { maxLength = MAX_LENGTH, sourcePrefix: prefix, ...trained } = settingsOf(folder);
  const here = Isolation.here();
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const model = here.within(() => autoModels.load(folder, "seq2seqLm")).model as LearnedTranslator;
  const { sourceLanguage, targetLanguage, sourceColumn, targetColumn } = trained;
  const columns = (sourceColumn ?? targetColumn) === undefined ? undefined : { sourceColumn, targetColumn };
  const translator = new Translator(model, tokenizer, {
    ...{ prefix, targetLanguage },
    maxLength: lengthFor(model.config, tokenizer.modelMaxLength, maxLength),
  });
  const predict = async (inputs: readonly string[], options: PredictOptions) => {
    const texts = translator.translate(inputs, options as TranslationOptions);
    const n = texts.length / Math.max(1, inputs.length);
    return inputs.map((_, i) => {
      const all = texts.slice(i * n, (i + 1) * n).map((translation_text) => ({ translation_text }));
      return n === 1 ? all[0] : all;
    });
  };
  return {
    model,
    remembered: { sourceLanguage, targetLanguage },
    about: columns && { chosen: "", columns },
    predict,
    predictFile: async (path, options, { textColumn }) =>
      predict(await readInputs(path, textColumn, readPartTexts), options),
    evaluate: async ({ examples }) => ({ metrics: await translator.score(examples, translator.encode(examples)) }),
  };
}

export const code: TaskCode<SentencePair, PairsAbout> = { reader: pairReader, plan, tune, open };
