import { checkOptions, OptionError } from "../backend/options.ts";
import { Isolation } from "../train/run/isolation.ts";
import { readToMeasure } from "./reading.ts";
import type { EvaluateOptions } from "./settings.ts";
import type { Declaration, Opened, Predictor, TaskCode } from "./task.ts";

/** What `evaluate` does for every task: reads, measures, times. */
async function evaluate(task: Declaration, { reader }: TaskCode, opened: Opened, options: EvaluateOptions) {
  // After reading, others may have another precision.
  const own = Isolation.here();
  const begin = performance.now();
  const said = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { beside, ...data } = await readToMeasure(
    reader,
    { ...opened.remembered, ...said } as EvaluateOptions,
    opened.about,
  );
  const { metrics, examples = data.examples.length } = await own.precisely(() => opened.evaluate(data, options.data));
  const all = { ...metrics };
  for (const [ending, other] of Object.entries(beside)) {
    const more = await own.precisely(() => opened.evaluate(other, options.data));
    for (const [name, value] of Object.entries(more.metrics)) all[`${name}${ending}`] = value;
  }
  return { task: opened.task ?? task.name, examples, seconds: (performance.now() - begin) / 1000, metrics: all };
}

/**
 * Opens the folder of a model of a task.
 * @throws TaskError, ConfigError and those of the formats for what is none.
 */
export async function openTask(task: Declaration, folder: string): Promise<Predictor> {
  const here = Isolation.here();
  const code = await task.code();
  const opened = await here.within(() => code.open(folder));
  // Files of translations have columns by other names; to be translated are texts.
  const readsTexts = "textColumn" in task.options || "sourceColumn" in task.options;
  const checkPredict = (given: object) => checkOptions(`predict: ${task.name}`, given, task.predict, task.unpredicted);
  return {
    ...opened.more,
    task: task.name,
    model: opened.model,
    evaluate: (options) => evaluate(task, code, opened, options),
    async predict(inputs, options = {}) {
      checkPredict(options);
      return opened.predict(inputs, options);
    },
    async predictFile(path, { textColumn, ...options }) {
      checkPredict(options);
      if (textColumn !== undefined && !readsTexts)
        throw new OptionError(`${task.name}: --text-column (textColumn) is not for it`, "Leave it out.");
      return opened.predictFile(path, options, { textColumn });
    },
  };
}
