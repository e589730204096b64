import type { SentencePair } from "../../data/index.ts";
import { GenerationConfig, type MarianConfig, type PreTrainedModel } from "../../models/index.ts";
import { savedAs } from "../pretrained/fine-tuning.ts";
import type { Lessons } from "../reading.ts";
import { smoothingOf, trainingArgs } from "../shared/recipes.ts";
import type { Course, ModelOptions, Plan } from "../task.ts";
import { type PairsAbout, sayPairs } from "./data.ts";
import { argsFor, freshModel, type Preset } from "./models.ts";
import { PRESETS } from "./options.ts";
import { makePairTokenizer } from "./tokenizer.ts";
import { lessonsOf, Translator } from "./translator.ts";

/** How a preset writes unless something else is said. */
function writingFor({ config }: PreTrainedModel): GenerationConfig {
  const { eosTokenId, decoderStartTokenId, forcedEosTokenId, padTokenId, badWordsIds } = config as MarianConfig;
  return new GenerationConfig({
    numBeams: 4,
    ...{ padTokenId, eosTokenId, decoderStartTokenId: decoderStartTokenId ?? undefined },
    ...{ forcedEosTokenId, badWordsIds, maxLength: 512 },
  });
}

/** A model that is made here, and a tokenizer of its own. */
export async function plan(options: ModelOptions, data: Lessons<SentencePair, PairsAbout>): Promise<Plan> {
  const preset = options.model as Preset;
  const { defaults } = PRESETS[preset];
  sayPairs(data, options);
  const { sourceLanguage, targetLanguage } = data.train.about;
  const { examples: pairs } = data.train;
  const texts = pairs.flatMap(({ source, target }) => [source, target]);
  const tokenizer = await makePairTokenizer(
    options.tokenizer ?? defaults.tokenizer,
    texts,
    options.vocabSize ?? defaults.vocabSize,
  );
  const maxLength = options.maxLength ?? defaults.maxLength;
  const labelSmoothing = smoothingOf(options) ?? defaults.labelSmoothingFactor;
  const settings = { sourceLanguage, targetLanguage, maxLength };
  return {
    args: trainingArgs(options, argsFor(preset, options, pairs.length), "bleu"),
    settings,
    begin(): Course {
      const model = freshModel(preset, options, tokenizer, maxLength);
      model.generationConfig = writingFor(model);
      const translator = new Translator(model, tokenizer, { maxLength, targetLanguage, defaults: { numBeams: 1 } });
      const { lessons, tokens } = lessonsOf(translator, data, labelSmoothing);
      const number = (n: number) => n.toLocaleString("en-US");
      options.say?.(`${number(tokenizer.vocabSize)} pieces of both languages; ${number(tokens)} tokens to train on`);
      const { sourceColumn, targetColumn } = options;
      return {
        ...{ model, lessons, identity: [model.config, settings, sourceColumn, targetColumn, labelSmoothing] },
        ...savedAs(model, tokenizer),
      };
    },
  };
}
