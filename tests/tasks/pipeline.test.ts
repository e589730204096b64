/// <reference types="vite/client" />
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, expectTypeOf, it } from "vitest";
import { OptionError } from "../../src/backend/options.ts";
import { autoModels, GenerationError, type Head, type PreTrainedModel } from "../../src/models/index.ts";
import {
  type ClassScore,
  type Entity,
  type FilledMask,
  getTask,
  loadGenerator,
  pipeline,
  type TaggedWord,
  TaskError,
} from "../../src/tasks/index.ts";
import { PreTrainedTokenizer, Tokenizer } from "../../src/text/index.ts";
import { temporaryFolder } from "../folder.ts";
import { run } from "../run.ts";
import { terminal } from "../terminal.ts";

const io = terminal();
const folder = temporaryFolder();

interface Call {
  call: Record<string, unknown>;
  one: unknown;
  several: unknown;
}
const files: Record<string, Record<string, Call[]>> = import.meta.glob("./recorded/pipelines.json", {
  eager: true,
  import: "default",
});
const [recorded] = Object.values(files);

// The models of scripts/record/pipelines.py.
const WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog", "sat", "ran", "home"];
const BERT = {
  ...{ vocab_size: WORDS.length, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2 },
  ...{ num_attention_heads: 4, max_position_embeddings: 12, id2label: { 0: "x", 1: "y", 2: "z" } },
};
const GPT2 = {
  ...{ vocab_size: WORDS.length, n_positions: 40, n_embd: 16, n_layer: 2, n_head: 2, tie_word_embeddings: false },
  ...{ bos_token_id: 2, eos_token_id: 3, pad_token_id: 0 },
};
function checkpoint(type: string, head: Head, config: object, name = head as string): string {
  const family = autoModels.family({ model_type: type }, type);
  const Model = autoModels.classOf(family, head);
  const model = new Model(family.config.parse({ model_type: type, ...config })) as PreTrainedModel;
  const named = [...model.namedParameters()].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [k, [of, p]] of named.entries()) {
    const isScale = of.endsWith("weight") && p.ndim === 1;
    const size = p.ndim > 1 ? 0.6 : 0.2;
    p.detach().copy_(Float32Array.from({ length: p.numel }, (_, i) => Number(isScale) + size * Math.cos(0.7 * i + k)));
  }
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  model.savePretrained(path);
  if (type === "bert") writeFileSync(join(path, "vocab.txt"), WORDS.join("\n"));
  else {
    const json = {
      ...{ version: "1.0", truncation: null, padding: null, normalizer: null, post_processor: null, decoder: null },
      added_tokens: WORDS.slice(0, 5).map((content, id) => ({
        ...{ id, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false },
      })),
      pre_tokenizer: { type: "Whitespace" },
      model: { type: "WordLevel", vocab: Object.fromEntries(WORDS.map((w, i) => [w, i])), unk_token: "[UNK]" },
    };
    const tokens = { unk_token: "[UNK]", pad_token: "[PAD]", eos_token: "[SEP]" };
    new PreTrainedTokenizer(Tokenizer.fromJSON(json as never, "tokenizer.json"), { tokens }).savePretrained(path);
  }
  return path;
}
const camel = (o: object) =>
  Object.fromEntries(Object.entries(o).map(([k, v]) => [k.replace(/_([a-z])/g, (_, c) => c.toUpperCase()), v]));
const near = (value: unknown): unknown =>
  typeof value === "number"
    ? expect.closeTo(value, 5)
    : Array.isArray(value)
      ? value.map(near)
      : value !== null && typeof value === "object"
        ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, k === "token" ? v : near(v)]))
        : value;

