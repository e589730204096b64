import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../folder.ts";
import { odd, openOdd, writeOdd } from "../models/pretrained/odd.ts";

const python = process.env.SHOSHIN_PYTHON;
const hasTransformers = (() => {
  if (!python) return false;
  try {
    execFileSync(python, ["-c", "import torch, transformers"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();
if (!hasTransformers)
  console.log("skipped: the way back into Python (SHOSHIN_PYTHON names no Python with torch and transformers)");

const folder = temporaryFolder();

it.skipIf(!hasTransformers)(
  "what savePretrained writes, Transformers opens: nothing is missing or left over, and the numbers are the same",
  () => {
    const cases = odd.flatMap(([name, recorded]) =>
      recorded.cases.map((c, i) => {
        const from = join(folder, "from", `${name}-${i}`);
        writeOdd(from, recorded, c);
        openOdd(from, c).model.savePretrained(join(folder, `${name}-${i}`));
        return { folder: `${name}-${i}`, family: c.family, head: c.head, layout: c.layout, out: c.out };
      }),
    );
    writeFileSync(join(folder, "cases.json"), JSON.stringify(cases));
    const script = new URL("../../scripts/record/encoders.py", import.meta.url).pathname;
    const said = execFileSync(python as string, [script, "--open", folder], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(JSON.parse(said)).toEqual({ opened: cases.length, wrong: [] });
  },
  600_000,
);
