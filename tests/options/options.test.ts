import { describe, expect, it } from "vitest";
import { OptionError } from "../../src/backend/options.ts";
import {
  camel,
  checkTable,
  checkValue,
  defaultsOf,
  either,
  expected,
  flag,
  flagOf,
  handed,
  list,
  nothing,
  object,
  omit,
  oneOf,
  ownName,
  parseText,
  pick,
  type Resolved,
  readValues,
  real,
  text,
  truth,
  type Values,
  whole,
  withDefaults,
} from "../../src/options/index.ts";

const KWARGS = { minLr: real({ from: 0, help: "" }), numCycles: whole({ from: 1, help: "" }) };
const TABLE = {
  learningRate: real({ above: 0, default: 1e-3, help: "" }),
  numTrainEpochs: real({ above: 0, alias: "epochs", help: "" }),
  dropout: real({ from: 0, below: 1, help: "" }),
  warmupRatio: real({ from: 0, to: 1, help: "" }),
  layers: whole({ from: 1, to: 12, default: 2, help: "" }),
  offset: real({ help: "" }),
  data: text({ required: true, help: "" }),
  weights: text({ list: true, help: "" }),
  prefix: text({ empty: true, help: "" }),
  nesterov: flag({ default: false, help: "" }),
  best: truth({ help: "" }),
  optim: oneOf(["sgd", "adamw"], { called: "optimizer", also: { adamw_torch: "adamw" }, help: "" }),
  when: oneOf(["no", "steps"], { help: "" }),
  kwargs: object(KWARGS, { default: {}, help: "" }),
  labels: list(text({ help: "" }), { help: "" }),
  topK: either([whole({ from: 1, help: "" }), nothing], { help: "" }),
  early: either([flag({ help: "" }), oneOf(["never"], { help: "" })], { help: "" }),
  callbacks: handed<(() => void)[]>({ help: "" }),
};

const failure = (run: () => unknown): OptionError => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(OptionError);
    return error as OptionError;
  }
  throw new Error("nothing was thrown");
};

it("says what types there are, with and without defaults", () => {
  const given: Values<typeof TABLE> = {
    learningRate: 1,
    optim: "sgd",
    kwargs: { minLr: 1 },
    topK: null,
    early: "never",
  };
  const whole: Pick<Resolved<typeof TABLE>, "learningRate" | "nesterov" | "layers"> = defaultsOf(TABLE);
  // @ts-expect-error: no such optimizer
  const wrong: Values<typeof TABLE> = { optim: "adam" };
  // @ts-expect-error: there is no default
  const missing: { dropout: number } = defaultsOf(TABLE);
  expect([given.topK, whole.layers, wrong.optim, missing.dropout]).toEqual([null, 2, "adam", undefined]);
  expect(defaultsOf(TABLE)).toEqual({ learningRate: 1e-3, layers: 2, nesterov: false, kwargs: {} });
  expect(Object.keys(pick(TABLE, "data", "best"))).toEqual(["data", "best"]);
  expect(Object.keys(omit(KWARGS, "minLr"))).toEqual(["numCycles"]);
  const own = withDefaults(TABLE, { layers: 4, other: 1 }, { dropout: "the model's own" });
  expect([own.layers.default, TABLE.layers.default, own.dropout.note, "other" in own]).toEqual([
    ...[4, 2, "the model's own", false],
  ]);
});

it.each([
  ["learning-rate", "learningRate", "--learning-rate"],
  ["learning_rate", "learningRate", "--learning-rate"],
  ["learningRate", "learningRate", "--learning-rate"],
  ["adam_beta1", "adamBeta1", "--adam-beta1"],
  ["l1", "l1", "--l1"],
])("%s is %s, written %s", (written, name, flag) => {
  expect(camel(written)).toBe(name);
  expect(flagOf(name)).toBe(flag);
});

it("finds a name in any spelling, and by its other name", () => {
  expect(ownName(TABLE, "num_train_epochs")).toBe("numTrainEpochs");
  expect(ownName(TABLE, "epochs")).toBe("numTrainEpochs");
  expect(ownName(TABLE, "constructor")).toBeUndefined();
});

it.each<[keyof typeof TABLE, unknown, RegExp]>([
  ["learningRate", 0, /learningRate is 0; expected a number above 0$/],
  ["learningRate", Number.NaN, /is NaN; expected a number/],
  ["learningRate", "1", /is 1; expected a number above 0/],
  ["dropout", 1, /is 1; expected a number from 0, below 1$/],
  ["warmupRatio", 2, /is 2; expected a number from 0 to 1$/],
  ["layers", 1.5, /is 1.5; expected a whole number from 1 to 12$/],
  ["layers", 13, /is 13;/],
  ["offset", Number.POSITIVE_INFINITY, /is Infinity; expected a number$/],
  ["data", "", /is ""; expected a text$/],
  ["data", 3, /is 3; expected a text$/],
  ["nesterov", 1, /is 1; expected true or false$/],
  ["best", "true", /expected true or false$/],
  ["optim", "sdg", /unknown optimizer sdg$/],
  ["when", "step", /when is step; expected no or steps$/],
  ["kwargs", [1], /kwargs is \[1\]; expected an object of options$/],
  ["kwargs", null, /kwargs is null/],
  ["kwargs", { minLR: 1 }, /kwargs: unknown option minLR$/],
  ["kwargs", { minLr: -1 }, /kwargs: minLr is -1; expected a number from 0$/],
  ["labels", "a", /expected a list: a text, each$/],
  ["topK", 0, /topK is 0; expected a whole number from 1, or null$/],
  ["early", "always", /expected true or false, or never$/],
])("refuses %s: %o", (name, value, message) => {
  expect(failure(() => checkTable("door", { [name]: value }, TABLE)).message).toMatch(message);
});

