import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import {
  openWeights,
  readIntoTensor,
  SafetensorsError,
  type TensorSource,
  WeightsError,
  writeSafetensors,
  writeShardedSafetensors,
} from "../../src/formats/index.ts";
import { tensor, zeros } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { loadWeights, saveWeights } from "../../src/train/index.ts";
import { temporaryFolder } from "../folder.ts";

const root = temporaryFolder();
const folder = join(root, "model");
beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
});

const floats = (n: number, from = 0) => ({ shape: [n], data: Float32Array.from({ length: n }, (_, i) => from + i) });
const tensors = new Map<string, TensorSource>([
  ["a", floats(10)],
  ["big", floats(100)],
  ["b", floats(10, 5)],
  ["c", floats(20, 7)],
]);
const INDEX = "model.safetensors.index.json";
const index = () => JSON.parse(readFileSync(join(folder, INDEX), "utf8"));
const contents = (path: string) => {
  using file = openWeights(path);
  return new Map(file.names().map((name) => [name, [...(file.read(name).data as Float32Array)]]));
};

describe("weights of a folder", () => {
  // import torch; from huggingface_hub import split_torch_state_dict_into_shards
  // s = split_torch_state_dict_into_shards({"a": torch.zeros(10), "big": torch.zeros(100), "b": torch.zeros(10), "c": torch.zeros(20)},
  //                                        max_shard_size=100)
  // s.filename_to_tensors, s.metadata
  it("divides as Transformers does", () => {
    expect(writeShardedSafetensors(folder, tensors, { maxShardSize: 100 })).toEqual([
      "model-00001-of-00003.safetensors",
      "model-00002-of-00003.safetensors",
      "model-00003-of-00003.safetensors",
      INDEX,
    ]);
    expect(index()).toEqual({
      metadata: { total_parameters: 140, total_size: 560 },
      weight_map: {
        a: "model-00002-of-00003.safetensors",
        b: "model-00002-of-00003.safetensors",
        big: "model-00001-of-00003.safetensors",
        c: "model-00003-of-00003.safetensors",
      },
    });
    const back = contents(folder);
    for (const [name, { data }] of tensors) expect(back.get(name)).toEqual([...(data as Float32Array)]);
    using file = openWeights(folder);
    expect(file.metadata).toEqual({ format: "pt" });
    expect(file.info("big")).toEqual({ dtype: "F32", shape: [100] });
    expect(() => file.info("other")).toThrow(/no tensor other/);
  });

  it("leaves nothing of an earlier save", () => {
    writeShardedSafetensors(folder, tensors, { maxShardSize: 100 });
    writeFileSync(join(folder, "config.json"), "{}");
    expect(writeShardedSafetensors(folder, tensors, { maxShardSize: "1KB" })).toEqual(["model.safetensors"]);
    expect(readdirSync(folder).sort()).toEqual(["config.json", "model.safetensors"]);
    writeShardedSafetensors(folder, tensors, { maxShardSize: 1 });
    expect(existsSync(join(folder, "model.safetensors"))).toBe(false);
    expect(() => writeShardedSafetensors(folder, tensors, { maxShardSize: "5 gallons" })).toThrow(/is no size/);
  });

  it("says what it looks for", () => {
    expect(() => openWeights(folder)).toThrow(WeightsError);
    expect(() => openWeights(folder)).toThrow(/no weights in this folder/);
    expect(() => openWeights(join(folder, "none"))).toThrow(/no such file or folder/);
    writeFileSync(join(folder, "model.onnx"), "");
    expect(() => openWeights(join(folder, "model.onnx"))).toThrow(/unknown kind of file/);
    try {
      openWeights(folder);
    } catch (error) {
      expect((error as WeightsError).hint).toContain(INDEX);
    }
  });

  it("refuses shards that do not fit their index", () => {
    const save = () => writeShardedSafetensors(folder, tensors, { maxShardSize: 100 });
    const shard = (i: number) => join(folder, `model-0000${i}-of-00003.safetensors`);
    const edit = (change: (i: { weight_map: Record<string, unknown> }) => unknown) => {
      const whole = index();
      writeFileSync(join(folder, INDEX), JSON.stringify(change(whole) ?? whole));
    };
    save();
    rmSync(shard(3));
    expect(() => openWeights(folder)).toThrow("the shard model-00003-of-00003.safetensors is missing");
    save();
    writeSafetensors(shard(3), new Map([["other", floats(1)]]));
    expect(() => openWeights(folder)).toThrow(/c is promised in model-00003/);
    writeSafetensors(
      shard(3),
      new Map([
        ["c", floats(1)],
        ["a", floats(1)],
      ]),
    );
    expect(() => openWeights(folder)).toThrow(/a lies in model-0000\d.* and in model-0000\d/);
    writeFileSync(shard(3), "short");
    expect(() => openWeights(folder)).toThrow(SafetensorsError);
    save();
    edit((i) => {
      i.weight_map.a = "../model.safetensors";
    });
    expect(() => openWeights(folder)).toThrow(/no name of a file in this folder/);
    for (const wrong of [[], {}, { weight_map: [] }, { weight_map: {} }, { weight_map: { a: 1 } }, null]) {
      writeFileSync(join(folder, INDEX), JSON.stringify(wrong));
      expect(() => openWeights(folder), JSON.stringify(wrong)).toThrow(WeightsError);
    }
    writeFileSync(join(folder, INDEX), "{");
    expect(() => openWeights(folder)).toThrow(/not JSON/);
  });
});

