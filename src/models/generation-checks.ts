import { ShoshinError } from "../backend/errors.ts";
import type { Module } from "../nn/index.ts";

/** A generation was asked for something that cannot be. */
export class GenerationError extends ShoshinError {}

/** Throws {@link GenerationError} for ids outside the vocabulary. */
export function checkIds(ids: readonly number[], { vocabSize }: { vocabSize: number }): void {
  const odd = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
  if (odd !== undefined) throw new GenerationError(`token ${odd} is outside the vocabulary of ${vocabSize}`);
}

/** Throws {@link GenerationError} for an empty prompt, or ids outside the vocabulary. */
export function checkPrompt(prompt: readonly number[], model: { vocabSize: number }): void {
  if (prompt.length === 0) throw new GenerationError("the prompt is empty", "Give at least one token to begin with.");
  checkIds(prompt, model);
}

/** Runs `fn` without dropout. */
export function evaluating<T>(model: Module, fn: () => T): T {
  const wasTraining = model.training;
  model.eval();
  try {
    return fn();
  } finally {
    model.train(wasTraining);
  }
}