describe("pipeline gives what Transformers' gives", () => {
  const classifier = () => checkpoint("bert", "sequenceClassification", BERT);
  const TEXTS = ["a cat sat", "a dog ran home"];
  it("text-classification: every option, for one text and several", async () => {
    const several = checkpoint(
      "bert",
      "sequenceClassification",
      { ...BERT, problem_type: "multi_label_classification" },
      "multi",
    );
    const pipes = {
      classification: await pipeline("sentiment-analysis", classifier()),
      topAlways: await pipeline("text-classification", classifier(), { topK: 2 }),
      multiLabel: await pipeline("text-classification", several),
    };
    for (const [name, pipe] of Object.entries(pipes)) {
      for (const { call, one, several } of recorded[name]) {
        const label = `${name} ${JSON.stringify(call)}`;
        expect(await pipe(TEXTS[0], camel(call) as never), label).toEqual(near(one));
        expect(await pipe(TEXTS, camel(call) as never), label).toEqual(near(several));
        expect(await pipe(TEXTS, { ...camel(call), batchSize: 1 } as never), label).toEqual(near(several));
      }
    }
  });
  it("fill-mask: targets and topK", async () => {
    const pipe = await pipeline("fill-mask", checkpoint("bert", "maskedLm", BERT));
    for (const { call, one, several } of recorded.fillMask) {
      expect(await pipe("a [MASK] sat", camel(call)), JSON.stringify(call)).toEqual(near(one));
      expect(await pipe(["a [MASK] sat", "a [MASK] [MASK]"], camel(call))).toEqual(near(several));
    }
    io.err = "";
    const first = await pipe("a [MASK] sat", { targets: ["cat", "home dog"] });
    expect(first).toHaveLength(2);
    expect(io.err).toContain('the target "home dog" is no token; "home" is taken');
    await expect(pipe("a [MASK]", { targets: [""] })).rejects.toThrow(/none of them is a token/);
  });
  it("text-generation: all of its options", async () => {
    const path = checkpoint("gpt2", "causalLm", GPT2);
    const pipe = await pipeline("text-generation", path);
    // Theirs joins the new words without a space where the tokenizer has no decoder.
    const plain = (x: unknown) => JSON.parse(JSON.stringify(x).replaceAll(" ", ""));
    for (const { call, one, several } of recorded.generation) {
      const label = JSON.stringify(call);
      expect(plain(await pipe("a cat", camel(call))), label).toEqual(plain(one));
      expect(plain(await pipe(["a cat", "home"], camel(call))), label).toEqual(plain(several));
    }
    const always = await pipeline("text-generation", path, {
      maxNewTokens: 2,
      eosTokenId: null,
      returnFullText: false,
    });
    const [{ generated_text: two }] = await always("a cat");
    const said = { maxNewTokens: 2, eosTokenId: null, returnFullText: false };
    expect(two).toBe((await pipe("a cat", said))[0].generated_text);
    // A call's way of saying how long wins.
    const longer = (await always("a cat", { maxLength: 9 }))[0].generated_text;
    expect(longer.startsWith(two) && longer.length > two.length).toBe(true);
    const drawn = await pipe("a cat", { doSample: true, seed: 1, maxNewTokens: 8, temperature: 3, eosTokenId: null });
    expect(drawn).toEqual(
      await pipe("a cat", { doSample: true, seed: 1, maxNewTokens: 8, temperature: 3, eosTokenId: null }),
    );
    await expect(pipe("a cat", { temperature: 0.5 })).rejects.toThrow(/temperature is an option of sampling/);
    await expect(pipe("a cat", { topP: 0, doSample: true })).rejects.toThrow(GenerationError);
  });
});

