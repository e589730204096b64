import { nearestName } from "../backend/options.ts";
import { ShapeError } from "../tensor/shape.ts";

/** What constructors and functions of `shoshin/nn` ask of their arguments; each throws ShapeError by name. */

const shown = (value: unknown) =>
  typeof value === "string" ? JSON.stringify(value) : Array.isArray(value) ? "a list" : String(value);

/** A whole number from `least` on. */
export function checkSize(where: string, name: string, value: unknown, least = 0): void {
  if (Number.isSafeInteger(value) && (value as number) >= least) return;
  throw new ShapeError(`${where}: ${name} is ${kind(value)}; expected a whole number of at least ${least}`);
}

/** A number; `Infinity` counts, NaN does not. */
export function checkNumber(where: string, name: string, value: unknown): void {
  if (typeof value === "number" && !Number.isNaN(value)) return;
  throw new ShapeError(`${where}: ${name} must be a number, found ${kind(value)}`);
}

export function checkProbability(where: string, name: string, value: unknown): void {
  checkNumber(where, name, value);
  if ((value as number) < 0 || (value as number) > 1) {
    throw new ShapeError(`${where}: ${name} ${value} is outside 0 to 1`);
  }
}

/** One of some words. */
export function checkWord(where: string, name: string, value: unknown, words: readonly string[]): void {
  if (words.includes(value as string)) return;
  const near = typeof value === "string" ? nearestName(value, words) : undefined;
  throw new ShapeError(
    `${where}: unknown ${name} ${typeof value === "string" ? value : shown(value)}`,
    `${near === undefined ? "" : `Did you mean ${near}? `}There are: ${words.join(", ")}.`,
  );
}

const kind = (value: unknown) =>
  value !== null && typeof value === "object" && !Array.isArray(value) ? "an object" : shown(value);

/** Options that PyTorch's constructors have and that mean nothing here. */
export const ELSEWHERE = {
  device: "setBackend() chooses where tensors lie.",
  dtype: "Parameters are float32; setPrecision() chooses that of multiplications.",
} as const;
