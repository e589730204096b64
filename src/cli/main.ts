import { Command, CommanderError } from "commander";
import pc from "picocolors";
import { ShoshinError } from "../backend/errors.ts";
import { OptionError } from "../backend/options.ts";
import { VERSION } from "../backend/version.ts";
import { addConvert } from "./commands/convert.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addEvaluate } from "./commands/evaluate.ts";
import { addExport } from "./commands/export.ts";
import { addGenerate } from "./commands/generate.ts";
import { addPredict } from "./commands/predict.ts";
import { addTokenize } from "./commands/tokenize.ts";
import { addTokenizer } from "./commands/tokenizer.ts";
import { addTrain } from "./commands/train.ts";
import { configure } from "./help.ts";
import { UsageError } from "./usage.ts";

export function program(): Command {
  const cli = new Command("shoshin")
    .description("Neural networks for language: train, evaluate and use models, with npm and nothing else.")
    .version(VERSION);
  configure(cli);
  const commands = [
    ...[addTrain, addEvaluate, addPredict, addGenerate, addDoctor],
    ...[addTokenizer, addTokenize, addExport, addConvert],
  ];
  for (const add of commands) add(cli);
  return cli;
}

/** Runs the command line; returns the exit status: 0 done, 1 the work failed, 2 the command was wrong. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(argv as string[], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    // A command that wants another one behind it has shown its help.
    if (error instanceof CommanderError && error.code === "commander.help") return 2;
    return tell(error as Error, argv.includes("--debug"));
  }
}

/** Prints what went wrong and what to do about it; returns the exit status. */
function tell(error: Error, debug: boolean): number {
  const usage = error instanceof CommanderError;
  const known =
    usage ||
    error instanceof ShoshinError ||
    error instanceof RangeError ||
    (error as NodeJS.ErrnoException).code !== undefined;
  process.stderr.write(`${pc.red("error:")} ${error.message.replace(/^error: /, "")}\n`);
  const hint = usage
    ? "shoshin --help lists the commands, shoshin COMMAND --help what one takes."
    : error instanceof ShoshinError
      ? error.hint
      : known
        ? undefined
        : "This looks like a mistake in Shoshin: run again with --debug and report it.";
  if (hint !== undefined) process.stderr.write(`${pc.cyan("hint:")} ${hint}\n`);
  if (debug) process.stderr.write(`${error.stack}\n`);
  return usage || error instanceof UsageError || error instanceof OptionError ? 2 : 1;
}
