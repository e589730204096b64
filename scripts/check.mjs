// npm run check [-- NAME…]: what must hold before a commit, without the slow suites; prints seconds per check.
// --list names the checks that .ci/run makes one by one (it builds and runs all tests itself).
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The tests that say most in little time, by the beginnings of their paths; what trains for long is for the whole suite. */
const FAST = [
  ...["exports", "cli/export", "platform", "optim", "data/", "hub/", "page/"],
  ...["nn/", "ops/pytorch-values", "ops/wrong-arguments", "tensor/define-op", "tensor/print"],
  ...["formats/safetensors", "formats/torch.test", "formats/weights", "text/tokenizers/huggingface", "text/doors"],
  ...[
    "train/options",
    "train/metrics",
    "train/registry",
    "train/record.test",
    "train/folder",
    "train/hooks",
    "train/heard",
  ],
  ...["tasks/held-out", "tasks/defaults", "tasks/tables", "tasks/images", "tasks/pipeline", "tasks/feature-extraction"],
].map((path) => `tests/${path}`);
const SLOW = ["data/limits"].map((path) => `--exclude "tests/${path}*"`);

/** @type {{ name: string, command: string, whole?: boolean }[]} `whole`: .ci/run does more of it */
const CHECKS = [
  { name: "types", command: "npm run -s typecheck" },
  { name: "lint", command: "npx --no-install biome ci ." },
  { name: "dead code", command: "npx --no-install knip" },
  { name: "floors", command: "node scripts/check-floors.mjs" },
  { name: "build", command: "npm run -s build", whole: true },
  { name: "quickstart", command: "npm run -s quickstart" },
  {
    name: "fast tests",
    command: `npx --no-install vitest run --project default ${[...SLOW, ...FAST].join(" ")}`,
    whole: true,
  },
];

const asked = process.argv.slice(2);
if (asked[0] === "--list") {
  for (const { name, whole } of CHECKS) if (!whole) console.log(name);
  process.exit();
}
const unknown = asked.filter((name) => !CHECKS.some((check) => check.name === name));
if (unknown.length > 0) {
  console.error(
    `error: no check ${unknown.join(", ")}\nhint: there are ${CHECKS.map((check) => check.name).join(", ")}`,
  );
  process.exit(2);
}
const times = [];
for (const { name, command } of CHECKS) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  if (asked.length !== 1) console.log(`== ${name}`);
  const begin = performance.now();
  const { status } = spawnSync(command, {
    ...{ shell: true, stdio: "inherit", cwd: fileURLToPath(new URL("..", import.meta.url)) },
  });
  times.push({ name, seconds: (performance.now() - begin) / 1000, failed: status !== 0 });
}
const failed = times.filter((check) => check.failed);
if (asked.length !== 1) {
  console.log();
  for (const { name, seconds, failed } of times)
    console.log(`${seconds.toFixed(1).padStart(6)} s  ${name}${failed ? ": FAILED" : ""}`);
  const all = times.reduce((sum, { seconds }) => sum + seconds, 0);
  console.log(
    `${all.toFixed(1).padStart(6)} s  in all; ${times.length - failed.length} of ${times.length} checks hold`,
  );
}
process.exitCode = failed.length > 0 ? 1 : 0;
