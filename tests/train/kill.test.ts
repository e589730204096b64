import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../folder.ts";
import { startProcess } from "../run.ts";

const folder = temporaryFolder();

/** The command line, killed at random moments and resumed, must end where an undisturbed run ends. */
describe("kill -9", () => {
  const dist = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
  const data = join(folder, "train.tsv");
  beforeAll(() => {
    const words = ["good", "fine", "great", "bad", "poor", "awful"];
    const rows = Array.from(
      { length: 300 },
      (_, i) => `${words[(i * 7) % 6]} thing number ${i % 37} of ${i % 11}\t${(i * 7) % 6 < 3 ? "up" : "down"}`,
    );
    writeFileSync(data, rows.join("\n"));
  });
  const train = (out: string) =>
    `train text-classification --data ${data} --output ${out} --epochs 8 --save-steps 3 --save-total-limit 2 --quiet --json`;
  const run = (out: string, killAfter?: number, more = "") =>
    new Promise<{ code: number | null; err: string }>((resolve) => {
      const child = startProcess(`${train(out)} ${more}`);
      let err = "";
      child.stderr.on("data", (d) => {
        err += d;
      });
      child.stdout.resume();
      if (killAfter !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfter);
      child.on("close", (code) => resolve({ code, err }));
    });

  it.skipIf(!existsSync(dist))("at random moments, before the first checkpoint and while writing one", async () => {
    const straight = join(folder, "kill-straight");
    expect(await run(straight)).toMatchObject({ code: 0 });
    const out = join(folder, "kill");
    let seed = 5;
    for (let round = 0; round < 12; round++) {
      seed = (seed * 16807) % 2147483647;
      const { code } = await run(out, round === 0 ? 60 : 250 + (seed % 500), round === 0 ? "" : "--resume");
      if (code === 0) break;
    }
    expect(await run(out, undefined, "--resume")).toMatchObject({ code: 0 });
    for (const name of ["model.safetensors", "vectorizer.json", "config.json"]) {
      expect(readFileSync(join(out, name)).equals(readFileSync(join(straight, name))), name).toBe(true);
    }
    expect(readdirSync(out).filter((name) => name.startsWith(".shoshin-tmp"))).toEqual([]);
  });
});
