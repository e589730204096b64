import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  convertWeights,
  FileError,
  openWeights,
  PyTorchError,
  PyTorchFile,
  readPickle,
  SafetensorsFile,
  type TensorSource,
  writeNpz,
  writePyTorch,
  writeSafetensors,
} from "../../src/formats/index.ts";
import { temporaryFolder } from "../folder.ts";

// Recorded by scripts/record/torch-kinds.py.
const recorded = JSON.parse(readFileSync(new URL("torch-kinds.json", import.meta.url), "utf8")) as {
  files: Record<string, string>;
  values: Record<string, number[]>;
  neighbours: string[];
};
const folder = temporaryFolder();
const path = (name: string) => join(folder, name);

describe.each(Object.entries(recorded.files))("a file of torch (%s)", (kind, packed) => {
  const file = path(`${kind}.th`);
  writeFileSync(file, gunzipSync(Buffer.from(packed, "base64")));

  it("gives what PyTorch gives, lazy views carried out", () => {
    using weights = openWeights(file);
    for (const [name, values] of Object.entries(recorded.values)) {
      const { data } = weights.read(name);
      if (!name.startsWith("float8")) expect(Array.from(data, Number), name).toEqual(values);
      if (name === "conj") continue;
      const floats: number[] = [];
      weights.readFloats(name, (piece) => floats.push(...piece));
      expect(floats, name).toEqual(values);
    }
    expect(weights.info("conj")).toEqual({ dtype: "C64", shape: [2] });
    expect(() => weights.readFloats("conj", () => {})).toThrow(/conj: the tensor holds complex numbers/);
  });

  it("refuses what cannot be read by its name, and only that", () => {
    using weights = PyTorchFile.open(file);
    for (const name of recorded.neighbours) {
      expect(weights.has(name)).toBe(true);
      expect(weights.info(name).dtype).toMatch(/\w/);
      expect(() => weights.read(name)).toThrow(PyTorchError);
      expect(() => weights.readFloats(name, () => {})).toThrow(`${file}: ${name} cannot be read: it is `);
    }
    expect(() => readPickle(file)).toThrow(/holds a tensor that is/);
    expect(() => convertWeights(file, path("out.safetensors"))).toThrow(/cannot be read: it is/);
  });
});

it("types are kept by every way between files that have them", () => {
  const tensors = new Map<string, TensorSource>([
    ["big", { shape: [2], data: BigInt64Array.of(2n ** 40n, -1n) }],
    ["bool", { shape: [2], data: Uint8Array.of(1, 0), dtype: "BOOL" }],
    ["complex", { shape: [1], data: Float32Array.of(1, -2), dtype: "C64" }],
    ["double", { shape: [1], data: Float64Array.of(1 / 3) }],
    ["float", { shape: [1], data: Float32Array.of(0.5) }],
    ["half", { shape: [1], data: Float32Array.of(0.5), dtype: "F16" }],
    ["brain", { shape: [1], data: Float32Array.of(0.5), dtype: "BF16" }],
    ["f8", { shape: [2], data: Uint8Array.of(60, 192), dtype: "F8_E4M3" }],
    ["f8z", { shape: [2], data: Uint8Array.of(60, 192), dtype: "F8_E5M2FNUZ" }],
    ["e8", { shape: [2], data: Uint8Array.of(127, 128), dtype: "F8_E8M0" }],
    ["u16", { shape: [1], data: Uint16Array.of(65535) }],
    ["u64", { shape: [1], data: BigUint64Array.of(2n ** 63n) }],
  ]);
  const contents = (file: string) => {
    using weights = openWeights(file);
    return Object.fromEntries(weights.names().map((name) => [name, weights.read(name)]));
  };
  writeSafetensors(path("a.safetensors"), tensors);
  const first = contents(path("a.safetensors"));
  const types = ["I64", "BOOL", "C64", "F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2FNUZ", "F8_E8M0", "U16", "U64"];
  expect(Object.values(first).map(({ dtype }) => dtype)).toEqual(expect.arrayContaining(types));
  convertWeights(path("a.safetensors"), path("a.ckpt"));
  expect(contents(path("a.ckpt"))).toEqual(first);
  convertWeights(path("a.ckpt"), path("b.safetensors"));
  expect(contents(path("b.safetensors"))).toEqual(first);
  // numpy has neither bfloat16 nor float8: they are float32 there.
  convertWeights(path("a.ckpt"), path("a.npz"));
  const { brain, f8, f8z, e8, ...rest } = contents(path("a.npz"));
  expect([brain, f8, f8z, e8].map(({ dtype, data }) => [dtype, ...Array.from(data, Number)])).toEqual([
    ["F32", 0.5],
    ["F32", 1.5, -2],
    ["F32", 0.5, -1],
    ["F32", 1, 2],
  ]);
  expect(rest).toEqual(Object.fromEntries(Object.entries(first).filter(([name]) => name in rest)));
  // Asked for, floats change and nothing else does.
  convertWeights(path("a.ckpt"), path("h.safetensors"), { dtype: "float16" });
  const half = Object.entries(contents(path("h.safetensors"))).map(([name, { dtype }]) => [name, dtype]);
  const asked = [
    ["big", "I64"],
    ["bool", "BOOL"],
    ["double", "F16"],
    ["f8", "F16"],
    ["complex", "C64"],
  ];
  expect(half).toEqual(expect.arrayContaining(asked));
  expect(() => convertWeights(path("a.ckpt"), path("x.npz"), { dtyp: "float16" } as never)).toThrow(
    /unknown option dtyp$/,
  );
  expect(() => convertWeights(path("a.ckpt"), path("x.npz"), { dtype: "float8" as never })).toThrow(/float8/);
});

