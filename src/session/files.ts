import { existsSync, join, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "#platform";
import { ShoshinError } from "../backend/errors.ts";

/** A folder as a map from names (with slashes for folders inside) to bytes; what moves between page, worker and download. */
export type Files = Map<string, Uint8Array<ArrayBuffer>>;

/** Throws ShoshinError for a name that leads out of a folder. */
export function checkName(name: unknown): void {
  const parts = typeof name === "string" ? name.split(/[/\\]/) : [];
  if (parts.length === 0 || parts.some((part) => part === "" || part === "." || part === ".."))
    throw new ShoshinError(
      `${JSON.stringify(name)} is no name of a file inside a folder`,
      "Names are relative, such as data.csv or a/b.txt.",
    );
}

/**
 * Writes files into a folder (in a page: in memory), making folders as needed.
 * @throws ShoshinError for a name that leads out of the folder or content that is neither bytes nor text; nothing is written then.
 */
export function writeFiles(folder: string, files: ReadonlyMap<string, Uint8Array | string>): void {
  if (!(files instanceof Map)) throw new ShoshinError("expected a Map from file names to bytes or text");
  for (const [name, bytes] of files) {
    checkName(name);
    if (typeof bytes !== "string" && !(bytes instanceof Uint8Array))
      throw new ShoshinError(`${name}: expected a Uint8Array or a string, found ${typeof bytes}`);
  }
  for (const [name, bytes] of files) {
    const path = join(folder, name);
    mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    writeFileSync(path, bytes);
  }
}

/** The files of a folder without its checkpoints; empty if there is none. */
export function readFiles(folder: string): Files {
  const out: Files = new Map();
  const visit = (inside: string) => {
    for (const name of readdirSync(join(folder, inside))) {
      const path = inside === "" ? name : `${inside}/${name}`;
      const full = join(folder, path);
      if (statSync(full).isDirectory()) {
        if (!name.startsWith("checkpoint-")) visit(path);
      } else out.set(path, Uint8Array.from(readFileSync(full) as Uint8Array));
    }
  };
  if (existsSync(folder)) visit("");
  return out;
}
