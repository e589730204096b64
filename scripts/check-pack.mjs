// The package as users get it: packed, installed into an empty folder, used from the command line and from TypeScript.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "shoshin-pack-"));
const run = (command, args, cwd = work) =>
  execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
try {
  run(process.execPath, [join(root, "scripts/prebuild.mjs")], root);
  const [{ filename, files, size }] = JSON.parse(
    run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", work], root),
  );
  const stray = files
    .map((f) => f.path)
    .filter((path) => /^(tests|bench|src|shared|\.ci|coverage|runs|native\/build\/|native\/test\/)/.test(path));
  if (stray.length > 0) throw new Error(`development files in the package: ${stray.join(", ")}`);
  for (const needed of ["native/prebuilt/linux-x64/shoshin.node", "assets/wasm/simd128-threads.wasm"]) {
    if (!files.some(({ path }) => path === needed)) throw new Error(`${needed} is not in the package`);
  }
  writeFileSync(join(work, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  run("npm", ["install", "--no-fund", "--no-audit", join(work, filename)]);
  const doctor = JSON.parse(run("npx", ["--no-install", "shoshin", "doctor", "--json"]));
  // Packed without a compiler in sight: the prebuilt addon serves, and without it WebAssembly.
  if (doctor.backend !== "native") throw new Error(`the prebuilt addon does not serve: ${JSON.stringify(doctor)}`);
  const report = JSON.parse(
    run("npx", [
      "--no-install",
      "shoshin",
      "train",
      "text-classification",
      "--data",
      "builtin",
      "--output",
      "model",
      "--json",
      "--quiet",
    ]),
  );
  if (!(report.validation.accuracy > 0.5)) throw new Error(`accuracy ${report.validation.accuracy}`);
  writeFileSync(
    join(work, "use.ts"),
    `import { manualSeed, noGrad, tensor, type Tensor } from "shoshin";
import * as nn from "shoshin/nn";
import { AdamW } from "shoshin/optim";
import { DataLoader } from "shoshin/data";
import { Trainer } from "shoshin/train";
import { pipeline } from "shoshin/tasks";
manualSeed(0);
const net = new nn.Sequential(new nn.Linear(2, 4), new nn.ReLU(), new nn.Linear(4, 1));
const optimizer = new AdamW(net.parameters(), { lr: 1e-3 });
const y: Tensor = net.forward(tensor([[1, 2]])).relu().sum();
y.backward();
optimizer.step();
console.log(noGrad(() => net.forward(tensor([[1, 2]])).item()), DataLoader.name, Trainer.name, pipeline.name);
`,
  );
  writeFileSync(
    join(work, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        module: "NodeNext",
        target: "ES2022",
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        types: [],
        lib: ["ES2022", "DOM"],
      },
      include: ["use.ts"],
    }),
  );
  run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", work]);
  console.log(
    `package: ${files.length} files, ${(size / 1e6).toFixed(2)} MB; ${doctor.backend} backend, types resolve`,
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