describe("reading into tensors", () => {
  it("fills a part of a storage and converts", () => {
    writeSafetensors(
      join(folder, "model.safetensors"),
      new Map<string, TensorSource>([
        ["x", { shape: [2, 2], dtype: "F16", data: Float32Array.of(1, 2, 3, 4) }],
        ["ids", { shape: [2], data: BigInt64Array.of(-5n, 2n ** 31n - 1n) }],
        ["large", { shape: [1], data: BigInt64Array.of(2n ** 31n) }],
      ]),
    );
    using file = openWeights(folder);
    const whole = zeros([3, 2]);
    readIntoTensor(file, "x", whole.slice(0, 1, 3));
    expect(whole.toArray()).toEqual([
      [0, 0],
      [1, 2],
      [3, 4],
    ]);
    const ids = tensor(Int32Array.of(0, 0));
    readIntoTensor(file, "ids", ids);
    expect(ids.toArray()).toEqual([-5, 2 ** 31 - 1]);
    expect(() => readIntoTensor(file, "large", tensor(Int32Array.of(0)))).toThrow(/2147483648, which is no int32/);
    expect(() => readIntoTensor(file, "x", whole)).toThrow(/x is \[2,2\], to be read into \[3,2\]/);
    expect(() => readIntoTensor(file, "x", zeros([2, 2]).transpose(0, 1))).toThrow(/a view with gaps/);
  });

  it.each(["float32", "float16", "bfloat16"] as const)("saves and loads a module in %s", (dtype) => {
    const make = (scale: number) => {
      const net = new nn.Sequential(new nn.Linear(3, 4), new nn.Linear(4, 2));
      for (const p of net.parameters())
        p.detach().copy_(Float32Array.from({ length: p.numel }, (_, i) => scale * (i - 2)));
      return net;
    };
    const [net, other] = [make(0.5), make(0)];
    saveWeights(net, join(folder, "model.safetensors"), { dtype });
    loadWeights(other, folder);
    for (const [name, p] of other.namedParameters()) expect(p.toArray()).toEqual(net.stateDict().get(name)?.toArray());
    using file = openWeights(folder);
    expect(file.info("0.weight").dtype).toBe({ float32: "F32", float16: "F16", bfloat16: "BF16" }[dtype]);
    const wrong = new nn.Sequential(new nn.Linear(3, 4), new nn.Linear(4, 3));
    const before = wrong.parameters()[0].toArray();
    expect(() => loadWeights(wrong, folder)).toThrow(/1.weight: expected \[3, 4\], found \[2, 4\]/);
    expect(wrong.parameters()[0].toArray()).toEqual(before);
  });
});
