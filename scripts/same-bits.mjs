// node scripts/same-bits.mjs record CHECKOUT FILE [--only PATTERN] | compare CHECKOUT FILE [--only PATTERN] [--jobs 2] [--keep]
// Trains, measures and uses small models of every kind with the command line of a built checkout, and notes the digests of what they
// have learned; `compare` says which command gives other bits than those noted, and in what. For the same machine before and after.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { COMMANDS } from "./same-bits/commands.mjs";
import { makeCheckpoints, makeData } from "./same-bits/data.mjs";

/** Seconds that one command may take. */
const PATIENCE = 180;
/** Files that tell of the run and not of the model. */
const OF_THE_RUN = new Set(["run.json", "shoshin.json", "log.jsonl", "trainer_state.json"]);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: "string" },
    jobs: { type: "string", default: "2" },
    keep: { type: "boolean" },
    list: { type: "boolean" },
  },
});
const [what, checkout, file] = positionals;
if (values.list) {
  for (const { name, train, use } of COMMANDS) console.log(`${name}: ${train ?? `predict ${use}`}`);
  process.exit();
}
if (!["record", "compare"].includes(what) || checkout === undefined || file === undefined) {
  console.error(
    "usage: node scripts/same-bits.mjs record|compare CHECKOUT FILE.json [--only PATTERN] [--jobs N] [--keep]",
  );
  process.exit(2);
}
const cli = resolve(checkout, "bin/shoshin.js");
const ask = fileURLToPath(new URL("same-bits/ask.mjs", import.meta.url));
if (!existsSync(resolve(checkout, "dist/cli/main.js"))) {
  console.error(`error: ${checkout} has not been built\nhint: npm run build there`);
  process.exit(2);
}

const sha = (bytes) => createHash("sha256").update(bytes).digest("hex");
/** The words of a command; quotes hold several together. */
const split = (line) => Array.from(line.matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, word]) => quoted ?? word);

/** A file of tensors: its own digest, and that of each tensor, to say which is another. */
function tensorsOf(path) {
  const bytes = readFileSync(path);
  const head = Number(bytes.readBigUInt64LE(0));
  const { __metadata__: _, ...tensors } = JSON.parse(bytes.subarray(8, 8 + head).toString());
  const digests = Object.entries(tensors).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [from, to],
      },
    ]) => {
      return [name, `${dtype}[${shape}] ${sha(bytes.subarray(8 + head + from, 8 + head + to)).slice(0, 16)}`];
    },
  );
  return { sha256: sha(bytes), tensors: Object.fromEntries(digests) };
}

/** What a finished folder holds of the model: its tensors, and how it is opened. */
function modelIn(folder) {
  const [weights, files] = [{}, {}];
  for (const part of ["", "adapter"]) {
    if (!existsSync(join(folder, part))) continue;
    for (const name of readdirSync(join(folder, part)).sort()) {
      const path = join(part, name);
      // What a run keeps for itself (best.safetensors) comes and goes with it.
      if (/^(model|adapter_model).*\.safetensors$/.test(name)) weights[path] = tensorsOf(join(folder, path));
      else if (/\.(json|txt|model)$/.test(name) && !OF_THE_RUN.has(name))
        files[path] = sha(readFileSync(join(folder, path)));
    }
  }
  return { weights, files };
}

/** Ends a program at its first checkpoint. */
function killAtCheckpoint(program, folder) {
  const watch = setInterval(() => {
    if (existsSync(folder) && readdirSync(folder).some((name) => name.startsWith("checkpoint")))
      program.kill("SIGKILL");
  }, 4);
  program.on("close", () => clearInterval(watch));
}

