import { type DataRecord, dataRecord } from "../data/index.ts";
import type { RunAbout } from "../train/run/run-record.ts";
import { hearing } from "./options/check.ts";
import type { Lessons } from "./reading.ts";
import type { TaskOptions } from "./settings.ts";
import type { Course, Declaration, ModelOptions, Plan } from "./task.ts";

/** What examples were read from; without the digests of files where there are none of their own. */
async function recordOf(name: string, paths: readonly string[] | undefined, examples: number): Promise<DataRecord> {
  if (paths === undefined || paths.length === 0) return { source: name, examples };
  return dataRecord({ name, parts: { train: [...paths] }, builtin: false }, { name, examples });
}

/** What a run is made of: settings as they hold, and the content of the data. A resume is held against it. */
export async function aboutOf(
  task: Declaration,
  options: ModelOptions,
  { settings }: Pick<Plan, "settings">,
  { identity }: Pick<Course, "identity">,
  { train, validation, files }: Lessons<unknown>,
): Promise<RunAbout> {
  const { data, validation: held, output: _o, model, args: _a, say: _s, callbacks: _c, ...said } = options;
  const { defaults, options: heard } = hearing(task, model);
  const assumed = Object.entries(defaults).filter(([name]) => name in heard);
  const known: Record<string, DataRecord> = { train: await recordOf(data, files.train, train.examples.length) };
  if (validation.examples.length > 0)
    known.validation = await recordOf(held ?? data, files.validation, validation.examples.length);
  return {
    ...{ task: task.name, model, data: known },
    settings: { ...Object.fromEntries(assumed), data, validation: held, ...stated(said), ...settings },
    fingerprint: JSON.stringify(identity),
  };
}

const stated = (said: Partial<TaskOptions>) =>
  Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
