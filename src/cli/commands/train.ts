import type { Command } from "commander";
import { OptionError } from "../../backend/options.ts";
import { camel, ownName, readValues, type Table, text, valuesFor, withDefaults } from "../../options/index.ts";
import { DECLARATIONS, declarationOf } from "../../tasks/declarations.ts";
import { getTask, type TaskOptions } from "../../tasks/index.ts";
import { EVERY, type Hearing, hearing, notFor } from "../../tasks/options/check.ts";
import { DATA } from "../../tasks/options/data.ts";
import type { TaskAbout } from "../../tasks/options/declare.ts";
import { TASK_DEFAULTS, TASK_NOTES, TRAINING } from "../../tasks/options/training.ts";
import { runTask } from "../../tasks/run.ts";
import type { Declaration } from "../../tasks/task.ts";
import { asksNothing, REFUSED } from "../../train/arguments/argument-names.ts";
import { applyCommon, COMMON } from "../common.ts";
import { readConfig } from "../config.ts";
import { addTable, checkRequired, type Flags, flagsOf, readFlags, shownOptions } from "../flags.ts";
import { refuseUnknown, type Shown, showHelp } from "../help.ts";
import { describeTraining, print, say } from "../print.ts";

const CONFIG = {
  config: text({ argument: "file", help: "YAML or JSON with any of these; flags win" }),
};
/** Every option that some task hears: what a command line may hold before it is known what is trained. */
const ANY: Table = { ...EVERY, ...TRAINING, ...COMMON, ...CONFIG };

/** What is not heard here under a name that others have. */
const NOT_HERE: Readonly<Record<string, string>> = {
  ...REFUSED,
  outputDir: "Give --output.",
  perDeviceEvalBatchSize: "Tasks measure held-out data in batches of their own.",
};

/** The declaration of a task, by any of its names. Throws TaskError. */
const taskOf = (name: string): Declaration => declarationOf(getTask(name).name) as Declaration;

/** The model that is meant: of the command line, else of the file. */
function modelOf(flags: Flags, file: object): string | undefined {
  const model = flags.get("model") ?? Object.entries(file).find(([name]) => camel(name) === "model")?.[1];
  return model === undefined || model === null ? undefined : String(model);
}

/** Refuses an option that this task or model does not hear; one of Transformers' that asks for nothing is left out. */
const refuse = (heard: Hearing) => (written: string, value: unknown) => {
  if (asksNothing(written, value)) return true;
  const table: Table = { ...EVERY, ...TRAINING };
  const name = ownName(table, written);
  if (name !== undefined && table[name].kind.type !== "handed") throw notFor(heard, name);
  if (Object.hasOwn(NOT_HERE, written)) throw new OptionError(`${written} is not supported`, NOT_HERE[written]);
  return undefined;
};

/** Flags and file together, checked: all of them, and those of the task with the arguments of its training. */
function settings(heard: Hearing, flags: Flags, config: string | undefined, file: object) {
  const own: Table = { ...heard.options, ...heard.arguments, ...COMMON };
  const { config: _, ...given } = readFlags(flags, { ...own, ...CONFIG }, refuse(heard));
  const values = { ...readValues(`--config ${config}`, file, own, refuse(heard)), ...given };
  checkRequired(values, heard.options);
  const { data, output, ...more } = valuesFor(heard.options, values);
  const options: TaskOptions = { ...more, data, output, args: valuesFor(heard.arguments, values) };
  return { values, options };
}

/** What `train TASK --help` shows: what applies to the task and the model, with the defaults that it has. */
function helpFor(task: TaskAbout, model: string | undefined): Shown {
  const heard = hearing(task, model);
  const { help, options: always, presets } = task;
  const own = Object.fromEntries(Object.entries(heard.options).filter(([key]) => !(key in DATA) && !(key in always)));
  const others = Object.entries(presets).map(([preset, { help }]) => {
    const chosen = preset === heard.preset ? " (shown here)" : "";
    return `  ${preset.padEnd(16)}${help}${chosen}`;
  });
  const whose = heard.preset === undefined ? "a pretrained model" : `--model ${heard.preset}`;
  return {
    usage: `shoshin train ${task.name} [options]`,
    description: `${help}${others.length === 0 ? "" : `\n\nModels:\n${others.join("\n")}`}`,
    options: [
      ...shownOptions({ ...DATA, ...always }, "Data and model:"),
      ...shownOptions(withDefaults(own, heard.defaults, heard.notes), `Of ${whose}:`),
      ...shownOptions(CONFIG, "Training:"),
      ...shownOptions(withDefaults(heard.arguments, heard.defaults, heard.notes), "Training:"),
      ...shownOptions(COMMON, "Everywhere:").filter(({ long }) => long !== "--quiet"),
    ],
  };
}

/** What `train --help` shows: the tasks, and what all of them take. */
const overview = (): Shown => ({
  usage: "shoshin train <task> [options]",
  description: [
    "train a model and save it",
    "",
    "Tasks:",
    ...DECLARATIONS.filter(
      ({ pretrained, presets }) => pretrained !== undefined || Object.keys(presets).length > 0,
    ).map(({ name, help }) => `  ${name.padEnd(24)}${help}`),
    "",
    "shoshin train TASK --help [--model NAME] lists what a task and a model take, and their defaults.",
  ].join("\n"),
  options: [
    ...shownOptions(DATA, "Data and model:"),
    ...shownOptions(CONFIG, "Training:"),
    ...shownOptions(withDefaults(TRAINING, TASK_DEFAULTS, TASK_NOTES), "Training:"),
    ...shownOptions(COMMON, "Everywhere:").filter(({ long }) => long !== "--quiet"),
  ],
});

export function addTrain(cli: Command): void {
  const command = cli.command("train <task>").description("train a model and save it");
  addTable(command, ANY);
  refuseUnknown(command, () => ANY, NOT_HERE);
  showHelp(command, () => {
    const [task] = command.args.filter((arg) => !arg.startsWith("-"));
    return task === undefined ? overview() : helpFor(taskOf(task), modelOf(flagsOf(command), {}));
  });
  command
    .addHelpText("after", "\nExample:\n  shoshin train text-classification --data reviews.tsv --output runs/reviews\n")
    .action(async (name: string) => {
      const task = taskOf(name);
      const flags = flagsOf(command);
      const config = flags.get("config") as string | undefined;
      const file = config === undefined ? {} : readConfig(config);
      const { values, options } = settings(hearing(task, modelOf(flags, file)), flags, config, file);
      applyCommon(values);
      const report = await runTask(task, { ...options, say: say(values) });
      print(values, report, () => describeTraining(report));
    });
}