describe("what pipeline is asked", () => {
  it("is heard or refused by name, in opening and in calls", async () => {
    const path = checkpoint("bert", "sequenceClassification", BERT);
    const open = (o: object) => pipeline("text-classification", path, o as never) as unknown;
    await expect(open({ topk: 2 })).rejects.toThrow(/unknown option topk/);
    await expect(open({ topk: 2 })).rejects.toMatchObject({ hint: expect.stringContaining("Did you mean topK?") });
    await expect(open({ device: "cuda" })).rejects.toThrow(/device is not supported/);
    await expect(open({ pooling: "mean" })).rejects.toThrow(OptionError);
    const pipe = (await open({})) as (x: unknown, o?: object) => Promise<unknown>;
    await expect(pipe("a", { functionToAply: "none" })).rejects.toMatchObject({
      hint: expect.stringContaining("functionToApply"),
    });
    await expect(pipe("a", { numBeams: 2 })).rejects.toThrow(/unknown option numBeams/);
    await expect(pipe("a", { truncation: true })).rejects.toThrow(/truncation is not supported/);
    await expect(pipe("a", { returnAllScores: true })).rejects.toMatchObject({ hint: "topK: null gives all scores." });
    for (const topK of [0, 1.5, -1]) await expect(pipe("a", { topK })).rejects.toThrow(/topK is/);
    await expect(pipe("a", { functionToApply: "tanh" })).rejects.toThrow(/functionToApply is tanh/);
    await expect(pipe("a", { batchSize: 0 })).rejects.toThrow(/batchSize is 0/);
    for (const odd of [undefined, null, 3, [3], {}]) await expect(pipe(odd)).rejects.toThrow(TaskError);
    await expect(pipeline("text-clasification" as "ner", path)).rejects.toMatchObject({
      hint: expect.stringContaining("Did you mean text-classification?"),
    });
  });
  it("has its types by task, options and results", () => {
    const check = async () => {
      const classify = await pipeline("text-classification", "x");
      expectTypeOf(await classify("a")).toEqualTypeOf<ClassScore[]>();
      expectTypeOf(await classify(["a"])).toEqualTypeOf<ClassScore[]>();
      expectTypeOf(await classify("a", { topK: null })).toEqualTypeOf<ClassScore[]>();
      expectTypeOf(await classify(["a"], { topK: 2 })).toEqualTypeOf<ClassScore[][]>();
      const top = await pipeline("sentiment-analysis", "x", { topK: 2 });
      expectTypeOf(await top("a")).toEqualTypeOf<ClassScore[][]>();
      // @ts-expect-error beams are of texts that are written
      await classify("a", { numBeams: 2 });
      // @ts-expect-error a misspelt name
      await pipeline("text-classification", "x", { topk: 2 });
      // @ts-expect-error no such task
      await pipeline("text-clasification", "x");
      const fill = await pipeline("fill-mask", "x");
      expectTypeOf(await fill("a")).toEqualTypeOf<FilledMask[] | FilledMask[][]>();
      expectTypeOf(await fill(["a"])).toEqualTypeOf<(FilledMask[] | FilledMask[][])[]>();
      const ner = await pipeline("ner", "x");
      expectTypeOf(await ner("a")).toEqualTypeOf<Entity[] | TaggedWord[]>();
      const features = await pipeline("feature-extraction", "x");
      expectTypeOf(await features("a")).toEqualTypeOf<number[][][]>();
      expectTypeOf(await features(["a"], { pooling: "cls" })).toEqualTypeOf<number[][]>();
      const pooled = await pipeline("feature-extraction", "x", { pooling: "mean" });
      expectTypeOf(await pooled("a")).toEqualTypeOf<number[]>();
      const write = await pipeline("text-generation", "x", { doSample: true });
      expectTypeOf(await write("a", { maxNewTokens: 3 })).toEqualTypeOf<{ generated_text: string }[]>();
      expectTypeOf(await write(["a"])).toEqualTypeOf<{ generated_text: string }[][]>();
      const translate = await pipeline("translation_en_to_de", "x");
      expectTypeOf(await translate(["a"], { numBeams: 2 })).toEqualTypeOf<{ translation_text: string }[]>();
      const number = await pipeline("tabular-regression", "x");
      expectTypeOf(await number("1,2")).toEqualTypeOf<{ value: number }[]>();
    };
    expectTypeOf(check).toBeFunction();
  });
});

