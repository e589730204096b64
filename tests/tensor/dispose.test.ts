import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const dist = fileURLToPath(new URL("../../dist/", import.meta.url));

/** A Symbol without the two; Node's own cannot be deleted. */
const SCRIPT = `
const Native = Symbol;
globalThis.Symbol = function Symbol(text) { return Native(text); };
for (const key of Reflect.ownKeys(Native)) {
  if (["dispose", "asyncDispose", "prototype", "length", "name"].includes(key)) continue;
  Object.defineProperty(Symbol, key, Object.getOwnPropertyDescriptor(Native, key));
}
Symbol.prototype = Native.prototype;
delete globalThis.SuppressedError;
const [dist, folder] = process.argv.slice(1);
const missing = typeof Symbol.dispose;
const { randn, scope } = await import(dist + "index.js");
const { AutoModelForCausalLM, GPT2LMHeadModel, gpt2Config } = await import(dist + "models/index.js");
await import(dist + "train/index.js");
const s = scope();
const t = randn([2]);
s[Symbol.dispose]();
let error;
try { t.data(); } catch (e) { error = e.name; }
const sizes = { vocabSize: 40, nPositions: 16, nEmbd: 8, nLayer: 1, nHead: 2 };
await new GPT2LMHeadModel(gpt2Config.make(sizes)).savePretrained(folder);
// \`using\`, as TypeScript writes it for older engines.
const opened = await AutoModelForCausalLM.fromPretrained(folder);
console.log(JSON.stringify([missing, typeof Symbol.dispose, error, opened.parameters().length]));
`;

it.skipIf(!existsSync(join(dist, "backend/dispose.js")))(
  "an engine without Symbol.dispose opens checkpoints",
  { timeout: 60_000 },
  () => {
    const args = ["--input-type=module", "-e", SCRIPT, pathToFileURL(dist).href, folder];
    const printed = execFileSync(process.execPath, args, { encoding: "utf8" });
    expect(JSON.parse(printed)).toEqual(["undefined", "symbol", "UseAfterFreeError", 16]);
  },
);
