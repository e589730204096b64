import { pushAll } from "../backend/arrays.ts";
import { HubError } from "./settings.ts";

/** What a model is fetched for: all of it, its tokenizer, or its configuration. */
export type HubPurpose = "model" | "tokenizer" | "config";

/** A pattern's parts: `*` as undefined, else the test of one character. */
type Glob = (((c: string) => boolean) | undefined)[];

function globOf(pattern: string): Glob {
  const whole = pattern.endsWith("/") ? `${pattern}*` : pattern;
  const parts: Glob = [];
  for (const [part, not, set] of whole.matchAll(/\[(!?)([^\]]+)\]|[\s\S]/gu)) {
    if (set !== undefined) {
      const inside = new RegExp(`[${not ? "^" : ""}${set.replace(/[\\^]/g, "\\$&")}]`, "u");
      parts.push((c) => inside.test(c));
    } else if (part === "?") parts.push(() => true);
    else if (part !== "*") parts.push((c) => c === part);
    else if (parts.length === 0 || parts[parts.length - 1] !== undefined) parts.push(undefined);
  }
  return parts;
}

/** Tries again only from the last `*`, which is enough: no pattern takes longer than its length times the path's. */
function globMatches(glob: Glob, path: readonly string[]): boolean {
  let [at, p, star, from] = [0, 0, -1, 0];
  while (at < path.length) {
    const part = glob[p];
    if (p < glob.length && part === undefined) {
      [star, from] = [p++, at];
    } else if (part?.(path[at])) {
      at++;
      p++;
    } else if (star >= 0) {
      at = ++from;
      p = star + 1;
    } else return false;
  }
  while (p < glob.length && glob[p] === undefined) p++;
  return p === glob.length;
}

/**
 * Tells whether a path matches one of the patterns as Python's fnmatch has them: `*` (slashes too), `?`, `[abc]`, `[!abc]`;
 * `folder/` is all in it. Plain names cost nothing, however many.
 * @throws HubError for a pattern that is damaged (`[z-a]`)
 */
export function matcher(patterns: readonly string[]): (path: string) => boolean {
  const names = new Set<string>();
  const globs: Glob[] = [];
  for (const pattern of patterns) {
    const plain = pattern.replace(/\[([*?[])\]/g, "$1");
    if (!pattern.endsWith("/") && !/[*?[]/.test(pattern.replace(/\[[*?[]\]/g, ""))) names.add(plain);
    else {
      try {
        globs.push(globOf(pattern));
      } catch {
        throw new HubError(
          `${JSON.stringify(pattern.slice(0, 80))} is no pattern of names`,
          "Known are * ? [abc] [!abc].",
        );
      }
    }
  }
  return (path) => {
    if (names.has(path)) return true;
    if (globs.length === 0) return false;
    const characters = Array.from(path);
    return globs.some((glob) => globMatches(glob, characters));
  };
}

const CONFIG = ["config.json", "generation_config.json", "adapter_config.json", "run.json", "shoshin.json"];
const TOKENIZER =
  /^((tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template)\.json|(vocab|merges)\.txt|chat_template\.jinja|[\w.-]+\.model|(source|target)\.spm)$/;
/** Sentence encoders say here how they pool. */
const SENTENCE =
  /^(modules\.json|sentence_bert_config\.json|config_sentence_transformers\.json|\d+_\w+\/config\.json)$/;
const SHARD = /-(\d{5})-of-(\d{5})(?=\.)/;

/** The first sort of weights that is whole: safetensors before pickles, one file before shards; an adapter's own. */
function weights(names: readonly string[]): string[] {
  const out: string[] = [];
  for (const stem of ["model", "adapter_model"]) {
    const found = ["safetensors", "bin"].flatMap((end) => {
      const base = stem === "model" && end === "bin" ? "pytorch_model" : stem;
      const index = `${base}.${end}.index.json`;
      const shards = names.filter((name) => SHARD.test(name) && name.replace(SHARD, "") === `${base}.${end}`);
      if (names.includes(`${base}.${end}`)) return [[`${base}.${end}`]];
      return names.includes(index) && shards.length > 0 ? [[index, ...shards]] : [];
    });
    pushAll(out, found[0] ?? []);
  }
  return out;
}

/** First file of a numbered set (`-00001-of-00003`) that is not among `names`. */
export function missingShard(names: readonly string[]): string | undefined {
  const have = new Set(names);
  const done = new Set<string>();
  for (const name of names) {
    const match = SHARD.exec(name);
    const set = name.replace(SHARD, "-*-of-$2");
    if (match === null || done.has(set)) continue;
    done.add(set);
    // Weights are counted from 1, Parquet files from 0.
    const first = have.has(name.replace(SHARD, `-00000-of-${match[2]}`)) || !/\.(safetensors|bin)$/.test(name) ? 0 : 1;
    for (let i = first; i < Number(match[2]) + first; i++) {
      const wanted = name.replace(SHARD, `-${String(i).padStart(5, "0")}-of-${match[2]}`);
      if (!have.has(wanted)) return wanted;
    }
  }
  return undefined;
}

/**
 * The files of a model's repository that are needed. Throws {@link HubError} where there is nothing of the sort.
 * @param where named in the message.
 */
export function modelFiles(names: readonly string[], purpose: HubPurpose, where: string): string[] {
  const of = (test: (name: string) => boolean) => names.filter(test);
  const config = of((name) => CONFIG.includes(name));
  if (purpose === "config") {
    if (config.length > 0) return config;
    throw new HubError(`${where} has no config.json`, "Is it a model in Hugging Face's form?");
  }
  const tokenizer = of((name) => TOKENIZER.test(name));
  if (purpose === "tokenizer") {
    if (tokenizer.length > 0) return [...config, ...tokenizer];
    throw new HubError(`${where} has no tokenizer`, "Expected tokenizer.json, vocab.txt, vocab.json or a .model file.");
  }
  const found = weights(names);
  if (found.length === 0) {
    throw new HubError(
      `${where} has no weights that can be read`,
      `Expected model.safetensors or pytorch_model.bin; it has: ${names.slice(0, 12).join(", ")}${names.length > 12 ? ", …" : ""}.`,
    );
  }
  const missing = missingShard(found);
  if (missing !== undefined) throw new HubError(`${where}: ${missing} is missing`);
  return [...config, ...tokenizer, ...of((name) => SENTENCE.test(name)), ...found];
}
