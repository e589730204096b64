import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { main } from "../src/cli/main.ts";

const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** What a command did. */
export interface Ran {
  /** 0: done, 1: the work failed, 2: the command was wrong. */
  status: number;
  stdout: string;
  /** Without the colours that CI turns on. */
  stderr: string;
  /** What it printed as `--json`; undefined where that is none. */
  // biome-ignore lint/suspicious/noExplicitAny: each command has its own.
  json: any;
}

/** The words of a command line; '…' and "…" hold several together, and both may stand within a word. */
export function splitCommand(command: string): string[] {
  const words = command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.map((word) => word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Runs a command of Shoshin's in this process, as `run("predict runs/reviews 'A film to see.' --json")`.
 * Nothing is shown on the terminal.
 * @param command its words, where a test has made them one by one
 */
export async function run(command: string | readonly string[]): Promise<Ran> {
  const written = { stdout: "", stderr: "" };
  const streams = ["stdout", "stderr"] as const;
  const before = streams.map((name) => process[name].write);
  for (const name of streams) {
    process[name].write = ((text: string | Uint8Array) => {
      written[name] += typeof text === "string" ? text : Buffer.from(text).toString();
      return true;
    }) as typeof process.stdout.write;
  }
  let status: number;
  try {
    status = await main(typeof command === "string" ? splitCommand(command) : command);
  } finally {
    streams.forEach((name, i) => {
      process[name].write = before[i];
    });
  }
  const { stdout } = written;
  return { status, stdout, stderr: written.stderr.replace(COLOURS, ""), json: parsed(stdout) };
}

const CLI = fileURLToPath(new URL("../bin/shoshin.js", import.meta.url));

/** The same as a process of its own, of what was built last. @param input what it reads from standard input */
export function runProcess(command: string, { cwd, input = "" }: { cwd?: string; input?: string } = {}): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...splitCommand(command)], {
    ...{ cwd, input, encoding: "utf8" },
  });
  return { status: status ?? -1, stdout, stderr: stderr.replace(COLOURS, ""), json: parsed(stdout) };
}

/** A process that goes on while the test does something. */
export function startProcess(command: string, cwd?: string): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [CLI, ...splitCommand(command)], { cwd });
}