describe("shoshin generate", () => {
  it("draws as before with presets, with or without their file, and takes the likeliest of others unless told to draw", async () => {
    const text = join(folder, "text.txt");
    writeFileSync(text, "the cat sat. a dog ran. the sun rose.\n".repeat(60));
    const output = join(folder, "preset");
    await getTask("text-generation").train({
      ...{ data: text, output, hiddenSize: 16, embeddingSize: 8, blockSize: 8, validation: "none" },
      args: { numTrainEpochs: 1, maxSteps: 20, quiet: true, seed: 1 },
    });
    const path = join(output, "generation_config.json");
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ do_sample: true, temperature: 0.8, top_k: 0 });
    const write = async (model: string, prompt: string, more: string) => {
      const { status, json } = await run(`generate ${model} --prompt "${prompt}" ${more} --json`);
      expect(status).toBe(0);
      return json[0].generated_text as string;
    };
    const before = await write(output, "the ", "--seed 3");
    expect([...before].length).toBeGreaterThan(150);
    rmSync(path);
    expect(await write(output, "the ", "--seed 3")).toBe(before);
    const model = await loadGenerator(output);
    const drawn = { doSample: true, temperature: 0.8, topK: 0, maxNewTokens: 200, seed: 3 } as const;
    expect(`the ${model.generate("the ", drawn)}`).toBe(before);
    expect(await write(output, "the ", "--seed 4")).not.toBe(before);
    const greedy = await write(output, "the ", "--temperature 0");
    expect(await write(output, "the ", "--temperature 0 --seed 9")).toBe(greedy);
    expect(await write(output, "the ", "--num-beams 2 --max-new-tokens 5")).toHaveLength(9);

    const gpt = checkpoint("gpt2", "causalLm", { ...GPT2, eos_token_id: null }, "plain");
    const cat = (seed: number, more = "") => write(gpt, "a cat", `--max-new-tokens 12 --seed ${seed} ${more}`);
    expect(await cat(2)).toBe(await cat(1));
    for (const flags of ["--temperature 4", "--top-k 11", "--top-p 1", "--min-p 0"])
      expect(await cat(1, flags), flags).not.toBe(await cat(2, flags));
  });
  it.each([
    ["--num-beams 2 --temperature 1", /--num-beams goes without --temperature/],
    ["--length-penalty 2", /--length-penalty is of beam search/],
    ["--top-p 0", /--top-p is 0; expected a number above 0, at most 1/],
    ["--min-p 3", /--min-p is 3/],
    ["--temperature -1", /--temperature is -1/],
    ["--num-beams 2 --seed 1", /--num-beams goes without --seed/],
    ["--batch-size 2", /--batch-size is of several prompts/],
    ['--system "be brief"', /--system is of conversations/],
    ["--temprature 1", /Did you mean --temperature\?/],
  ])("says what goes without what: %s", async (flags, message) => {
    const { status, stderr } = await run(`generate ${checkpoint("gpt2", "causalLm", GPT2)} ${flags}`);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});

describe("options of tasks", () => {
  const data = join(folder, "rows.tsv");
  const train = (name: string, options: object) => getTask(name).train({ data, output: join(folder, "o"), ...options });
  it("that are none are refused with the nearest, and those that a task does not hear too", async () => {
    writeFileSync(data, "good\tx\nbad\ty\n");
    await expect(train("text-classification", { hidenSize: 3 })).rejects.toMatchObject({
      hint: expect.stringContaining("Did you mean hiddenSize?"),
    });
    await expect(train("text-classification", { sourcePrefix: "x" })).rejects.toMatchObject({
      message: "text-classification: --source-prefix (sourcePrefix) is not for its presets",
      hint: "It is for translation. Leave it out.",
    });
    await expect(train("text-classification", { lora: 4 })).rejects.toThrow(/--lora/);
    await expect(train("tabular-regression", { classWeights: "balanced" })).rejects.toThrow(/--class-weights/);
    await expect(train("image-classification", { textColumn: "a" })).rejects.toThrow(/--text-column/);
    await expect(train("text-generation", { labelColumn: "a" })).rejects.toThrow(/--label-column/);
    await expect(train("translation", { mlmProbability: 0.2 })).rejects.toMatchObject({
      hint: "It is for fill-mask. Leave it out.",
    });
    await expect(train("text-classification", { model: "transfomer" })).rejects.toMatchObject({
      hint: expect.stringContaining("Did you mean transformer?"),
    });
    const output = join(folder, "o");
    const config = join(folder, "config.yaml");
    writeFileSync(config, "learning_rat: 0.1\n");
    const refused = async (command: string, message: RegExp) => {
      const { status, stderr } = await run(command);
      expect(stderr).toMatch(message);
      return status;
    };
    const given = `train text-classification --data ${data} --output ${output}`;
    expect(await refused(`${given} --source-prefix x`, /--source-prefix/)).toBe(2);
    const unknown = /unknown option learning_rat[\s\S]*Did you mean learning-rate\?/;
    expect(await refused(`${given} --config ${config}`, unknown)).toBe(2);
    expect(await refused("trian", /Did you mean train\?/)).toBe(2);
    const misspelt = `train text-clasification --data ${data} --output o`;
    expect(await refused(misspelt, /Did you mean text-classification\?/)).not.toBe(0);
  });
});
