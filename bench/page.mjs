// npm run bench:page: ours against TensorFlow.js's and jax-js's WebAssembly in headless Chromium, on one thread (plain page) and
// on two (isolated page). The peers are installed into a temporary folder.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import { build } from "vite";

const PEERS = ["@tensorflow/tfjs-core@4.22.0", "@tensorflow/tfjs-backend-wasm@4.22.0", "@jax-js/jax@0.1.25"];
const root = fileURLToPath(new URL("..", import.meta.url));
const work = join(tmpdir(), "shoshin-bench-page");
mkdirSync(work, { recursive: true });
if (!existsSync(join(work, "node_modules/@jax-js/jax"))) {
  writeFileSync(join(work, "package.json"), JSON.stringify({ private: true, type: "module" }));
  execFileSync("npm", ["install", "--no-audit", "--no-fund", ...PEERS], { cwd: work, stdio: "inherit" });
}
const own = join(work, "node_modules/shoshin");
rmSync(own, { recursive: true, force: true });
for (const name of ["package.json", "dist", "assets/wasm"])
  cpSync(join(root, name), join(own, name), { recursive: true });
cpSync(join(root, "bench/page/main.mjs"), join(work, "main.mjs"));
writeFileSync(
  join(work, "index.html"),
  '<!doctype html><title>…</title><script type="module" src="./main.mjs"></script>',
);
const out = join(work, "built");
await build({
  root: work,
  base: "./",
  configFile: false,
  logLevel: "error",
  build: {
    outDir: out,
    emptyOutDir: true,
    minify: false, // TensorFlow.js sends the text of a function to its threads
    target: "es2022",
    assetsInlineLimit: 0,
  },
  worker: { format: "es" },
});

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };
const executablePath = process.env.CHROMIUM ?? execFileSync("which", ["chromium"], { encoding: "utf8" }).trim();
for (const isolated of [false, true]) {
  const server = createServer((request, response) => {
    const headers = isolated
      ? { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" }
      : {};
    try {
      const path = join(out, new URL(request.url, "http://localhost").pathname);
      const bytes = readFileSync(path);
      response.writeHead(200, { ...headers, "content-type": TYPES[extname(path)] ?? "text/plain" }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => console.error(String(error)));
    await page.goto(`http://127.0.0.1:${server.address().port}/index.html`);
    await page.waitForFunction(() => document.title === "ready");
    const { instructionSet, threads, results } = await page.evaluate((rounds) => globalThis.measure(rounds), 5);
    console.log(
      `${isolated ? "isolated" : "plain"} page, ${instructionSet}, ${threads} thread${threads > 1 ? "s" : ""}`,
    );
    for (const { case: name, peak, failed, why, ...values } of results) {
      if (failed) console.log(`  ${name.padEnd(22)} ${failed} left out: ${why}`);
      else {
        const list = Object.entries(values).map(([who, v]) => `${who} ${v.toFixed(v < 10 ? 2 : 1)}`);
        console.log(`  ${name.padEnd(22)} ${list.join("   ")}   (peak ${peak.toFixed(1)} GFLOP/s)`);
      }
    }
  } finally {
    await browser.close();
    server.close();
  }
}