/** Runs a script in `cwd`; the object that it prints. @param kills a folder: the script is ended at the first checkpoint in it */
function script(cwd, [path, ...args], kills) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("SHOSHIN_")));
  return new Promise((resolve, reject) => {
    const program = spawn(process.execPath, [path, ...args], {
      ...{ cwd, env: { ...env, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"], timeout: 1000 * PATIENCE },
    });
    const [out, err] = [[], []];
    program.stdout.on("data", (d) => out.push(d));
    program.stderr.on("data", (d) => err.push(d));
    if (kills !== undefined) killAtCheckpoint(program, join(cwd, kills));
    program.on("error", reject);
    program.on("close", (status, signal) => {
      if (kills !== undefined && signal === "SIGKILL") resolve(undefined);
      else if (status !== 0)
        reject(new Error(`${args.join(" ")}\n  ${signal ?? status}: ${Buffer.concat(err).toString().trim()}`));
      else resolve(JSON.parse(Buffer.concat(out).toString()));
    });
  });
}

/** What a command learned and what its model says. */
async function run(folder, { name, train, interrupted, evaluate, predict, generate, use }) {
  const common = ["--threads", "1", "--quiet", "--json"];
  const output = use ?? `out/${name.replaceAll(/[^\w-]+/g, "-")}`;
  const found = {};
  if (train !== undefined) {
    const words = [...split(train), "--output", output, ...common];
    if (interrupted) {
      const report = await script(folder, [cli, ...words], output);
      if (report !== undefined) console.error(`${name}: done before it could be interrupted`);
      words.push("--resume");
    }
    const report = await script(folder, [cli, ...words]);
    const { parameters, epochs, steps, validation } = report;
    found.report = { parameters, epochs, steps, "train loss": report.train.loss, ...validation };
    Object.assign(found, modelIn(join(folder, output)));
  }
  const asked = Object.entries({ evaluate, predict, generate }).filter(([, options]) => options !== undefined);
  const commands = asked.map(([command, options]) => [command, output, ...split(options), ...common]);
  const answers = await script(folder, [ask, resolve(checkout), JSON.stringify(commands)]);
  for (const [i, [command]] of asked.entries()) {
    const answer = answers[i];
    if (command === "evaluate") found.evaluate = { examples: answer.examples, ...answer.metrics };
    else if (command === "generate") found.generate = { text: JSON.stringify(answer) };
    else found.predict = Object.fromEntries(answer.slice(0, 8).map((text, k) => [k, JSON.stringify(text)]));
  }
  return found;
}

/** Lines about what is not as it was noted; what is new beside it does not matter. */
function differences(was, now) {
  const out = [];
  for (const part of ["report", "evaluate", "predict", "generate"]) {
    for (const [key, value] of Object.entries(was[part] ?? {})) {
      const other = now[part]?.[key];
      if (other !== value) out.push(`${part}: ${key}: ${value} → ${other}`);
    }
  }
  for (const [path, { sha256, tensors }] of Object.entries(was.weights ?? {})) {
    const other = now.weights?.[path];
    if (other?.sha256 === sha256) continue;
    if (other === undefined) {
      out.push(`weights: no ${path}`);
      continue;
    }
    const names = [...new Set([...Object.keys(tensors), ...Object.keys(other.tensors)])];
    const changed = names.filter((name) => tensors[name] !== other.tensors[name]);
    const shown = changed.length > 4 ? [...changed.slice(0, 4), "…"] : changed;
    out.push(
      `weights: ${path}: ${changed.length === 0 ? "the same tensors in another file" : `${changed.length} of ${names.length} tensors: ${shown.join(", ")}`}`,
    );
  }
  for (const [path, digest] of Object.entries(was.files ?? {}))
    if (now.files?.[path] !== digest)
      out.push(`files: ${now.files?.[path] === undefined ? `no ${path}` : `${path} is another`}`);
  return out;
}

const { backend } = await import(pathToFileURL(resolve(checkout, "dist/index.js")).href);
const machine = { backend: backend().name, instructionSet: backend().instructionSet };
// A part of the list is recorded into what is there.
const adds = what === "record" && values.only !== undefined && existsSync(file);
const before = what === "compare" || adds ? JSON.parse(readFileSync(file, "utf8")) : undefined;
if (before !== undefined && JSON.stringify(before.machine) !== JSON.stringify(machine)) {
  console.error(
    `error: ${file} is of ${JSON.stringify(before.machine)}, this is ${JSON.stringify(machine)}: the bits are others`,
  );
  process.exit(2);
}
const pattern = new RegExp(values.only ?? "");
const list = COMMANDS.filter(({ name }) => pattern.test(name));
if (list.length === 0) {
  console.error(`error: no command fits ${values.only}\nhint: --list shows them`);
  process.exit(2);
}

const begin = performance.now();
const folder = mkdtempSync(join(tmpdir(), "same-bits-"));
const commands = {};
const wrong = [];
try {
  makeData(folder);
  await makeCheckpoints(folder, checkout);
  const untrained = readdirSync(folder).filter((name) => existsSync(join(folder, name, "config.json")));
  const made = Object.fromEntries(
    untrained.map((name) => [name, sha(readFileSync(join(folder, name, "model.safetensors")))]),
  );
  const others = untrained.filter((name) => before !== undefined && before.made[name] !== made[name]);
  if (others.length > 0)
    wrong.push([
      "the untrained checkpoints",
      [`weights: others in ${others.join(", ")}: models begin with other values`],
    ]);

  const waiting = [...list];
  const work = async () => {
    for (let command = waiting.shift(); command !== undefined; command = waiting.shift()) {
      const { name } = command;
      const started = performance.now();
      const was = before?.commands[name];
      let lines;
      try {
        const found = await run(folder, command);
        commands[name] = { command, ...found };
        if (what === "record") lines = [];
        else if (was === undefined) lines = ["not in the record"];
        else if (JSON.stringify(was.command) !== JSON.stringify(command))
          lines = ["recorded with another command line"];
        else lines = differences(was, found);
      } catch (error) {
        lines = [`failed: ${error.message}`];
      }
      if (lines.length > 0) wrong.push([name, lines]);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      console.log(`${lines.length === 0 ? "ok   " : "OTHER"} ${seconds.padStart(5)} s  ${name}`);
      for (const line of lines) console.log(`        ${line}`);
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, work));
  if (what === "record" && wrong.length === 0) {
    const all = { ...(adds ? before.commands : {}), ...commands };
    const sorted = Object.fromEntries(COMMANDS.flatMap(({ name }) => (name in all ? [[name, all[name]]] : [])));
    writeFileSync(
      file,
      `${JSON.stringify({ machine, node: process.versions.node, made, commands: sorted }, null, 1)}\n`,
    );
  }
} finally {
  if (values.keep) console.log(`kept: ${relative(".", folder)}`);
  else rmSync(folder, { recursive: true, force: true });
}
const seconds = ((performance.now() - begin) / 1000).toFixed(0);
const names = wrong.map(([name]) => name);
if (wrong.length > 0) console.log(`\n${what === "record" ? "failed" : "other bits"}: ${names.join("; ")}`);
console.log(
  `\n${list.length - names.length} of ${list.length} commands ${what === "record" ? "recorded" : "give the same bits"}, ${seconds} s`,
);
process.exitCode = wrong.length > 0 ? 1 : 0;
