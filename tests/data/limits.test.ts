import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteFile } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { maximum, minimum, pushAll } from "../../src/backend/arrays.ts";
import { padSequences } from "../../src/data/collate.ts";
import { readIdx } from "../../src/data/idx.ts";
import { DataError, readLines } from "../../src/data/lines.ts";
import { readRecords, streamRecords } from "../../src/data/records.ts";
import { stratifiedSplit } from "../../src/data/split.ts";
import { Table } from "../../src/data/table.ts";
import { matcher, missingShard } from "../../src/hub/files.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const path = (name: string) => join(folder, name);
const drain = async (name: string, limits = {}) => {
  let rows = 0;
  for await (const _ of streamRecords(path(name), limits)) rows++;
  return rows;
};

describe("files that ask for more than they bring", () => {
  it("packed files unpack to so many times their size, and to more where that is asked for", async () => {
    writeFileSync(path("x-idx1-ubyte.gz"), gzipSync(new Uint8Array(80 * 2 ** 20)));
    await expect(readIdx(path("x-idx1-ubyte.gz"))).rejects.toThrow(
      /x-idx1-ubyte.gz: unpacks to over 67108864 bytes, the limit/,
    );
    writeFileSync(path("x.txt.gz"), gzipSync("x\n".repeat(1000)));
    await expect(drain("x.txt.gz", { maxUnpacked: 1999 })).rejects.toThrow(/over 1999 bytes/);
    expect(await drain("x.txt.gz", { maxUnpacked: 2000 })).toBe(1000);
  });

  it("a line is joined once, however many pieces it comes in", async () => {
    async function* pieces() {
      for (let i = 0; i < 20_000; i++) yield new TextEncoder().encode("x".repeat(1000));
      yield new TextEncoder().encode("\r\ny");
    }
    const lines: number[] = [];
    for await (const { text } of readLines(pieces())) lines.push(text.length);
    expect(lines).toEqual([20_000_000, 1]);
    async function* endless() {
      const piece = new Uint8Array(2 ** 20).fill(120);
      for (;;) yield piece;
    }
    await expect(async () => {
      for await (const _ of readLines(endless()));
    }).rejects.toThrow(/standard input: line 1 is longer than 64 million characters/);
  });

  it("JSONL of new keys on each line makes no table, and streams", async () => {
    writeFileSync(path("keys.jsonl"), Array.from({ length: 10_000 }, (_, i) => `{"k${i}": ${i}}`).join("\n"));
    await expect(readRecords(path("keys.jsonl"))).rejects.toThrow(/keys.jsonl, line \d+: \d+ different keys/);
    expect(await drain("keys.jsonl")).toBe(10_000);
    writeFileSync(path("deep.jsonl"), `{"a": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`);
    await expect(readRecords(path("deep.jsonl"))).rejects.toThrow(DataError);
  });

  it("a table of 200,000 columns", () => {
    const names = Array.from({ length: 200_000 }, (_, i) => `c${i}`);
    expect(new Table(names, []).columns).toHaveLength(200_000);
    expect(() => new Table([...names, "c199999"], [])).toThrow(/two columns are called c199999/);
  });

  it("Parquet whose pages say more than they hold", async () => {
    const columnData = [{ name: "n", data: Array.from({ length: 1000 }, (_, i) => i % 7), type: "INT32" as const }];
    parquetWriteFile({ filename: path("n.parquet"), columnData, rowGroupSize: 300 });
    expect(await drain("n.parquet")).toBe(1000);
    await expect(drain("n.parquet", { maxUnpacked: 100 })).rejects.toThrow(
      /column n: .*maxUnpacked|is beyond the limit/,
    );
    const whole = await readRecords(path("n.parquet"));
    expect(whole.rows.map(([cell]) => Number(cell))).toEqual(columnData[0].data);
  });
});

it("cells of Parquet and JSONL are written as JSON, whole numbers of 64 bits too", async () => {
  const columnData = [
    { name: "n", data: [1n, 2n ** 60n], type: "INT64" as const },
    { name: "j", data: [{ a: [1, 2] }, { a: [] }], type: "JSON" as const },
  ];
  parquetWriteFile({ filename: path("j.parquet"), columnData });
  const { rows } = await readRecords(path("j.parquet"));
  expect(rows).toEqual([
    ["1", '{"a":[1,2]}'],
    [String(2n ** 60n), '{"a":[]}'],
  ]);
});

describe("200,000 of anything", () => {
  const many = Array.from({ length: 200_000 }, (_, i) => i % 1000);

  it("the greatest, the least, all appended", () => {
    expect([maximum(many), minimum(many), maximum([], 0), minimum([])]).toEqual([999, 0, 0, Number.POSITIVE_INFINITY]);
    expect([maximum([1, Number.NaN, 2]), minimum([1, Number.NaN])]).toEqual([Number.NaN, Number.NaN]);
    const into = [1];
    pushAll(into, many);
    expect(into).toHaveLength(200_001);
  });

  it("rows are split, sequences padded", () => {
    const { train, held } = stratifiedSplit(many.length, 0.2, 1);
    expect([train.length, held.length]).toEqual([160_000, 40_000]);
    using padded = padSequences(many.map(() => [1]));
    expect(padded.shape).toEqual([200_000, 1]);
  });

  it("names of a repository are matched and its shards found", () => {
    const names = Array.from({ length: 40_000 }, (_, i) => `data/train-${String(i).padStart(5, "0")}-of-40000.parquet`);
    const literal = matcher(names.map((name) => name.replace(/[*?[]/g, "[$&]")));
    expect(names.filter(literal)).toHaveLength(40_000);
    expect(missingShard(names)).toBeUndefined();
    expect(missingShard(names.slice(0, -1))).toBe("data/train-39999-of-40000.parquet");
    // No pattern takes longer than its length times the name's.
    expect(matcher([`${"*a".repeat(40)}b`])("a".repeat(10_000))).toBe(false);
    expect(() => matcher(["[z-a]"])).toThrow(/is no pattern of names/);
  });
});
