import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { SafetensorsFile } from "../../src/formats/index.ts";
import { manualSeed, noGrad, tensor } from "../../src/index.ts";
import {
  AutoModelForSequenceClassification,
  autoModels,
  PeftModel,
  type PreTrainedModel,
} from "../../src/models/index.ts";
import { getTask, loadModel } from "../../src/tasks/index.ts";
import { PreTrainedTokenizer, trainTokenizer } from "../../src/text/index.ts";
import { temporaryFolder } from "../folder.ts";
import { run } from "../run.ts";

const folder = temporaryFolder();

const words = ["good", "fine", "lovely", "bad", "dull", "awful"];
const texts = Array.from({ length: 60 }, (_, i) => `the film was ${words[(i * 5) % 6]}${i % 4 ? "" : " to me"}`);
const data = join(folder, "reviews.tsv");
const base = join(folder, "base");
beforeAll(async () => {
  writeFileSync(
    data,
    `text\tlabel\n${texts.map((text, i) => `${text}\t${(i * 5) % 6 < 3 ? "yes" : "no"}\n`).join("")}`,
  );
  manualSeed(3);
  const tokenizer = await trainTokenizer("wordpiece", texts, { vocabSize: 70 });
  const family = autoModels.family({ model_type: "bert" }, "");
  const Model = autoModels.classOf(family, "base");
  const model: PreTrainedModel = new Model(
    family.config.parse({
      ...{ model_type: "bert", vocab_size: tokenizer.vocabSize, hidden_size: 32, num_hidden_layers: 3 },
      ...{ num_attention_heads: 4, intermediate_size: 64, max_position_embeddings: 40 },
    }),
  );
  model.savePretrained(base);
  new PreTrainedTokenizer(tokenizer).savePretrained(base);
});

const train = (output: string, { args, ...options }: { args?: object; [option: string]: unknown } = {}) =>
  getTask("text-classification").train({
    data,
    output: join(folder, output),
    model: base,
    ...options,
    args: { numTrainEpochs: 1, learningRate: 1e-3, perDeviceTrainBatchSize: 9, seed: 5, quiet: true, ...args },
  });
const weights = (name: string) => readFileSync(join(folder, name, "model.safetensors"));
/** Names of the parameters that are not those of `base` any more. */
function changed(name: string): string[] {
  using before = SafetensorsFile.open(join(base, "model.safetensors"));
  using after = SafetensorsFile.open(join(folder, name, "model.safetensors"));
  const same = (key: string) =>
    Buffer.compare(
      Buffer.from((before.read(key).data as Float32Array).buffer),
      Buffer.from((after.read(`bert.${key}`).data as Float32Array).slice().buffer),
    ) === 0;
  return before.names().filter((key) => !same(key));
}

describe("--lora", () => {
  it("saves a merged model that predicts, and the adapter beside it", async () => {
    const said: string[] = [];
    const report = await train("lora", {
      lora: 4,
      loraAlpha: 16,
      loraTarget: "query,value,output.dense",
      say: (line: string) => said.push(line),
      args: { numTrainEpochs: 12, learningRate: 1e-2 },
    });
    expect(report.validation?.accuracy).toBe(1);
    expect(said.join("\n")).toMatch(/[\d,]+ of [\d,]+ parameters learn \(\d+\.\d+ %\)/);
    expect(changed("lora").every((key) => /(query|value|output\.dense)\.weight$/.test(key))).toBe(true);
    expect(changed("lora")).toHaveLength(3 * 4);
    const model = await loadModel(join(folder, "lora"));
    expect((await model.evaluate({ data })).metrics.accuracy).toBe(1);

    const labels = ["no", "yes"];
    const adapted = await AutoModelForSequenceClassification.fromPretrained(base, { labels });
    PeftModel.fromPretrained(adapted, join(folder, "lora", "adapter"));
    const inputIds = tensor(Int32Array.of(2, 9, 12, 30, 3), [1, 5]);
    const logits = (m: typeof adapted) => noGrad(() => m.forward({ inputIds }).logits).data();
    const merged = logits(await AutoModelForSequenceClassification.fromPretrained(join(folder, "lora")));
    logits(adapted).forEach((x, i) => {
      expect(x).toBeCloseTo(merged[i], 4);
    });
    const json = JSON.parse(readFileSync(join(folder, "lora", "adapter", "adapter_config.json"), "utf8"));
    expect(json).toMatchObject({ r: 4, lora_alpha: 16, task_type: "SEQ_CLS", modules_to_save: ["classifier"] });
    expect(existsSync(join(folder, "lora", "adapter_config.json"))).toBe(false);
  });

  it("wants a rank, and layers that are there", async () => {
    await expect(train("bad", { loraTarget: "query" })).rejects.toThrow("need --lora RANK");
    await expect(train("bad", { lora: 2, loraTarget: "q_proj" })).rejects.toThrow("no linear layer");
    await expect(train("bad", { lora: 0 })).rejects.toThrow("lora is 0");
  });
});

describe("the command line", () => {
  it("refuses adapters of presets", async () => {
    const output = join(folder, "preset");
    expect(await run(`train text-classification --data ${data} --output ${output} --lora 4`)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /--lora \(lora\) is not for its presets\nhint: It is for pretrained models\. Name one: --model/,
      ),
    });
  });
});

describe("--freeze", () => {
  it("leaves what the pattern fits", async () => {
    await train("frozen", { freeze: "^bert\\.(embeddings|encoder\\.layer\\.[01])\\." });
    expect(changed("frozen").length).toBeGreaterThan(10);
    expect(changed("frozen").every((key) => /^(encoder\.layer\.2|pooler)\./.test(key))).toBe(true);
  });
  it("wants a pattern that fits something, not all", async () => {
    await expect(train("bad", { freeze: "gpt" })).rejects.toThrow("no parameter has such a name");
    await expect(train("bad", { freeze: "." })).rejects.toThrow("nothing is left to learn");
    await expect(train("bad", { freeze: "(" })).rejects.toThrow("--freeze: Invalid regular expression");
  });
});

describe("a run with an adapter, layer-wise rates and gradient checkpointing", () => {
  it.each([
    { lora: 2, args: {} },
    { freeze: "embeddings", args: { layerwiseLrDecay: 0.7, warmupSteps: 2 } },
  ])("resumes to the same bits, and has them without checkpointing too: %o", async ({ args, ...options }) => {
    const all = { numTrainEpochs: 2, saveSteps: 4, layerwiseLrDecay: 0.8, ...args };
    const name = "lora" in options ? "a" : "b";
    await train(`${name}-plain`, { ...options, args: all });
    const saving = { ...all, gradientCheckpointing: true };
    let steps = 0;
    const boom = {
      onStepEnd: () => {
        if (++steps === 7) throw new Error("the power failed");
      },
    };
    await expect(train(name, { ...options, args: saving, callbacks: [boom] })).rejects.toThrow("the power failed");
    await train(name, { ...options, args: { ...saving, resume: true } });
    expect(weights(name).equals(weights(`${name}-plain`))).toBe(true);
  });
});
