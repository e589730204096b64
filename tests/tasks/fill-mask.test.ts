import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { manualSeed, noGrad, type Tensor } from "../../src/index.ts";
import { AutoModelForMaskedLM, autoModels, type Head, type PreTrainedModel } from "../../src/models/index.ts";
import { encodeTexts, fixedBlocks, type MaskedBatch, MaskedBlocks } from "../../src/tasks/fill-mask/blocks.ts";
import { type FilledMask, fillMask, getTask, loadModel, pipeline } from "../../src/tasks/index.ts";
import { AutoTokenizer, PreTrainedTokenizer, trainTokenizer } from "../../src/text/index.ts";
import { fill } from "../models/pretrained/recorded.ts";
import { run } from "../run.ts";

const folder = temporaryFolder();
const file = filesIn(folder);

const WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a cat dog sat ran home . ##s".split(" ");
const LETTERS = ["<s>", "<pad>", "</s>", "<unk>", ..."acdghmnorstĠ.", "at", "og", "Ġc", "Ġd", "Ġcat", "Ġdog", "<mask>"];
const MERGES = ["a t", "o g", "Ġ c", "Ġ d", "Ġc at", "Ġd og"];
const SHAPE = {
  ...{ hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 24 },
  max_position_embeddings: 16,
};
const CONFIGS = {
  bert: { vocab_size: WORDS.length, ...SHAPE },
  distilbert: {
    ...{ vocab_size: WORDS.length, dim: 16, n_layers: 2, n_heads: 4, hidden_dim: 24, max_position_embeddings: 16 },
  },
  electra: { vocab_size: WORDS.length, embedding_size: 8, ...SHAPE },
  roberta: { vocab_size: LETTERS.length, type_vocab_size: 1, ...SHAPE },
} as const;
type Name = keyof typeof CONFIGS;

/** A model of waves with the vocabulary of its family. */
function checkpoint(name: Name, path: string, head: Head = "maskedLm", more: object = {}): string {
  const json = { model_type: name, ...CONFIGS[name], ...more };
  const family = autoModels.family(json, path);
  const Model = autoModels.classOf(family, head);
  const model: PreTrainedModel = fill(new Model(family.config.parse(json)));
  model.savePretrained(join(folder, path));
  if (name === "roberta") {
    file(`${path}/vocab.json`, JSON.stringify(Object.fromEntries(LETTERS.map((token, i) => [token, i]))));
    file(`${path}/merges.txt`, ["#version: 0.2", ...MERGES, ""].join("\n"));
  } else file(`${path}/vocab.txt`, WORDS.join("\n"));
  return join(folder, path);
}

/*
import json, os, torch
from transformers import (AutoModelForMaskedLM, BertConfig, BertTokenizerFast, DistilBertConfig, DistilBertTokenizerFast,
                          ElectraConfig, RobertaConfig, RobertaTokenizerFast, pipeline)
# WORDS, LETTERS, MERGES and the configurations as above
open("vocab.txt", "w").write("\n".join(WORDS))
json.dump({token: i for i, token in enumerate(LETTERS)}, open("vocab.json", "w"))
open("merges.txt", "w").write("\n".join(["#version: 0.2", *MERGES, ""]))
for name, config in configs.items():
    Bert = DistilBertTokenizerFast if name == "distilbert" else BertTokenizerFast
    tokenizer = RobertaTokenizerFast("vocab.json", "merges.txt") if name == "roberta" else Bert("vocab.txt")
    model = AutoModelForMaskedLM.from_config(config).eval()
    for k, (key, p) in enumerate(sorted(model.named_parameters())):
        wave = 0.2 * torch.cos(0.7 * torch.arange(p.numel(), dtype=torch.float64) + k).view(p.shape)
        p.data.copy_(wave + (key.endswith("weight") and p.ndim == 1))
    fill = pipeline("fill-mask", model=model, tokenizer=tokenizer)
    for text in ["A [MASK] sat.", "a [MASK] ran [MASK]"]:
        print(name, fill(text.replace("[MASK]", tokenizer.mask_token), top_k=2))   # token, score, token_str, sequence
*/
type Recorded = [token: number, score: number, tokenStr: string, sequence: string];

import { filesIn, temporaryFolder } from "../folder.ts";

