import { expect, test } from "vitest";
import { checkOptions, type Known, nearestName, OptionError } from "../../src/backend/options.ts";

interface Shape {
  hiddenSize?: number;
  dropout?: number;
}
const KNOWN: Known<Shape> = { hiddenSize: true, dropout: true };

test("known names and undefined pass", () => {
  checkOptions("Net", undefined, KNOWN);
  checkOptions("Net", { hiddenSize: 3, droput: undefined }, KNOWN);
});

test("an unknown name is refused with the nearest one and all there are", () => {
  expect(() => checkOptions("Net", { hidden_size: 3 }, KNOWN)).toThrow(OptionError);
  try {
    checkOptions("Net", { droput: 0 }, KNOWN);
  } catch (error) {
    expect((error as OptionError).message).toBe("Net: unknown option droput");
    expect((error as OptionError).hint).toBe("Did you mean dropout? There are: hiddenSize, dropout.");
  }
});

test("names of the field that are not done are refused with their reason", () => {
  expect(() => checkOptions("Net", { projSize: 3 }, KNOWN, { projSize: "Add a Linear." })).toThrow(
    /projSize is not supported/,
  );
});

test("what is no object is refused", () => {
  for (const bad of [null, 3, "x", [1]]) expect(() => checkOptions("Net", bad, KNOWN)).toThrow(/expected an object/);
});

test("the nearest name", () => {
  expect(nearestName("learning-rate", ["learningRate", "seed"])).toBe("learningRate");
  expect(nearestName("warmup", ["warmupSteps", "seed"])).toBe("warmupSteps");
  expect(nearestName("xyzzy", ["warmupSteps", "seed"])).toBeUndefined();
  expect(nearestName("x", [])).toBeUndefined();
});
