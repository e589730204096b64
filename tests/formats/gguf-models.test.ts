import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ggufPre } from "../../src/formats/gguf-pre.ts";
import {
  convertWeights,
  GgufError,
  GgufFile,
  type GgufValue,
  openWeights,
  readGgufConfig,
  writeGguf,
} from "../../src/formats/index.ts";
import { noGrad, tensor } from "../../src/index.ts";
import { autoModels, type PreTrainedModel } from "../../src/models/index.ts";
import { temporaryFolder } from "../folder.ts";
import { fill, near, recorded } from "../models/pretrained/recorded.ts";

const folder = temporaryFolder();

type Json = Record<string, unknown>;
const CASES = ["llama", "qwen2", "mistral", "gpt2"].flatMap((family) =>
  (recorded(`odd-${family}`) as { name: string; v4: Json; v5: Json }[]).map((c) => [family, c.name, c] as const),
);
/** What llama.cpp has no form of, by the words of the refusal. */
const REFUSED: Record<string, RegExp> = {
  dynamic: /has no dynamic positions/,
  proportional: /has no proportional positions/,
  "yarn mscale": /truncate/,
  "yarn and window": /truncate/,
  "qwen2: longrope": /no longrope positions for qwen2, only for llama/,
  "qwen2: llama3": /no llama3 positions for qwen2, only for llama/,
};
for (const name of [
  "gelu",
  "relu2",
  "gelu_pytorch_tanh",
  "quick_gelu",
  "relu",
  "mish",
  "n_inner",
  "untied",
  "silu",
  "tanh",
  "relu6",
  "leaky_relu",
])
  REFUSED[name] = /llama.cpp's \w+ has only/;
for (const name of ["unscaled", "scaled by layer", "unscaled, by layer", "reordered"])
  REFUSED[`gpt2: ${name}`] = /scale_attn_.* has only/;

describe("odd configurations as GGUF are refused by name, or come back the same", () => {
  it.each(CASES)("%s: %s", (family, name, { v4, v5 }) => {
    for (const [layout, json] of Object.entries({ v4, v5 })) {
      const { config: kind, heads } = autoModels.family(json, family);
      const model = fill(
        new (heads.causalLm as NonNullable<typeof heads.causalLm>)(kind.parse(json)),
      ) as PreTrainedModel;
      const from = join(folder, `${family} ${name.replace(/\W+/g, "-")} ${layout}`);
      model.savePretrained(from);
      // The keys as they were recorded, not as they are saved here.
      writeFileSync(join(from, "config.json"), JSON.stringify(json));
      const to = join(from, "m.gguf");
      const refusal = REFUSED[`${family}: ${name}`] ?? REFUSED[name];
      if (refusal !== undefined) {
        expect(() => convertWeights(from, to)).toThrow(GgufError);
        expect(() => convertWeights(from, to)).toThrow(refusal);
        continue;
      }
      const { warnings } = convertWeights(from, to);
      const { window } = { window: model.config as unknown as { slidingWindow?: number | null } };
      const slides = family === "mistral" && window.slidingWindow != null && window.slidingWindow < 16;
      const some = family === "qwen2" && /^(window|every layer slides|layer_types)$/.test(name);
      expect(warnings).toHaveLength(slides || some ? 1 : 0);
      if (some) {
        expect(() => readGgufConfig(to)).toThrow(/sliding window of Qwen2 is not read/);
        continue;
      }
      const again = kind.modelType === "mistral" && !slides ? "llama" : family;
      const back = readGgufConfig(to);
      // A Mistral without a window is a Llama in llama.cpp, but for windows past its length.
      expect([again, family]).toContain(back.model_type);
      const other = autoModels.family(back, to);
      const Same = other.heads.causalLm as NonNullable<typeof other.heads.causalLm>;
      const read = new Same(other.config.parse(back)).eval() as PreTrainedModel;
      using file = openWeights(to);
      expect(read.loadPretrained(file)).toMatchObject({ unexpected: [], mismatched: [] });
      const inputIds = tensor(
        Int32Array.from({ length: 12 }, (_, i) => ((i * 5) % 20) + 4),
        [1, 12],
      );
      noGrad(() => {
        const logits = (m: PreTrainedModel) =>
          (m as unknown as { forward(x: object): { logits: { data(): Float32Array } } })
            .forward({ inputIds })
            .logits.data();
        near(logits(read), [...logits(model)], 1e-5);
      });
    }
  });
});

