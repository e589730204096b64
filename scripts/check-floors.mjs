// The house's order (ARCHITECTURE.md): imports go down its floors only and never in a circle, files and folders stay small enough to read.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";

const FLOORS = [
  ["platform", "backend", "options"],
  ["tensor"],
  ["ops"],
  ["nn", "optim"],
  ["data", "text", "formats", "hub"],
  ["models"],
  ["train"],
  ["tasks"],
  ["session"],
  ["cli", "serve", "page"],
];

const LINES = 400;
/** Files that are longer, and how long they may be. */
const LONGER = {
  "backend/kernels.ts": 560,
  "backend/reference.ts": 500,
};

/** Files of one folder, without those of the folders in it. */
const FILES = 15;
/** Where that holds, in every folder below too. */
const SMALL_FOLDERS = ["tasks", "train", "cli", "session", "options"];

/** Files that import each other, most of them for their types: each list is all of a circle. */
const CIRCLES = [
  ["backend/attention.ts", "backend/backend.ts", "backend/recurrent.ts", "backend/storage.ts"],
  ["data/pair-columns.ts", "data/parallel.ts"],
  ["formats/gguf-names.ts", "formats/gguf-rope.ts"],
  ["models/pretrained/check-inputs.ts", "models/pretrained/seq2seq.ts"],
  ["nn/callable.ts", "nn/first-forward.ts", "nn/module.ts", "nn/print.ts", "nn/registry.ts"],
  ["tensor/print.ts", "tensor/tape.ts", "tensor/tensor.ts"],
];

const src = fileURLToPath(new URL("../src", import.meta.url));
const problems = [];

function* files(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else if (path.endsWith(".ts")) yield path;
  }
}
const nameOf = (path) => relative(src, path).split(sep).join("/");
const floorOf = (name) => FLOORS.findIndex((list) => list.includes(name.split("/")[0]));

/** What each file imports when it is loaded, types included; `import()` loads later. */
const imports = new Map();
const folders = new Map();
for (const path of files(src)) {
  const name = nameOf(path);
  const text = readFileSync(path, "utf8");
  const lines = text.split("\n").length - 1;
  const most = LONGER[name] ?? LINES;
  if (lines > most) problems.push(`${name}: ${lines} lines; at most ${most}`);
  const folder = dirname(name);
  folders.set(folder, (folders.get(folder) ?? 0) + 1);
  const targets = Array.from(text.matchAll(/(?:from|import)\s+"(\.[^"]+)"/g), ([, target]) =>
    nameOf(resolve(dirname(path), target)),
  );
  imports.set(name, targets);
  const later = Array.from(text.matchAll(/\bimport\(\s*"(\.[^"]+)"/g), ([, target]) =>
    nameOf(resolve(dirname(path), target)),
  );
  const own = floorOf(name);
  if (own < 0) continue;
  for (const target of [...targets, ...later])
    if (floorOf(target) > own) problems.push(`${name} imports ${target}, which is above it`);
}

for (const [folder, count] of folders)
  if (count > FILES && SMALL_FOLDERS.includes(folder.split("/")[0]))
    problems.push(`${folder}: ${count} files side by side; at most ${FILES}`);

/** Every set of files that reach each other (Tarjan 1972). */
function circles() {
  const found = [];
  const [number, low, stack, open] = [new Map(), new Map(), [], new Set()];
  const visit = (file) => {
    number.set(file, number.size);
    low.set(file, number.get(file));
    stack.push(file);
    open.add(file);
    for (const other of imports.get(file) ?? []) {
      if (!imports.has(other)) continue;
      if (!number.has(other)) {
        visit(other);
        low.set(file, Math.min(low.get(file), low.get(other)));
      } else if (open.has(other)) low.set(file, Math.min(low.get(file), number.get(other)));
    }
    if (low.get(file) !== number.get(file)) return;
    const circle = stack.splice(stack.indexOf(file));
    for (const one of circle) open.delete(one);
    if (circle.length > 1 || imports.get(file).includes(file)) found.push(circle.sort());
  };
  for (const file of imports.keys()) if (!number.has(file)) visit(file);
  return found;
}
for (const circle of circles()) {
  const known = CIRCLES.some((list) => circle.every((file) => list.includes(file)));
  if (!known) problems.push(`a circle of imports: ${circle.join(", ")}`);
}

for (const problem of problems) console.error(problem);
console.log(`floors: ${imports.size} files, ${problems.length} problems`);
process.exitCode = problems.length > 0 ? 1 : 0;
