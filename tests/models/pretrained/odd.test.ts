import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../folder.ts";
import { expectOutputs, expectSteps, headOf, odd, openOdd, writeOdd } from "./odd.ts";

const folder = temporaryFolder();

it("are at least a dozen configurations of each of eight families, in both layouts", () => {
  expect(odd.map(([name]) => name).sort()).toEqual(
    ["bert", "distilbert", "electra", "marian", "mt5", "roberta", "t5", "xlm-roberta"].sort(),
  );
  for (const [, { cases }] of odd)
    for (const layout of [4, 5]) expect(cases.filter((c) => c.layout === layout).length).toBeGreaterThanOrEqual(12);
});

// Recorded from Transformers 5.24: scripts/record/encoders.py.
describe.each(odd)("%s, odd but legal, as Transformers opens, computes and trains it", (family, recorded) => {
  it.each(recorded.cases.map((c, i) => [i >> 1, `layout ${c.layout}`, c.head, c] as const))(
    "%i, %s, %s",
    (i, layout, _, c) => {
      const from = join(folder, `${family}-${i}-${layout}`);
      writeOdd(from, recorded, c);
      const { model, report } = openOdd(from, c);
      expect({ ...report }).toEqual({ missing: [], unexpected: [], mismatched: [], warnings: report.warnings });
      expectOutputs(model, c);
      // What it writes, it opens again.
      const to = `${from}-again`;
      model.savePretrained(to);
      const again = openOdd(to, c);
      expect(again.report).toEqual({ missing: [], unexpected: [], mismatched: [], warnings: [] });
      expect(headOf(c)).toBeDefined();
      expectOutputs(again.model, c);
      expectSteps(model, recorded, c);
    },
  );
});
