import { spawn } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { mkdirSync, processRuns } from "../../src/platform/node.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();

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
    // The shell's child ends soon; the program that takes the shell's place before that never asks for it.
    const parent = spawn("sh", ["-c", "sleep 0.3 & echo $!; exec sleep 20"], { stdio: ["ignore", "pipe", "ignore"] });
    try {
      const id = Number(String(await new Promise((resolve) => parent.stdout.once("data", resolve))));
      await vi.waitFor(() => expect(processRuns(id)).toBe(false), { timeout: 10_000 });
      expect(process.kill(id, 0)).toBe(true);
      expect(processRuns(process.pid)).toBe(true);
    } finally {
      parent.kill();
    }
  },
);
