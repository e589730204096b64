import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { mkdirSync } from "../../src/platform/node.ts";

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
