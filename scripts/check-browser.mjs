// The package in a page: examples/browser built by a bundler from the packed form (dist), opened in headless Chromium with and
// without shared memory; models go from Node to the page and back.
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { unzipSync } from "fflate";
import { chromium } from "playwright";
import { build } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "shoshin-page-"));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
const problems = [];
const expect = (what, ok, found) => {
  console.log(`${ok ? "ok  " : "BAD "} ${what}${found === undefined ? "" : `: ${found}`}`);
  if (!ok) problems.push(what);
};

// As a user's bundler sees the package: an installed folder with its package.json.
const app = join(work, "app");
mkdirSync(join(app, "node_modules", "shoshin"), { recursive: true });
for (const name of ["package.json", "dist", "assets/wasm"]) {
  mkdirSync(join(app, "node_modules", "shoshin", "assets"), { recursive: true });
  execFileSync("cp", ["-r", join(root, name), join(app, "node_modules", "shoshin", name)]);
}
for (const name of readdirSync(join(root, "node_modules")).filter((name) => !name.startsWith(".")))
  symlinkSync(join(root, "node_modules", name), join(app, "node_modules", name));
for (const name of ["index.html", "main.ts", "worker.ts"])
  writeFileSync(join(app, name), readFileSync(join(root, "examples/browser", name)));

const bundle = (input, outDir, extra = {}) =>
  build({
    root: app,
    base: "./",
    configFile: false,
    logLevel: "error",
    build: { outDir, target: "es2022", emptyOutDir: true, rolldownOptions: { input, ...extra } },
    worker: { format: "es" },
  });
const filesIn = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

