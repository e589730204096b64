import { DataError } from "./lines.ts";

/** A part of a GLUE task, called as in Hugging Face's `glue` data set; MNLI has two of the last two. */
export type GluePart =
  | "train"
  | "validation"
  | "test"
  | "validation_matched"
  | "validation_mismatched"
  | "test_matched"
  | "test_mismatched";

/** A part's file in GLUE's own layout, its examples, and the name of its submission. */
interface GlueFile {
  file: string;
  rows: number;
  submission?: string;
}

/** What GLUE (Wang et al. 2018) fixes about a task; names and ids of labels as in Hugging Face's `glue`. */
export interface GlueTask {
  /** Hugging Face's name of the configuration. */
  name: string;
  /** GLUE's own name, which its folder has. */
  folder: string;
  /** Columns of the texts, in GLUE's files and in Hugging Face's. */
  columns: readonly [string] | readonly [string, string];
  hubColumns: readonly [string] | readonly [string, string];
  labelColumn: string;
  /** Names by id; undefined for STS-B, whose labels are numbers from 0 to 5. */
  labels: readonly string[] | undefined;
  regression: boolean;
  /** As `evaluate` names them; the first decides. */
  metrics: readonly ("accuracy" | "f1" | "matthews_correlation" | "pearson" | "spearmanr")[];
  parts: Partial<Record<GluePart, GlueFile>>;
  /** The parts that are measured. */
  validation: readonly GluePart[];
}

const parts = (train: number, validation: number, test: number, submission: string): GlueTask["parts"] => ({
  train: { file: "train.tsv", rows: train },
  validation: { file: "dev.tsv", rows: validation },
  test: { file: "test.tsv", rows: test, submission },
});
const entailment = ["entailment", "not_entailment"];
const three = ["entailment", "neutral", "contradiction"];

function task(name: string, folder: string, columns: GlueTask["columns"], rest: Partial<GlueTask>): GlueTask {
  const base = {
    hubColumns: columns,
    labelColumn: "label",
    labels: undefined,
    regression: false,
    metrics: ["accuracy"] as const,
    validation: ["validation"] as const,
    parts: {},
  };
  return { ...base, ...rest, name, folder, columns };
}
const pair = ["sentence1", "sentence2"] as const;

/** The nine tasks and the diagnostic set. Rows are those of Hugging Face's `glue`, which leaves out broken lines of QQP. */
export const GLUE_TASKS: readonly GlueTask[] = [
  task("cola", "CoLA", ["sentence"], {
    labels: ["unacceptable", "acceptable"],
    metrics: ["matthews_correlation"],
    parts: parts(8551, 1043, 1063, "CoLA.tsv"),
  }),
  task("sst2", "SST-2", ["sentence"], {
    labels: ["negative", "positive"],
    parts: parts(67349, 872, 1821, "SST-2.tsv"),
  }),
  task("mrpc", "MRPC", ["#1 String", "#2 String"], {
    hubColumns: pair,
    labelColumn: "Quality",
    labels: ["not_equivalent", "equivalent"],
    metrics: ["accuracy", "f1"],
    parts: parts(3668, 408, 1725, "MRPC.tsv"),
  }),
  task("qqp", "QQP", ["question1", "question2"], {
    labelColumn: "is_duplicate",
    labels: ["not_duplicate", "duplicate"],
    metrics: ["accuracy", "f1"],
    parts: parts(363846, 40430, 390965, "QQP.tsv"),
  }),
  task("stsb", "STS-B", pair, {
    labelColumn: "score",
    regression: true,
    metrics: ["pearson", "spearmanr"],
    parts: parts(5749, 1500, 1379, "STS-B.tsv"),
  }),
  task("mnli", "MNLI", pair, {
    hubColumns: ["premise", "hypothesis"],
    labelColumn: "gold_label",
    labels: three,
    validation: ["validation_matched", "validation_mismatched"],
    parts: {
      train: { file: "train.tsv", rows: 392702 },
      validation_matched: { file: "dev_matched.tsv", rows: 9815 },
      validation_mismatched: { file: "dev_mismatched.tsv", rows: 9832 },
      test_matched: { file: "test_matched.tsv", rows: 9796, submission: "MNLI-m.tsv" },
      test_mismatched: { file: "test_mismatched.tsv", rows: 9847, submission: "MNLI-mm.tsv" },
    },
  }),
  task("qnli", "QNLI", ["question", "sentence"], {
    labels: entailment,
    parts: parts(104743, 5463, 5463, "QNLI.tsv"),
  }),
  task("rte", "RTE", pair, { labels: entailment, parts: parts(2490, 277, 3000, "RTE.tsv") }),
  task("wnli", "WNLI", pair, {
    labels: ["not_entailment", "entailment"],
    parts: parts(635, 71, 146, "WNLI.tsv"),
  }),
  // Only to be predicted, by a model of MNLI.
  task("ax", "diagnostic", pair, {
    hubColumns: ["premise", "hypothesis"],
    labels: three,
    metrics: ["matthews_correlation"],
    validation: [],
    parts: { test: { file: "diagnostic.tsv", rows: 1104, submission: "AX.tsv" } },
  }),
];

const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/** A task by Hugging Face's name or GLUE's (`sst2`, `SST-2`, `diagnostic`). Throws {@link DataError} that lists them. */
export function glueTask(name: string): GlueTask {
  const wanted = plain(name);
  const found =
    GLUE_TASKS.find((task) => plain(task.name) === wanted || plain(task.folder) === wanted) ??
    (wanted === "sst" ? GLUE_TASKS.find((task) => task.name === "sst2") : undefined) ??
    (wanted === "sts" ? GLUE_TASKS.find((task) => task.name === "stsb") : undefined);
  if (found !== undefined) return found;
  throw new DataError(`glue:${name}: unknown GLUE task`, `There are: ${GLUE_TASKS.map((t) => t.name).join(", ")}.`);
}
