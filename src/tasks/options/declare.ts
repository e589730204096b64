import type { Table } from "../../options/index.ts";
import type { GivenArguments } from "../../train/index.ts";
import type { DATA, HANDED } from "./data.ts";
import type { TaskOptions } from "./index.ts";

/** Options and arguments of a training by their names, with what holds where nobody says anything else. */
export type Defaults = Readonly<Omit<TaskOptions, keyof typeof DATA | keyof typeof HANDED> & GivenArguments>;

/** What a model hears when it is trained; a preset of a task, or any pretrained model. */
export interface ModelDeclaration {
  /** What it hears beside what its task always does. */
  readonly options: Table;
  /** The arguments of its training; left out: all of them. */
  readonly arguments?: Table;
  /** What its training takes where nobody says anything else, and `--help` shows. */
  readonly defaults: Defaults;
  /** What `--help` says of a default that follows from the data, or from another option. */
  readonly notes?: Readonly<Partial<Record<keyof Defaults, string>>>;
}
export interface PresetDeclaration extends ModelDeclaration {
  /** A line for `--help`. */
  readonly help: string;
}

/** What is known of a task before anything of it is loaded. */
export interface TaskAbout {
  readonly name: string;
  /** Other names that it is called by. */
  readonly aliases?: readonly string[];
  /** A line for `--help`. */
  readonly help: string;
  /** What it hears of every model; `evaluate` too. */
  readonly options: Table;
  /** Models that are made here, the first by default. */
  readonly presets: Readonly<Record<string, PresetDeclaration>>;
  /** Left out where no pretrained model can be trained. */
  readonly pretrained?: ModelDeclaration;
  /** What its predictions hear. */
  readonly predict: Table;
  /** Names of Transformers' pipelines that they do not, with what to do instead. */
  readonly unpredicted?: Readonly<Record<string, string>>;
}
