import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { manualSeed } from "../../src/index.ts";
import { BertForSequenceClassification, bertConfig } from "../../src/models/index.ts";
import { loadModel, pipeline } from "../../src/tasks/index.ts";
import { AutoTokenizer, PreTrainedTokenizer, trainTokenizer } from "../../src/text/index.ts";
import { useMirror } from "../hub/use-mirror.ts";

const { mirror, base } = useMirror();
beforeAll(async () => {
  manualSeed(2);
  const tokenizer = await trainTokenizer("wordpiece", ["good film", "bad book"], { vocabSize: 60 });
  const config = bertConfig.make({
    ...{ vocabSize: tokenizer.vocabSize, hiddenSize: 16, numHiddenLayers: 1, numAttentionHeads: 2 },
    ...{ intermediateSize: 32, maxPositionEmbeddings: 32, id2label: { 0: "bad", 1: "good" } },
  });
  const folder = join(base, "model");
  new BertForSequenceClassification(config).savePretrained(folder);
  new PreTrainedTokenizer(tokenizer).savePretrained(folder);
  const files = readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))] as const);
  mirror.add("someone/reviews", { files: Object.fromEntries(files) });
});
it("a model of the hub predicts as its folder does, by pipeline and by name", async () => {
  const want = await (await pipeline("text-classification", join(base, "model")))("good film");
  expect(want).toHaveLength(1);
  expect(await (await pipeline("text-classification", "someone/reviews"))("good film")).toEqual(want);
  expect(await (await loadModel("hub:someone/reviews")).predict(["good film"])).toEqual(want);
  await expect(loadModel("hub:someone/nothing")).rejects.toThrow("someone/nothing");
  await expect(pipeline("text-classification", "runs/none")).rejects.toThrow("no such folder here");
  await expect(loadModel("runs/none")).rejects.toThrow("runs/none/config.json: no such file");
});

it("a tokenizer of the hub is had by name, without the weights", async () => {
  const want = (await AutoTokenizer.fromPretrained(join(base, "model"))).encode("good film").inputIds;
  for (const name of ["someone/reviews", "hub:someone/reviews", "someone/reviews@main"])
    expect((await AutoTokenizer.fromPretrained(name)).encode("good film").inputIds).toEqual(want);
  expect(
    (await AutoTokenizer.fromPretrained("someone/reviews", { revision: "main" })).encode("good film").inputIds,
  ).toEqual(want);
  await expect(AutoTokenizer.fromPretrained("someone/nothing")).rejects.toThrow("no such folder here");
  await expect(AutoTokenizer.fromPretrained(join(base, "none"))).rejects.toThrow("no such file");
});
