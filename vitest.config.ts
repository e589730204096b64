import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const src = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: "#platform", replacement: src("platform/node.ts") },
      { find: "#door", replacement: src("backend/door-node.ts") },
      { find: /^shoshin$/, replacement: src("index.ts") },
      { find: /^shoshin\/(.*)$/, replacement: src("$1/index.ts") },
    ],
  },
  test: {
    pool: "forks",
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: { name: "default", include: ["tests/**/*.test.ts"], exclude: ["tests/browser/**"], testTimeout: 60_000 },
      },
      {
        // The same suite through the second door; what tests every backend by itself is left out.
        extends: true,
        test: {
          name: "wasm",
          env: { SHOSHIN_BACKEND: "wasm" },
          include: ["tests/{data,formats,models,nn,ops,tasks,text,train}/**/*.test.ts"],
          testTimeout: 60_000,
        },
      },
    ],
  },
});
