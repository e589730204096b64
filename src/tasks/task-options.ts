import { checkOptions, type Known, nearestName, OptionError } from "../backend/options.ts";
import { TaskError } from "./error.ts";
import { namesModel } from "./folder.ts";
import type { EvaluateOptions, TaskOptions } from "./settings.ts";
import type { Predictor, Task } from "./task.ts";

const DATA = { data: true, validation: true, output: true, model: true, range: true, args: true } as const;
const COLUMNS = { textColumn: true, labelColumn: true } as const;
const LANGUAGES = { sourceLanguage: true, targetLanguage: true, sourceColumn: true, targetColumn: true } as const;
const CLASSES = { labelSmoothingFactor: true, classWeights: true } as const;
const LAYERS = { layers: true, hiddenSize: true, dropout: true } as const;
const WIDTHS = { embeddingSize: true, heads: true, intermediateSize: true } as const;
const AWD = { inputDropout: true, hiddenDropout: true, embeddingDropout: true, weightDropout: true } as const;
const ADAPTER = { lora: true, loraAlpha: true, loraTarget: true, freeze: true } as const;

/** What `train` of every task takes. */
const ALL: Known<TaskOptions> = {
  ...{ ...DATA, ...COLUMNS, ...LANGUAGES, ...CLASSES, ...LAYERS, ...WIDTHS, ...AWD, ...ADAPTER },
  ...{ sourcePrefix: true, vocabSize: true, maxLength: true, embeddings: true, tokenizer: true, blockSize: true },
  ...{ tieWeights: true, packing: true, mlmProbability: true, callbacks: true, say: true },
};
const EVALUATE: Known<EvaluateOptions> = { data: true, range: true, quiet: true, ...COLUMNS, ...LANGUAGES };

type Names = Partial<Record<keyof TaskOptions, true>>;
/** What a task hears, of its presets and of pretrained models; `evaluate` hears the first. */
interface Heard {
  always: Names;
  preset?: Names;
  pretrained?: Names;
}
const TABULAR = { always: { labelColumn: true }, preset: LAYERS } as const;
const CLASSIFICATION: Heard = {
  always: COLUMNS,
  preset: { ...CLASSES, ...LAYERS, ...WIDTHS, vocabSize: true, maxLength: true, embeddings: true },
  pretrained: { ...CLASSES, ...ADAPTER, dropout: true, maxLength: true },
};
const HEARD: Readonly<Record<string, Heard>> = {
  "text-classification": CLASSIFICATION,
  "token-classification": CLASSIFICATION,
  "tabular-classification": { ...TABULAR, preset: { ...LAYERS, ...CLASSES } },
  "tabular-regression": TABULAR,
  "image-classification": { always: {}, preset: { ...LAYERS, ...CLASSES } },
  "text-generation": {
    always: { textColumn: true },
    preset: {
      ...{ ...LAYERS, ...WIDTHS, ...AWD, vocabSize: true, embeddings: true, tokenizer: true, blockSize: true },
      tieWeights: true,
    },
    pretrained: { ...ADAPTER, dropout: true, blockSize: true, maxLength: true, packing: true },
  },
  "fill-mask": {
    always: { textColumn: true },
    pretrained: { ...ADAPTER, dropout: true, maxLength: true, mlmProbability: true },
  },
  translation: {
    always: LANGUAGES,
    preset: { ...LAYERS, ...WIDTHS, labelSmoothingFactor: true, tokenizer: true, vocabSize: true, maxLength: true },
    pretrained: { ...ADAPTER, sourcePrefix: true, labelSmoothingFactor: true, dropout: true, maxLength: true },
  },
  "feature-extraction": { always: COLUMNS },
  "sentence-similarity": { always: COLUMNS },
};

const flagOf = (name: string) => `--${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
/** Names of presets may be misspelt; what is near one is no folder. Throws {@link TaskError}. */
function checkPreset({ name, presets }: Task, model: string | undefined): boolean {
  if (model === undefined) return false;
  if (typeof model !== "string") throw new TaskError(`${name}: model is ${typeof model}; expected a name`);
  if (namesModel(model, presets)) return true;
  if (presets.includes(model) || presets.length === 0) return false;
  const near = nearestName(model, presets);
  throw new TaskError(
    `${name} has no preset ${model}`,
    `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${presets.join(", ")}. A model to fine-tune is a folder (./NAME) or hub:OWNER/NAME.`,
  );
}

/** Throws OptionError for the first option that a task does not hear, and says whose it is. */
function checkHeard(task: Task, given: object, pretrained: boolean): void {
  const { always, preset, pretrained: tuned } = HEARD[task.name] ?? { always: {} };
  const own: Names = { ...DATA, callbacks: true, say: true, ...always, ...(pretrained ? tuned : (preset ?? tuned)) };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || name in own) continue;
    const other = pretrained ? preset : tuned;
    const who = Object.keys(HEARD).filter((t) => {
      const heard = HEARD[t];
      return t !== task.name && name in { ...heard.always, ...heard.preset, ...heard.pretrained };
    });
    const whose =
      other !== undefined && name in other ? (pretrained ? "the presets" : "pretrained models") : who.join(", ");
    throw new OptionError(
      `${task.name}: ${flagOf(name)} (${name}) is not for ${pretrained ? "a pretrained model" : task.presets.length > 0 ? "its presets" : "it"}`,
      `It is for ${whose}. Leave it out.`,
    );
  }
}

/** A task whose doors refuse what they do not know, and what would not be heard. */
export function guarded(task: Task): Task {
  const { name } = task;
  return {
    ...task,
    async train(options) {
      checkOptions(`${name}: train`, options, ALL);
      const pretrained = checkPreset(task, options.model);
      if (name in HEARD && task.presets.length + Number(pretrained) > 0) checkHeard(task, options, pretrained);
      return task.train(options);
    },
    async load(folder) {
      const predictor: Predictor = await task.load(folder);
      return {
        ...predictor,
        async evaluate(options) {
          checkOptions(`${name}: evaluate`, options, EVALUATE);
          const heard = { data: true, range: true, quiet: true, ...HEARD[name]?.always };
          const deaf = Object.entries(options).find(([key, value]) => value !== undefined && !(key in heard));
          if (deaf !== undefined)
            throw new OptionError(`${name}: ${flagOf(deaf[0])} (${deaf[0]}) is not for it`, "Leave it out.");
          return predictor.evaluate(options);
        },
      };
    },
  };
}
