import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { manualSeed } from "../../src/index.ts";
import { autoModels, type PreTrainedModel } from "../../src/models/index.ts";
import { getTask, loadGenerator, loadModel } from "../../src/tasks/index.ts";
import { encodeExample, pack } from "../../src/tasks/text-generation/chats.ts";
import { PreTrainedTokenizer, trainTokenizer } from "../../src/text/index.ts";
import { temporaryFolder } from "../folder.ts";
import { run } from "../run.ts";

const folder = temporaryFolder();
const file = (name: string, rows: readonly object[]) => {
  writeFileSync(join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return join(folder, name);
};

const CHATML =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const FACTS = [
  ["capital of France", "It is Paris."],
  ["capital of Italy", "It is Rome."],
  ["colour of grass", "Green."],
  ["colour of snow", "White, most often."],
];
const chats = FACTS.map(([question, answer]) => ({
  messages: [
    { role: "user", content: `What is the ${question}?` },
    { role: "assistant", content: answer },
  ],
}));
const prose = FACTS.flatMap(([q, a]) => [`The ${q}: ${a}`, "", `${a} That is the ${q}.`]);

let tokenizer: PreTrainedTokenizer;
const bases = { gpt2: join(folder, "gpt2"), llama: join(folder, "llama") };
beforeAll(async () => {
  const specialTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
  const trained = await trainTokenizer("bpe", prose, { vocabSize: 300, specialTokens });
  tokenizer = new PreTrainedTokenizer(trained, {
    config: { chat_template: CHATML },
    tokens: { eos_token: "<|im_end|>", pad_token: "<|endoftext|>", bos_token: "<|endoftext|>" },
  });
  const shapes = {
    gpt2: { n_embd: 32, n_layer: 2, n_head: 2, n_positions: 96 },
    llama: { hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64 },
  };
  for (const name of ["gpt2", "llama"] as const) {
    manualSeed(3);
    const family = autoModels.family({ model_type: name }, "");
    const Model = autoModels.classOf(family, "causalLm");
    const json = { model_type: name, vocab_size: tokenizer.vocabSize, max_position_embeddings: 96, ...shapes[name] };
    const model: PreTrainedModel = new Model(family.config.parse(json));
    model.savePretrained(bases[name]);
    tokenizer.savePretrained(bases[name]);
  }
});

const train = (output: string, options: { model: string; data: string; args?: object; [option: string]: unknown }) =>
  getTask("text-generation").train({
    output: join(folder, output),
    validation: "none",
    ...options,
    dropout: 0,
    args: { numTrainEpochs: 100, learningRate: 1e-2, perDeviceTrainBatchSize: 4, quiet: true, ...options.args },
  });

describe("instruction tuning", () => {
  it.each(["gpt2", "llama"] as const)("teaches %s answers, which generate --chat gives", async (name) => {
    const said: string[] = [];
    const data = file("chats.jsonl", chats);
    const say = (line: string) => said.push(line);
    const report = await train(`chat-${name}`, {
      model: bases[name],
      data,
      say,
      args: { gradientCheckpointing: true },
    });
    expect(report.train.loss).toBeLessThan(0.1);
    expect(said.join("\n")).toMatch(/4 conversations to train on, \d+ tokens of answers; 0 to validate/);
    const output = join(folder, `chat-${name}`);
    const model = await loadGenerator(output);
    for (const { messages } of chats) {
      const answer = model.chat(messages.slice(0, 1), { temperature: 0, maxNewTokens: 30 });
      expect(answer).toBe(messages[1].content);
    }
    const { metrics } = await model.evaluate({ data });
    expect(metrics.loss).toBeLessThan(0.1);
    const question = `generate ${output} --chat --prompt "What is the capital of Italy?" --temperature 0`;
    const { status, json } = await run(`${question} --json`);
    expect(status).toBe(0);
    expect(json[0].generated_text.at(-1)).toEqual({ role: "assistant", content: "It is Rome." });
    expect(await run(question)).toMatchObject({ status: 0, stdout: "It is Rome.\n" });
  });

  it("learns an adapter on packed prompts and completions", async () => {
    const data = file(
      "completions.jsonl",
      FACTS.map(([q, a]) => ({ prompt: `The ${q}:`, completion: ` ${a}` })),
    );
    const output = "packed";
    const said: string[] = [];
    const say = (line: string) => said.push(line);
    const options = { packing: true, blockSize: 32, lora: 8, loraAlpha: 32, loraTarget: "all-linear" };
    const args = { learningRate: 1e-2, numTrainEpochs: 120 };
    await train(output, { model: bases.llama, data, ...options, say, args });
    expect(said.join("\n")).toMatch(/in \d blocks of 32/);
    expect(existsSync(join(folder, output, "adapter", "adapter_model.safetensors"))).toBe(true);
    const model = await loadGenerator(join(folder, output));
    expect(model.generate("The colour of grass:", { temperature: 0, maxNewTokens: 12 })).toBe(" Green.");
  });

  it("puts the loss on answers alone, packed or not", () => {
    const [one, two] = chats.map((chat) => encodeExample(tokenizer, chat));
    const learned = (e: { inputIds: number[]; answer: number[] }) => e.inputIds.filter((_, i) => e.answer[i] === 1);
    const text = (ids: number[]) => tokenizer.decode(ids, { skipSpecialTokens: false });
    expect(text(learned(one))).toBe("It is Paris.<|im_end|>\n");
    const completion = encodeExample(tokenizer, { prompt: "The colour", completion: " of snow" });
    expect(text(learned(completion))).toBe(" of snow<|im_end|>");
    const packed = pack([one, two], 16);
    expect(packed.flatMap((e) => e.inputIds)).toEqual([...one.inputIds, ...two.inputIds]);
    expect(packed.slice(0, -1).every((e) => e.inputIds.length === 16)).toBe(true);
    expect(text(packed.flatMap(learned))).toBe("It is Paris.<|im_end|>\nIt is Rome.<|im_end|>\n");
  });

  it("says what is wrong with the data", async () => {
    const tune = (rows: object[], options: object = {}) =>
      train("bad", { model: bases.gpt2, data: file("bad.jsonl", rows), ...options });
    await expect(tune([{ messages: [] }])).rejects.toThrow(/bad\.jsonl, row 1: expected a list of messages/);
    await expect(tune([chats[0], { messages: [{ role: "user" }] }])).rejects.toThrow(
      /row 2: message 0: expected a role/,
    );
    await expect(tune([chats[0], { text: "so" }])).rejects.toThrow("row 2: neither messages nor prompt and completion");
    await expect(tune([{ prompt: "a", completion: 3 }])).rejects.toThrow("expected two texts");
    await expect(tune(chats, { blockSize: 4 })).rejects.toThrow("no answer within 4 tokens");
    await expect(train("bad", { model: "gpt3", data: "x" })).rejects.toThrow("text-generation has no preset gpt3");
  });

  it("reads the names of others", async () => {
    const data = file("sharegpt.jsonl", [
      {
        conversations: [
          { from: "human", value: "hi" },
          { from: "gpt", value: "ho" },
        ],
      },
      { prompt: [{ role: "user", content: "hi" }], completion: [{ role: "assistant", content: "ho" }] },
    ]);
    const report = await train("sharegpt", { model: bases.gpt2, data, args: { maxSteps: 1 } });
    expect(report.steps).toBe(1);
  });
});

describe("fine-tuning on plain text", () => {
  it("learns in blocks; any folder of the family continues texts and is measured", async () => {
    writeFileSync(join(folder, "prose.txt"), `${Array.from({ length: 8 }, () => prose.join("\n")).join("\n")}\n`);
    const data = join(folder, "prose.txt");
    const before = await (await loadModel(bases.gpt2)).evaluate({ data });
    expect(before.metrics.loss).toBeGreaterThan(4);
    const report = await train("prose", {
      ...{ model: bases.gpt2, data, validation: "0.1", blockSize: 48 },
      args: { numTrainEpochs: 20 },
    });
    expect(report.validation?.loss).toBeLessThan(1);
    rmSync(join(folder, "prose", "run.json"));
    const model = await loadGenerator(join(folder, "prose"));
    expect((await model.evaluate({ data })).metrics.loss).toBeLessThan(1);
    expect(model.generate("The capital of France:", { temperature: 0, maxNewTokens: 8 })).toMatch(
      /^ It is (Paris|Rome)\./,
    );
    expect(model.beamSearch("The capital of France:", { numBeams: 2, maxNewTokens: 8 })[0].text).toContain("It is");
  });
});