const RECORDED: Record<Name, [Recorded[], Recorded[][]]> = {
  bert: [
    [
      [9, 0.09546272, "ran", "a ran sat."],
      [0, 0.09370121, "[PAD]", "a sat."],
    ],
    [
      [
        [9, 0.09659746, "ran", "[CLS] a ran ran [MASK] [SEP]"],
        [0, 0.09430402, "[PAD]", "[CLS] a ran [MASK] [SEP]"],
      ],
      [
        [2, 0.11338562, "[CLS]", "[CLS] a [MASK] ran [CLS] [SEP]"],
        [11, 0.11148825, ".", "[CLS] a [MASK] ran. [SEP]"],
      ],
    ],
  ],
  distilbert: [
    [
      [8, 0.11172371, "sat", "a sat sat."],
      [9, 0.11024833, "ran", "a ran sat."],
    ],
    [
      [
        [8, 0.11116768, "sat", "[CLS] a sat ran [MASK] [SEP]"],
        [9, 0.11019368, "ran", "[CLS] a ran ran [MASK] [SEP]"],
      ],
      [
        [0, 0.09179182, "[PAD]", "[CLS] a [MASK] ran [SEP]"],
        [9, 0.09122944, "ran", "[CLS] a [MASK] ran ran [SEP]"],
      ],
    ],
  ],
  electra: [
    [
      [0, 0.11799759, "[PAD]", "a sat."],
      [9, 0.11720296, "ran", "a ran sat."],
    ],
    [
      [
        [0, 0.11856883, "[PAD]", "[CLS] a ran [MASK] [SEP]"],
        [9, 0.11742954, "ran", "[CLS] a ran ran [MASK] [SEP]"],
      ],
      [
        [0, 0.12066633, "[PAD]", "[CLS] a [MASK] ran [SEP]"],
        [9, 0.11912195, "ran", "[CLS] a [MASK] ran ran [SEP]"],
      ],
    ],
  ],
  roberta: [
    [
      [0, 0.07675268, "<s>", " sat."],
      [19, 0.07620197, " c", " c sat."],
    ],
    [
      [
        [19, 0.07625391, " c", "<s>a c ran<mask></s>"],
        [10, 0.07424898, "n", "<s>an ran<mask></s>"],
      ],
      [
        [10, 0.0774447, "n", "<s>a<mask> rann</s>"],
        [19, 0.07697451, " c", "<s>a<mask> ran c</s>"],
      ],
    ],
  ],
};

const described = (list: readonly Recorded[]) =>
  list.map(([token, score, token_str, sequence]) => ({ score: expect.closeTo(score, 6), token, token_str, sequence }));

