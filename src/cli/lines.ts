import { readLines } from "../data/index.ts";

/** The lines of a file, or of standard input for `-`. */
export async function linesOf(path: string): Promise<string[]> {
  if (path === "-" && process.stdin.isTTY) return [];
  const lines: string[] = [];
  for await (const { text } of readLines(path === "-" ? process.stdin : path)) lines.push(text);
  return lines;
}
