import { cpus, freemem, totalmem } from "node:os";
import type { Command } from "commander";
import { backend, nativeProblem } from "../../backend/index.ts";
import { KernelBackend } from "../../backend/kernels.ts";
import { formatBytes } from "../../nn/index.ts";
import { addCommand, given } from "../command.ts";
import { applyCommon } from "../common.ts";
import { print } from "../print.ts";

interface DoctorReport {
  node: string;
  platform: string;
  cpu: string;
  backend: string;
  instructionSet: string;
  instructionSets: string[];
  threads: number;
  peakGflops: { float32: number | null; bf16: number | null };
  memoryBandwidthGBs: number | null;
  memoryBytes: number;
  problems: { what: string; hint: string }[];
}

const DOORS: Record<string, string> = {
  native: "kernels as an addon of Node",
  wasm: "kernels as WebAssembly",
  reference: "plain loops: slow, the oracle of the tests",
};

/** What this machine offers, with measured limits, and what is missing. */
function examine(): DoctorReport {
  const b = backend();
  const problems: DoctorReport["problems"] = [];
  if (Number(process.versions.node.split(".")[0]) < 20) {
    problems.push({ what: `Node ${process.versions.node} is too old`, hint: "Install Node 20 or newer." });
  }
  const reason = nativeProblem();
  if (reason !== undefined) {
    problems.push({
      what: `${reason}; the kernels run as WebAssembly, several times slower`,
      hint: "Install g++ or clang++ and run: npm rebuild shoshin",
    });
  }
  const native = b instanceof KernelBackend ? b : undefined;
  const round = (x: number) => Math.round(x * 10) / 10;
  return {
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    cpu: cpus()[0]?.model ?? "unknown",
    backend: b.name,
    instructionSet: b.instructionSet,
    instructionSets: native?.instructionSets ?? [],
    threads: b.threads,
    peakGflops: {
      float32: native ? round(native.peakGflops("float32")) : null,
      bf16: native ? round(native.peakGflops("bf16")) : null,
    },
    memoryBandwidthGBs: native ? round(native.memoryBandwidth()) : null,
    memoryBytes: totalmem(),
    problems,
  };
}

function describe(r: DoctorReport): string {
  const lines = [
    ["Node", r.node],
    ["platform", `${r.platform}, ${r.cpu}`],
    ["memory", `${formatBytes(r.memoryBytes)}, ${formatBytes(freemem())} free`],
    ["backend", `${r.backend} (${DOORS[r.backend] ?? ""})`],
    [
      "instructions",
      `${r.instructionSet}${r.instructionSets.length > 1 ? ` (also ${r.instructionSets.filter((s) => s !== r.instructionSet).join(", ")})` : ""}`,
    ],
    ["threads", String(r.threads)],
    ["peak float32", r.peakGflops.float32 === null ? "not measured" : `${r.peakGflops.float32} GFLOP/s`],
    ["peak bf16", r.peakGflops.bf16 === null ? "not measured" : `${r.peakGflops.bf16} GFLOP/s`],
    ["memory speed", r.memoryBandwidthGBs === null ? "not measured" : `${r.memoryBandwidthGBs} GB/s`],
  ].map(([name, value]) => `${name.padEnd(14)}${value}`);
  for (const { what, hint } of r.problems) lines.push(`\nmissing: ${what}\nhint: ${hint}`);
  if (r.problems.length === 0) lines.push("\nAll is well.");
  return lines.join("\n");
}

export function addDoctor(cli: Command): void {
  const command = addCommand(cli, "doctor", {
    description: "what this machine offers and what is missing",
    table: {},
    examples: ["shoshin doctor --json"],
  });
  command.action(() => {
    const options = given(command, {});
    applyCommon(options);
    const report = examine();
    print(options, report, () => describe(report));
  });
}