describe("filling masks", () => {
  it.each(Object.keys(CONFIGS) as Name[])("gives what Transformers' pipeline gives: %s", async (name) => {
    const path = checkpoint(name, name);
    const fills = await pipeline("fill-mask", path);
    const mask = name === "roberta" ? "<mask>" : "[MASK]";
    const texts = ["A [MASK] sat.", "a [MASK] ran [MASK]"].map((text) => text.replaceAll("[MASK]", mask));
    const [one, several] = RECORDED[name];
    const want = [described(one), several.map(described)];
    expect(await fills(texts, { topK: 2 })).toEqual(want);
    // Alone as in a batch, and one text's list is no list of lists.
    expect(await fills(texts[1], { topK: 2 })).toEqual(want[1]);
    expect(await fills(texts[0], { topK: 2, batchSize: 1 })).toEqual(want[0]);
    expect(await fills([texts[0]], { topK: 2 })).toEqual([want[0]]);
    const [model, tokenizer] = [
      await AutoModelForMaskedLM.fromPretrained(path),
      await AutoTokenizer.fromPretrained(path),
    ];
    expect(fillMask(model, tokenizer, texts.slice(0, 1), { topK: 2 })).toEqual([want[0]]);
    const [all] = fillMask(model, tokenizer, texts, { topK: tokenizer.vocabSize }) as FilledMask[][];
    expect(all.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 6);
    expect(fillMask(model, tokenizer, [])).toEqual([]);
  });

  it("works on the command line: five of them, or so many as are asked for, of texts and files", async () => {
    const path = checkpoint("bert", "bert");
    const { status, json } = await run(`predict ${path} "A [MASK] sat." --json`);
    expect(status).toBe(0);
    const [five] = json as FilledMask[][];
    expect(five.slice(0, 2)).toEqual(described(RECORDED.bert[0]));
    expect(five).toHaveLength(5);
    const input = file("masks.txt", "A [MASK] sat.\na [MASK] ran [MASK]\n");
    expect(await run(`predict ${path} --input ${input} --top-k 2`)).toMatchObject({
      status: 0,
      stdout: "ran 0.0955  [PAD] 0.0937\nran 0.0966  [PAD] 0.0943 | [CLS] 0.1134  . 0.1115\n",
    });
    const table = file("masks.csv", 'label,text\nx,"A [MASK]\nsat."\n');
    const one = await run(`predict ${path} --input ${table} --top-k 1 --json`);
    expect(one.status).toBe(0);
    expect(one.json).toEqual([described(RECORDED.bert[0].slice(0, 1))]);
  });

  it("leaves out ids that a model's table has beyond the tokenizer's", async () => {
    const path = checkpoint("bert", "wide", "maskedLm", { vocab_size: 16 });
    const fills = await pipeline("fill-mask", path);
    const list = (await fills("a [MASK]", { topK: WORDS.length })) as FilledMask[];
    expect(list).toHaveLength(WORDS.length);
    expect(list.reduce((sum, { score }) => sum + score, 0)).toBeLessThan(0.95);
  });

  it("says what is wrong", async () => {
    const path = checkpoint("bert", "bert");
    const fills = await pipeline("fill-mask", path);
    await expect(fills(["a [MASK]", "a cat"])).rejects.toThrow('input 2: "a cat" has no [MASK]');
    await expect(fills(`${"a ".repeat(14)}[MASK]`)).rejects.toThrow(/has no \[MASK\] within its first 16 tokens/);
    for (const topK of [0, 1.5, WORDS.length + 1])
      await expect(fills("a [MASK]", { topK })).rejects.toThrow(
        `top-k is ${topK}; expected a whole number from 1 to 13`,
      );
    const roberta = await pipeline("fill-mask", checkpoint("roberta", "roberta"));
    await expect(roberta("a [MASK]")).rejects.toThrow(/has no <mask>/);
    const { status, stderr } = await run(`predict ${path} "a cat"`);
    expect(status).toBe(1);
    expect(stderr).toContain("hint:");
    expect(stderr).toContain('"Paris is the [MASK] of France."');
    const encoder = checkpoint("bert", "encoder", "base");
    expect((await run(`predict ${encoder} "a cat" --top-k 2`)).status).toBe(2);
    await expect(loadModel(encoder, "fill-mask")).rejects.toThrow(/the checkpoint has no cls\.predictions\./);
  });
});

