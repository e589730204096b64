import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { classLabels } from "../../src/data/class-labels.ts";
import { readRecords, streamRecords } from "../../src/data/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();

// datasets.Dataset.from_dict(…, features=Features({…})).to_parquet(…) writes this into the file's metadata.
const about = (features: unknown) => JSON.stringify({ info: { features } });
const label = { names: ["neg", "pos"], _type: "ClassLabel" };

describe("ClassLabel", () => {
  it("gives names for numbers, in lists too, and null for -1", () => {
    const named = classLabels(
      about({
        text: { dtype: "string", _type: "Value" },
        label,
        tags: { feature: label, _type: "Sequence" },
        deep: { feature: { feature: label, _type: "List" }, _type: "List" },
        old: [label],
      }),
    );
    const row = { text: "1", label: 1n, tags: [0, 1], deep: [[1], [0]], old: [1] };
    expect(named(row)).toEqual({
      text: "1",
      label: "pos",
      tags: ["neg", "pos"],
      deep: [["pos"], ["neg"]],
      old: ["pos"],
    });
    expect(named({ label: -1 })).toEqual({ label: null });
    expect(named({ label: 7, tags: null })).toEqual({ label: 7, tags: null });
    expect(named({ other: 0 })).toEqual({ other: 0 });
  });

  it("changes nothing where the metadata is of another kind", () => {
    for (const text of [
      undefined,
      "",
      "{",
      "3",
      "null",
      "[]",
      '{"info": 4}',
      about(null),
      about([1]),
      about({ label: 5 }),
    ]) {
      expect(classLabels(text)({ label: 1 })).toEqual({ label: 1 });
    }
    expect(classLabels(about({ label: { names: "ab", _type: "ClassLabel" } }))({ label: 1 })).toEqual({ label: 1 });
  });

  it("is read from the file", async () => {
    const path = join(folder, "a.parquet");
    const columnData = [
      { name: "text", data: ["good", "bad", "so"], type: "STRING" as const },
      { name: "label", data: [1, 0, -1], type: "INT32" as const },
    ];
    const kvMetadata = [{ key: "huggingface", value: about({ label }) }];
    writeFileSync(path, new Uint8Array(parquetWriteBuffer({ columnData, kvMetadata })));
    expect((await readRecords(path)).rows).toEqual([
      ["good", "pos"],
      ["bad", "neg"],
      ["so", ""],
    ]);
    const rows: unknown[] = [];
    for await (const row of streamRecords(path)) rows.push(row);
    expect(rows[0]).toEqual({ text: "good", label: "pos" });
  });
});
