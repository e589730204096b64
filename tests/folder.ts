import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
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

/** A copy of a folder with all that is in it; a page's files have no `cpSync`. */
export function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    const [here, there] = [join(from, name), join(to, name)];
    if (statSync(here).isDirectory()) copyFolder(here, there);
    else copyFileSync(here, there);
  }
}
