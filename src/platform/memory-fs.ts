/** Files in memory with the functions of node:fs that the library uses: what a page has in place of a disk. */
const encoder = new TextEncoder();

interface File {
  bytes: Uint8Array<ArrayBuffer>;
  size: number;
}
const ROOT = "/";
const files = new Map<string, File>();
const folders = new Set([ROOT]);
const open = new Map<number, { file: File; at: number; writes: boolean }>();
let nextDescriptor = 3;

function fail(code: string, what: string, path: string): never {
  throw Object.assign(new Error(`${code}: ${what}, '${path}'`), { code, path });
}

/** The path from the root, without `.`, `..` and doubled slashes. */
function clean(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return ROOT + parts.join("/");
}
const parent = (path: string): string => path.slice(0, path.lastIndexOf("/")) || ROOT;
const bytesOf = (data: string | Uint8Array): Uint8Array => (typeof data === "string" ? encoder.encode(data) : data);

function needParent(path: string): void {
  const up = parent(path);
  if (files.has(up)) fail("ENOTDIR", "not a directory", path);
  if (!folders.has(up)) fail("ENOENT", "no such file or directory", path);
}
function needFile(path: string): File {
  const at = clean(path);
  const file = files.get(at);
  if (file !== undefined) return file;
  if (folders.has(at)) return fail("EISDIR", "illegal operation on a directory", path);
  return fail("ENOENT", "no such file or directory", path);
}
function make(path: string, exclusive: boolean): File {
  const at = clean(path);
  if (folders.has(at)) fail("EISDIR", "illegal operation on a directory", path);
  needParent(at);
  if (exclusive && files.has(at)) fail("EEXIST", "file already exists", path);
  const file = { bytes: new Uint8Array(0), size: 0 };
  files.set(at, file);
  return file;
}
function append(file: File, at: number, data: Uint8Array): void {
  const end = at + data.length;
  if (end > file.bytes.length) {
    const grown = new Uint8Array(Math.max(end, file.bytes.length * 2));
    grown.set(file.bytes.subarray(0, file.size));
    file.bytes = grown;
  }
  file.bytes.set(data, at);
  file.size = Math.max(file.size, end);
}
const descriptor = (fd: number) => open.get(fd) ?? fail("EBADF", "bad file descriptor", String(fd));

