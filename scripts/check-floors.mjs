// Imports go down the floors of the house only (ARCHITECTURE.md), and no file is much longer than 400 lines.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const src = fileURLToPath(new URL("../src", import.meta.url));
const FLOORS = [
  ["platform", "backend", "options"],
  ["tensor"],
  ["ops"],
  ["nn", "optim"],
  ["data", "text", "formats", "hub"],
  ["models"],
  ["train"],
  ["tasks"],
  ["cli", "serve", "page"],
];
const floorOf = (file) => FLOORS.findIndex((list) => list.includes(relative(src, file).split(/[/\\]/)[0]));
const problems = [];

function* files(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

let count = 0;
for (const file of files(src)) {
  count++;
  const text = readFileSync(file, "utf8");
  const lines = text.split("\n").length;
  if (lines > 600) problems.push(`${relative(src, file)}: ${lines} lines`);
  const own = floorOf(file);
  if (own < 0) continue;
  for (const [, target] of text.matchAll(/(?:from|import)\s+"(\.[^"]+)"/g)) {
    const other = floorOf(resolve(dirname(file), target));
    if (other > own) problems.push(`${relative(src, file)} imports ${target}, which is above it`);
  }
}
for (const problem of problems) console.error(problem);
console.log(`floors: ${count} files, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