describe("the header of a GGUF file", () => {
  const config = {
    ...{ model_type: "llama", vocab_size: 4, hidden_size: 8, intermediate_size: 8, num_hidden_layers: 0 },
    ...{ num_attention_heads: 2, max_position_embeddings: 64, rms_norm_eps: 1e-5, tie_word_embeddings: true },
  };
  const write = (more: Json, tokenizer?: Json) => {
    const from = join(folder, "header");
    rmSync(from, { recursive: true, force: true });
    mkdirSync(from);
    const { config: kind, heads } = autoModels.family(config, "llama");
    const model = new (heads.causalLm as NonNullable<typeof heads.causalLm>)(
      kind.parse({ ...config, ...more }),
    ) as PreTrainedModel;
    model.savePretrained(from);
    writeFileSync(join(from, "config.json"), JSON.stringify({ ...config, ...more }));
    if (tokenizer !== undefined) writeFileSync(join(from, "tokenizer.json"), JSON.stringify(tokenizer));
    convertWeights(from, join(from, "m.gguf"));
    return join(from, "m.gguf");
  };
  const read = (path: string) => {
    using file = GgufFile.open(path);
    const tables = file.names().filter((n) => n.startsWith("rope_"));
    return {
      values: Object.fromEntries([...file.values].map(([key, { value }]) => [key, value])),
      tables: Object.fromEntries(tables.map((n) => [n, Array.from(file.read(n).data as Float32Array)])),
    };
  };
  // freqs = 1 / 10000 ** (arange(0, 4, 2) / 4); those of Transformers' _compute_llama3_parameters divided into them:
  // c = LlamaConfig(hidden_size=8, num_attention_heads=2, rope_parameters={...}); freqs / ROPE_INIT_FUNCTIONS["llama3"](c)[0]
  it("has Llama 3.1's waves as rope_freqs.weight", () => {
    const rope = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
    const { values, tables } = read(
      write({ rope_parameters: { ...rope, rope_theta: 500, original_max_position_embeddings: 16 } }),
    );
    expect(values["llama.rope.freq_base"]).toBe(500);
    expect(values["llama.rope.scaling.type"]).toBeUndefined();
    const [first, second] = tables["rope_freqs.weight"];
    expect(first).toBeCloseTo(1 / ((1 - (16 / (2 * Math.PI) - 1) / 3) / 8 + (16 / (2 * Math.PI) - 1) / 3), 5);
    expect(second).toBeCloseTo(8, 5);
  });
  it("has YaRN's and LongRoPE's numbers, attention as llama.cpp multiplies it", () => {
    const yarn = {
      rope_type: "yarn",
      factor: 4,
      original_max_position_embeddings: 16,
      attention_factor: 2,
      beta_fast: 20,
    };
    expect(read(write({ rope_theta: 100, rope_scaling: yarn })).values).toMatchObject({
      "llama.rope.freq_base": 100,
      "llama.rope.scaling.type": "yarn",
      "llama.rope.scaling.factor": 4,
      "llama.rope.scaling.original_context_length": 16,
      "llama.rope.scaling.attn_factor": Math.fround(2 / (1 + 0.1 * Math.log(4))),
      "llama.rope.scaling.yarn_beta_fast": 20,
    });
    const long = {
      rope_type: "longrope",
      short_factor: [1, 2],
      long_factor: [3, 4],
      original_max_position_embeddings: 16,
    };
    const { values, tables } = read(write({ rope_scaling: long }));
    expect(values["llama.rope.scaling.attn_factor"]).toBe(Math.fround(Math.sqrt(1 + Math.log(4) / Math.log(16))));
    expect(values["llama.rope.scaling.factor"]).toBeUndefined();
    expect(tables).toEqual({ "rope_factors_long.weight": [3, 4], "rope_factors_short.weight": [1, 2] });
  });
  it("states heads of another size, and no more than it must", () => {
    expect(read(write({ head_dim: 6 })).values).toMatchObject({
      "llama.attention.key_length": 6,
      "llama.attention.value_length": 6,
      "llama.rope.dimension_count": 6,
    });
    expect(Object.keys(read(write({ head_dim: 4 })).values)).not.toContain("llama.attention.key_length");
  });
  it("names the tokenizer's way to split text", () => {
    const model = { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: ["a b"] };
    const tokenizer = {
      model,
      added_tokens: [],
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    };
    expect(read(write({}, tokenizer)).values["tokenizer.ggml.pre"]).toBe("gpt-2");
    expect(() => write({}, { ...tokenizer, pre_tokenizer: { type: "Whitespace" } })).toThrow(
      /no name here for its pre_tokenizer/,
    );
  });
  it.each([
    [{ "llama.block_count": { type: "uint32", value: 4_000_000 } }, /llama.block_count is 4000000/],
    [{ "llama.attention.head_count": { type: "uint32", value: 0 } }, /llama.attention.head_count is 0/],
    [{ "llama.attention.head_count": { type: "string", value: "two" } }, /llama.attention.head_count is two/],
    [{ "llama.rope.freq_base": { type: "float32", value: Number.NaN } }, /llama.rope.freq_base is NaN/],
    [{ "llama.rope.scaling.type": { type: "string", value: "ntk" } }, /rope.scaling.type "ntk" is not known here/],
    [{ "llama.rope.scaling.facter": { type: "float32", value: 2 } }, /rope.scaling.facter is not known here/],
    [{ "llama.logit_scale": { type: "float32", value: 2 } }, /llama.logit_scale is not known here/],
    [
      { "llama.rope.dimension_count": { type: "uint32", value: 2 } },
      /llama.attention.value_length|rope.dimension_count 2/,
    ],
    [{ "general.architecture": { type: "string", value: "gemma" } }, /the architecture gemma is unknown/],
  ] as [Record<string, GgufValue>, RegExp][])("is refused by name where it cannot be: %j", (change, message) => {
    const path = write({ head_dim: 6 });
    const file = GgufFile.open(path);
    const tensors = new Map(file.names().map((n) => [n, file.read(n)] as const));
    const values = new Map([...file.values, ...Object.entries(change)]);
    file.close();
    writeGguf(path, values, tensors);
    expect(() => readGgufConfig(path)).toThrow(GgufError);
    expect(() => readGgufConfig(path)).toThrow(message);
  });
  it("is warned of where there is no output layer", () => {
    const from = join(folder, "bare");
    const { config: kind, heads } = autoModels.family(config, "llama");
    const Bare = heads.base as NonNullable<typeof heads.base>;
    new Bare(kind.parse({ ...config, tie_word_embeddings: false })).savePretrained(from);
    const { warnings } = convertWeights(from, join(from, "m.gguf"));
    expect(warnings).toEqual([expect.stringMatching(/no output layer/)]);
  });
  it("is read wherever a decimal was written as float32", () => {
    expect(readGgufConfig(write({ rope_theta: 1e6 }))).toMatchObject({ rms_norm_eps: 1e-5, rope_theta: 1e6 });
    expect(JSON.parse(readFileSync(join(folder, "header", "config.json"), "utf8")).rope_theta).toBe(1e6);
  });
});

