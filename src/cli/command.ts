import type { Command } from "commander";
import type { Table, Values } from "../options/index.ts";
import { COMMON, type CommonOptions } from "./common.ts";
import { addTable, checkRequired, flagsOf, readFlags, shownOptions } from "./flags.ts";
import { refuseUnknown, showHelp } from "./help.ts";

interface About {
  description: string;
  /** What it takes, besides what every command does. */
  table: Table;
  /** Lines that show it. */
  examples: readonly string[];
}

/** Adds a command that takes a table's options. */
export function addCommand(parent: Command, signature: string, { description, table, examples }: About): Command {
  const command = parent.command(signature).description(description);
  const all: Table = { ...table, ...COMMON };
  addTable(command, all);
  refuseUnknown(command, () => all);
  showHelp(command, () => ({
    options: [...shownOptions(table, "Options:"), ...shownOptions(COMMON, "Everywhere:")],
  }));
  const lines = examples.map((line) => `  ${line}\n`).join("");
  return command.addHelpText("after", `\nExample${examples.length > 1 ? "s" : ""}:\n${lines}`);
}

/** The options that a command was given, checked. Throws OptionError, UsageError. */
export function given<T extends Table>(command: Command, table: T): Values<T> & CommonOptions {
  const values = readFlags(flagsOf(command), { ...table, ...COMMON });
  checkRequired(values, table);
  return values as Values<T> & CommonOptions;
}
