import { ShoshinError } from "../../backend/errors.ts";
import { defineMetric } from "./metric.ts";
import { pairs, type Values } from "./values.ts";

/** Share of equal entries, 0 to 1. */
export function accuracy(predicted: Values, target: Values): number {
  const n = pairs(predicted, target);
  let hits = 0;
  for (let i = 0; i < n; i++) hits += predicted[i] === target[i] ? 1 : 0;
  return hits / n;
}

export const accuracyOfClasses = defineMetric({
  name: "accuracy",
  kind: "classes",
  compute: ({ predicted, targets }) => accuracy(predicted, targets),
});

/** Share of the words that have their tag. */
export const accuracyOfTags = defineMetric({
  name: "accuracy",
  kind: "tags",
  compute({ predicted, targets }) {
    if (predicted.length !== targets.length || targets.some((tags, s) => tags.length !== predicted[s].length))
      throw new ShoshinError("accuracy: predicted tags and targets differ in length");
    let [words, hits] = [0, 0];
    targets.forEach((tags, s) => {
      words += tags.length;
      for (let w = 0; w < tags.length; w++) if (tags[w] === predicted[s][w]) hits++;
    });
    return hits / words;
  },
});

/** Share of the tokens that are guessed, where guesses were counted. */
export const accuracyOfTokens = defineMetric({
  name: "accuracy",
  kind: "tokens",
  compute: ({ hits, tokens }) => (hits === undefined ? undefined : hits / tokens),
});
