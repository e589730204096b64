import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fromGgufName,
  GgufError,
  GgufFile,
  type GgufValue,
  ggufModelValues,
  ggufTensors,
  ggufTokenizerValues,
  openWeights,
  permuteHeads,
  type TensorSource,
  toGgufName,
  writeGguf,
} from "../../src/formats/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const path = join(folder, "x.gguf");
const values = new Map<string, GgufValue>([
  ["general.architecture", { type: "string", value: "llama" }],
  ["llama.attention.head_count", { type: "uint32", value: 2 }],
  ["f", { type: "float32", value: 0.5 }],
  ["big", { type: "uint64", value: 2n ** 63n }],
  ["small", { type: "int64", value: -5 }],
  ["yes", { type: "bool", value: true }],
  ["tokens", { type: "string[]", value: ["a", "初心", ""] }],
  ["types", { type: "int32[]", value: [1, -3] }],
]);
const tensors = new Map<string, TensorSource>([
  ["token_embd.weight", { shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
  ["blk.0.attn_norm.weight", { shape: [2], dtype: "F16", data: Float32Array.of(1.5, -2) }],
  ["output_norm.weight", { shape: [2], dtype: "BF16", data: () => Float32Array.of(0.5, -4) }],
]);
const readAll = () => {
  using file = GgufFile.open(path);
  return new Map(file.names().map((name) => [name, file.read(name)]));
};
/** A file of one tensor of the type with this number, 64 elements in two rows. */
function quantized(type: number, data: Uint8Array): void {
  writeGguf(path, new Map(), new Map([["x", { shape: [2, 32], data: new Float32Array(64) }]]));
  const head = new Uint8Array(readFileSync(path)).slice(0, 96);
  new DataView(head.buffer).setUint32(24 + 9 + 4 + 16, type, true);
  writeFileSync(path, Uint8Array.from([...head, ...data]));
}
const bytesOf = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (b) => Number.parseInt(b, 16));

describe("gguf", () => {
  it("gives back what was written", () => {
    writeGguf(path, values, tensors);
    using file = GgufFile.open(path);
    expect(file.values).toEqual(values);
    expect(file.metadata).toEqual({ "general.architecture": "llama" });
    expect(file.names()).toEqual([...tensors.keys()]);
    expect(file.read("token_embd.weight")).toEqual({
      dtype: "F32",
      shape: [3, 2],
      data: Float32Array.of(1, 2, 3, 4, 5, 6),
    });
    expect(file.read("blk.0.attn_norm.weight").data).toEqual(Float32Array.of(1.5, -2));
    expect(file.info("output_norm.weight")).toEqual({ dtype: "BF16", shape: [2] });
    expect(() => file.read("other")).toThrow(/no tensor other/);
  });

  // import numpy as np; from gguf import quants, GGMLQuantizationType as Q
  // v = np.array([np.cos(i) * (i % 7) for i in range(64)], dtype=np.float32).reshape(2, 32)
  // b = quants.quantize(v, q); b.tobytes().hex(), quants.dequantize(b, q).flatten()[:10]
  it.each([
    [
      "Q8_0",
      8,
      "ce29000ceebfc61f7f00fdd8c9005d7800efd6ee3a6d3600eae91c5747d900f0073cf82948ff9300fd213d17b981000c2b22db96ae001520f6b1a703001305ceaee45700",
      [0, 0.5441895, -0.8162842, -2.9476929, -2.630249, 1.4058228, 5.7593384, 0, -0.1360474, -1.8139648],
    ],
    [
      "Q4_0",
      2,
      "c3b9b897491c5c869098682b4ba882908849ed393d8891a8783a2c89839088593b6ad681",
      [0, 0.7202148, -0.7202148, -2.8808594, -2.8808594, 1.4404297, 5.7617188, 0, 0, -2.1606445],
    ],
  ] as const)("widens %s as the gguf package does", (name, number, hex, expected) => {
    quantized(number, bytesOf(hex));
    using file = GgufFile.open(path);
    expect(file.info("x")).toEqual({ dtype: name, shape: [2, 32] });
    const { data } = file.read("x");
    expected.forEach((v, i) => {
      expect(data[i]).toBeCloseTo(v, 6);
    });
  });

  it("names quantized types that it does not read", () => {
    quantized(12, new Uint8Array(144));
    expect(readAll).toThrow(/x is quantized as Q4_K, which is not read/);
  });

  it("survives random damage and cuts", () => {
    writeGguf(path, values, tensors);
    const bytes = Uint8Array.from(readFileSync(path));
    const edits = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(edits, fc.nat(bytes.length - 1), fc.boolean(), (list, cut, whole) => {
        const copy = Uint8Array.from(bytes);
        for (const [at, value] of list) copy[at] = value;
        writeFileSync(path, whole ? copy : copy.subarray(0, cut));
        try {
          readAll();
        } catch (error) {
          expect(error).toBeInstanceOf(GgufError);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("refuses what the format cannot hold", () => {
    const one =
      (source: TensorSource, name = "x") =>
      () =>
        writeGguf(path, new Map(), new Map([[name, source]]));
    const data = Float32Array.of(1);
    expect(one({ shape: [1, 1, 1, 1, 1], data })).toThrow(/over 4 dimensions/);
    expect(one({ shape: [1], data }, "n".repeat(64))).toThrow(/longer than 63 bytes/);
    expect(one({ shape: [1], data: Uint8Array.of(1) })).toThrow(/no type U8/);
    expect(() => writeGguf(path, new Map([["a", { type: "uint8", value: 300 }]]), new Map())).toThrow(
      /300 is no uint8/,
    );
  });
});

describe("llama.cpp's names and layout", () => {
  it("go both ways", () => {
    const q = "model.layers.11.self_attn.q_proj.weight";
    expect(toGgufName("llama", q)).toBe("blk.11.attn_q.weight");
    expect(fromGgufName("llama", "blk.11.attn_q.weight")).toBe(q);
    expect(toGgufName("gpt2", "h.3.mlp.c_fc.bias")).toBe("blk.3.ffn_up.bias");
    expect(fromGgufName("gpt2", "blk.3.ffn_up.bias")).toBe("transformer.h.3.mlp.c_fc.bias");
    expect(toGgufName("llama", "model.other")).toBeUndefined();
  });

  // import numpy as np
  // np.arange(8).reshape(2, 2, 2).swapaxes(1, 2).reshape(8)   # permute of convert_hf_to_gguf.py with 2 heads
  it("turns Llama's halves into pairs and back", () => {
    const rows = Float32Array.from({ length: 8 }, (_, i) => i);
    const turned = permuteHeads(rows, 8, 2);
    expect([...(turned as Float32Array)]).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
    const many = Float32Array.from({ length: 48 }, (_, i) => i);
    expect(permuteHeads(permuteHeads(many, 24, 3), 24, 3, true)).toEqual(many);
    expect(() => permuteHeads(rows, 8, 3)).toThrow(/not divisible/);
  });

  it("opens under Hugging Face's names what was saved from them", () => {
    const ramp = (...shape: number[]): TensorSource => ({
      shape,
      data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
    });
    const gpt2 = new Map([
      ["transformer.wte.weight", ramp(5, 4)],
      ["transformer.h.0.attn.c_attn.weight", ramp(4, 12)],
      ["transformer.h.0.attn.c_attn.bias", ramp(12)],
    ]);
    const llama = new Map([
      ["model.layers.0.self_attn.q_proj.weight", ramp(8, 8)],
      ["model.layers.0.self_attn.k_proj.weight", ramp(4, 8)],
      ["model.norm.weight", ramp(8)],
    ]);
    const heads = { numAttentionHeads: 2, numKeyValueHeads: 1 };
    const config = {
      num_hidden_layers: 1,
      max_position_embeddings: 8,
      hidden_size: 8,
      intermediate_size: 8,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      rms_norm_eps: 1e-6,
      vocab_size: 5,
      n_layer: 1,
      n_positions: 8,
      n_embd: 4,
      n_head: 2,
      layer_norm_epsilon: 1e-5,
    };
    for (const [type, source] of [
      ["gpt2", gpt2],
      ["llama", llama],
    ] as const) {
      const buffers = new Map([...source, ["model.rotary_emb.inv_freq", ramp(2)] as const]);
      writeGguf(
        path,
        ggufModelValues({ ...config, model_type: type }, "tiny"),
        ggufTensors(type, buffers, heads, "F16"),
      );
      using file = openWeights(path);
      expect(file.names()).toEqual([...source.keys()]);
      for (const [name, { shape, data }] of source) {
        expect(file.read(name)).toMatchObject({ shape, data, dtype: shape.length > 1 ? "F16" : "F32" });
        const floats = new Float32Array((data as Float32Array).length);
        file.readFloats(name, (piece, at) => floats.set(piece, at));
        expect(floats).toEqual(data);
      }
      using raw = GgufFile.open(path);
      if (type === "gpt2") expect(raw.info("blk.0.attn_qkv.weight").shape).toEqual([12, 4]);
    }
    expect(() => ggufTensors("llama", new Map([["x", ramp(1)]]), heads)).toThrow(/x: llama.cpp's llama has no such/);
    expect(() => ggufModelValues({ model_type: "bert" }, "b")).toThrow(/model_type bert has no GGUF form/);
    expect(() => ggufModelValues({ model_type: "gpt2" }, "b")).toThrow(/the config has no n_embd/);
  });

  it("describes a tokenizer", () => {
    const model = { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: [["a", "b"]] as [string, string][] };
    const described = ggufTokenizerValues({ model, added_tokens: [{ id: 3, content: "<|end|>", special: true }] }, 5, {
      eosTokenId: 3,
    });
    expect(described.get("tokenizer.ggml.tokens")?.value).toEqual(["a", "b", "ab", "<|end|>", "[PAD4]"]);
    expect(described.get("tokenizer.ggml.token_type")?.value).toEqual([1, 1, 1, 3, 5]);
    expect(described.get("tokenizer.ggml.merges")?.value).toEqual(["a b"]);
    expect(described.get("tokenizer.ggml.eos_token_id")).toEqual({ type: "uint32", value: 3 });
    expect(() => ggufTokenizerValues({ model: { ...model, type: "WordPiece" } }, 5)).toThrow(
      /WordPiece has no GGUF form/,
    );
  });
});
