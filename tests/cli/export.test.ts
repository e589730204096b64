import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openWeights } from "../../src/formats/index.ts";
import { AutoModelForCausalLM, autoModels, type PreTrainedModel } from "../../src/models/index.ts";
import { temporaryFolder } from "../folder.ts";
import { fill } from "../models/pretrained/recorded.ts";
import { readModel } from "../onnx/model.ts";
import { run } from "../run.ts";
import { MARIAN } from "../text/pretrained/spm.ts";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

const SHAPE = { hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 4 };
const CONFIGS = {
  bert: { model_type: "bert", vocab_size: 8, max_position_embeddings: 16, ...SHAPE },
  llama: { model_type: "llama", vocab_size: 9, num_key_value_heads: 2, ...SHAPE },
  gpt2: { model_type: "gpt2", vocab_size: 9, n_embd: 16, n_layer: 2, n_head: 4, n_positions: 16 },
  t5: { model_type: "t5", vocab_size: 9, d_model: 16, d_kv: 4, d_ff: 24, num_layers: 2, num_heads: 4 },
};
/** A folder with a model of waves and a tokenizer. */
function save(name: keyof typeof CONFIGS, head: "sequenceClassification" | "causalLm" | "seq2seqLm"): string {
  const family = autoModels.family(CONFIGS[name], name);
  const Model = family.heads[head];
  if (Model === undefined) throw new Error(`${name} has no ${head}`);
  const model = fill(new Model(family.config.parse(CONFIGS[name]))) as PreTrainedModel;
  model.savePretrained(at(name));
  const bpe = { a: 0, b: 1, c: 2, ab: 3, abc: 4, "<s>": 5, "</s>": 6, "<pad>": 7 };
  const tokenizer = { version: "1.0", added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null };
  const pieces = { type: "BPE", vocab: bpe, merges: ["a b", "ab c"], unk_token: null };
  writeFileSync(join(at(name), "tokenizer.json"), JSON.stringify({ ...tokenizer, decoder: null, model: pieces }));
  return at(name);
}

/** Every tensor of two files, equal within a share of its largest value. */
function expectSame(one: string, two: string, share = 0): void {
  using a = openWeights(one);
  using b = openWeights(two);
  expect(b.names().sort()).toEqual(a.names().sort());
  for (const name of a.names()) {
    const [x, y] = [a.read(name), b.read(name)];
    expect(y.shape, name).toEqual(x.shape);
    const most = Math.max(...Array.from(x.data as Float32Array, Math.abs));
    const worst = Math.max(...Array.from(x.data as Float32Array, (v, i) => Math.abs(v - Number(y.data[i]))));
    expect(worst, name).toBeLessThanOrEqual(share * most);
  }
}

