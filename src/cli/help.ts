import type { Command, Help, Option } from "commander";
import type { Table } from "../options/index.ts";
import { unknownFlag } from "./flags.ts";

/** Where descriptions begin, on terminals that are wide enough for two columns. */
const COLUMN = 34;
const NARROW = 76;

/** A term and what it means: side by side, or below each other where the term is long or the terminal narrow. */
function formatItem(this: Help, term: string, _width: number, description: string, helper: Help): string {
  const width = this.helpWidth ?? 80;
  if (description === "") return `  ${term}`;
  const narrow = width < NARROW;
  const indent = narrow ? 6 : COLUMN;
  const lines = helper.boxWrap(description, Math.max(20, width - indent)).replaceAll("\n", `\n${" ".repeat(indent)}`);
  if (narrow || term.length + 4 > COLUMN) return `  ${term}\n${" ".repeat(indent)}${lines}`;
  return `  ${term.padEnd(COLUMN - 4)}  ${lines}`;
}

/** How every command shows its help, and how it ends: errors are thrown, and printed in one place. */
export function configure(cli: Command): void {
  cli
    .configureHelp({ minWidthToWrap: 20, formatItem })
    .configureOutput({ outputError: () => {} })
    .exitOverride();
}

/** What a command's help shows instead of all that it hears; asked when it is shown. */
export interface Shown {
  usage?: string;
  description?: string;
  options: readonly Option[];
}
export function showHelp(command: Command, shown: () => Shown): void {
  command.configureHelp({
    ...command.configureHelp(),
    commandUsage: (cmd) => shown().usage ?? `${cmd.parent?.name()} ${cmd.name()} ${cmd.usage()}`,
    commandDescription: (cmd) => shown().description ?? cmd.description(),
    visibleOptions: () => [...shown().options],
  });
}

/** Unknown flags of a command are refused with the nearest of a table; asked when there is one. */
export function refuseUnknown(command: Command, table: () => Table, refused?: Readonly<Record<string, string>>): void {
  command.exitOverride((error) => {
    const flag = error.code === "commander.unknownOption" ? /'(-.*)'/s.exec(error.message)?.[1] : undefined;
    throw flag === undefined ? error : unknownFlag(flag, table(), refused);
  });
}
