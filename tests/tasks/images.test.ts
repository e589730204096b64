import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, test } from "vitest";
import { imageReader } from "../../src/tasks/image-classification/data.ts";
import { getTask, type TaskOptions } from "../../src/tasks/index.ts";
import { readToLearn, readToMeasure, readToPredict } from "../../src/tasks/reading.ts";
import { metricsOf } from "../../src/train/index.ts";
import { filesIn, temporaryFolder } from "../folder.ts";

const root = temporaryFolder();
const file = filesIn(root);

const idx = (shape: readonly number[], data: readonly number[]) =>
  Buffer.from([0, 0, 8, shape.length, ...shape.flatMap((n) => [0, 0, n >> 8, n & 255]), ...data]);
/** Images of 3 classes, each with a row of its own lit. */
function write(
  folder: string,
  part: string,
  count: number,
  given: { labels?: boolean; size?: number; gz?: boolean } = {},
) {
  const { labels = true, size = 3, gz = false } = given;
  const put = (kind: string, bytes: Buffer) =>
    file(`${folder}/${part}-${kind}-ubyte${gz ? ".gz" : ""}`, gz ? gzipSync(bytes) : bytes);
  const pixels = Array.from({ length: count }, (_, i) =>
    Array.from({ length: size * size }, (_, p) => (Math.floor(p / size) === i % 3 ? 200 + (i % 50) : i % 7)),
  );
  put("images-idx3", idx([count, size, size], pixels.flat()));
  const classes = Array.from({ length: count }, (_, i) => i % 3);
  if (labels) put("labels-idx1", idx([count], classes));
  return join(root, folder);
}
const mnist = write("mnist", "train", 60);
write("mnist", "t10k", 30);
const whole = write("whole", "train", 60);
write("whole", "valid", 12, { gz: true });
write("whole", "test", 9);
const onlyTest = write("only-test", "t10k", 30);

const learn = (given: Partial<TaskOptions>) => readToLearn(imageReader, { data: mnist, output: "", ...given });

describe("what is learned from images, and what is held out", () => {
  test.each<[string, Partial<TaskOptions>, [number, number]]>([
    ["a tenth of each class", { data: mnist }, [54, 6]],
    ["a share", { data: mnist, validation: "0.25" }, [45, 15]],
    ["none", { data: mnist, validation: "none" }, [60, 0]],
    ["the source's own validation part", { data: whole }, [60, 12]],
    ["a share of a source that has one", { data: whole, validation: "0.1" }, [54, 6]],
    ["another source's validation part", { data: mnist, validation: whole }, [60, 12]],
    ["another source's test part", { data: mnist, validation: onlyTest }, [60, 30]],
    ["a source of one part", { data: onlyTest }, [27, 3]],
    ["a file with its labels beside it", { data: join(mnist, "train-images-idx3-ubyte") }, [54, 6]],
    ["a range", { data: mnist, range: "30:60" }, [27, 3]],
  ])("%s", async (_name, given, wanted) => {
    const { train, validation } = await learn(given);
    expect([train.examples.length, validation.examples.length]).toEqual(wanted);
    const share = validation.examples.filter(({ label }) => label === "1").length;
    expect(share).toBe(wanted[1] / 3);
  });

  it("are measured where they are labelled", async () => {
    const data = write("secret", "train", 12);
    write("secret", "valid", 6);
    write("secret", "test", 9, { labels: false });
    expect((await readToMeasure(imageReader, { data })).examples.length).toBe(6);
    expect((await readToPredict(imageReader, data)).examples.length).toBe(9);
    const unlabelled = write("unlabelled", "test", 9, { labels: false });
    await expect(readToMeasure(imageReader, { data: unlabelled })).rejects.toThrow(/no labels beside it/);
    await expect(learn({ data: unlabelled })).rejects.toThrow(/no labels beside it/);
  });

  it("of another size, or none, are refused", async () => {
    const larger = write("larger", "train", 12, { size: 4 });
    await expect(learn({ validation: larger })).rejects.toThrow(/images of 4 × 4; the model takes 3 × 3/);
    file("labels-only/train-labels-idx1-ubyte", idx([1], [0]));
    await expect(learn({ data: join(root, "labels-only") })).rejects.toThrow(/no IDX images/);
  });
});

it("a model learns from the training part, validates on its own part, is opened and used", async () => {
  const task = getTask("image-classification");
  const [output, again] = [join(root, "model"), join(root, "again")];
  const said: string[] = [];
  const options = {
    data: whole,
    hiddenSize: 16,
    dropout: 0,
    args: { numTrainEpochs: 20, learningRate: 0.03, quiet: true },
  };
  const report = await task.train({ ...options, output, say: (line) => said.push(line) });
  expect(said.join()).toContain("images of 3 × 3; 60 to train on, 12 to validate; 3 classes");
  const known = metricsOf("classes").flatMap(({ names }) => names);
  expect(Object.keys(report.validation ?? {})).toEqual(["loss", ...known]);
  expect(known.slice(0, 3)).toEqual(["accuracy", "f1", "matthews_correlation"]);
  await task.train({ ...options, output: again });
  const weights = (folder: string) => readFileSync(join(folder, "model.safetensors"));
  expect(weights(again)).toEqual(weights(output));
  const model = await task.load(output);
  expect(await model.evaluate({ data: whole })).toMatchObject({ examples: 9, metrics: { accuracy: 1 } });
  expect((await model.predict([join(whole, "test-images-idx3-ubyte")])).length).toBe(9);
  expect(await model.predictFile(whole, {})).toMatchObject([
    { label: "0" },
    { label: "1" },
    { label: "2" },
    ...Array(6).fill({}),
  ]);
  await expect(model.evaluate({ data: write("larger", "train", 12, { size: 4 }) })).rejects.toThrow(
    /model takes 3 × 3/,
  );
  await expect(model.predict(["a", "b"])).rejects.toThrow(/path of one IDX file/);
  await expect(model.predictFile(whole, { textColumn: "a" })).rejects.toThrow(/text-column/);
});
