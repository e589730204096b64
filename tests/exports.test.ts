import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { compileEntries } from "./doors/find.ts";

/**
 * Every name that a user of the package may import: `values` are there at run time, `types` for the compiler; a class is both.
 * `SHOSHIN_RECORD=1 npx vitest run tests/exports.test.ts` adds what is new; what is in the record is never taken out of it.
 */
type Exports = Record<string, { values: string[]; types: string[] }>;
const RECORD = fileURLToPath(new URL("./exports.json", import.meta.url));
const recorded: Exports = JSON.parse(readFileSync(RECORD, "utf8"));

async function found(): Promise<Exports> {
  const { entries, program } = compileEntries();
  const checker = program.getTypeChecker();
  const out: Exports = {};
  for (const { key, path } of entries) {
    const file = program.getSourceFile(path);
    const module = file && checker.getSymbolAtLocation(file);
    const names = module === undefined ? [] : checker.getExportsOfModule(module);
    // The worker's entry is run, not imported.
    if (names.length === 0) continue;
    const types = names.filter((exported) => {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      return (symbol.flags & ts.SymbolFlags.Type) !== 0;
    });
    out[key] = {
      values: Object.keys(await import(path)).sort(),
      types: types.map((symbol) => symbol.name).sort(),
    };
  }
  return out;
}

describe("names that have been exported", async () => {
  const now = await found();
  if (process.env.SHOSHIN_RECORD === "1") {
    for (const [key, { values, types }] of Object.entries(now)) {
      const { values: v = [], types: t = [] } = recorded[key] ?? {};
      recorded[key] = { values: [...new Set([...v, ...values])].sort(), types: [...new Set([...t, ...types])].sort() };
    }
    writeFileSync(RECORD, `${JSON.stringify(recorded, null, 2)}\n`);
  }
  it.each(Object.entries(recorded))("%s still exports them", (key, { values, types }) => {
    expect(now[key], "the entry").toBeDefined();
    expect(values.filter((name) => !now[key].values.includes(name))).toEqual([]);
    expect(types.filter((name) => !now[key].types.includes(name))).toEqual([]);
  });
});
