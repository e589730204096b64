import { getPrecision } from "../backend/index.ts";
import { resolveModel } from "../hub/index.ts";
import { DEFAULTS, Trainer } from "../train/index.ts";
import { Isolation } from "../train/run/isolation.ts";
import { downloads } from "./downloads.ts";
import { TaskError } from "./error.ts";
import { namesModel } from "./folder.ts";
import { readToLearn } from "./reading.ts";
import { saveModel } from "./save.ts";
import type { TaskOptions, TaskReport } from "./settings.ts";
import type { Declaration, Plan } from "./task.ts";

/** Builds with random numbers of the run's own: whoever calls keeps theirs. */
function begin({ args, begin: make }: Plan) {
  const precision = args.bf16 ? "bf16" : (args.precision ?? getPrecision());
  return new Isolation(args.seed ?? DEFAULTS.seed, precision).within(make);
}

/**
 * Trains a model of a task: reads the data, plans, makes the model, trains it, writes its folder.
 * @throws TaskError, DataError, HubError for what it cannot read; what Trainer throws.
 */
export async function runTask(task: Declaration, options: TaskOptions): Promise<TaskReport> {
  const code = await task.code();
  const model = options.model ?? task.presets[0];
  const pretrained = model !== undefined && namesModel(model, task.presets);
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
  const course = begin(planned as Plan);
  const trainer = new Trainer({
    ...course.lessons,
    model: course.model,
    savesModel: true,
    callbacks: options.callbacks,
    args: { ...args, outputDir: options.output },
    fingerprint: JSON.stringify([course.identity, options.data]),
  });
  const result = await trainer.train();
  course.end?.();
  const { config, files, labels, baseline, save } = course;
  return saveModel(options.output, course.model, config, {
    ...{ task: task.name, preset: model, data: options.data, options: { ...given, ...settings }, result },
    ...{ baseline, labels, files, save: save && (() => save(options.output)) },
  });
}
