import { nearestName, OptionError } from "../../backend/options.ts";
import { checkTable, flagOf, type Table } from "../../options/index.ts";
import { asksNothing, REFUSED } from "../../train/arguments/argument-names.ts";
import { ARGUMENTS, OTHER_WAYS } from "../../train/arguments/table.ts";
import { DECLARATIONS } from "../declarations.ts";
import { TaskError } from "../error.ts";
import { namesModel } from "../folder.ts";
import { DATA, HANDED, MEASURED } from "./data.ts";
import type { ModelDeclaration, TaskAbout } from "./declare.ts";
import { ALL, EVALUATE } from "./index.ts";
import { TASK_DEFAULTS, TASK_NOTES, TRAINING } from "./training.ts";

/** What one model of a task hears when it is trained. */
export interface Hearing {
  readonly task: TaskAbout;
  /** The preset; undefined for a pretrained model, and for a task that has no presets where none is named. */
  readonly preset?: string;
  readonly pretrained: boolean;
  /** What the task hears. */
  readonly options: Table;
  /** What its training does. */
  readonly arguments: Table;
  /** What holds where nothing else is said. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** What `--help` says of it. */
  readonly notes: Readonly<Record<string, string | undefined>>;
}

/** Every option that the training of some task hears; a task's own stand in its declaration alone. */
export const EVERY: Table = Object.assign(
  { ...ALL },
  ...DECLARATIONS.flatMap((task) => [task.options, ...modelsOf(task).map(([, { options }]) => options)]),
);

const MODELS = "A model to fine-tune is a folder (./NAME) or hub:OWNER/NAME.";

/**
 * What a task hears of `train` with a model: the default preset where none is named.
 * @throws TaskError for what is no preset; what is near one is no folder
 */
export function hearing(task: TaskAbout, model: string | undefined): Hearing {
  const { name } = task;
  const presets = Object.keys(task.presets);
  if (model !== undefined && typeof model !== "string")
    throw new TaskError(`${name}: model is ${typeof model}; expected a name`);
  const pretrained = model !== undefined && namesModel(model, presets);
  if (model !== undefined && !pretrained && presets.length > 0 && !presets.includes(model)) {
    const near = nearestName(model, presets);
    throw new TaskError(
      `${name} has no preset ${model}`,
      `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${presets.join(", ")}. ${MODELS}`,
    );
  }
  const preset = pretrained || presets.length === 0 ? undefined : (model ?? presets[0]);
  // A task without presets trains what is named and nothing else.
  const own = preset === undefined ? task.pretrained : task.presets[preset];
  return {
    ...{ task, preset, pretrained },
    options: { ...DATA, ...task.options, ...own?.options },
    arguments: own?.arguments ?? TRAINING,
    defaults: { ...TASK_DEFAULTS, ...own?.defaults },
    notes: { ...TASK_NOTES, ...own?.notes },
  };
}

/** Every model that a task can train, by its name. */
function modelsOf({ presets, pretrained }: TaskAbout): [who: string, ModelDeclaration][] {
  const own: [string, ModelDeclaration][] = Object.entries(presets);
  return pretrained === undefined ? own : [...own, ["pretrained models", pretrained]];
}
const hears = ({ options, arguments: list = TRAINING }: ModelDeclaration, name: string) =>
  name in options || name in list;

/** That an option is not for a model, and what it is for. */
export function notFor({ task, preset, pretrained }: Hearing, name: string): OptionError {
  const parts = modelsOf(task).filter(([, part]) => hears(part, name));
  const presets = parts.filter(([who]) => who in task.presets).map(([who]) => who);
  const who = pretrained
    ? "a pretrained model"
    : preset === undefined
      ? "it"
      : presets.length === 0
        ? "its presets"
        : `its preset ${preset}`;
  const message = `${task.name}: ${flagOf(name)} (${name}) is not for ${who}`;
  if (parts.length > 0) {
    const tuned = parts.length > presets.length;
    const named = presets.length > 0 ? [`the preset${presets.length > 1 ? "s" : ""} ${presets.join(", ")}`] : [];
    const whose = [...named, ...(tuned ? ["pretrained models"] : [])].join(" and ");
    const how =
      tuned && !pretrained ? "Name one: --model ./FOLDER or hub:OWNER/NAME; or leave it out." : "Leave it out.";
    return new OptionError(message, `It is for ${whose}. ${how}`);
  }
  const others = DECLARATIONS.filter(
    (other) => name in other.options || modelsOf(other).some(([, part]) => name in part.options),
  );
  return new OptionError(message, `It is for ${others.map((other) => other.name).join(", ")}. Leave it out.`);
}

const notHere: Readonly<Record<string, string>> = {
  ...REFUSED,
  outputDir: "The folder is output (--output).",
};

/**
 * Refuses what a task's `train` does not hear, before any data is read.
 * @throws TaskError for what is no preset; OptionError for unknown names, for options that are not for this model (with those that
 *   they are for), and for values that an option does not take
 */
export function checkTrain(task: TaskAbout, given: object): Hearing {
  const where = `${task.name}: train`;
  checkTable(where, given, EVERY);
  const options = given as { model?: string; args?: Record<string, unknown> };
  const heard = hearing(task, options.model);
  // What cannot be trained says so itself.
  if (heard.preset === undefined && !heard.pretrained) return heard;
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && !(name in heard.options) && !(name in HANDED)) throw notFor(heard, name);
  for (const [name, { required }] of Object.entries(DATA))
    if (required && (given as Record<string, unknown>)[name] === undefined)
      throw new OptionError(`${where}: ${flagOf(name)} (${name}) is missing`, `Give ${DATA[name as "data"].help}.`);
  checkArgs(heard, options.args);
  return heard;
}

/** The same of the settings of its training, which have names of their own. */
function checkArgs(heard: Hearing, args: Record<string, unknown> | undefined): void {
  if (args === undefined) return;
  const asking =
    args !== null && typeof args === "object" && !Array.isArray(args)
      ? Object.fromEntries(Object.entries(args).filter(([name, value]) => !asksNothing(name, value)))
      : args;
  checkTable(`${heard.task.name}: args`, asking, { ...ARGUMENTS, ...OTHER_WAYS }, notHere);
  for (const [name, value] of Object.entries(asking)) {
    if (value === undefined || name in heard.arguments || name === "precision" || name === "perDeviceEvalBatchSize")
      continue;
    if (!(name in heard.options)) throw notFor(heard, name);
  }
}

/** Refuses what a task's `evaluate` does not hear. Throws OptionError. */
export function checkEvaluate({ name: task, options }: TaskAbout, given: object): void {
  const where = `${task}: evaluate`;
  checkTable(where, given, { ...EVALUATE, ...options, quiet: ARGUMENTS.quiet });
  const own: Table = { ...MEASURED, ...options, quiet: ARGUMENTS.quiet };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || name in own) continue;
    const whose = DECLARATIONS.filter((other) => name in other.options).map((other) => other.name);
    throw new OptionError(
      `${task}: ${flagOf(name)} (${name}) is not for it`,
      `It is for ${whose.join(", ")}. Leave it out.`,
    );
  }
}
