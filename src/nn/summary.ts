import { checkOptions } from "../backend/options.ts";
import { checkSize, checkWord } from "./check.ts";
import type { Module, Parameter } from "./module.ts";
import { contents } from "./registry.ts";

/** Sizes of a model and of the memory that training it takes, in bytes. */
export interface MemoryEstimate {
  parameters: number;
  gradients: number;
  optimizer: number;
  /** Results kept for the backward pass, for the given batch. */
  activations: number;
  total: number;
}

/** One line of a summary. */
export interface LayerSummary {
  name: string;
  type: string;
  detail: string;
  parameters: number;
  trainable: number;
}

/** Floats that an optimizer keeps for each parameter. */
const STATE = { sgd: 0, momentum: 1, adam: 2, adamw: 2, rmsprop: 1, adagrad: 1 };

/** Layers that hold parameters of their own or have no children, in order. */
export function layers(model: Module): LayerSummary[] {
  const seen = new Set<unknown>();
  const rows: LayerSummary[] = [];
  for (const [name, module] of model.namedModules()) {
    const own: Parameter[] = [];
    for (const [, p] of contents(module).parameters) {
      if (seen.has(p)) continue;
      seen.add(p);
      own.push(p);
    }
    const leaf = module.namedChildren().next().done === true;
    if (own.length === 0 && !leaf) continue;
    rows.push({
      name: name === "" ? "(model)" : name,
      type: module.constructor.name,
      detail: module.extraRepr(),
      parameters: own.reduce((n, p) => n + p.numel, 0),
      trainable: own.reduce((n, p) => n + (p.requiresGrad ? p.numel : 0), 0),
    });
  }
  return rows;
}

const KNOWN = { batchSize: true, optimizer: true } as const;

/**
 * Memory that training will need, from the model alone: parameters, gradients and optimizer state exactly; activations as
 * two float32 results of every linear layer per example, which is what a feed-forward net keeps.
 */
export function estimateMemory(
  model: Module,
  options: { batchSize?: number; optimizer?: keyof typeof STATE } = {},
): MemoryEstimate {
  checkOptions("estimateMemory", options, KNOWN);
  const { batchSize = 1, optimizer = "adamw" } = options;
  checkSize("estimateMemory", "batchSize", batchSize);
  checkWord("estimateMemory", "optimizer", optimizer, Object.keys(STATE));
  const trainable = model.parameterCount({ trainable: true });
  let widths = 0;
  for (const module of model.modules()) {
    const { outFeatures, inFeatures } = module as { outFeatures?: number; inFeatures?: number };
    if (typeof outFeatures === "number" && typeof inFeatures === "number") widths += inFeatures + 2 * outFeatures;
  }
  const parameters = 4 * model.parameterCount();
  const gradients = 4 * trainable;
  const state = 4 * trainable * STATE[optimizer];
  const activations = 4 * batchSize * widths;
  return { parameters, gradients, optimizer: state, activations, total: parameters + gradients + state + activations };
}

const number = (n: number) => n.toLocaleString("en-US");

/** Bytes with a unit: 1,536 is `1.5 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** A table of the model's layers, their shapes and parameters, and the memory that training it needs. */
export function summary(model: Module, options?: Parameters<typeof estimateMemory>[1]): string {
  checkOptions("summary", options, KNOWN);
  const rows = layers(model).map((l) => [l.name, l.type, l.detail, number(l.parameters)]);
  const table = [["layer", "type", "shape", "parameters"], ...rows];
  const widths = [0, 1, 2, 3].map((c) => Math.max(...table.map((row) => row[c].length)));
  const lines = table.map((row) =>
    row.map((cell, c) => (c === 3 ? cell.padStart(widths[c]) : cell.padEnd(widths[c]))).join("  "),
  );
  const memory = estimateMemory(model, options);
  const total = model.parameterCount();
  const trainable = model.parameterCount({ trainable: true });
  lines.push(
    "-".repeat(widths.reduce((a, b) => a + b + 2, -2)),
    `${number(total)} parameters, ${number(trainable)} of them trained; ${formatBytes(memory.parameters)}`,
    `training: about ${formatBytes(memory.total)} (gradients ${formatBytes(memory.gradients)}, optimizer ${formatBytes(
      memory.optimizer,
    )}, activations ${formatBytes(memory.activations)})`,
  );
  return lines.join("\n");
}
