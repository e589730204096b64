import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import {
  openWeights,
  PyTorchError,
  PyTorchFile,
  readPickle,
  type TensorSource,
  writePyTorch,
} from "../../src/formats/index.ts";
import { temporaryFolder } from "../folder.ts";
import { torchFiles } from "./torch-files.ts";

const folder = temporaryFolder();
const path = join(folder, "x.pt");
const ascii = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
/** An archive as torch.save lays it out, of a pickle and storages. */
const archive = (pickle: string, storages: Record<string, Uint8Array> = {}, level: 0 | 6 = 0) =>
  zipSync(
    {
      "x/data.pkl": ascii(pickle),
      ...Object.fromEntries(Object.entries(storages).map(([key, bytes]) => [`x/data/${key}`, bytes])),
    },
    { level },
  );
function load(bytes: Uint8Array) {
  writeFileSync(path, bytes);
  return readPickle(path);
}
const K = (n: number) => `K${String.fromCharCode(n)}`;
const text = (s: string) => `X${String.fromCharCode(s.length)}\0\0\0${s}`;
/** A pickled float tensor of storage "0" with `elements`. */
const tensorOf = (elements: string, shape: string, strides: string, offset = K(0)) =>
  `\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((${text("storage")}ctorch\nFloatStorage\n${text("0")}${text("cpu")}${elements}tQ` +
  `${offset}(${shape}t(${strides}t\x89ccollections\nOrderedDict\n)RtR.`;

