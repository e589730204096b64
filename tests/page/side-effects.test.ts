import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { sideEffects } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { sideEffects: string[] };
const listed = new Set(sideEffects.map((path) => path.replace("./dist/", "src/").replace(/\.js$/, ".ts")));
const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => `src/${name.replaceAll("\\", "/")}`);
const textOf = (file: string) => readFileSync(join(root, file), "utf8");
/** What a module does to others when it is loaded: methods that it hangs on a class of another file. */
const changes = (text: string) => {
  const types = [...text.matchAll(/^(\w+)\.prototype\.\w+ = /gm)].map((m) => m[1]);
  return types.some((type) => !new RegExp(`class ${type}\\b`).test(text));
};

it("package.json names the modules that a bundler must not leave out, and no others that are large", () => {
  const hanging = files.filter((file) => changes(textOf(file)));
  expect(hanging.length).toBeGreaterThan(25);
  expect(hanging.filter((file) => !listed.has(file))).toEqual([]);
  // The ways in, which import modules for their effect alone.
  for (const file of ["src/index.ts", "src/tensor/index.ts", "src/ops/index.ts"]) expect([...listed]).toContain(file);
  expect([...listed].filter((file) => !files.includes(file))).toEqual([]);
  // A page pays for each of them, used or not.
  const free = [...listed].filter((file) => file.startsWith("src/ops/") && !changes(textOf(file)));
  expect(free.sort()).toEqual(["src/ops/index.ts"]);
});
