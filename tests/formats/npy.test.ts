import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { zipSync } from "fflate";
import { describe, expect, it } from "vitest";
import {
  NpyError,
  NpzFile,
  openWeights,
  readNpy,
  type TensorSource,
  writeNpy,
  writeNpz,
} from "../../src/formats/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const [npy, npz] = [join(folder, "x.npy"), join(folder, "x.npz")];
const bytesOf = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (b) => Number.parseInt(b, 16));
const text = (s: string) => Uint8Array.from(s, (c) => c.charCodeAt(0));
/** A file of version 1 with this dict, padded as numpy does. */
const file = (dict: string, data: Uint8Array) => {
  const header = `${dict}${" ".repeat(117 - dict.length)}\n`;
  return Uint8Array.from([...text("\x93NUMPY\x01\0v\0"), ...text(header), ...data]);
};
const dict = (descr: string, fortran: string, shape: string) =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape}), }`;
const load = (bytes: Uint8Array) => {
  writeFileSync(npy, bytes);
  return readNpy(npy);
};

describe("npy", () => {
  // import numpy as np, io
  // f = io.BytesIO(); np.save(f, np.asfortranarray(np.arange(6, dtype="<i8").reshape(2, 3))); f.getvalue()[128:].hex()
  // the same of np.array(1.5, dtype="<f2"), np.array([True, False]); all headers are padded to 128 bytes
  it("reads what numpy writes", () => {
    const columns = bytesOf(
      "000000000000000003000000000000000100000000000000040000000000000002000000000000000500000000000000",
    );
    expect(load(file(dict("<i8", "True", "2, 3"), columns))).toEqual({
      dtype: "I64",
      shape: [2, 3],
      data: BigInt64Array.of(0n, 1n, 2n, 3n, 4n, 5n),
    });
    expect(load(file(dict("<f2", "False", ""), bytesOf("003e")))).toEqual({
      dtype: "F16",
      shape: [],
      data: Float32Array.of(1.5),
    });
    expect(load(file(dict("|b1", "False", "2,"), bytesOf("0100")))).toMatchObject({ data: Uint8Array.of(1, 0) });
  });

  // f = io.BytesIO(); np.save(f, np.arange(2, dtype="<f4")); f.getvalue()
  it("writes the bytes that numpy does", () => {
    const data = Float32Array.of(0, 1);
    writeNpy(npy, { shape: [2], data });
    expect([...readFileSync(npy)]).toEqual([...file(dict("<f4", "False", "2,"), new Uint8Array(data.buffer))]);
    expect(() => writeNpy(npy, { shape: [2], data, dtype: "BF16" })).toThrow(/numpy has no type BF16/);
  });

  it.each([
    [dict("|O", "False", "1,"), /type \|O are not read; nothing of the file is run/],
    [dict(">f16", "False", "1,"), /type >f16/],
    [dict("<U5", "False", "1,"), /type <U5/],
    [dict("<f4", "False", "9,"), /goes beyond/],
    [dict("<f4", "False", "999999999, 999999999, 99999999"), /a tensor has shape/],
    ["{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", /of records/],
  ])("refuses %s", (header, message) => {
    expect(() => load(file(header, new Uint8Array(4)))).toThrow(NpyError);
    expect(() => load(file(header, new Uint8Array(4)))).toThrow(message);
  });

  const arrays = new Map<string, TensorSource>([
    ["a.weight", { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
    ["h", { shape: [2], dtype: "F16", data: () => Float32Array.of(1.5, -2) }],
    ["n", { shape: [1], data: BigInt64Array.of(2n ** 40n) }],
    ["none", { shape: [0, 2], data: new Float32Array(0) }],
  ]);
  it("keeps arrays by name, stored or packed", () => {
    writeNpz(npz, arrays);
    const check = () => {
      using file = openWeights(npz);
      expect(file.names()).toEqual([...arrays.keys()]);
      for (const [name, { shape, data }] of arrays)
        expect(file.read(name)).toMatchObject({ shape, data: typeof data === "function" ? data() : data });
      expect(file.info("h")).toEqual({ dtype: "F16", shape: [2] });
      expect(() => file.read("other")).toThrow(/no array other/);
    };
    check();
    writeNpy(npy, { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) });
    writeFileSync(npz, zipSync({ "a.npy": new Uint8Array(readFileSync(npy)) }, { level: 6 }));
    using packed = NpzFile.open(npz);
    expect(packed.read("a").data).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  it("survives random damage and cuts", () => {
    writeNpz(npz, arrays);
    writeNpy(npy, { shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) });
    const [one, all] = [npy, npz].map((path) => Uint8Array.from(readFileSync(path)));
    const attempt = (read: () => unknown) => {
      try {
        read();
      } catch (error) {
        expect(error).toBeInstanceOf(NpyError);
      }
    };
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(edits, fc.nat(), fc.boolean(), (list, cut, whole) => {
        const damage = (bytes: Uint8Array) => {
          const copy = Uint8Array.from(bytes);
          for (const [at, value] of list) copy[at % copy.length] = value;
          return whole ? copy : copy.subarray(0, cut % copy.length);
        };
        attempt(() => load(damage(one)));
        writeFileSync(npz, damage(all));
        attempt(() => {
          using file = NpzFile.open(npz);
          for (const name of file.names()) file.read(name);
        });
      }),
      { numRuns: 200 },
    );
  });
});
