import type { Values } from "../../options/index.ts";
import { COLUMNS, DATA, HANDED, LANGUAGES, MEASURED } from "./data.ts";
import {
  ADAPTER,
  AWD_DROPOUTS,
  BLOCK,
  CHATS,
  CLASSES,
  EMBEDDING,
  HEADS,
  LAYERS,
  LENGTH,
  MASKS,
  PREFIX,
  TIED,
  TOKENIZER,
  WORDS,
} from "./models.ts";

/** What `train` of any task hears; each task hears its own part. */
export const ALL = {
  ...{ ...DATA, ...HANDED, ...COLUMNS, ...LANGUAGES, ...PREFIX, ...CLASSES, ...LAYERS, ...EMBEDDING, ...HEADS },
  ...{ ...AWD_DROPOUTS, ...WORDS, ...LENGTH, ...TOKENIZER, ...BLOCK, ...TIED, ...ADAPTER, ...CHATS, ...MASKS },
};
/** What `evaluate` of any task hears. */
export const EVALUATE = { ...MEASURED, ...COLUMNS, ...LANGUAGES };

/** What `train` of every task takes; the command line's options under their camelCase names. */
export interface TaskOptions extends Values<typeof ALL> {
  data: string;
  output: string;
}
export interface EvaluateOptions extends Values<typeof EVALUATE> {
  data: string;
  /** No progress. */
  quiet?: boolean;
}
