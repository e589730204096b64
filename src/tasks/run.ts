import { OptionError } from "../backend/options.ts";
import type { AnyDataset } from "../data/index.ts";
import { resolveModel } from "../hub/index.ts";
import { flagOf } from "../options/index.ts";
import { DEFAULTS, fitLearner, type GivenArguments, Trainer } from "../train/index.ts";
import { Isolation, isolated } from "../train/run/isolation.ts";
import type { RunAbout } from "../train/run/run-record.ts";
import { aboutOf } from "./about.ts";
import { downloads } from "./downloads.ts";
import { TaskError } from "./error.ts";
import { namesModel } from "./folder.ts";
import { checkTrain } from "./options/check.ts";
import { type Lessons, readToLearn } from "./reading.ts";
import { saveModel } from "./save.ts";
import type { TaskOptions, TaskReport } from "./settings.ts";
import type { Course, CourseLessons, Declaration, Plan } from "./task.ts";

/** Builds with random numbers of the run's own: whoever calls keeps theirs. */
function begin({ args, begin: make }: Plan, here: Isolation) {
  const precision = args.bf16 ? "bf16" : (args.precision ?? here.precision);
  return isolated({ seed: args.seed ?? DEFAULTS.seed, precision, backend: here.backend }, make);
}

function learn(
  { model, lessons, learner }: Course,
  { callbacks, output }: TaskOptions,
  given: GivenArguments,
  run: RunAbout,
) {
  const shared = { callbacks, savesModel: true, args: { ...given, outputDir: output }, run };
  if (learner === undefined)
    return new Trainer({ ...(lessons as CourseLessons<AnyDataset, unknown>), ...shared, model }).train();
  const { rule, data, evaluate } = learner;
  return fitLearner(rule, data, { ...shared, evaluate });
}

/** Refuses what asks for the best evaluation where there is none. */
function checkMeasured(task: string, { args = {} }: TaskOptions, { validation }: Lessons<unknown>): void {
  if (validation.examples.length > 0) return;
  const asks = (["metricForBestModel", "loadBestModelAtEnd"] as const).find((name) => args[name]);
  if (asks === undefined) return;
  throw new OptionError(
    `${task}: ${flagOf(asks)} (${asks}) needs held-out data, and there is none`,
    "Give --validation, or leave it out.",
  );
}

/**
 * Trains a model of a task: reads the data, plans, makes the model, trains it, writes its folder.
 * @throws OptionError for options that the task does not hear; TaskError, DataError, HubError for what it cannot read; what Trainer throws.
 */
export async function runTask(task: Declaration, options: TaskOptions): Promise<TaskReport> {
  // What holds when the training is asked for, whatever others set while it waits.
  const here = Isolation.here();
  checkTrain(task, options);
  const code = await task.code();
  if (code.untrained !== undefined) throw new TaskError(`${task.name} has no training of its own`, code.untrained);
  const presets = Object.keys(task.presets);
  const model = options.model ?? presets[0];
  const pretrained = model !== undefined && namesModel(model, presets);
  const { plan, tune } = code;
  if (!pretrained && plan === undefined && tune !== undefined) {
    throw new TaskError(
      `${task.name} needs --model FOLDER or hub:OWNER/NAME${model === undefined ? "" : `, found ${model}`}`,
      "It has no models of its own: a pretrained one goes on learning.",
    );
  }
  if (pretrained ? tune === undefined : plan === undefined)
    throw new TaskError(`${task.name}: ${model ?? "it"} cannot be trained`);
  const folder = pretrained ? await resolveModel(model, downloads(options)) : "";
  const given = { ...options, model };
  const data = await readToLearn(code.reader, given);
  checkMeasured(task.name, given, data);
  const planned = pretrained ? await tune?.(given, data, folder) : await plan?.(given, data);
  const ready = planned as Plan;
  const course = begin(ready, here);
  const about = await aboutOf(task, given, ready, course, data);
  const result = await here.precisely(() => learn(course, options, ready.args, about));
  course.end?.();
  const { config, files, labels, baseline, save } = course;
  return saveModel(options.output, course.model, config, {
    ...{ task: task.name, preset: model, data: options.data, options: { ...given, ...ready.settings }, result },
    ...{ baseline, labels, files, save: save && (() => save(options.output)) },
  });
}
