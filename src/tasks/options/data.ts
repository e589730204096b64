import { handed, text } from "../../options/index.ts";
import type { GivenArguments, TrainerCallbacks } from "../../train/index.ts";

/** Where data comes from and a model goes to: every task that trains hears these. */
export const DATA = {
  data: text({ argument: "source", required: true, help: "a file, a folder, builtin, glue:TASK" }),
  /** A source, a share like 0.2, or `none`. By default the source's own part, else a stratified 10 %. */
  validation: text({
    argument: "source",
    help: "a source, a share like 0.2, or none; the source's own part, else a tenth of it",
  }),
  output: text({ argument: "dir", required: true, help: "where the model goes" }),
  /** A preset of the task, or a pretrained model: a folder, `hub:OWNER/NAME`. */
  model: text({ argument: "name", help: "a preset, or a pretrained model: a folder, hub:OWNER/NAME" }),
  /** `A:B` of the data. */
  range: text({ argument: "a:b", help: "rows or images A to B − 1" }),
};

/** What `evaluate` hears of every task. */
export const MEASURED = {
  data: text({
    argument: "source",
    required: true,
    help: "labelled data: the test part where there is one, else dev",
  }),
  range: DATA.range,
};

/** What programs hand over beside it. */
export const HANDED = {
  args: handed<GivenArguments>({ help: "settings of the training" }),
  /** Called as training goes on; may stop it. */
  callbacks: handed<TrainerCallbacks[]>({ help: "called as training goes on" }),
  /** Where lines for the reader go (what was chosen, progress). */
  say: handed<(line: string) => void>({ help: "where lines for the reader go" }),
};

/** Columns of labelled texts. */
export const COLUMNS = {
  textColumn: text({ argument: "name", help: "the column of texts, by its name or number" }),
  labelColumn: text({ argument: "name", help: "the column of labels, by its name or number" }),
};

/** Which languages of the data are read and written, and in which columns they lie. */
export const LANGUAGES = {
  sourceLanguage: text({
    argument: "code",
    help: "the language that is read, as the data's files or columns name it",
  }),
  targetLanguage: text({ argument: "code", help: "the language that is written" }),
  sourceColumn: text({ argument: "name", help: "the column of what is read" }),
  targetColumn: text({ argument: "name", help: "the column of what is written" }),
};