it("gives the nearest name and the nearest choice", () => {
  expect(failure(() => checkTable("door", { learningrat: 1 }, TABLE))).toMatchObject({
    message: "door: unknown option learningrat",
    hint: expect.stringContaining("Did you mean learningRate?"),
  });
  expect(failure(() => checkValue("optim", TABLE.optim, "sdg")).hint).toBe("Did you mean sgd? There are: sgd, adamw.");
  expect(failure(() => checkTable("door", { fp16: true }, TABLE, { fp16: "Give bf16." })).hint).toBe("Give bf16.");
  expect(expected(TABLE.callbacks)).toMatch(/program/);
});

it.each<[keyof typeof TABLE, string, unknown]>([
  ["learningRate", "5e-5", 5e-5],
  ["layers", " 3 ", 3],
  ["data", "0.2", "0.2"],
  ["prefix", "", ""],
  ["nesterov", "true", true],
  ["best", "false", false],
  ["optim", "adamw_torch", "adamw"],
  ["kwargs", '{"min_lr": "1e-4", "num-cycles": 2}', { minLr: 1e-4, numCycles: 2 }],
  ["labels", "O, B-PER", ["O", "B-PER"]],
  ["topK", "null", null],
  ["topK", "3", 3],
  ["early", "never", "never"],
  ["early", "true", true],
])("reads --%s %s", (name, written, value) => {
  expect(parseText(flagOf(name), TABLE[name], written)).toEqual(value);
});

it.each<[keyof typeof TABLE, string, RegExp]>([
  ["learningRate", "many", /^--learning-rate is many; expected a number above 0$/],
  ["learningRate", "", /^--learning-rate is ""; expected/],
  ["layers", "0x1p3", /expected a whole number/],
  ["nesterov", "yes", /expected true or false/],
  ["kwargs", "{min_lr: 1}", /^--kwargs \{min_lr: 1\}: /],
  ["kwargs", "[1]", /expected an object/],
  ["callbacks", "x", /only be handed over by a program/],
])("does not read --%s %s", (name, written, message) => {
  expect(failure(() => parseText(flagOf(name), TABLE[name], written)).message).toMatch(message);
});

describe("a file's names and values", () => {
  it("come in any spelling, numbers as texts, lists for texts with commas; null is not given", () => {
    const file = {
      ...{ "learning-rate": "0.1", num_train_epochs: 2, layers: "3", data: 7, weights: [1, 2.5], nesterov: "true" },
      ...{
        kwargs: { min_lr: "0.5", numCycles: 2 },
        labels: ["a", 3],
        when: false,
        optim: "adamw_torch",
        dropout: null,
      },
    };
    expect(readValues("file", file, TABLE)).toEqual({
      ...{ learningRate: 0.1, numTrainEpochs: 2, layers: 3, data: "7", weights: "1,2.5", nesterov: true },
      ...{ kwargs: { minLr: 0.5, numCycles: 2 }, labels: ["a", "3"], when: "no", optim: "adamw" },
    });
  });
  it.each<[object, RegExp, RegExp?]>([
    [{ learning_rat: 1 }, /^file: unknown option learning_rat$/, /^Did you mean learning-rate\?$/],
    [{ xyzzy: 1 }, /unknown option xyzzy/],
    [{ epochs: 1, "num-train-epochs": 2 }, /^file: epochs and num-train-epochs are the same option$/, /^Give one\.$/],
    [{ layers: "two" }, /^file: layers is two; expected a whole number from 1 to 12$/],
    [{ layers: { from: 1 } }, /^file: layers is \{"from":1\}; expected/],
    [{ kwargs: { minlr: 1 } }, /^file: kwargs: unknown option minlr$/, /Did you mean minLr\?/],
    [{ callbacks: [] }, /unknown option callbacks/],
    [[1], /^file: expected names and values$/],
  ])("are refused by name: %o", (file, message, hint = /^/) => {
    const error = failure(() => readValues("file", file, TABLE));
    expect(error.message).toMatch(message);
    expect(error.hint ?? "").toMatch(hint);
  });
  it("ask what else to do about a name before it is called unknown", () => {
    expect(readValues("file", { fp16: false, layers: 1 }, TABLE, (name, value) => name === "fp16" && !value)).toEqual({
      layers: 1,
    });
  });
});
