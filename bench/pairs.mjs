// npm run bench:pairs -- OTHER NAME… [--pairs 24] [--json]: this checkout against another built one, case by case in alternation; the ratio (over 1: this one is faster) and its interval of 95 %.
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const here = fileURLToPath(new URL("..", import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean" },
    pairs: { type: "string", default: "24" },
    processes: { type: "string", default: "4" },
    child: { type: "boolean" },
  },
});

if (values.child) await child(positionals[0], positionals[1]);
else await compare();

/** Measures one case each time a line comes: `index`. */
async function child(folder, name) {
  const { CASES } = await import(pathToFileURL(resolve(folder, "bench/cases.mjs")).href);
  const cases = await CASES[name]();
  console.log(JSON.stringify(cases.map((c) => ({ name: c.name, higher: c.higherIsBetter === true }))));
  for await (const line of createInterface({ input: process.stdin })) {
    const cpu = process.cpuUsage();
    const value = cases[Number(line)].run();
    const { user, system } = process.cpuUsage(cpu);
    console.log(JSON.stringify({ value, cpu: (user + system) / 1e3 }));
  }
}

function start(folder, name) {
  const program = spawn(
    process.execPath,
    ["--expose-gc", fileURLToPath(import.meta.url), "--child", resolve(folder), name],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );
  const lines = createInterface({ input: program.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${folder} ended while it measured ${name}`);
    return JSON.parse(value);
  };
  return {
    cases: next,
    async measure(index) {
      program.stdin.write(`${index}\n`);
      return (await next()).value;
    },
    end: () => program.stdin.end(),
  };
}

/** Mean of the logarithms of the ratios, and 95 % around it. */
function interval(ratios) {
  const logs = ratios.map(Math.log).sort((a, b) => a - b);
  const mean = logs.reduce((a, x) => a + x, 0) / logs.length;
  const sd = Math.sqrt(logs.reduce((a, x) => a + (x - mean) ** 2, 0) / (logs.length - 1));
  const half = (2.07 * sd) / Math.sqrt(logs.length);
  return [logs[logs.length >> 1], mean - half, mean + half].map(Math.exp);
}

async function compare() {
  const [other, ...names] = positionals;
  const { CASES } = await import("./cases.mjs");
  const unknown = names.filter((name) => !(name in CASES));
  if (other === undefined || names.length === 0 || unknown.length > 0) {
    console.error(
      `error: ${unknown.length > 0 ? `no benchmark ${unknown.join(", ")}` : "say the other checkout, and which benchmarks"}\nhint: there are ${Object.keys(CASES).join(", ")}`,
    );
    process.exit(2);
  }
  const [pairs, processes] = [Number(values.pairs), Number(values.processes)];
  for (const name of names) {
    const ratios = [];
    let list = [];
    for (let process = 0; process < processes; process++) {
      const both = [start(here, name), start(other, name)];
      list = (await Promise.all(both.map((p) => p.cases())))[0];
      for (const [index, { higher }] of list.entries()) {
        ratios[index] ??= [];
        for (const p of both) await p.measure(index);
        for (let pair = 0; pair < pairs / processes; pair++) {
          const order = pair % 2 === 0 ? [0, 1] : [1, 0];
          const found = [0, 0];
          for (const i of order) found[i] = await both[i].measure(index);
          ratios[index].push(higher ? found[0] / found[1] : found[1] / found[0]);
        }
      }
      for (const p of both) p.end();
    }
    for (const [index, { name: title }] of list.entries()) {
      const [median, low, high] = interval(ratios[index]);
      if (values.json) console.log(JSON.stringify({ case: title, pairs: ratios[index].length, median, low, high }));
      else
        console.log(
          `${title.padEnd(26)} median ${median.toFixed(3)}  mean ${low.toFixed(3)} … ${high.toFixed(3)}  (${ratios[index].length} pairs)`,
        );
    }
  }
}
