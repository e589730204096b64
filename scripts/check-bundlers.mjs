// The package in servers that are bundled: esbuild and webpack for Node, with the package left outside (what the README advises) and
// taken in, and Next.js; the lines are the README's own. Installs the tools into an empty folder.
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "shoshin-bundlers-"));
const TOOLS = ["esbuild@0.28.2", "webpack@5.113.0", "webpack-cli", "next@16.4.6", "react@19.3.1", "react-dom@19.3.1"];
const problems = [];
const expect = (what, ok, found = "") => {
  console.log(`${ok ? "ok  " : "BAD "} ${what}: ${String(found).trim().split("\n")[0].slice(0, 160)}`);
  if (!ok) problems.push(what);
};
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: "production", SHOSHIN_BACKEND: "" };
const run = (command, args, options = {}) =>
  execFileSync(command, args, { cwd: work, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], env, ...options });
/** What a program prints, or the message it ends with. */
const result = (file, extra = {}) => {
  try {
    return run(process.execPath, [file], { env: { ...env, ...extra } });
  } catch (error) {
    return String(error.stderr);
  }
};

/** A block of code of the README, by a comment in its first line. */
const documented = Object.fromEntries(
  ["esbuild", "webpack.config.mjs", "next.config.mjs"].map((name) => {
    const found = ["README.md", "README.zh-CN.md"].map((file) => {
      const text = readFileSync(join(root, file), "utf8");
      return [...text.matchAll(/```(?:sh|js)\n(?:#|\/\/) ([\w.]+)[^\n]*\n([\s\S]*?)```/g)].find(
        (m) => m[1] === name,
      )?.[2];
    });
    expect(`both READMEs have the lines for ${name}`, found[0] !== undefined && found[0] === found[1], found[0]);
    return [name, found[0] ?? ""];
  }),
);

const port = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

try {
  run(process.execPath, [join(root, "scripts/prebuild.mjs")], { cwd: root });
  const packed = JSON.parse(
    run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", work], { cwd: root }),
  );
  writeFileSync(join(work, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  run("npm", ["install", "--no-fund", "--no-audit", join(work, packed[0].filename), ...TOOLS], {
    env: { ...env, NODE_ENV: "" },
  });

  writeFileSync(
    join(work, "server.mjs"),
    `import { backend, ready, tensor } from "shoshin";
import { pipeline } from "shoshin/tasks";
await ready(process.env.KERNELS ? { kernels: process.env.KERNELS } : {});
console.log(backend().name, tensor([[1, 2]]).matmul(tensor([[3], [4]])).item(), typeof pipeline);
`,
  );
  const native = "native 11 function\n";
  const shoshin = join(work, "node_modules/shoshin");
  const away = join(work, "moved");
  const wasm = join(work, "kernels");
  cpSync(join(shoshin, "assets/wasm"), wasm, { recursive: true });

  // esbuild.
  execFileSync("sh", ["-ec", documented.esbuild], { cwd: work, stdio: "pipe", env });
  expect("esbuild, the package outside", result("out/server.mjs") === native, result("out/server.mjs"));
  for (const format of ["esm", "cjs"]) {
    const file = `out/inside.${format === "esm" ? "mjs" : "cjs"}`;
    const source = readFileSync(join(work, "server.mjs"), "utf8");
    const cjs = source.replace(
      /^(await[\s\S]*)$/m,
      "(async () => {\n$1\n})().catch((error) => { console.error(error); process.exit(1); });",
    );
    writeFileSync(join(work, `inside-${format}.mjs`), format === "esm" ? source : cjs);
    run(join(work, "node_modules/.bin/esbuild"), [
      `inside-${format}.mjs`,
      "--bundle",
      "--platform=node",
      `--format=${format}`,
      `--outfile=${file}`,
      "--log-override:empty-import-meta=silent",
      // What esbuild itself advises for CommonJS inside a module.
      ...(format === "esm"
        ? [
            "--banner:js=import { createRequire as fromHere } from 'node:module'; const require = fromHere(import.meta.url);",
          ]
        : []),
    ]);
    const said = result(file);
    expect(
      `esbuild, ${format}, taken in: says what to do`,
      /kernels are not where/.test(said) && /external/.test(said),
      said.match(/BackendError[^\n]*/)?.[0],
    );
    const moved = result(file, { KERNELS: wasm });
    expect(`esbuild, ${format}, taken in, with ready({ kernels })`, moved === "wasm 11 function\n", moved);
  }

  // webpack.
  writeFileSync(join(work, "webpack.config.mjs"), documented["webpack.config.mjs"]);
  const webpack = (...args) => run(join(work, "node_modules/.bin/webpack"), args);
  webpack("--mode", "production");
  expect("webpack, the package outside", result("out/webpack.mjs") === native, result("out/webpack.mjs"));
  writeFileSync(
    join(work, "inside.config.mjs"),
    `import config from "./webpack.config.mjs";
export default { ...config, externals: [], output: { ...config.output, filename: "webpack-inside.mjs" } };
`,
  );
  webpack("-c", "inside.config.mjs", "--mode", "none");
  expect(
    "webpack, taken in, package there",
    result("out/webpack-inside.mjs") === native,
    result("out/webpack-inside.mjs"),
  );
  renameSync(shoshin, away);
  const moved = result("out/webpack-inside.mjs", {
    KERNELS: join(away, "native/prebuilt", `${process.platform}-${process.arch}`),
  });
  expect("webpack, taken in, with ready({ kernels }) that has the addon", moved === native, moved);
  renameSync(away, shoshin);

  // Next.js.
  const app = join(work, "app");
  mkdirSync(join(app, "api"), { recursive: true });
  writeFileSync(join(work, "next.config.mjs"), documented["next.config.mjs"]);
  writeFileSync(
    join(app, "layout.jsx"),
    "export default ({ children }) => <html lang='en'><body>{children}</body></html>;\n",
  );
  writeFileSync(join(app, "page.jsx"), "export default () => <p>Shoshin</p>;\n");
  writeFileSync(
    join(app, "api/route.js"),
    `import { backend, tensor } from "shoshin";
import { pipeline } from "shoshin/tasks";
export const dynamic = "force-dynamic";
export const GET = () =>
  Response.json([backend().name, tensor([[1, 2]]).matmul(tensor([[3], [4]])).item(), typeof pipeline]);
`,
  );
  run(join(work, "node_modules/.bin/next"), ["build"]);
  const at = await port();
  const server = spawn(
    process.execPath,
    [join(work, "node_modules/next/dist/bin/next"), "start", "-H", "127.0.0.1", "-p", String(at)],
    {
      cwd: work,
      stdio: "ignore",
      env,
    },
  );
  try {
    let answer;
    for (let i = 0; i < 100 && answer === undefined; i++) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      answer = await fetch(`http://127.0.0.1:${at}/api`).then(
        (r) => r.text(),
        () => undefined,
      );
    }
    expect(
      "Next.js, a route handler",
      answer ===
        JSON.stringify(
          native
            .trim()
            .split(" ")
            .map((w) => (w === "11" ? 11 : w)),
        ),
      answer,
    );
  } finally {
    server.kill();
  }
} finally {
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
}
process.exitCode = problems.length > 0 ? 1 : 0;
