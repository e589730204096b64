import { resolveModel } from "../hub/index.ts";
import { DEFAULTS, type GivenArguments, RunFolder, Trainer, type TrainResult } from "../train/index.ts";
import { Isolation, isolated } from "../train/run/isolation.ts";
import { downloads } from "./downloads.ts";
import { TaskError } from "./error.ts";
import { namesModel } from "./folder.ts";
import { readToLearn } from "./reading.ts";
import { saveModel } from "./save.ts";
import type { TaskOptions, TaskReport } from "./settings.ts";
import type { Course, Declaration, Plan } from "./task.ts";

/** Builds with random numbers of the run's own: whoever calls keeps theirs. */
function begin({ args, begin: make }: Plan, here: Isolation) {
  const precision = args.bf16 ? "bf16" : (args.precision ?? here.precision);
  return isolated({ seed: args.seed ?? DEFAULTS.seed, precision, backend: here.backend }, make);
}

async function learn(course: Course, { callbacks, output, data }: TaskOptions, args: GivenArguments, here: Isolation) {
  const { model, lessons, rule, identity } = course;
  const fingerprint = JSON.stringify([identity, data]);
  if (lessons !== undefined) {
    // What holds when the training is asked for, whatever others have changed since.
    const precision = args.bf16 ? args.precision : (args.precision ?? here.precision);
    const given = { ...args, precision, outputDir: output };
    return new Trainer({ ...lessons, model, savesModel: true, callbacks, args: given, fingerprint }).train();
  }
  const { resume, overwriteOutputDir: overwrite } = args;
  const folder = RunFolder.open(output, { resume, overwrite, fingerprint, model: true });
  folder.goOn(fingerprint, true);
  const result = await here.during(model, rule as () => Promise<TrainResult>);
  folder.finish(fingerprint, result);
  return result;
}

/**
 * Trains a model of a task: reads the data, plans, makes the model, trains it, writes its folder.
 * @throws TaskError, DataError, HubError for what it cannot read; what Trainer throws.
 */
export async function runTask(task: Declaration, options: TaskOptions): Promise<TaskReport> {
  const here = Isolation.here();
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
  const planned = pretrained ? await tune?.(given, data, folder) : await plan?.(given, data);
  const { args, settings } = planned as Plan;
  const course = begin(planned as Plan, here);
  const result = await learn(course, options, args, here);
  course.end?.();
  const { config, files, labels, baseline, save } = course;
  return saveModel(options.output, course.model, config, {
    ...{ task: task.name, preset: model, data: options.data, options: { ...given, ...settings }, result },
    ...{ baseline, labels, files, save: save && (() => save(options.output)) },
  });
}
