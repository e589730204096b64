import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { AutoTokenizer } from "../../../src/text/index.ts";
import { temporaryFolder } from "../../folder.ts";

const data = process.env.SHOSHIN_DATA ?? fileURLToPath(new URL("../../../../shared/data", import.meta.url));
const there = existsSync(join(data, "tokenizer_reference_vectors"));
const folder = temporaryFolder();

if (!there) console.warn("skipped, no data: tokenizer_reference_vectors (SHOSHIN_DATA)");

interface Case {
  text: string;
  text_pair?: string;
  tokens: string[];
  ids: number[];
  decoded: string;
}

/** A folder as it is published: files of the data under their usual names, and settings. */
function published(name: string, files: Record<string, string>, config?: object): string {
  const to = join(folder, name);
  mkdirSync(to);
  for (const [as, from] of Object.entries(files)) copyFileSync(join(data, "tokenizers", from), join(to, as));
  if (config) writeFileSync(join(to, "tokenizer_config.json"), JSON.stringify(config));
  return to;
}

const bert = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "config.json"];
const FOLDERS: Record<string, () => string> = {
  "bert-base-uncased": () =>
    published("bert", Object.fromEntries(bert.map((name) => [name, `bert-base-uncased/${name}`]))),
  "bert-base-uncased from vocab.txt": () =>
    published("vocab", { "vocab.txt": "bert-base-uncased/vocab.txt" }, { tokenizer_class: "BertTokenizer" }),
  gpt2: () =>
    published(
      "gpt2",
      { "vocab.json": "gpt2/encoder.json", "merges.txt": "gpt2/vocab.bpe" },
      { tokenizer_class: "GPT2Tokenizer" },
    ),
  llama: () =>
    published(
      "llama",
      { "tokenizer.model": "llama2_sentencepiece/tokenizer.model" },
      { tokenizer_class: "LlamaTokenizer" },
    ),
};

describe.skipIf(!there)("published reference vectors: tokens, ids and decoded texts", () => {
  it.each([
    ["bert-base-uncased", "bert", "Xenova/bert-base-uncased"],
    ["bert-base-uncased from vocab.txt", "bert", "Xenova/bert-base-uncased"],
    ["gpt2", "gpt2", "Xenova/gpt2"],
    ["gpt2", "gpt2", "openai-community/gpt2"],
    ["llama", "llama", "Xenova/llama-tokenizer"],
  ])("%s: %s, %s", async (name, file, key) => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    const tokenizer = await AutoTokenizer.fromPretrained(FOLDERS[name]());
    const saved = join(folder, "saved");
    tokenizer.savePretrained(saved);
    const again = await AutoTokenizer.fromPretrained(saved);
    const vectors = JSON.parse(
      readFileSync(join(data, "tokenizer_reference_vectors", `transformersjs_${file}.json`), "utf8"),
    );
    // Recorded with the repair of spaces, then the default of Transformers.
    const cleanUpTokenizationSpaces = name.startsWith("bert") || key === "openai-community/gpt2";
    for (const [label, { text, text_pair, tokens, ids, decoded }] of Object.entries<Case>(vectors[key])) {
      const { inputIds } = tokenizer.encode(text, text_pair);
      const got = {
        ids: inputIds,
        saved: again.encode(text, text_pair).inputIds,
        tokens: [text, text_pair ?? ""].flatMap((one) => tokenizer.tokenize(one)),
        decoded: tokenizer.decode(ids, { skipSpecialTokens: false, cleanUpTokenizationSpaces }),
      };
      expect([label, got]).toEqual([label, { ids, saved: ids, tokens, decoded }]);
    }
  });
});
