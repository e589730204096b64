import { expect, it } from "vitest";
import { line } from "../../src/cli/print.ts";

it.each<[unknown, string]>([
  [{ label: "pos", score: 0.75 }, "pos\t0.7500"],
  [
    [
      { label: "pos", score: 0.75 },
      { label: "neg", score: 0.25 },
    ],
    "pos 0.7500  neg 0.2500",
  ],
  [{ generated_text: "once upon" }, "once upon"],
  [[{ generated_text: "once" }, { generated_text: "twice" }], "once\ttwice"],
  [{ translation_text: "ein Hund" }, "ein Hund"],
  [[{ translation_text: "ein Hund" }, { translation_text: "der Hund" }], "ein Hund\tder Hund"],
  [[{ token_str: " dog", score: 0.5 }], "dog 0.5000"],
  [[{ entity: "B-PER", score: 0.5, word: "Ann" }], "Ann/B-PER"],
  [[], ""],
  [[1, 2.5], "1.00000 2.50000"],
  [{ value: 3.25 }, "3.25"],
  [{ score: 0.5 }, "0.5000"],
])("a line for %j", (result, text) => {
  expect(line(result)).toBe(text);
});