describe("shoshin convert", () => {
  it("goes round through every kind of file and changes nothing", async () => {
    const from = save("llama", "causalLm");
    const names = [from, ...["m.bin", "m.npz", "m.pth", "m.gguf", "m.safetensors"].map(at)];
    // GGUF states what it holds: config.json lies beside the file it is made from.
    writeFileSync(at("config.json"), readFileSync(join(from, "config.json")));
    for (let i = 1; i < names.length; i++) {
      const { json: report, ...ran } = await run(`convert ${names[i - 1]} ${names[i]} --json`);
      expect(ran).toMatchObject({ status: 0, stderr: "" });
      expect(report).toMatchObject({ input: names[i - 1], output: names[i], files: [names[i]] });
      expect(report.bytes).toBeGreaterThan(4 * report.parameters);
    }
    expectSame(from, at("m.safetensors"));
  });
  it("writes a folder in another type, which opens again", async () => {
    const from = save("gpt2", "causalLm");
    expect((await run(`convert ${from} ${at("half")} --dtype bfloat16`)).status).toBe(0);
    using file = openWeights(at("half"));
    expect(new Set(file.names().map((name) => file.info(name).dtype))).toEqual(new Set(["BF16"]));
    expect(existsSync(at("half/tokenizer.json"))).toBe(true);
    expectSame(from, at("half"), 2 ** -8);
    await AutoModelForCausalLM.fromPretrained(at("half"));
  });
  it("takes along what a preset's model reads its inputs by", async () => {
    const flags = "--max-steps 1 --range 0:40 --quiet";
    expect((await run(`train text-classification --data builtin ${flags} --output ${at("own")}`)).status).toBe(0);
    expect((await run(`convert ${at("own")} ${at("moved")}`)).status).toBe(0);
    const before = await run(`predict ${at("own")} good`);
    expect(before.status).toBe(0);
    expect(await run(`predict ${at("moved")} good`)).toEqual(before);
  });
  it("says what is wrong", async () => {
    const from = save("bert", "sequenceClassification");
    expect((await run(`convert ${from} ${at("x.onnx")}`)).status).toBe(2);
    expect((await run(`convert ${join(from, "model.safetensors")} ${at("folder")}`)).stderr).toMatch(
      /unknown kind of file/,
    );
    expect((await run(`convert ${from} ${at("x.gguf")}`)).stderr).toMatch(/model_type bert has no GGUF form here/);
    expect((await run(`convert ${at("none.bin")} ${at("y.bin")}`)).status).toBe(1);
    mkdirSync(at("bare"), { recursive: true });
    writeFileSync(at("bare/m.safetensors"), readFileSync(join(from, "model.safetensors")));
    expect((await run(`convert ${at("bare/m.safetensors")} ${at("x.gguf")}`)).stderr).toMatch(
      /config.json: no such file/,
    );
    writeFileSync(at("cut.safetensors"), readFileSync(join(from, "model.safetensors")).subarray(0, 500));
    expect((await run(`convert ${at("cut.safetensors")} ${at("z.bin")}`)).status).toBe(1);
    expect(existsSync(at("z.bin"))).toBe(false);
  });
});

