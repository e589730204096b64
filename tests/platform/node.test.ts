import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { mkdirSync, processRuns } from "../../src/platform/node.ts";

const folder = mkdtempSync(join(tmpdir(), "shoshin-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("folders are made with those above them; what cannot be is refused at once", () => {
  const deep = join(folder, "a", "b", "c");
  expect(() => mkdirSync(deep)).toThrow("ENOENT");
  mkdirSync(deep, { recursive: true });
  expect(statSync(deep).isDirectory()).toBe(true);
  mkdirSync(deep, { recursive: true });
  expect(() => mkdirSync(deep)).toThrow("EEXIST");
  writeFileSync(join(folder, "file"), "");
  expect(() => mkdirSync(join(folder, "file"), { recursive: true })).toThrow("EEXIST");
  expect(() => mkdirSync(join(folder, "file", "below"), { recursive: true })).toThrow("ENOTDIR");
  if (existsSync("/proc/self")) expect(() => mkdirSync("/proc/none/at/all", { recursive: true })).toThrow("ENOENT");
});

test.skipIf(process.platform !== "linux")(
  "a process that was killed runs no longer, though nobody has taken note of it",
  async () => {
    // The shell's child ends at once; the program that takes the shell's place never asks for it.
    const parent = spawn("sh", ["-c", "true & echo $!; exec sleep 20"], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const id = Number(String(await new Promise((resolve) => parent.stdout.once("data", resolve))));
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(process.kill(id, 0)).toBe(true);
      expect(processRuns(id)).toBe(false);
      expect(processRuns(process.pid)).toBe(true);
    } finally {
      parent.kill();
    }
  },
);
