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

/** Work that hands over in between; in the end it gives a result. */
export type Steps<T> = Generator<void, T>;

/** The same for work that hands over in between; the model stays without dropout until it ends. */
export function* evaluatingSteps<T>(model: Module, steps: Steps<T>): Steps<T> {
  const wasTraining = model.training;
  model.eval();
  try {
    return yield* steps;
  } finally {
    model.train(wasTraining);
  }
}

/** Drives steps to their end, without a pause. */
export function drain<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
