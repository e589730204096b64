import type { Command, Option } from "commander";
import { OptionError } from "../../backend/options.ts";
import { type AnyOption, flagOf, omit, type Table, text, valuesFor } from "../../options/index.ts";
import { DECLARATIONS, declarationOf } from "../../tasks/declarations.ts";
import { downloads, loadModel } from "../../tasks/index.ts";
import { COLUMNS } from "../../tasks/options/data.ts";
import { applyCommon, COMMON, type CommonOptions } from "../common.ts";
import { addTable, flagsOf, readFlags, shownOptions } from "../flags.ts";
import { refuseUnknown, showHelp } from "../help.ts";
import { linesOf } from "../lines.ts";
import { line, print } from "../print.ts";
import { UsageError } from "../usage.ts";

const OWN = {
  input: text({ argument: "file", help: "a file of inputs; - reads lines from standard input" }),
  textColumn: COLUMNS.textColumn,
  task: text({ argument: "name", help: "sentence-similarity: the likeness of two texts that a tab parts" }),
  submission: text({
    argument: "dir",
    help: "with --input glue:TASK: the test parts' predictions, as the GLUE site takes them",
  }),
};
const TASKS = DECLARATIONS.map(({ name, predict }) => [name, predict] as const).filter(
  ([, table]) => Object.keys(table).length > 0,
);
/** Which tasks' predictions hear an option. */
const hearers = (name: string) => TASKS.filter(([, table]) => name in table).map(([task]) => task);
const EVERY: Table = { ...Object.assign({}, ...TASKS.map(([, table]) => table)), ...OWN, ...COMMON };

/** Options by the tasks that hear them; where these mean different things by one, what each does. */
function shown(): Option[] {
  const names = [...new Set(TASKS.flatMap(([, table]) => Object.keys(table)))];
  const groups = new Map<string, Record<string, AnyOption>>();
  for (const name of names) {
    const rows = TASKS.filter(([, table]) => name in table).map(([task, table]) => [task, table[name]] as const);
    const helps = new Set(rows.map(([, row]) => row.help));
    const each = rows.map(([task, row]) => `${task}: ${row.help}`).join("; ");
    const group = hearers(name).join(", ");
    const [[, row]] = rows;
    groups.set(group, { ...groups.get(group), [name]: helps.size > 1 ? { ...row, help: each } : row });
  }
  return [
    ...shownOptions(OWN, "Options:"),
    ...[...groups].flatMap(([tasks, table]) => shownOptions(table, `Of ${tasks}:`)),
    ...shownOptions(COMMON, "Everywhere:"),
  ];
}

export function addPredict(cli: Command): void {
  const command = cli
    .command("predict <model> [text...]")
    .description("predict with a trained model, a folder or hub:OWNER/NAME: one line for each input");
  addTable(command, EVERY);
  refuseUnknown(command, () => EVERY);
  showHelp(command, () => ({ options: shown() }));
  command
    .addHelpText(
      "after",
      '\nExamples:\n  shoshin predict runs/reviews "A film to see twice."\n  shoshin predict runs/reviews --input reviews.txt --json\n',
    )
    .action(async (dir: string, texts: string[]) => {
      const flags = flagsOf(command);
      // What needs no model is read first.
      const own: CommonOptions & { task?: string; input?: string; textColumn?: string; submission?: string } =
        readFlags(flags, { ...OWN, ...COMMON }, () => true);
      const { input, textColumn, submission } = own;
      if (texts.length > 0 && input !== undefined) throw new UsageError("give texts or --input, not both");
      applyCommon(own);
      const predictor = await loadModel(dir, own.task, downloads(own));
      const table = declarationOf(predictor.task)?.predict ?? {};
      const read = readFlags(flags, { ...table, ...OWN, ...COMMON }, (name) => {
        throw new OptionError(
          `${flagOf(name)} is not for ${predictor.task}`,
          `It is for ${hearers(name).join(", ")}. Leave it out.`,
        );
      });
      const how = valuesFor(omit(table, ...Object.keys(OWN)), read);
      if (submission !== undefined) {
        if (predictor.submit === undefined) throw new UsageError(`--submission: not for models of ${predictor.task}`);
        const files = await predictor.submit(input ?? "", submission);
        print(own, { files }, () => files.join("\n"));
        return;
      }
      let results: unknown[];
      if (input !== undefined && input !== "-") results = await predictor.predictFile(input, { ...how, textColumn });
      else {
        const inputs = texts.length > 0 ? texts : await linesOf("-");
        if (inputs.length === 0)
          throw new UsageError("nothing to predict", "Give a text, --input FILE, or lines on standard input.");
        results = await predictor.predict(inputs, how);
      }
      print(own, results, () => results.map(line).join("\n"));
    });
}