export function existsSync(path: string): boolean {
  return files.has(clean(path)) || folders.has(clean(path));
}
export function mkdirSync(path: string, { recursive = false } = {}): void {
  const at = clean(path);
  if (files.has(at)) fail("EEXIST", "file already exists", path);
  if (folders.has(at)) {
    if (!recursive) fail("EEXIST", "file already exists", path);
    return;
  }
  if (recursive && !folders.has(parent(at))) {
    if (files.has(parent(at))) fail("ENOTDIR", "not a directory", path);
    mkdirSync(parent(at), { recursive });
  } else needParent(at);
  folders.add(at);
}
let temporary = 0;
export function mkdtempSync(prefix: string): string {
  const path = `${prefix}${(temporary++).toString(36)}`;
  mkdirSync(path, { recursive: true });
  return path;
}
export function readdirSync(path: string): string[] {
  const at = clean(path);
  if (!folders.has(at)) fail(files.has(at) ? "ENOTDIR" : "ENOENT", "cannot list", path);
  const inside = [...files.keys(), ...folders].filter((p) => p !== ROOT && parent(p) === at);
  return inside.map((p) => p.slice(p.lastIndexOf("/") + 1)).sort();
}
/** There are no links. */
export const lstatSync = (path: string) => statSync(path);
export function statSync(path: string): { size: number; isFile(): boolean; isDirectory(): boolean } {
  const isFolder = folders.has(clean(path));
  const size = isFolder ? 0 : needFile(path).size;
  return { size, isFile: () => !isFolder, isDirectory: () => isFolder };
}
export function readFileSync(path: string): Uint8Array<ArrayBuffer>;
export function readFileSync(path: string, encoding: "utf8"): string;
export function readFileSync(path: string, encoding?: "utf8"): string | Uint8Array<ArrayBuffer> {
  const file = needFile(path);
  const bytes = file.bytes.slice(0, file.size);
  return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
}
export function writeFileSync(path: string, data: string | Uint8Array): void {
  append(make(path, false), 0, bytesOf(data));
}
export function copyFileSync(from: string, to: string): void {
  writeFileSync(to, readFileSync(from));
}
export function symlinkSync(_target: string, path: string): void {
  fail("EPERM", "there are no links", path);
}
export function appendFileSync(path: string, data: string | Uint8Array): void {
  const file = files.get(clean(path)) ?? make(path, false);
  append(file, file.size, bytesOf(data));
}
export function truncateSync(path: string, length: number): void {
  const file = needFile(path);
  file.size = Math.min(file.size, length);
}
export function openSync(path: string, flags: string): number {
  if (!["r", "w", "wx", "a"].includes(flags)) fail("EINVAL", `flags ${flags}`, path);
  const isFolder = folders.has(clean(path));
  const file =
    flags === "r"
      ? isFolder
        ? { bytes: new Uint8Array(0), size: 0 }
        : needFile(path)
      : flags === "a" && files.has(clean(path))
        ? needFile(path)
        : make(path, flags === "wx");
  open.set(nextDescriptor, { file, at: flags === "a" ? file.size : 0, writes: flags !== "r" });
  return nextDescriptor++;
}
export function closeSync(fd: number): void {
  descriptor(fd);
  open.delete(fd);
}
export function fstatSync(fd: number): { size: number } {
  return { size: descriptor(fd).file.size };
}
export function fsyncSync(fd: number): void {
  descriptor(fd);
}
export function readSync(fd: number, into: Uint8Array, offset: number, length: number, position: number): number {
  const { file } = descriptor(fd);
  const part = file.bytes.subarray(position, Math.min(file.size, position + length));
  into.set(part, offset);
  return part.length;
}
export function writeSync(fd: number, data: Uint8Array, offset = 0, length = data.length - offset): number {
  const d = descriptor(fd);
  if (!d.writes) fail("EBADF", "not open for writing", String(fd));
  append(d.file, d.at, data.subarray(offset, offset + length));
  d.at += length;
  return length;
}
export function renameSync(from: string, to: string): void {
  const [a, b] = [clean(from), clean(to)];
  needParent(b);
  const file = files.get(a);
  if (file !== undefined) {
    if (folders.has(b)) fail("EISDIR", "illegal operation on a directory", to);
    files.delete(a);
    files.set(b, file);
    return;
  }
  if (!folders.has(a)) fail("ENOENT", "no such file or directory", from);
  if (files.has(b)) fail("ENOTDIR", "not a directory", to);
  if (folders.has(b) && readdirSync(b).length > 0) fail("ENOTEMPTY", "directory not empty", to);
  const moved = (path: string) => (path === a || path.startsWith(`${a}/`) ? b + path.slice(a.length) : undefined);
  for (const [path, content] of [...files]) {
    const target = moved(path);
    if (target === undefined) continue;
    files.delete(path);
    files.set(target, content);
  }
  for (const path of [...folders]) {
    const target = moved(path);
    if (target === undefined) continue;
    folders.delete(path);
    folders.add(target);
  }
}
export function rmSync(path: string, { recursive = false, force = false } = {}): void {
  const at = clean(path);
  if (files.delete(at)) return;
  if (!folders.has(at)) {
    for (let up = parent(at); up !== ROOT; up = parent(up)) if (files.has(up)) fail("ENOTDIR", "not a directory", path);
    if (!force) fail("ENOENT", "no such file or directory", path);
    return;
  }
  if (!recursive) fail("ERR_FS_EISDIR", "is a directory", path);
  for (const inside of [...files.keys()]) if (inside.startsWith(`${at}/`)) files.delete(inside);
  for (const inside of [...folders]) if (inside === at || inside.startsWith(`${at}/`)) folders.delete(inside);
}
