import { ShoshinError } from "../../backend/errors.ts";

/** Numbers in a list: an array, or `tensor.data()`. */
export type Values = ArrayLike<number>;

/** How many pairs of a prediction and a target there are. Throws ShoshinError where there are none, or they are no numbers. */
export function pairs(predicted: Values, target: Values): number {
  for (const values of [predicted, target])
    if (typeof values?.length !== "number" || typeof values === "string")
      throw new ShoshinError(`metrics: expected numbers, found ${String(values)}`, "An array, or tensor.data().");
  if (predicted.length !== target.length || target.length === 0) {
    throw new ShoshinError(`metrics: ${predicted.length} predictions for ${target.length} targets`);
  }
  return target.length;
}

export const mean = (x: Values): number => {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i];
  return sum / x.length;
};

/** 0 where there is nothing to divide by. */
export const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);
