import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { pick } from "../../src/options/index.ts";
import { DECLARATIONS } from "../../src/tasks/declarations.ts";
import { getTask } from "../../src/tasks/index.ts";
import { hearing } from "../../src/tasks/options/check.ts";
import { filesIn, temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const file = filesIn(folder);

const words = ["good", "bad", "fine", "poor", "kind", "rude", "new", "old"];
const some = (i: number) => words[(i * 5 + (i >> 3)) % words.length];
const lines = Array.from({ length: 40 }, (_, i) => `a ${some(i)} day and ${some(i + 3)} food`);
const idx = (header: number[], data: number[]) => new Uint8Array([...header, ...data]);

/** Data of each task, small. */
const DATA: Record<string, () => object> = {
  "text-classification": () => ({
    data: file("texts.tsv", lines.map((line, i) => `${line}\t${i % 2 ? "up" : "down"}`).join("\n")),
  }),
  "token-classification": () => ({
    data: file(
      "words.conll",
      lines.map((line) => line.replaceAll(/(\S+) ?/g, (_, w) => `${w}\t${w.length > 3}\n`)).join("\n"),
    ),
  }),
  "tabular-classification": () => ({
    data: file("rows.csv", `a,b,kind\n${lines.map((_, i) => `${i % 7},${some(i)},${i % 7 > 3}`).join("\n")}`),
    labelColumn: "kind",
  }),
  "tabular-regression": () => ({
    data: file("numbers.csv", `a,b,price\n${lines.map((_, i) => `${i % 7},${some(i)},${i * 1.5}`).join("\n")}`),
    labelColumn: "price",
  }),
  "image-classification": () => {
    const n = 30;
    file(
      "images/train-labels-idx1-ubyte",
      idx(
        [0, 0, 8, 1, 0, 0, 0, n],
        Array.from({ length: n }, (_, i) => i % 2),
      ),
    );
    const pixels = Array.from({ length: n * 16 }, (_, i) => (i * 37) % 256);
    file("images/train-images-idx3-ubyte", idx([0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 4, 0, 0, 0, 4], pixels));
    return { data: join(folder, "images") };
  },
  "text-generation": () => ({ data: file("book.txt", lines.join("\n").repeat(4)) }),
  translation: () => ({
    data: file("pairs.tsv", lines.map((line, i) => `${line}\t${[...line].reverse().join("")} ${some(i)}`).join("\n")),
  }),
};

/** What is left to a run of two steps: how long it is, and what the other settings do not go with. */
const ELSEWHERE = new Set(["numTrainEpochs", "momentum", "loadBestModelAtEnd"]);

const MODELS = DECLARATIONS.flatMap((task) => Object.keys(task.presets).map((preset) => [task.name, preset] as const));

describe.each(MODELS)("%s, %s", (name, model) => {
  it("is trained with the defaults that its help shows", async () => {
    const task = DECLARATIONS.find((one) => one.name === name) as (typeof DECLARATIONS)[number];
    const { defaults, options, arguments: list } = hearing(task, model);
    const shown = Object.fromEntries(
      Object.entries(defaults).filter(([key]) => !ELSEWHERE.has(key) && (key in options || key in list)),
    );
    const shape = pick(shown, ...Object.keys(shown).filter((key) => key in options));
    const settings = pick(shown, ...Object.keys(shown).filter((key) => key in list));
    expect(Object.keys(shown).length).toBeGreaterThan(model === "perceptron" ? -1 : 2);
    const steps = "maxSteps" in list ? { maxSteps: 2 } : { numTrainEpochs: 2 };
    const learned = async (output: string, more: object, args: object) => {
      const at = join(folder, `${name}-${model}-${output}`);
      await getTask(name).train({
        ...{ data: "", output: at, model, validation: "none", ...DATA[name](), ...more },
        args: { quiet: true, seed: 3, ...steps, ...args },
      });
      return ["model.safetensors", "config.json"].map((one) => readFileSync(join(at, one)).toString("hex"));
    };
    expect(await learned("given", shape, settings)).toEqual(await learned("left-out", {}, {}));
  });
});