describe("safetensors", () => {
  const framed = (header: string, data: Uint8Array) => {
    const text = new TextEncoder().encode(header);
    const file = path("n.safetensors");
    writeFileSync(file, Buffer.concat([new Uint8Array(BigInt64Array.of(BigInt(text.length)).buffer), text, data]));
    return file;
  };
  const written = (entries: [name: string, dtype: string, shape: number[], bytes: number[]][]) => {
    const header: Record<string, unknown> = {};
    let at = 0;
    for (const [name, dtype, shape, bytes] of entries) {
      header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
      at += bytes.length;
    }
    return framed(JSON.stringify(header), Uint8Array.from(entries.flatMap(([, , , bytes]) => bytes)));
  };

  it("with packed types open for what is beside them", () => {
    const file = written([
      ["f4", "F4", [2, 2], [0x21, 0x43]],
      ["f6", "F6_E2M3", [4], [1, 2, 3]],
      ["f6b", "F6_E3M2", [4], [1, 2, 3]],
      ["c", "C64", [1], [0, 0, 128, 63, 0, 0, 0, 64]],
      ["w", "F32", [1], [0, 0, 192, 63]],
    ]);
    using weights = SafetensorsFile.open(file);
    expect(weights.read("w").data).toEqual(Float32Array.of(1.5));
    expect(weights.read("f4")).toEqual({ dtype: "F4", shape: [2, 2], data: Uint8Array.of(0x21, 0x43) });
    expect(weights.read("c").data).toEqual(Float32Array.of(1, 2));
    for (const name of ["f4", "f6", "f6b", "c"])
      expect(() => weights.readFloats(name, () => {})).toThrow(`${file}: ${name} holds `);
  });

  it("whose packed tensors end within a byte are refused", () => {
    const file = written([["f4", "F4", [3], [1, 2]]]);
    expect(() => SafetensorsFile.open(file)).toThrow(/f4: F4 \[3\] does not end with a byte/);
  });

  // torch 2.13: torch.arange(256, dtype=torch.uint8).view(t).float()[[0, 1, 8, 64, 126, 127, 128, 129, 200, 255]]
  const e8 = [
    5.877471754111438e-39, 1.1754943508222875e-38, 1.504632769052528e-36, 1.0842021724855044e-19, 0.5, 1, 2, 4,
  ];
  it.each([
    ["F8_E4M3FNUZ", [0, 0.0009765625, 0.0078125, 1, 224, 240, Number.NaN, -0.0009765625, -2, -240]],
    ["F8_E5M2FNUZ", [0, 7.62939453125e-6, 6.103515625e-5, 1, 49152, 57344, Number.NaN, -7.62939453125e-6, -4, -57344]],
    ["F8_E8M0", [...e8, 9.44473296573929e21, Number.NaN]],
  ])("%s has PyTorch's values", (dtype, values) => {
    using weights = SafetensorsFile.open(written([["x", dtype, [10], [0, 1, 8, 64, 126, 127, 128, 129, 200, 255]]]));
    weights.readFloats("x", (piece) => expect(Array.from(piece)).toEqual(values));
  });

  it("with a name twice among 50,000 are refused at once", () => {
    const names = Array.from({ length: 50_000 }, (_, i) => `"${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`);
    const file = framed(`{${[...names, names[49_999]].join(",")}}`, new Uint8Array(0));
    expect(() => SafetensorsFile.open(file)).toThrow(/names "49999" twice/);
  });
});

it("what is no file of weights is refused by its name", () => {
  expect(() => SafetensorsFile.open(path("none.safetensors"))).toThrow(FileError);
  expect(() => PyTorchFile.open(folder)).toThrow(/no regular file/);
  writeFileSync(path("empty.pt"), "");
  expect(() => openWeights(path("empty.pt"))).toThrow(path("empty.pt"));
  writeFileSync(
    path("tar.pt"),
    Uint8Array.from({ length: 1024 }, (_, i) => "ustar".charCodeAt(i - 257) || 0),
  );
  expect(() => openWeights(path("tar.pt"))).toThrow(/tar archive/);
  using file = openWeights(path("a.safetensors"));
  file.close();
  expect(() => file.read("float")).toThrow(/has been closed/);
});

it("an array of .npz is held against its checksum, a tensor of .pt is not", () => {
  const data = Float32Array.of(1, 2, 3);
  const tensors = new Map<string, TensorSource>([["w", { shape: [3], data }]]);
  const spoil = (file: string) => {
    const bytes = readFileSync(file);
    bytes[bytes.indexOf(Buffer.from(data.buffer))] ^= 1;
    writeFileSync(file, bytes);
  };
  writeNpz(path("c.npz"), tensors);
  spoil(path("c.npz"));
  using npz = openWeights(path("c.npz"));
  expect(npz.info("w").shape).toEqual([3]);
  expect(() => npz.read("w")).toThrow(/w.npy: the checksum is wrong/);
  expect(() => npz.readFloats("w", () => {})).toThrow(/w.npy: the checksum is wrong/);
  writePyTorch(path("c.pt"), tensors);
  spoil(path("c.pt"));
  using pt = openWeights(path("c.pt"));
  expect(pt.read("w").data).toHaveLength(3);
});