describe("masking", () => {
  const specialIds = new Set([0, 1, 2, 3, 4]);
  const vocabSize = 50;
  const stream = (n: number) => Int32Array.from({ length: n }, (_, i) => (i * 7919 + (i >> 3)) % vocabSize);
  /** Ids, and labels with −100 where nothing is to be guessed. */
  const lists = ({ inputIds, maskedPositions, labels }: MaskedBatch) => {
    const all = new Array<number>(inputIds.numel).fill(-100);
    const found = labels.data();
    maskedPositions.data().forEach((at, i) => {
      all[at] = found[i];
    });
    const both = [[...inputIds.data()], all];
    for (const used of [inputIds, maskedPositions, labels]) used.dispose();
    return both;
  };

  it("hides the share that is asked for: 80 % masked, 10 % at random, 10 % as they are; special tokens never", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: 0.9, noNaN: true }),
        fc.nat(),
        fc.nat(1000),
        (probability, seed, epoch) => {
          const ids = stream(40_000);
          const masking = { probability, maskTokenId: 4, vocabSize, specialIds };
          const blocks = new MaskedBlocks(ids, { block: 100, masking, seed });
          blocks.setEpoch(epoch);
          const batch = blocks.batch(Int32Array.from({ length: 400 }, (_, i) => i));
          const count = batch.labels.numel;
          const [inputs, labels] = lists(batch);
          let [ordinary, masked, other, low, wrong] = [0, 0, 0, 0, 0];
          ids.forEach((id, i) => {
            if (!specialIds.has(id)) ordinary++;
            const guessed = labels[i] !== -100;
            if (guessed ? labels[i] !== id || specialIds.has(id) : inputs[i] !== id) wrong++;
            if (!guessed) return;
            if (inputs[i] === 4) masked++;
            else if (inputs[i] !== id) {
              other++;
              if (inputs[i] < 25) low++;
              if (inputs[i] < 0 || inputs[i] >= vocabSize) wrong++;
            }
          });
          expect(wrong).toBe(0);
          // Within five standard deviations.
          const near = (found: number, n: number, p: number) =>
            expect(Math.abs(found - n * p)).toBeLessThan(5 * Math.sqrt(n * p * (1 - p)));
          expect(labels.filter((label) => label !== -100)).toHaveLength(count);
          near(count, ordinary, probability);
          near(masked, count, 0.8 + 0.1 / vocabSize);
          near(other, count, 0.1 * (1 - 2 / vocabSize));
          // Of 48 others than the mask and itself.
          near(low, other, (24 - 20 / 45) / 48);
        },
      ),
      { numRuns: 20 },
    );
  });

  it("is a function of seed, epoch and place alone", () => {
    const masking = { probability: 0.15, maskTokenId: 4, vocabSize, specialIds };
    const at = (seed: number, epoch: number, indices: number[]) => {
      const blocks = new MaskedBlocks(stream(2010), { block: 100, masking, seed });
      expect(blocks.length).toBe(20);
      blocks.setEpoch(epoch);
      return lists(blocks.batch(Int32Array.from(indices)));
    };
    const [inputs, labels] = at(3, 5, [7, 2]);
    const [second, first] = [at(3, 5, [2]), at(3, 5, [7])];
    expect(inputs).toEqual([...first[0], ...second[0]]);
    expect(labels).toEqual([...first[1], ...second[1]]);
    expect(at(3, 6, [7])[1]).not.toEqual(first[1]);
    expect(at(4, 5, [7])[1]).not.toEqual(first[1]);
    const whole = (batch: number) => {
      const found = [...fixedBlocks(stream(2010), { block: 100, masking, batch })];
      expect(found.at(-1)?.inputIds.shape).toEqual([1, 10]);
      const both = found.map(lists);
      return [both.flatMap((b) => b[0]), both.flatMap((b) => b[1])];
    };
    expect(whole(3)).toEqual(whole(20));
  });

  it("hides one token of a short block at least, and leaves out blocks of special tokens", () => {
    const masking = { probability: 1e-6, maskTokenId: 4, vocabSize, specialIds };
    const blocks = new MaskedBlocks(Int32Array.of(2, 3, 2, 3, 2, 7, 8, 3, 2, 9), { block: 4, masking, seed: 0 });
    expect(blocks.length).toBe(1);
    for (let epoch = 0; epoch < 50; epoch++) {
      blocks.setEpoch(epoch);
      const [, labels] = lists(blocks.batch(Int32Array.of(0)));
      expect([
        [-100, 7, -100, -100],
        [-100, -100, 8, -100],
      ]).toContainEqual(labels);
    }
  });

  it("joins texts with their special tokens", async () => {
    const tokenizer = await AutoTokenizer.fromPretrained(checkpoint("bert", "bert"));
    expect([...encodeTexts(tokenizer, ["a cat", "", "Dogs ran."])]).toEqual([2, 5, 6, 3, 2, 3, 2, 7, 12, 9, 11, 3]);
  });
});

const PLACES = ["paris of france", "rome of italy", "madrid of spain", "oslo of norway", "cairo of egypt"].map((p) =>
  p.split(" of "),
);
const prose = Array.from({ length: 200 }, (_, i) => {
  // In no order that the sentence before could tell.
  const [city, country] = PLACES[Math.floor(500 * (1 + Math.sin(i * i))) % 5];
  return i % 2 ? `${city} is the capital of ${country} .` : `the capital of ${country} is ${city} .`;
});

