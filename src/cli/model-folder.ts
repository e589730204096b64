import { copyFileSync, existsSync, mkdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { type WeightsDType, writeFileAtomic } from "../formats/index.ts";
import { autoModels, readConfigJson } from "../models/index.ts";
import { oneOf } from "../options/index.ts";
import { AutoTokenizer } from "../text/index.ts";

/** What a model's folder holds besides its weights. */
const BESIDE = [
  ...["config.json", "generation_config.json", "chat_template.jinja"],
  ...["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"],
  ...["vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"],
  ...["source.spm", "target.spm"],
  ...["vectorizer.json", "tabular_encoder.json"],
];

/**
 * Copies configuration and tokenizer; a tokenizer of older files is saved anew, with `always` as tokenizer.json whatever its kind.
 * Returns the names.
 */
export async function copyBeside(from: string, to: string, { always = false } = {}): Promise<string[]> {
  mkdirSync(to, { recursive: true });
  if (realpathSync(from) === realpathSync(to)) return [];
  const names = BESIDE.filter((name) => existsSync(join(from, name)));
  for (const name of names) copyFileSync(join(from, name), join(to, name));
  const vocabulary = names.some((name) => name.startsWith("vocab") || name.endsWith(".model"));
  if (!vocabulary || names.includes("tokenizer.json")) return names;
  const tokenizer = await AutoTokenizer.fromPretrained(from);
  tokenizer.savePretrained(to);
  if (always) writeFileAtomic(join(to, "tokenizer.json"), `${JSON.stringify(tokenizer.backend, null, 1)}\n`);
  return BESIDE.filter(
    (name) => names.includes(name) || (/^tokenizer.*json$/.test(name) && existsSync(join(to, name))),
  );
}

/**
 * What config.json has to say of what was written: the type of the weights, and of T5 that the decoder has as many layers as the
 * encoder, which the file may leave out; transformers.js reads it there.
 */
export function restate(folder: string, dtype: WeightsDType | undefined, { onnx = false } = {}): void {
  const path = join(folder, "config.json");
  if (!existsSync(path)) return;
  const json = readConfigJson(folder);
  const stated = { ...json };
  if (onnx && json.num_layers !== undefined && json.num_decoder_layers == null)
    stated.num_decoder_layers = json.num_layers;
  if (dtype !== undefined) {
    const keys = ["torch_dtype", "dtype"].filter((key) => key in json);
    for (const key of keys.length > 0 || dtype === "float32" ? keys : ["dtype"]) stated[key] = dtype;
  }
  if (JSON.stringify(stated) === JSON.stringify(json)) return;
  const kind = autoModels.knows(json) ? autoModels.family(json, path).config : undefined;
  writeFileAtomic(path, kind?.text(stated) ?? `${JSON.stringify(stated, null, 2)}\n`);
}

export const warn = (warnings: readonly string[]) => {
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
};
export const megabytes = (bytes: unknown) => `${(Number(bytes) / 1e6).toFixed(1)} MB`;
/** The type of written weights. */
export const DTYPE = {
  dtype: oneOf(["float32", "float16", "bfloat16"], { argument: "type", help: "of the weights; their own by default" }),
};
