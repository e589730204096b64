import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import * as browser from "../../src/platform/browser.ts";
import * as memory from "../../src/platform/memory-fs.ts";
import * as node from "../../src/platform/node.ts";
import * as paths from "../../src/platform/paths.ts";
import type { Platform } from "../../src/platform/platform.ts";

node satisfies Platform;
browser satisfies Platform;

const names = fc.constantFrom("a", "b", "a/c", "a/d", "a/c/e", "x/y", "./a", ".");
const text = fc.string({ maxLength: 12 });
const step = fc.oneof(
  fc.record({ do: fc.constant("write" as const), at: names, text }),
  fc.record({ do: fc.constant("append" as const), at: names, text }),
  fc.record({ do: fc.constant("mkdir" as const), at: names, recursive: fc.boolean() }),
  fc.record({ do: fc.constant("rename" as const), at: names, to: names }),
  fc.record({ do: fc.constant("remove" as const), at: names, recursive: fc.boolean(), force: fc.boolean() }),
  fc.record({ do: fc.constant("read" as const), at: names }),
  fc.record({ do: fc.constant("list" as const), at: names }),
  fc.record({ do: fc.constant("exists" as const), at: names }),
  fc.record({ do: fc.constant("pieces" as const), at: names, text, flags: fc.constantFrom("r", "w", "wx", "a") }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Files = Pick<
  Platform,
  | "appendFileSync"
  | "closeSync"
  | "existsSync"
  | "fstatSync"
  | "mkdirSync"
  | "openSync"
  | "readdirSync"
  | "readFileSync"
  | "readSync"
  | "renameSync"
  | "rmSync"
  | "statSync"
  | "writeFileSync"
  | "writeSync"
>;

/** What a step gives, or whether it was refused; which of several reasons is reported first differs. */
function run(f: Files, root: string, s: Step): unknown {
  const at = `${root}/${s.at}`;
  try {
    switch (s.do) {
      case "write":
        return f.writeFileSync(at, s.text);
      case "append":
        return f.appendFileSync(at, s.text);
      case "mkdir":
        f.mkdirSync(at, { recursive: s.recursive });
        return undefined;
      case "rename":
        return f.renameSync(at, `${root}/${s.to}`);
      case "remove":
        return f.rmSync(at, { recursive: s.recursive, force: s.force });
      case "read":
        return f.readFileSync(at, "utf8");
      case "list":
        return [...f.readdirSync(at)].sort();
      case "exists":
        return f.existsSync(at) && [f.statSync(at).isFile(), f.statSync(at).isDirectory()];
      case "pieces": {
        const fd = f.openSync(at, s.flags);
        try {
          const bytes = new TextEncoder().encode(s.text);
          if (s.flags !== "r") f.writeSync(fd, bytes, 0, bytes.length);
          const into = new Uint8Array(8);
          const n = s.flags === "r" ? f.readSync(fd, into, 1, 5, 2) : 0;
          return [f.fstatSync(fd).size, n, ...into];
        } finally {
          f.closeSync(fd);
        }
      }
    }
  } catch {
    return "refused";
  }
}

it("does with files in memory what node:fs does with files on disk", () => {
  let round = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const disk = fs.mkdtempSync(path.join(tmpdir(), "shoshin-"));
      const inMemory = `/round-${round++}`;
      memory.mkdirSync(inMemory);
      try {
        for (const s of steps) {
          // Renaming onto itself, or a folder into itself, and opening folders differ between systems.
          if (
            s.do === "rename" &&
            (s.to.includes(".") || s.at.includes(".") || s.at.startsWith(s.to) || s.to.startsWith(s.at))
          )
            continue;
          // Removing what lies "inside" a file: versions of Node differ.
          const up = s.at
            .split("/")
            .slice(0, -1)
            .map((_, k, all) => `${inMemory}/${all.slice(0, k + 1).join("/")}`);
          if (s.do === "remove" && up.some((p) => memory.existsSync(p) && memory.statSync(p).isFile())) continue;
          if ((s.do === "remove" || s.do === "pieces") && s.at === ".") continue;
          if (
            s.do === "pieces" &&
            memory.existsSync(`${inMemory}/${s.at}`) &&
            memory.statSync(`${inMemory}/${s.at}`).isDirectory()
          )
            continue;
          expect([s, run(memory, inMemory, s)]).toEqual([s, run(fs as unknown as Files, disk, s)]);
        }
      } finally {
        fs.rmSync(disk, { recursive: true });
        memory.rmSync(inMemory, { recursive: true });
      }
    }),
    { numRuns: 200 },
  );
});

it("joins and cuts paths as node:path does", () => {
  const part = fc.constantFrom("", "a", "b.c", "..", ".", "/", "/d", "e/", "f//g");
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
      const whole = path.posix.join(...parts);
      expect(paths.join(...parts).replace(/(.)\/$/, "$1")).toBe(whole.replace(/(.)\/$/, "$1"));
      if (whole.replace(/\/+$/, "") === "") return;
      expect(paths.basename(whole)).toBe(path.posix.basename(whole));
      expect(paths.dirname(whole)).toBe(path.posix.dirname(whole));
    }),
  );
});
