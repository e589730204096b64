import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { memory } from "../../src/index.ts";
import { getTask } from "../../src/tasks/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();

const table = join(folder, "table.csv");
const rows = Array.from({ length: 200 }, (_, i) => `${Math.sin(i)},${Math.cos(i * 2.3)},good bad ${i % 9},${i % 2}`);
writeFileSync(table, `a,b,text,label\n${rows.join("\n")}\n`);
const tagged = join(folder, "tagged.conll");
writeFileSync(
  tagged,
  Array.from({ length: 600 }, (_, i) => (i % 7 ? `word${i % 40}\t${i % 3 ? "X" : "Y"}` : "")).join("\n"),
);
const images = join(folder, "images");
const idx = (shape: number[], data: number[]) => {
  const head = new Uint8Array(4 + 4 * shape.length);
  head.set([0, 0, 8, shape.length]);
  shape.forEach((n, d) => {
    new DataView(head.buffer).setUint32(4 + 4 * d, n);
  });
  return new Uint8Array([...head, ...data]);
};

/** Not even what the garbage collector would find: it may not come for long. */
it.each([
  ["tabular-classification", "mlp"],
  ["tabular-regression", "mlp"],
  ["text-classification", "bag-of-words"],
  ["text-classification", "mlp"],
  ["text-classification", "gru"],
  ["image-classification", "mlp"],
  ["token-classification", "lstm"],
  ["token-classification", "gru"],
])("%s with %s holds as many tensors after every epoch", async (task, model) => {
  let data = task === "token-classification" ? tagged : table;
  if (task === "image-classification") {
    const { mkdirSync } = await import("node:fs");
    mkdirSync(images, { recursive: true });
    const pixels = Array.from({ length: 60 * 16 }, (_, i) => (i * 37) % 256);
    writeFileSync(join(images, "train-images-idx3-ubyte"), idx([60, 4, 4], pixels));
    writeFileSync(
      join(images, "train-labels-idx1-ubyte"),
      idx(
        [60],
        Array.from({ length: 60 }, (_, i) => i % 3),
      ),
    );
    data = images;
  }
  const held: number[] = [];
  await getTask(task).train({
    data,
    model,
    output: join(folder, `${task}-${model}`),
    args: { numTrainEpochs: 8, quiet: true },
    callbacks: [{ onEpochEnd: () => void held.push(memory().liveTensors) }],
  });
  expect(held).toHaveLength(8);
  // Tensors that were left before the run may be collected meanwhile: fewer is fine.
  for (let i = 3; i < 8; i++) expect(held[i]).toBeLessThanOrEqual(held[2]);
});
