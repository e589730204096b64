import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";

/** A folder for a file's tests, gone once they are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "shoshin-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A new, empty folder in another. */
export const folderIn = (folder: string): string => mkdtempSync(join(folder, "t-"));

/** Writes files in a folder, by their names in it; gives their paths. */
export const filesIn =
  (folder: string) =>
  (name: string, contents: string | Uint8Array): string => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, contents);
    return path;
  };
