// The suite in a headless browser: `npm run test:browser`, in Chromium once in a page that may share memory and once in one that
// may not, and `npm run test:firefox`.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { firefox } from "./vitest.firefox.ts";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const isolated = process.env.SHOSHIN_ISOLATED !== "0";

const browser = process.env.SHOSHIN_BROWSER ?? "chromium";

function installed(...names: string[]): string | undefined {
  for (const name of names) {
    try {
      return execFileSync("which", [name], { encoding: "utf8" }).trim();
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

export default defineConfig({
  define: { "process.env.SHOSHIN_DATA": "undefined" },
  server: {
    headers: isolated
      ? { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }
      : {},
  },
  resolve: {
    alias: [
      { find: "#platform", replacement: at("src/platform/browser.ts") },
      { find: "#door", replacement: at("src/backend/door-browser.ts") },
      { find: "node:fs", replacement: at("src/platform/memory-fs.ts") },
      { find: "node:path", replacement: at("src/platform/paths.ts") },
      { find: "node:os", replacement: at("tests/browser/os.ts") },
      { find: /^\.\/doors\.ts$/, replacement: at("tests/browser/doors.ts") },
      { find: /^shoshin$/, replacement: at("src/index.ts") },
      { find: /^shoshin\/(.*)$/, replacement: at("src/$1/index.ts") },
    ],
  },
  optimizeDeps: {
    include: [
      "fast-check",
      "fastest-levenshtein",
      "fflate",
      "zod",
      "csv-parse/browser/esm/sync",
      "hyparquet",
      "hyparquet-compressors",
      "picocolors",
      "yaml",
    ],
  },
  test: {
    name: isolated ? `${browser}, isolated` : browser,
    // What starts processes or needs a disk, a compiler or Python's files stays in Node.
    include: [
      "tests/{backend,models,nn,ops,optim,tensor,train,formats,text,browser}/**/*.test.ts",
      "tests/data/loader.test.ts",
    ],
    exclude: [
      "tests/backend/{header,wasm}.test.ts",
      "tests/formats/{damage,torch-kinds,word-vectors}.test.ts",
      "tests/nn/print.test.ts",
      "tests/tensor/{ballast,dispose,print,worker}.test.ts",
      "tests/models/{llama2c,odd-onnx,onnx,onnx-seq2seq}.test.ts",
      "tests/models/pretrained/back-to-python.test.ts",
      "tests/text/pretrained/reference-vectors.test.ts",
      "tests/train/{busy,kill,print,record}.test.ts",
    ],
    setupFiles: ["tests/browser/setup.ts"],
    testTimeout: 60_000,
    env: { SHOSHIN_ISOLATED: isolated ? "1" : "0", SHOSHIN_BROWSER: browser },
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider:
        browser === "firefox"
          ? firefox(process.env.FIREFOX ?? installed("firefox-esr", "firefox") ?? "firefox")
          : playwright({
              launchOptions: {
                executablePath: process.env.CHROMIUM ?? installed("chromium", "chromium-browser", "google-chrome"),
                args: ["--no-sandbox"],
              },
            }),
      instances: [{ browser: browser as "chromium" }],
    },
  },
});
