// Training byte-level BPE on real text, each run in a process of its own so that its peak memory is its own too.
import { execFileSync } from "node:child_process";
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { manualSeed } from "../dist/index.js";
import { permutation } from "../dist/tensor/random.js";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const python = process.env.SHOSHIN_PYTHON ?? "python3";
const data = process.env.SHOSHIN_DATA ?? here("../../shared/data");
const MERGES = 32_000;

/** The reviews, one a line; beyond their own size again and again, in a new order each time. */
async function write(path, megabytes) {
  const rows = gunzipSync(readFileSync(join(data, "imdb/train.tsv.gz"))).toString();
  const texts = rows
    .trim()
    .split("\n")
    .slice(1)
    .map((row) => `${row.split("\t")[3]}\n`);
  const file = createWriteStream(path);
  manualSeed(0);
  let size = 0;
  for (let order = texts.keys(); size < megabytes * 1e6; order = permutation(texts.length)) {
    for (const i of order) {
      if (size >= megabytes * 1e6) break;
      file.write(texts[i]);
      size += Buffer.byteLength(texts[i]);
    }
  }
  file.end();
  await finished(file);
  return size / 1e6;
}

function tokenizersPeer() {
  try {
    const version = execFileSync(python, ["-c", "import tokenizers; print(tokenizers.__version__)"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
    return [
      {
        name: "tokenizers (Python)",
        version,
        ask: async ({ path }) => runOne(python, "tokenizer_peer.py", path).seconds,
      },
    ];
  } catch {
    console.error(`tokenizers left out: ${python} cannot import it (SHOSHIN_PYTHON names another Python)`);
    return [];
  }
}

const runOne = (program, script, path) =>
  JSON.parse(execFileSync(program, [here(script), path, String(MERGES)], { encoding: "utf8" }));

export async function tokenizerTrain() {
  if (!existsSync(join(data, "imdb/train.tsv.gz"))) {
    console.error(`tokenizer-train left out: no imdb/train.tsv.gz in ${data} (SHOSHIN_DATA names another folder)`);
    return [];
  }
  const folder = mkdtempSync(join(tmpdir(), "shoshin-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const peers = tokenizersPeer();
  const cases = [];
  for (const megabytes of [33, 100]) {
    const path = join(folder, `${megabytes}.txt`);
    const size = await write(path, megabytes);
    const runs = [];
    cases.push({
      name: `bpe-32k-${megabytes}MB`,
      unit: "s",
      run() {
        runs.push(runOne(process.execPath, "tokenizer-train.mjs", path));
        return runs.at(-1).seconds;
      },
      peer: { path },
      peers,
      facts: () => ({
        text: `${size.toFixed(1)} MB`,
        vocabulary: runs[0].vocabulary,
        "processor time": `${Math.min(...runs.map((r) => r.cpu)).toFixed(1)} s`,
        "peak memory": `${Math.max(...runs.map((r) => r.rss)).toFixed(0)} MB`,
      }),
    });
  }
  return cases;
}