// The patterns are those of meta-llama/Llama-3.1-8B, Qwen/Qwen2-0.5B, HuggingFaceTB/SmolLM-135M, mistralai/Mistral-Nemo;
// the names those of llama.cpp's convert_hf_to_gguf.py (get_vocab_base_pre).
const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
const split = (Regex: string) => ({
  type: "Sequence",
  pretokenizers: [{ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false }, bytes],
});
const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
it.each([
  [null, "default"],
  [{ ...bytes, use_regex: true }, "gpt-2"],
  [split(LLAMA3), "llama-bpe"],
  [split(LLAMA3.replace("{1,3}", "")), "qwen2"],
  [
    split(LLAMA3.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)", "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])")),
    "llama-bpe",
  ],
  [
    {
      type: "Sequence",
      pretokenizers: [
        { type: "Digits", individual_digits: true },
        { ...bytes, use_regex: true },
      ],
    },
    "smollm",
  ],
])("llama.cpp's name of %j is %s", (pre, name) => expect(ggufPre(pre as never)).toBe(name));
it.each([
  [{ ...bytes }],
  [{ ...bytes, use_regex: true, add_prefix_space: true }],
  [split("\\s+")],
  [split(LLAMA3).pretokenizers[0]],
  [
    {
      type: "Sequence",
      pretokenizers: [
        { type: "Digits", individual_digits: false },
        { ...bytes, use_regex: true },
      ],
    },
  ],
])("no name is made up for %j", (pre) => expect(() => ggufPre(pre as never)).toThrow(GgufError));
