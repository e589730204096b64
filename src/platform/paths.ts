/** Paths with slashes, as node:path's posix functions treat them. */
export function join(...parts: string[]): string {
  const out: string[] = [];
  const text = parts.filter((part) => part !== "").join("/");
  for (const part of text.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && out.length > 0 && out[out.length - 1] !== "..") out.pop();
    else if (part !== ".." || !text.startsWith("/")) out.push(part);
  }
  return (text.startsWith("/") ? "/" : "") + out.join("/") || ".";
}
export function basename(path: string): string {
  return path.replace(/\/+$/, "").split("/").pop() as string;
}
export function dirname(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  const at = trimmed.lastIndexOf("/");
  return at < 0 ? "." : trimmed.slice(0, at) || "/";
}