describe("shoshin export", () => {
  it("writes ONNX as a file, or a folder that transformers.js opens", async () => {
    const from = save("bert", "sequenceClassification");
    const { status, json: report } = await run(`export ${from} --format onnx --output ${at("web")} --json`);
    expect(status).toBe(0);
    expect(report.inputs).toEqual(["input_ids", "attention_mask", "token_type_ids"]);
    expect(report.outputs).toEqual(["logits"]);
    for (const path of ["onnx/model.onnx", "config.json", "tokenizer.json"])
      expect(report.files).toContain(join(at("web"), path));
    expect(readModel(readFileSync(at("web/onnx/model.onnx"))).outputs).toEqual(["logits"]);
    expect((await run(`export ${from} --format onnx --output ${at("one.onnx")}`)).status).toBe(0);
    expect(readFileSync(at("one.onnx"))).toEqual(readFileSync(at("web/onnx/model.onnx")));
  });
  it("writes language models for llama.cpp, PyTorch and, with and without a past, onnxruntime", async () => {
    const from = save("gpt2", "causalLm");
    expect((await run(`export ${from} --format gguf --output ${at("g")} --dtype float16`)).status).toBe(0);
    expectSame(from, at("g/model.gguf"), 2 ** -11);
    expect((await run(`export ${from} --format pytorch --output ${at("p")}`)).status).toBe(0);
    expectSame(from, at("p/pytorch_model.bin"));
    for (const [path, flags, inputs] of [
      [at("l.onnx"), "", 3 + 4],
      [at("n.onnx"), "--no-cache", 3],
    ] as const) {
      await run(`export ${from} --format onnx --output ${path} ${flags}`);
      expect(readModel(readFileSync(path)).inputs).toHaveLength(inputs);
    }
  });
  it("writes the parts of a model that writes another text, and what transformers.js reads of its configuration", async () => {
    const from = save("t5", "seq2seqLm");
    const { status, json: report } = await run(`export ${from} --format onnx --output ${at("s")} --json`);
    expect(status).toBe(0);
    const parts = ["encoder_model", "decoder_model", "decoder_model_merged"];
    const paths = parts.map((part) => join(at("s"), "onnx", `${part}.onnx`));
    expect(report.files.slice(0, 3)).toEqual(paths);
    expect(report.bytes).toBe(paths.reduce((n, path) => n + readFileSync(path).length, 0));
    for (const [i, part] of parts.entries()) {
      const { inputs, outputs } = readModel(readFileSync(paths[i]));
      expect(report.graphs[part]).toEqual({ inputs, outputs });
    }
    const config = (folder: string) => JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
    expect(config(from).num_decoder_layers).toBeUndefined();
    expect(config(at("s"))).toEqual({ ...config(from), num_decoder_layers: 2 });
    for (const [name, content] of Object.entries(MARIAN)) writeFileSync(join(from, name), content);
    rmSync(join(from, "tokenizer.json"));
    const plain = await run(`export ${from} --format onnx --output ${at("plain")} --no-cache --json`);
    const names = ["tokenizer.json", "tokenizer_config.json", "vocab.json", "source.spm", "target.spm"];
    for (const name of names) expect(plain.json.files).toContain(join(at("plain"), name));
    expect(JSON.parse(readFileSync(at("plain/tokenizer.json"), "utf8")).model.unk_id).toBe(1);
    await run(`export ${from} --format pytorch --output ${at("torch")}`);
    expect(existsSync(at("torch/tokenizer.json"))).toBe(false);

    expect(readdirSync(at("plain/onnx")).sort()).toEqual(["decoder_model.onnx", "encoder_model.onnx"]);
    expect(await run(`export ${from} --format onnx --output ${at("t5.onnx")}`)).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/written as 3 files/),
    });
  });
  it("says what is wrong", async () => {
    const from = save("bert", "sequenceClassification");
    const refused = (kind: string, output: string) => run(`export ${from} --format ${kind} --output ${at(output)}`);
    expect((await refused("onnx", "x.bin")).status).toBe(2);
    expect((await refused("onnx --dtype float16", "x.onnx")).status).toBe(2);
    expect((await refused("tflite", "x")).status).toBe(2);
    expect((await refused("gguf", "x.gguf")).status).toBe(1);
    writeFileSync(join(at("bert"), "config.json"), JSON.stringify({ model_type: "t9", architectures: ["T9Model"] }));
    expect((await refused("onnx", "x.onnx")).stderr).toMatch(/the architecture "t9" is not known here/);
  });
});

describe("a GGUF file as a folder", () => {
  it("gets a config.json and opens, rotary positions included", async () => {
    const from = save("llama", "causalLm");
    const path = join(from, "config.json");
    const rope = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, rope_theta: 500 };
    const json = JSON.parse(readFileSync(path, "utf8"));
    const { rope_scaling: _, rope_theta: __, ...rest } = json;
    const parameters = { ...rope, original_max_position_embeddings: 8192 };
    writeFileSync(path, JSON.stringify({ ...rest, rope_parameters: parameters }));
    expect((await run(`export ${from} --format gguf --output ${at("r.gguf")}`)).status).toBe(0);
    expect((await run(`convert ${at("r.gguf")} ${at("from-gguf")}`)).status).toBe(0);
    const config = JSON.parse(readFileSync(at("from-gguf/config.json"), "utf8"));
    expect(config).toMatchObject({ rope_theta: 500, rope_scaling: { rope_type: "llama3", factor: 8 } });
    expectSame(from, at("from-gguf"));
    await AutoModelForCausalLM.fromPretrained(at("from-gguf"));
    expect(await run(`convert ${at("r.gguf")} ${at("alone.safetensors")}`)).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/warning: rope_freqs.weight belongs into the model's config.json/),
    });
  });
});