describe.each(Object.entries(torchFiles))("PyTorch's files (%s)", (_kind, bytes) => {
  it("are read, views and all types", () => {
    writeFileSync(path, bytes);
    using file = openWeights(path);
    expect(file.names()).toEqual(["t", "row", "h", "b", "n", "m"]);
    const read = (name: string) => file.read(name);
    expect(read("t")).toEqual({ dtype: "F32", shape: [3, 2], data: Float32Array.of(0, 3, 1, 4, 2, 5) });
    expect(read("row")).toEqual({ dtype: "F32", shape: [3], data: Float32Array.of(3, 4, 5) });
    expect(read("h")).toEqual({ dtype: "F16", shape: [2], data: Float32Array.of(1.5, -2) });
    expect(read("b")).toEqual({ dtype: "BF16", shape: [2], data: Float32Array.of(1.5, -2) });
    expect(read("n")).toEqual({ dtype: "I64", shape: [2], data: BigInt64Array.of(-1n, 2n ** 40n) });
    expect(read("m")).toEqual({ dtype: "BOOL", shape: [2], data: Uint8Array.of(1, 0) });
    const pieces: number[] = [];
    for (const name of ["t", "row", "m"]) file.readFloats(name, (piece) => pieces.push(...piece));
    expect(pieces).toEqual([0, 3, 1, 4, 2, 5, 3, 4, 5, 1, 0]);
    expect(() => file.read("other")).toThrow(/no tensor other/);
  });

  it("give all that is in them", () => {
    const root = load(bytes) as Map<string, unknown>;
    expect([...root.keys()]).toEqual(["epoch", "model", "misc"]);
    expect(root.get("epoch")).toBe(3);
    expect((root.get("model") as Map<string, unknown>).get("row")).toEqual({
      dtype: "F32",
      shape: [3],
      data: Float32Array.of(3, 4, 5),
    });
    const tail = [[1, 2], new Set([1, 2]), ascii("ab"), 2n ** 70n, [1, 2], "torch.float16", "cpu"];
    expect(root.get("misc")).toEqual([1, 2.5, "初", null, true, ...tail]);
  });

  it("are refused when cut anywhere", () => {
    for (let n = 0; n < bytes.length; n += 1 + (n % 17)) {
      writeFileSync(path, bytes.subarray(0, n));
      expect(() => {
        using file = PyTorchFile.open(path);
        for (const name of file.names()) file.read(name);
      }, `cut at ${n}`).toThrow(PyTorchError);
    }
  });

  it("survive random damage", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (edits) => {
          const copy = Uint8Array.from(bytes);
          for (const [at, value] of edits) copy[at] = value;
          try {
            load(copy);
          } catch (error) {
            expect(error).toBeInstanceOf(PyTorchError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("the unpickler", () => {
  it.each([
    ["os.system", "cos\nsystem\n(X\x02\0\0\0lstR."],
    ["posix.system, stacked", `\x80\x04${text("posix")}${text("system")}\x93.`],
    ["builtins.eval", "cbuiltins\neval\n(X\x01\0\0\x01tR."],
    ["torch.load", "ctorch.storage\n_load_from_bytes\n(C\x01xtR."],
    ["numpy objects", "cnumpy.core.multiarray\n_reconstruct\n."],
    ["a module's class", "ctorch.nn.modules.linear\nLinear\n)\x81."],
    ["OrderedDict's attributes", "ccollections\nOrderedDict.__init__\n."],
  ])("does not know %s, and says what it is", (_name, pickle) => {
    for (const bytes of [ascii(pickle), archive(pickle)]) {
      expect(() => load(bytes)).toThrow(PyTorchError);
      expect(() => load(bytes)).toThrow(/the pickle names [\w.]+, which is not allowed; nothing of it has been run/);
    }
  });

  it.each([
    ["classes by the old opcodes", "(ios\nsystem\n.", /opcode "i"/],
    ["extensions", "\x82\x01.", /opcode/],
    ["calls of texts", `${text("a")})R.`, /calls what is no function/],
    ["attributes", "]}b.", /attributes/],
    ["functions as values", "ccollections\nOrderedDict\n.", /holds collections.OrderedDict as a value/],
    [
      "storages as values",
      `(${text("storage")}ctorch\nFloatStorage\n${text("0")}${text("cpu")}${K(0)}tQ.`,
      /no x\/data\/0|as a value/,
    ],
    ["lists that hold themselves", "]q\0h\0a.", /contains itself/],
    ["deep nesting", `${"]".repeat(300)}${"a".repeat(299)}.`, /nested over 200/],
    [
      "deep nesting through shared parts",
      `${Array.from({ length: 250 }, (_, i) => `${i ? `h${String.fromCharCode(i - 1)}` : "]"}\x85q${String.fromCharCode(i)}0`).join("")}h\xf9.`,
      /nested over 200/,
    ],
    ["a missing value", "a.", /where there is none/],
    ["a group that was not begun", "t.", /not begun/],
    ["unknown memo", "h\x05.", /recalls value 5/],
    ["texts beyond the end", "X\xff\xff\xff\x7fa.", /cut off or damaged/],
    ["lengths of 2^63", "\x8e\0\0\0\0\0\0\0\x80.", /damaged/],
    ["numbers without end", `I${"1".repeat(5000)}\n.`, /line without end/],
    ["large numbers", `\x8b\0\x10\0\0${"\x01".repeat(4096)}.`, /over 1024 bytes/],
    ["protocols to come", "\x80\x09N.", /protocol above 5/],
  ])("refuses %s", (_name, pickle, message) => {
    expect(() => load(ascii(pickle))).toThrow(PyTorchError);
    expect(() => load(archive(pickle))).toThrow(message);
  });

  it("stops copies of copies", () => {
    // A list of 1000, and a thousand times a thousand sets of it.
    const list = `(${"K\x01".repeat(1000)}lq\0`;
    const copies = "cbuiltins\nset\nh\0\x85R0".repeat(10_000);
    const lists = `${list}ctorch\nSize\nq\x010${"h\x01h\0\x85R0".repeat(5000)}.`;
    expect(() => load(ascii(lists))).toThrow(/makes over/);
    expect(load(ascii(`${list}${copies}.`))).toHaveLength(1000);
  });

  it("holds tensors against their storages", () => {
    const data = { 0: new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer) };
    const open = (pickle: string, level: 0 | 6 = 0) => load(archive(pickle, data, level));
    const good = tensorOf(K(4), K(2) + K(2), K(2) + K(1));
    for (const level of [0, 6] as const)
      expect(open(good, level)).toEqual({ dtype: "F32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) });
    expect(open(tensorOf(K(4), K(3), K(0), K(2)))).toMatchObject({ data: Float32Array.of(3, 3, 3) });
    for (const [bad, message] of [
      [tensorOf(K(5), K(5), K(1)), /claims 20 bytes and has 16/],
      [tensorOf(K(4), K(5), K(1)), /goes beyond/],
      [tensorOf(K(4), K(4), K(1), K(1)), /goes beyond/],
      [tensorOf(K(4), K(2), K(4)), /goes beyond/],
      [tensorOf(K(4), "J\xff\xff\xff\xff", K(1)), /has shape \[-1\]/],
      [tensorOf(K(4), "G\x3f\xf8\0\0\0\0\0\0", K(1)), /has shape \[1.5\]/],
      [tensorOf(K(4), "J\0\0\0\x7fJ\0\0\0\x7f", K(0) + K(0)), /a bomb/],
      [tensorOf("J\xff\xff\xff\xff", K(0), K(1)), /claims -1 elements/],
      [tensorOf(text("4"), K(0), K(1)), /claims 4 elements/],
    ] as const)
      expect(() => open(bad), message.source).toThrow(message);
  });
});

describe("archives", () => {
  const good = archive(`}${text("a")}K\x01s.`);
  it("are read stored and packed", () => {
    expect(load(good)).toEqual(new Map([["a", 1]]));
    expect(load(archive(`}${text("a")}K\x01s.`, {}, 6))).toEqual(new Map([["a", 1]]));
  });
  it("are refused as bombs before memory is asked for", () => {
    const bomb = zipSync({ "x/data.pkl": new Uint8Array(2 ** 20) }, { level: 9 });
    const view = new DataView(bomb.buffer);
    let entry = bomb.length - 22;
    while (view.getUint32(entry, true) !== 0x02014b50) entry--;
    view.setUint32(entry + 24, 2 ** 32 - 2, true);
    expect(() => load(bomb)).toThrow(/a zip bomb/);
    view.setUint32(entry + 24, 2 ** 10, true);
    expect(() => load(bomb)).toThrow(/unpacks to more than the 1024 bytes/);
    view.setUint32(entry + 24, 2 ** 20 + 1, true);
    expect(() => load(bomb)).toThrow(/unpacks to 1048576 bytes and claims 1048577/);
    expect(() => load(zipSync({ "y/other": new Uint8Array(2) }))).toThrow(/data.pkl is missing/);
    expect(() => load(zipSync({ "x/data.pkl": ascii("N."), "x/constants.pkl": ascii("N.") }))).toThrow(/TorchScript/);
    expect(() => load(zipSync({ "x/data.pkl": ascii("N."), "x/byteorder": ascii("middle") }))).toThrow(
      /order of bytes/,
    );
  });
});

describe("where the weights are", () => {
  const tensor = (name: string) => text(name) + tensorOf(K(1), K(1), K(1)).slice(2, -1);
  const storage = { 0: new Uint8Array(4) };
  const names = (pickle: string, key?: string) => {
    writeFileSync(path, archive(pickle, storage));
    using file = PyTorchFile.open(path, { key });
    return file.names();
  };
  const dict = (...entries: string[]) => `}(${entries.join("")}u`;
  it("goes by usual names, or the only dict of tensors", () => {
    expect(names(`${dict(tensor("a"), text("step") + K(1))}.`)).toEqual(["a"]);
    const optimizer = text("optimizer") + dict(tensor("m"));
    expect(names(`${dict(optimizer, text("state_dict") + dict(tensor("a")))}.`)).toEqual(["a"]);
    expect(names(`${dict(optimizer, text("encoder") + dict(tensor("e")))}.`)).toEqual(["e"]);
    const two = `${dict(text("encoder") + dict(tensor("e")), text("decoder") + dict(tensor("d")))}.`;
    expect(() => names(two)).toThrow(/cannot tell where the weights are: the file holds a dict of encoder, decoder/);
    expect(names(two, "decoder")).toEqual(["d"]);
    expect(() => names(two, "other")).toThrow(/other holds no tensors/);
    expect(names(`(${tensor("").slice(5)}${tensor("").slice(5)}l.`)).toEqual(["0", "1"]);
  });
});

describe("writePyTorch", () => {
  const weight = Float32Array.of(1, 2, 3, 4);
  const tensors = new Map<string, TensorSource>([
    ["w", { shape: [2, 2], data: weight }],
    ["tied", { shape: [4], data: weight }],
    ["h", { shape: [2], dtype: "F16", data: () => Float32Array.of(1.5, -2) }],
    ["ids", { shape: [1], data: BigInt64Array.of(7n) }],
    ["u", { shape: [2], data: Uint16Array.of(1, 65535) }],
    ["large.初", { shape: [300, 2], dtype: "BF16", data: new Float32Array(600).fill(2) }],
    ["none", { shape: [0, 3], data: new Float32Array(0) }],
    ["scalar", { shape: [], data: Float32Array.of(3) }],
  ]);
  it("gives back what was written, shared storages shared", () => {
    writePyTorch(path, tensors);
    using file = PyTorchFile.open(path);
    expect(file.names()).toEqual([...tensors.keys()]);
    for (const [name, { shape, data }] of tensors)
      expect(file.read(name)).toMatchObject({ shape, data: typeof data === "function" ? data() : data });
    const root = file.root as Map<string, { storage: unknown }>;
    expect(root.get("w")?.storage).toBe(root.get("tied")?.storage);
    expect(file.info("h").dtype).toBe("F16");
    const wrong = new Map([...tensors, ["w2", { shape: [1], data: weight }]] as [string, TensorSource][]);
    expect(() => writePyTorch(path, wrong)).toThrow(/w2: shares its data/);
  });

  // The bytes that torch 2.13 opens with torch.load(path, weights_only=True) and mmap=True, to the values and types above;
  // each storage begins at a multiple of 64.
  it("aligns storages and states checksums", () => {
    writePyTorch(path, new Map([["a", { shape: [2], data: Float32Array.of(1, 2) }]]));
    const bytes = readFileSync(path);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const data = new Uint8Array(Float32Array.of(1, 2).buffer);
    const at = bytes.findIndex((_, i) => data.every((byte, k) => bytes[i + k] === byte));
    expect(at % 64).toBe(0);
    let header = at;
    while (view.getUint32(header, true) !== 0x04034b50) header--;
    // python3 -c "import zlib, struct; print(zlib.crc32(struct.pack('<2f', 1, 2)))"
    expect(view.getUint32(header + 14, true)).toBe(775923062);
  });
});
