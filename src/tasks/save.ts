import { join } from "#platform";
import { VERSION } from "../backend/version.ts";
import { writeFileAtomic } from "../formats/index.ts";
import type { Module } from "../nn/index.ts";
import { RunFolder, saveWeights, type TrainResult } from "../train/index.ts";
import { backendOf } from "../train/run/isolation.ts";
import type { ModelConfig } from "./folder.ts";
import type { TaskOptions, TaskReport } from "./settings.ts";

/** Writes the folder that holds a finished model: weights, configuration, how it was made, and a model card. */
export function saveModel(
  folder: string,
  model: Module,
  config: ModelConfig | undefined,
  about: {
    task: string;
    preset: string;
    data: string;
    options: TaskOptions;
    result: TrainResult;
    baseline?: string;
    /** Of the model card, where no `config` tells them. */
    labels?: readonly string[];
    files?: Record<string, unknown>;
    /** Writes what stands beside the weights; without `config` weights and configuration too. */
    save?: () => void;
  },
): TaskReport {
  const { task, preset, result } = about;
  const { say: _say, callbacks: _callbacks, ...settings } = about.options;
  const report: TaskReport = {
    task,
    model: preset,
    backend: backendOf(model).name,
    output: folder,
    parameters: model.parameterCount(),
    epochs: result.epochs,
    steps: result.steps,
    seconds: Number(result.seconds.toFixed(3)),
    examplesPerSecond: Math.round(result.examplesPerSecond),
    train: { loss: result.loss },
    validation: result.metrics ?? null,
  };
  const run = RunFolder.existing(folder);
  // A run that had finished before is left as it is, if its model was saved whole.
  if (result.alreadyFinished && run?.saved) return report;
  for (const [name, value] of Object.entries(about.files ?? {}))
    writeFileAtomic(join(folder, name), `${JSON.stringify(value)}\n`);
  about.save?.();
  if (config !== undefined) {
    saveWeights(model, join(folder, "model.safetensors"));
    writeFileAtomic(join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  }
  const labels = about.labels ?? Object.values(config?.id2label ?? {});
  const text = card(report, about.data, settings, labels, about.baseline);
  if (run === undefined) writeFileAtomic(join(folder, "README.md"), text);
  else {
    run.write("README.md", (path) => writeFileAtomic(path, text));
    run.markSaved();
  }
  return report;
}

function card(
  report: TaskReport,
  data: string,
  settings: Omit<TaskOptions, "say" | "callbacks">,
  labels: readonly string[],
  baseline: string | undefined,
): string {
  const metrics = Object.entries(report.validation ?? {}).map(([name, value]) => `| ${name} | ${value.toFixed(4)} |`);
  return `---
library_name: shoshin
pipeline_tag: ${report.task}
---

# ${report.task}: ${report.model}

Trained with Shoshin ${VERSION} on ${data}: ${report.parameters.toLocaleString("en-US")} parameters, ${report.epochs} epochs, ${report.steps} steps, ${report.seconds.toFixed(1)} s on the ${report.backend} backend.
${labels.length > 0 ? `\nLabels: ${labels.slice(0, 50).join(", ")}${labels.length > 50 ? ", …" : ""}\n` : ""}
## Results on validation data

${metrics.length > 0 ? `| metric | value |\n|---|---|\n${metrics.join("\n")}` : "None was held out."}
${baseline === undefined ? "" : `\n${baseline}\n`}
## Settings

\`\`\`json
${JSON.stringify(settings, null, 2)}
\`\`\`

## Limits

The model knows what its training data shows: other subjects, languages and styles will be judged worse. The best epoch was chosen on the validation data above, so results there are slightly flattering; measure on data of your own before you rely on it.
`;
}
