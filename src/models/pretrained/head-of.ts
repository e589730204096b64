import { ConfigError, readConfigJson } from "./config.ts";

/** What a model is for; each has a class `AutoModel…`. */
export type Head =
  | "base"
  | "sequenceClassification"
  | "tokenClassification"
  | "questionAnswering"
  | "maskedLm"
  | "causalLm"
  | "seq2seqLm";

const ENDINGS: readonly [RegExp, Head][] = [
  [/ForSequenceClassification$/, "sequenceClassification"],
  [/ForTokenClassification$/, "tokenClassification"],
  [/ForQuestionAnswering$/, "questionAnswering"],
  [/ForMaskedLM$/, "maskedLm"],
  [/(ForCausalLM|LMHeadModel)$/, "causalLm"],
  [/(ForConditionalGeneration|MTModel)$/, "seq2seqLm"],
  [/Model$/, "base"],
];

/** What a class of Hugging Face's is for, by its name. */
export const headOfArchitecture = (architecture: string): Head | undefined =>
  ENDINGS.find(([ending]) => ending.test(architecture))?.[1];

/** What the model in a folder is for, by config.json's `architectures`. Throws {@link ConfigError} where they don't say. */
export function headOf(folder: string): Head {
  const { architectures } = readConfigJson(folder);
  const name = Array.isArray(architectures) ? String(architectures[0]) : "";
  const head = headOfArchitecture(name);
  if (head !== undefined) return head;
  throw new ConfigError(
    `${folder}/config.json: ${name === "" ? "no architectures" : `the architecture ${name} is not known here`}`,
  );
}
