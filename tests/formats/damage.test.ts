import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteFile } from "hyparquet-writer";
import { expect, it } from "vitest";
import { ShoshinError } from "../../src/backend/errors.ts";
import { readIdx } from "../../src/data/idx.ts";
import { readRecords, streamRecords } from "../../src/data/records.ts";
import { readTagged } from "../../src/data/tagged.ts";
import {
  openWeights,
  readNpy,
  readPickle,
  readWordVectors,
  type TensorSource,
  writeNpy,
  writeNpz,
  writePyTorch,
  writeSafetensors,
  writeWord2vec,
} from "../../src/formats/index.ts";
import { readLlama2c } from "../../src/formats/llama2c.ts";
import { KeyedVectors } from "../../src/text/keyed-vectors.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();

/** How often each kind is damaged; SHOSHIN_FUZZ=2000 for a thorough search. */
const RUNS = Number(process.env.SHOSHIN_FUZZ ?? 60);

function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A byte turned, some replaced, the end cut off, one put in, a part twice. */
function damage(bytes: Uint8Array, next: (below: number) => number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = next(bytes.length);
  const kind = next(5);
  if (kind === 0) copy[at] ^= 1 << next(8);
  else if (kind === 1) for (let n = 1 + next(4); n > 0; n--) copy[next(copy.length)] = next(256);
  else if (kind === 2) return copy.subarray(0, at);
  else if (kind === 3) return Uint8Array.of(...copy.subarray(0, at), next(256), ...copy.subarray(at));
  else return Uint8Array.of(...copy.subarray(0, at), ...copy.subarray(next(at + 1)));
  return copy;
}

const tensors = new Map<string, TensorSource>([
  ["a.weight", { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
  ["half", { shape: [2], data: Float32Array.of(1, -2), dtype: "F16" }],
  ["ids", { shape: [2], data: BigInt64Array.of(1n, -2n) }],
  ["mask", { shape: [3], data: Uint8Array.of(1, 0, 1), dtype: "BOOL" }],
]);
const readAll = (path: string) => {
  using file = openWeights(path);
  for (const name of file.names()) {
    file.info(name);
    file.read(name);
    file.readFloats(name, () => {});
  }
};
const drain = async (path: string) => {
  for await (const _ of streamRecords(path));
  await readRecords(path);
};
const vectors = new KeyedVectors(
  ["a", "初", "c"],
  Float32Array.from({ length: 9 }, (_, i) => i / 8),
  3,
);
const rows = Array.from({ length: 40 }, (_, i) => `row ${i}`);
const text = (s: string) => (path: string) => writeFileSync(path, s);
const ints = (...list: number[]) => new Uint8Array(Int32Array.from(list).buffer);
const longs = (...list: number[]) => new Uint8Array(BigInt64Array.from(list, BigInt).buffer);
const parts = (...list: (string | Uint8Array)[]) => Buffer.concat(list.map((part) => Buffer.from(part)));
const fastText = parts(
  ...[ints(793712314, 12, 2, 5, 5, 1, 5, 1, 2, 2, 1, 3, 3, 100), longs(0), ints(2, 2, 0), longs(9), longs(-1)],
  ...["ab\0", longs(5), "\0", "</s>\0", longs(4), "\0", "\0", longs(3, 2)],
  new Uint8Array(Float32Array.of(1, 2, 5, 6, 10, 20).buffer),
);
const columns = [
  { name: "text", data: rows, type: "STRING" as const },
  { name: "label", data: rows.map((_, i) => i % 3), type: "INT32" as const },
  {
    name: "big",
    data: rows.map((_, i) => (i % 4 === 0 ? undefined : BigInt(i))),
    type: "INT64" as const,
    nullable: true,
  },
  { name: "list", data: rows.map((_, i) => rows.slice(0, i % 4)), type: "JSON" as const },
];

type Case = [file: string, write: (path: string) => void, read: (path: string) => unknown];
const CASES: Case[] = [
  ["x.safetensors", (path) => writeSafetensors(path, tensors, { format: "pt" }), readAll],
  ["x.pt", (path) => writePyTorch(path, tensors), readAll],
  ["y.pt", (path) => writePyTorch(path, tensors), readPickle],
  ["x.npz", (path) => writeNpz(path, tensors), readAll],
  ["x.npy", (path) => writeNpy(path, { shape: [2, 2], data: Float64Array.of(1, 2, 3, 4) }), readNpy],
  [
    "model.safetensors.index.json",
    (path) => {
      writeSafetensors(join(folder, "part.safetensors"), tensors);
      const places = [...tensors.keys()].map((name) => [name, "part.safetensors"]);
      writeFileSync(path, JSON.stringify({ weight_map: Object.fromEntries(places) }));
    },
    readAll,
  ],
  ["x.bin", (path) => writeFileSync(path, parts(ints(4, 8, 1, 2, 2, 3, 2), new Uint8Array(4 * 188))), readLlama2c],
  ["vectors.txt", (path) => writeWord2vec(path, vectors), readWordVectors],
  ["vectors.bin", (path) => writeWord2vec(path, vectors, { binary: true }), readWordVectors],
  ["vectors.gz", (path) => writeFileSync(path, gzipSync("a 1 2 3\nb 4 5 6\n")), readWordVectors],
  ["fasttext.bin", (path) => writeFileSync(path, fastText), readWordVectors],
  ["x.csv", text('a,b\n1,"x ""y"" z"\n2,初\n'), drain],
  ["x.tsv", text("a\tb\n1\tx\n2\t初\n"), drain],
  ["x.jsonl", text('{"a": 1, "b": [1, {"c": null}]}\n{"a": "初", "b": []}\n'), drain],
  ["x.jsonl.gz", (path) => writeFileSync(path, gzipSync('{"a": 1}\n{"a": 2}\n')), drain],
  ["snappy.parquet", (path) => parquetWriteFile({ filename: path, columnData: columns }), drain],
  ["plain.parquet", (path) => parquetWriteFile({ filename: path, columnData: columns, codec: "UNCOMPRESSED" }), drain],
  [
    "x.conllu",
    text("# a\n1\tI\tI\tPRON\t_\t_\t0\troot\t_\t_\n\n1\tgo\tgo\tVERB\t_\t_\t0\troot\t_\t_\n"),
    (path) => readTagged(path),
  ],
  ["x.conll", text("EU B-ORG\nrejects O\n\nPeter B-PER\n"), (path) => readTagged(path)],
  ["x-idx1-ubyte", (path) => writeFileSync(path, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3)), readIdx],
];

it.each(CASES)(
  "%s is read, or refused by its name, whatever is damaged in it",
  { timeout: 600_000 },
  async (name, write, read) => {
    const path = join(folder, name);
    write(path);
    await read(path);
    const bytes = readFileSync(path);
    const next = random(name.length * 7919 + name.charCodeAt(0));
    for (let run = 0; run < RUNS; run++) {
      const copy = damage(bytes, next);
      writeFileSync(path, copy);
      const begin = performance.now();
      try {
        await read(path);
      } catch (error) {
        const what = `run ${run}: ${error instanceof Error ? error.stack : error}\n${Buffer.from(copy).toString("base64").slice(0, 2000)}`;
        expect(error, what).toBeInstanceOf(ShoshinError);
        expect((error as Error).message, what).toContain(folder);
      }
      // No bound of a test, but of the search for what takes long.
      if (process.env.SHOSHIN_FUZZ !== undefined) expect(performance.now() - begin, `run ${run}`).toBeLessThan(2000);
    }
  },
);
