import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const cli = fileURLToPath(new URL("../../bin/shoshin.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "shoshin-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a reader that leaves early ends the run quietly", async () => {
  const child = spawn(process.execPath, [cli, "train", "--help"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  const [code] = await once(child, "close");
  expect(said).toBe("");
  expect(code).toBe(0);
});

test("predict reads lines from a pipe, in its own process", () => {
  const data = join(folder, "reviews.tsv");
  writeFileSync(data, "fine\tpos\nawful\tneg\nlovely\tpos\nugly\tneg\n");
  const model = join(folder, "model");
  const run = (args: string[], input?: string) =>
    spawnSync(process.execPath, [cli, ...args, "--quiet"], { input, encoding: "utf8" });
  expect(run(["train", "text-classification", "--data", data, "--output", model]).status).toBe(0);
  const { stdout, stderr, status } = run(["predict", model, "--input", "-", "--json"], "lovely\nawful\n");
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(JSON.parse(stdout).map((p: { label: string }) => p.label)).toEqual(["pos", "neg"]);
});