describe("training", () => {
  let base: string;
  let data: string;
  const learner = async (path: string, head: Head, specialTokens?: string[]) => {
    manualSeed(5);
    const tokenizer = await trainTokenizer("wordpiece", prose, { vocabSize: 120, specialTokens });
    const shape = { hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 64 };
    const json = { model_type: "bert", vocab_size: tokenizer.vocabSize, ...shape, max_position_embeddings: 32 };
    const family = autoModels.family(json, path);
    const Model = autoModels.classOf(family, head);
    (new Model(family.config.parse(json)) as PreTrainedModel).savePretrained(join(folder, path));
    new PreTrainedTokenizer(tokenizer).savePretrained(join(folder, path));
    return join(folder, path);
  };
  beforeEach(async () => {
    base = await learner("base", "base");
    data = file("prose.txt", `${prose.join("\n")}\n`);
  });
  const train = (output: string, options: object = {}, args: object = {}) =>
    getTask("fill-mask").train({
      ...{ data, output: join(folder, output), model: base, maxLength: 9, dropout: 0, ...options },
      args: { numTrainEpochs: 60, learningRate: 5e-3, warmupSteps: 50, quiet: true, ...args },
    });
  const weights = (name: string) => new Uint8Array(readFileSync(join(folder, name, "model.safetensors")));

  it("learns what stands where; measures, predicts and goes on from the folder", async () => {
    const said: string[] = [];
    const report = await train("capitals", { say: (line: string) => said.push(line) });
    expect(said.join("\n")).toMatch(/new, with random values: cls\.predictions\./);
    expect(said.join("\n")).toMatch(/\d+ blocks of 9 tokens to train on, \d+ tokens to validate; 15 % are hidden/);
    const { loss, perplexity, accuracy, tokens } = report.validation ?? {};
    expect(loss).toBeLessThan(0.1);
    expect(perplexity).toBeCloseTo(Math.exp(loss), 10);
    expect(accuracy).toBeGreaterThan(0.95);
    const config = JSON.parse(readFileSync(join(folder, "capitals", "config.json"), "utf8"));
    expect(config).toMatchObject({ model_type: "bert", architectures: ["BertForMaskedLM"] });
    const model = await loadModel(join(folder, "capitals"));
    for (const [city, country] of PLACES) {
      const [list] = (await model.predict([`${city} is the capital of [MASK] .`], { topK: 1 })) as FilledMask[][];
      expect(list[0]).toMatchObject({ token_str: country, sequence: `${city} is the capital of ${country}.` });
    }
    // The masks of evaluation are the same whoever asks.
    const held = file("held.txt", `${prose.slice(-20).join("\n")}\n`);
    const again = await model.evaluate({ data: held });
    expect(again).toEqual({ ...(await model.evaluate({ data: held })), seconds: expect.any(Number) });
    rmSync(join(folder, "capitals", "run.json"));
    const plain = await loadModel(join(folder, "capitals"));
    expect(plain.task).toBe("fill-mask");
    expect(tokens).toBeGreaterThan(0);
    const further = await train("further", { model: join(folder, "capitals") }, { maxSteps: 1 });
    expect(further.validation?.loss).toBeLessThan(0.3);
    await expect(plain.evaluate({ data: file("empty.txt", "\n\n") })).rejects.toThrow(/empty\.txt: no text/);
  });

  it("reports the loss of the masked tokens, each block's as the model gives it", async () => {
    await train("measured", { validation: "none", mlmProbability: 0.3 }, { maxSteps: 2 });
    const { metrics, examples } = await (await loadModel(join(folder, "measured"))).evaluate({ data });
    const model = await AutoModelForMaskedLM.fromPretrained(join(folder, "measured"));
    const tokenizer = await AutoTokenizer.fromPretrained(base);
    const ids = encodeTexts(tokenizer, prose);
    const specialIds = new Set(tokenizer.allSpecialIds);
    const masking = { probability: 0.3, maskTokenId: tokenizer.maskTokenId as number, vocabSize: tokenizer.vocabSize };
    let [total, count, blocks] = [0, 0, 0];
    for (const batch of fixedBlocks(ids, { block: 9, masking: { ...masking, specialIds }, batch: 1 })) {
      total += batch.labels.numel * noGrad(() => (model.forward(batch).loss as Tensor).item());
      count += batch.labels.numel;
      blocks++;
    }
    expect(examples).toBe(blocks);
    expect(metrics.tokens).toBe(count);
    expect(metrics.loss).toBeCloseTo(total / count, 5);
  });

  it("resumes to the same bits", async () => {
    const args = { numTrainEpochs: 2, saveSteps: 3, learningRate: 1e-3 };
    const options = { dropout: 0.1 };
    await train("whole", options, args);
    let steps = 0;
    const boom = {
      onStepEnd: () => {
        if (++steps === 5) throw new Error("the power failed");
      },
    };
    await expect(train("cut", { ...options, callbacks: [boom] }, args)).rejects.toThrow("the power failed");
    await train("cut", options, { ...args, resume: true });
    expect(weights("cut")).toEqual(weights("whole"));
    await train("other", options, { ...args, seed: 7 });
    expect(weights("other")).not.toEqual(weights("whole"));
  });

  it("takes the options of every fine-tuning, and rows of tables", async () => {
    const rows = file("rows.jsonl", prose.map((content, id) => `${JSON.stringify({ id, content })}\n`).join(""));
    await train("start", { data: rows, validation: "none" }, { maxSteps: 1 });
    const model = join(folder, "start");
    const embeddings = (name: string) =>
      autoModels.load(join(folder, name), "maskedLm").model.stateDict().get("bert.embeddings.word_embeddings.weight");
    await train("frozen", { data: rows, model, freeze: "embeddings|layer\\.0" }, { maxSteps: 4 });
    expect(embeddings("frozen")?.data()).toEqual(embeddings("start")?.data());
    const said: string[] = [];
    const say = (line: string) => said.push(line);
    await train("adapter", { data: rows, model, lora: 2, say }, { maxSteps: 4, gradientCheckpointing: true });
    expect(said.join("\n")).toMatch(/parameters learn/);
    expect(embeddings("adapter")?.data()).toEqual(embeddings("start")?.data());
    expect(weights("adapter")).not.toEqual(weights("start"));
    await train("decayed", { data: rows, model }, { maxSteps: 2, layerwiseLrDecay: 0.5 });
    expect(embeddings("decayed")?.data()).not.toEqual(embeddings("start")?.data());
  });

  it("says what is wrong", async () => {
    await expect(train("bad", { model: undefined })).rejects.toThrow(
      "fill-mask needs --model FOLDER or hub:OWNER/NAME",
    );
    await expect(train("bad", { model: "lstm" })).rejects.toThrow(/needs --model .*, found lstm/);
    const short = file("short.txt", "paris is\n");
    await expect(train("bad", { data: short, validation: "none" })).rejects.toThrow(
      /short\.txt: 4 tokens are less than one block of 9/,
    );
    for (const mlmProbability of [0, 1.1, Number.NaN])
      await expect(train("bad", { mlmProbability })).rejects.toThrow(
        /mlmProbability is .*expected a number above 0, at most 1/,
      );
    await expect(train("bad", { maxLength: 0 })).rejects.toThrow("maxLength is 0; expected a whole number from 1");
    const bare = await learner("bare", "base", ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]);
    // What BERT's tokenizers take for granted is said to be otherwise.
    const settings = join(bare, "tokenizer_config.json");
    expect(JSON.parse(readFileSync(settings, "utf8"))).not.toHaveProperty("mask_token");
    await expect(train("bad", { model: bare })).rejects.toThrow(/the tokenizer has no mask token/);
    const config = JSON.parse(readFileSync(join(base, "config.json"), "utf8"));
    const larger = await trainTokenizer("wordpiece", [...prose, "quite other words"], { vocabSize: 200 });
    const other = await learner("disagrees", "base");
    new PreTrainedTokenizer(larger).savePretrained(other);
    expect(larger.vocabSize).toBeGreaterThan(config.vocab_size);
    await expect(train("bad", { model: other })).rejects.toThrow(
      `the tokenizer has ${larger.vocabSize} tokens, the model ${config.vocab_size}`,
    );
    const gpt2 = autoModels.family({ model_type: "gpt2" }, "gpt2");
    const Gpt2 = autoModels.classOf(gpt2, "causalLm");
    const shape = { model_type: "gpt2", vocab_size: config.vocab_size, n_embd: 8, n_layer: 1, n_head: 1 };
    (new Gpt2(gpt2.config.parse(shape)) as PreTrainedModel).savePretrained(other);
    await expect(train("bad", { model: other })).rejects.toThrow(/gpt2 has no model for maskedLm/);
  });
});