// A feed-forward net in a page: nothing of Node in the bundle, and small.
writeFileSync(
  join(app, "net.html"),
  `<!doctype html><title>net</title><script type="module">
import { manualSeed, noGrad, randn, ready } from "shoshin";
import * as nn from "shoshin/nn";
import { SGD } from "shoshin/optim";
await ready();
manualSeed(0);
const net = new nn.Sequential(new nn.Linear(16, 32), new nn.ReLU(), new nn.Linear(32, 1));
const optimizer = new SGD(net.parameters(), { lr: 0.01 });
const [x, y] = [randn([64, 16]), randn([64, 1])];
let first;
for (let step = 0; step < 20; step++) {
  const loss = nn.mseLoss(net.forward(x), y);
  loss.backward();
  optimizer.step();
  optimizer.zeroGrad();
  if (step === 0) window.firstStep = performance.now();
  first ??= loss.item();
  window.losses = [first, loss.item()];
}
</script>`,
);
const netOut = join(work, "net");
await bundle(join(app, "net.html"), netOut);
const scripts = filesIn(netOut).filter((path) => path.endsWith(".js"));
const text = scripts.map((path) => readFileSync(path, "utf8")).join("\n");
const imports = [...text.matchAll(/(?:from|import)\s*\(?["'](node:[^"']+|fs|path|os|worker_threads)["']/g)].map(
  (m) => m[1],
);
expect(
  "the bundle asks for nothing of Node",
  imports.length === 0 && !text.includes("__vite-browser-external"),
  imports.join(" ") || "none",
);

// A worker's tasks lie in chunks of their own: it loads that of a task when it is asked for it.
const bundled = await build({
  root: app,
  configFile: false,
  logLevel: "error",
  build: { write: false, target: "es2022", rolldownOptions: { input: join(app, "worker.ts") } },
});
const chunks = bundled.output.filter((file) => file.type === "chunk");
const withImports = (chunk, seen = new Set()) => {
  if (seen.has(chunk)) return seen;
  seen.add(chunk);
  for (const name of chunk.imports)
    withImports(
      chunks.find((other) => other.fileName === name),
      seen,
    );
  return seen;
};
const ofTask = (name) => chunks.find((chunk) => chunk.facadeModuleId?.endsWith(`/tasks/${name}/code.js`));
const entry = chunks.find((chunk) => chunk.isEntry);
const loads = (...list) => new Set(list.flatMap((chunk) => [...withImports(chunk)]));
const compressed = (list) => [...list].reduce((n, chunk) => n + gzipSync(chunk.code, { level: 9 }).length, 0) / 1000;
const modulesOf = (list) => [...list].flatMap((chunk) => Object.keys(chunk.modules));
const TASKS_IN = [
  "text-classification",
  "token-classification",
  "text-generation",
  "translation",
  "fill-mask",
  "tabular",
];
const own = Object.fromEntries(TASKS_IN.map((name) => [name, loads(entry, ofTask(name))]));
for (const [name, list] of Object.entries(own)) {
  const others = TASKS_IN.filter((other) => other !== name);
  const strange = modulesOf(list).filter((module) => others.some((o) => module.includes(`/tasks/${o}/code.js`)));
  expect(
    `a worker that does ${name} loads no other task`,
    strange.length === 0,
    strange.join(" ") || `${compressed(list).toFixed(0)} kB of ${compressed(chunks).toFixed(0)}, compressed`,
  );
}
const families = modulesOf(own.tabular).filter((module) => /\/models\/(bert|gpt2|llama|t5|marian|onnx)\//.test(module));
expect("a worker that learns a table loads no family of pretrained models", families.length === 0, families.join(" "));
const pageOut = join(work, "page");
await bundle(join(app, "index.html"), pageOut);

function serve(folder, isolated) {
  const server = createServer((request, response) => {
    const path = join(folder, new URL(request.url, "http://localhost").pathname);
    if (!path.startsWith(folder)) return response.writeHead(403).end();
    const headers = { "content-type": TYPES[extname(path)] ?? "application/octet-stream" };
    if (isolated) {
      headers["cross-origin-opener-policy"] = "same-origin";
      headers["cross-origin-embedder-policy"] = "require-corp";
    }
    try {
      const bytes = readFileSync(path);
      response.writeHead(200, headers).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () =>
      resolve({ url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() }),
    ),
  );
}

// A table and a model of Node's.
const csv = join(work, "table.csv");
const rows = Array.from({ length: 600 }, (_, i) => {
  const [a, b] = [Math.sin(i * 1.7), Math.cos(i * 2.3)];
  return `${a.toFixed(4)},${b.toFixed(4)},${["red", "blue", "green"][i % 3]},${a * b + (i % 3) > 0.9 ? "yes" : "no"}`;
});
writeFileSync(csv, `a,b,colour,label\n${rows.join("\n")}\n`);
const cli = (...args) =>
  JSON.parse(
    execFileSync(process.execPath, [join(root, "bin/shoshin.js"), args[0], "--json", "--quiet", ...args.slice(1)], {
      encoding: "utf8",
    }),
  );
const inputs = ["0.5,0.5,red", "-0.9,0.2,blue", "0.1,-0.7,green", "0.9,0.9,green"];
cli("train", "tabular-classification", "--data", csv, "--output", join(work, "node-model"), "--epochs", "20");
const fromNode = cli("predict", join(work, "node-model"), "--", ...inputs);
const near = (a, b) =>
  a.length === b.length && a.every((x, i) => x.label === b[i].label && Math.abs(x.score - b[i].score) < 1e-5);

const executablePath = process.env.CHROMIUM ?? execFileSync("which", ["chromium"], { encoding: "utf8" }).trim();
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  for (const isolated of [true, false]) {
    const name = isolated ? "isolated page" : "plain page";
    const net = await serve(netOut, isolated);
    const times = [];
    const fetched = new Set();
    let losses;
    for (let round = 0; round < 5; round++) {
      const context = await browser.newContext();
      const page = await context.newPage();
      page.on("request", (request) => fetched.add(join(netOut, new URL(request.url()).pathname)));
      await page.goto(`${net.url}/net.html`);
      await page.waitForFunction(() => window.losses?.[1] < window.losses?.[0], undefined, { timeout: 20_000 });
      times.push(await page.evaluate(() => window.firstStep));
      losses = await page.evaluate(() => window.losses);
      await context.close();
    }
    net.close();
    // What the page has asked for until it learns.
    const size = (ending) =>
      [...fetched]
        .filter((path) => path.endsWith(ending))
        .reduce((n, path) => n + gzipSync(readFileSync(path), { level: 9 }).length, 0) / 1000;
    const kB = size(".js") + size(".wasm");
    expect(
      `${name}: a feed-forward net's library and kernels, compressed, ≤ 125 kB`,
      size(".wasm") > 50 && kB <= 125,
      `${kB.toFixed(0)} kB (${size(".wasm").toFixed(0)} of kernels)`,
    );
    times.sort((a, b) => a - b);
    expect(`${name}: the loss falls`, losses[1] < losses[0], losses.map((l) => l.toFixed(3)).join(" → "));
    expect(
      `${name}: page load to first step, cold, median of 5, ≤ 300 ms`,
      times[2] <= 300,
      `${times[2].toFixed(0)} ms`,
    );

    const site = await serve(pageOut, isolated);
    const page = await browser.newPage({ viewport: { width: 900, height: 760 } });
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(`${site.url}/index.html`);
    await page.waitForFunction(() => document.getElementById("log").textContent.startsWith("Ready"), undefined, {
      timeout: 20_000,
    });
    await page.setInputFiles("#file", csv);
    await page.waitForFunction(() => document.getElementById("log").textContent.includes("held-out rows"), undefined, {
      timeout: 60_000,
    });
    console.log((await page.textContent("#log")).trim().replace(/^/gm, "     "));
    if (process.env.SCREENSHOT)
      await page.screenshot({ path: process.env.SCREENSHOT.replace(".png", isolated ? ".png" : "-plain.png") });
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
    const folder = join(work, `page-model-${isolated}`);
    for (const [path, bytes] of Object.entries(unzipSync(new Uint8Array(readFileSync(await download.path()))))) {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), bytes);
    }
    const model = Object.fromEntries(
      filesIn(join(work, "node-model"))
        .filter((path) => !path.includes("checkpoint-"))
        .map((path) => [path.slice(join(work, "node-model").length + 1), [...readFileSync(path)]]),
    );
    const ask = (files) =>
      page.evaluate(
        async ([files, inputs]) => {
          const m = window.shoshinModel;
          if (files) await m.open(new Map(Object.entries(files).map(([name, bytes]) => [name, new Uint8Array(bytes)])));
          return m.predict(inputs);
        },
        [files, inputs],
      );
    const own = await ask(null);
    const back = cli("predict", join(folder, "model"), "--", ...inputs);
    expect(
      `${name}: a model trained here predicts the same in Node`,
      near(own, back),
      back.map((b) => b.label).join(" "),
    );
    const inPage = await ask(model);
    expect(
      `${name}: a model trained in Node predicts the same here`,
      near(inPage, fromNode),
      inPage.map((b) => b.label).join(" "),
    );
    await page.close();
    site.close();
  }
} finally {
  await browser.close();
  rmSync(work, { recursive: true, force: true });
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
