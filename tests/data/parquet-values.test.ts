import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readRecords, streamRecords } from "../../src/data/records.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const recorded = (name: string) => fileURLToPath(new URL(name, import.meta.url));

describe("what Parquet columns hold", () => {
  // scripts/record/parquet_values.py: decimals in bytes, and in whole numbers where they fit.
  it.each(["values.parquet", "integers.parquet"])("%s: decimals, bytes, marks, dates and names", async (name) => {
    const { names, rows } = await readRecords(recorded(name));
    expect(names).toEqual(["bytes", "large", "list", "binary", "text", "date", "__proto__"]);
    expect(rows).toEqual([
      ["0.57", "12345678901234567890.12", "[0.57,-1.15]", "[255,254]", "\ufeffa", "2020-01-02T00:00:00.000Z", "x"],
      ["-1.15", "-0.07", "[]", "ab", "\ufeffb", "2020-01-02T00:00:00.000Z", "y"],
      ["", "", "", "", "", "", "z"],
    ]);
    for await (const row of streamRecords(recorded(name))) {
      expect(row.bytes).toBe(0.57);
      expect(row.large).toBe("12345678901234567890.12");
      expect(Object.keys(row)).toContain("__proto__");
      break;
    }
  });

  it("text that is not UTF-8 is refused by the column's name", async () => {
    const bytes = readFileSync(recorded("values.parquet"));
    bytes[bytes.indexOf("\ufeffb")] = 0xff;
    writeFileSync(join(folder, "bad.parquet"), bytes);
    await expect(readRecords(join(folder, "bad.parquet"))).rejects.toThrow(
      /bad.parquet.*column text: text that is not UTF-8/,
    );
  });

  it("UTF-16 is told as such", async () => {
    writeFileSync(join(folder, "wide.csv"), Buffer.from("\ufeffa,b\n1,2\n", "utf16le"));
    const error = await readRecords(join(folder, "wide.csv")).catch((e) => e);
    expect(error.message).toMatch(/not UTF-8/);
    expect(error.hint).toMatch(/iconv -f utf-16 -t utf-8/);
  });
});
