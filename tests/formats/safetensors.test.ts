import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SafetensorsError, SafetensorsFile, WriteError, writeSafetensors } from "../../src/formats/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const path = join(folder, "model.safetensors");

const tensors = new Map<string, { shape: number[]; data: Float32Array | Int32Array | Uint8Array }>([
  ["b", { shape: [2, 3], data: Float32Array.from([1, 2, 3, 4, 5, 6]) }],
  ["a.weight", { shape: [3], data: Float32Array.from([7, 8, 9]) }],
  ["ids", { shape: [2], data: Int32Array.from([-1, 5]) }],
  ["flags", { shape: [3], data: Uint8Array.from([1, 0, 1]) }],
  ["empty", { shape: [0, 4], data: new Float32Array(0) }],
]);

function write(header: unknown, data = new Uint8Array(0), length?: number): void {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  writeFileSync(path, bytes);
}
const open = () => {
  using file = SafetensorsFile.open(path);
  return new Map(file.names().map((name) => [name, file.read(name)]));
};

describe("safetensors", () => {
  it("gives back what was written", () => {
    writeSafetensors(path, tensors, { format: "pt" });
    const back = open();
    expect([...back.keys()].sort()).toEqual([...tensors.keys()].sort());
    for (const [name, { shape, data }] of tensors) expect(back.get(name)).toMatchObject({ shape, data });
    using file = SafetensorsFile.open(path);
    expect(file.metadata).toEqual({ format: "pt" });
    expect(() => file.read("other")).toThrow(/no tensor other/);
  });

  // import torch; from safetensors.torch import save
  // save({"b": torch.arange(2, dtype=torch.float32), "a": torch.tensor([1], dtype=torch.int32)}, {"k": "v"}).hex()
  it("writes the bytes of the reference implementation", () => {
    writeSafetensors(
      path,
      new Map([
        ["b", { shape: [2], data: Float32Array.from([0, 1]) }],
        ["a", { shape: [1], data: Int32Array.from([1]) }],
      ]),
      { k: "v" },
    );
    const bytes = readFileSync(path);
    const header =
      '{"__metadata__":{"k":"v"},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"I32","shape":[1],"data_offsets":[8,12]}}';
    expect(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)).toBe(
      BigInt(Math.ceil(header.length / 8) * 8),
    );
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + header.length))).toBe(header);
  });

  it.each([
    [
      "overlap",
      { a: { dtype: "U8", shape: [2], data_offsets: [0, 2] }, b: { dtype: "U8", shape: [2], data_offsets: [1, 3] } },
      /gap or an overlap/,
    ],
    ["gap", { a: { dtype: "U8", shape: [1], data_offsets: [1, 2] } }, /gap or an overlap/],
    ["short data", { a: { dtype: "U8", shape: [9], data_offsets: [0, 9] } }, /cut off/],
    ["wrong size", { a: { dtype: "F32", shape: [1], data_offsets: [0, 3] } }, /takes 4 bytes/],
    ["dtype", { a: { dtype: "Q4", shape: [1], data_offsets: [0, 3] } }, /unknown dtype Q4/],
    ["negative size", { a: { dtype: "U8", shape: [-3], data_offsets: [0, 3] } }, /whole numbers/],
    ["overflow", { a: { dtype: "U8", shape: [2 ** 40, 2 ** 40], data_offsets: [0, 3] } }, /overflows/],
    ["reversed", { a: { dtype: "U8", shape: [3], data_offsets: [3, 0] } }, /range -3/],
    [
      "twice",
      '{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}',
      /twice/,
    ],
    ["array", "[]", /begin with/],
    ["no JSON", "{nonsense}", /not JSON/],
  ])("refuses a header with %s", (_name, header, message) => {
    write(header, new Uint8Array(3));
    expect(open).toThrow(SafetensorsError);
    expect(open).toThrow(message);
  });

  it("refuses sizes beyond the file and the limit", () => {
    write("{}", undefined, 100);
    expect(open).toThrow(/claims 100 bytes/);
    write("{}", undefined, 2 ** 52);
    expect(open).toThrow(/limit/);
    writeFileSync(path, "abc");
    expect(open).toThrow(/too few/);
  });

  it("refuses a file cut at any byte", () => {
    writeSafetensors(path, tensors);
    const bytes = readFileSync(path);
    for (let n = 0; n < bytes.length; n++) {
      writeFileSync(path, bytes.subarray(0, n));
      expect(open, `cut at ${n}`).toThrow(SafetensorsError);
    }
  });

  it("survives random damage", () => {
    writeSafetensors(path, tensors);
    const bytes = readFileSync(path);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (edits) => {
          const copy = Uint8Array.from(bytes);
          for (const [at, value] of edits) copy[at] = value;
          writeFileSync(path, copy);
          try {
            open();
          } catch (error) {
            expect(error).toBeInstanceOf(SafetensorsError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("says when a folder cannot be written, and leaves nothing behind", () => {
    writeFileSync(join(folder, "file"), "");
    expect(() => writeSafetensors(join(folder, "file", "x.safetensors"), tensors)).toThrow(WriteError);
    expect(() =>
      writeSafetensors(join(folder, "bad.safetensors"), new Map([["a", { shape: [4], data: new Float32Array(3) }]])),
    ).toThrow(/does not hold/);
    expect(readdirSync(folder).filter((name) => name.startsWith(".shoshin"))).toEqual([]);
  });
});
