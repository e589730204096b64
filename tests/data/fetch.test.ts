import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fetchSource, readGlue, type Source } from "../../src/data/index.ts";
import { HubError } from "../../src/hub/index.ts";
import { readPartLines } from "../../src/tasks/shared/texts.ts";
import { useMirror } from "../hub/use-mirror.ts";
import { run } from "../run.ts";

const { mirror, base } = useMirror();
afterEach(() => {
  vi.restoreAllMocks();
});

const parquet = (columns: Record<string, (string | number)[]>) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: Object.entries(columns).map(([name, data]) => ({
        name,
        data,
        type: typeof data[0] === "string" ? "STRING" : "INT32",
      })),
    }),
  );
const some = parquet({ text: ["a", "b"], label: [0, 1] });
const dataset = (id: string, files: Record<string, string | Uint8Array>) => mirror.add(id, { kind: "dataset", files });
/** Parts with the last two names of each path. */
const shape = ({ parts }: Source) =>
  Object.fromEntries(
    Object.entries(parts).map(([part, paths]) => [part, paths.map((p) => p.split(/[/\\]/).slice(-2).join("/"))]),
  );

describe("layouts of data sets on the hub", () => {
  it("a folder for each configuration", async () => {
    dataset("o/configs", {
      "README.md": "---\nlicense: mit\n---\n# Card",
      "en/train-00000-of-00002.parquet": some,
      "en/train-00001-of-00002.parquet": some,
      "en/test-00000-of-00001.parquet": some,
      "de/train-00000-of-00001.parquet": some,
      "script.py": "",
    });
    expect(shape(await fetchSource("hub:o/configs:en"))).toEqual({
      test: ["en/test-00000-of-00001.parquet"],
      train: ["en/train-00000-of-00002.parquet", "en/train-00001-of-00002.parquet"],
    });
    expect(mirror.seen.some(({ path }) => path.includes("/de/"))).toBe(false);
    await expect(fetchSource("hub:o/configs")).rejects.toThrow(/which of its configurations/);
    await expect(fetchSource("hub:o/configs:fr")).rejects.toMatchObject({
      message: "hub:o/configs: there is no configuration fr",
      hint: "Name one: hub:o/configs:en, hub:o/configs:de.",
    });
  });

  it("a folder data, and plain files", async () => {
    dataset("o/data", { "data/train-00000-of-00001.parquet": some, "data/validation-00000-of-00001.parquet": some });
    expect(shape(await fetchSource("hub:o/data"))).toEqual({
      train: ["data/train-00000-of-00001.parquet"],
      validation: ["data/validation-00000-of-00001.parquet"],
    });
    dataset("o/plain", { "train.csv": "text,label\na,0\n", "dev.jsonl": '{"text":"a","label":0}\n', "README.md": "" });
    const source = await fetchSource("hub:o/plain");
    expect(Object.keys(source.parts).sort()).toEqual(["train", "validation"]);
    expect(readFileSync(source.parts.train?.[0] as string, "utf8")).toBe("text,label\na,0\n");
    dataset("o/one", { "poems.txt": "a\nb\n" });
    expect(Object.keys((await fetchSource("hub:o/one")).parts)).toEqual(["train"]);
    dataset("o/none", { "model.h5": "" });
    await expect(fetchSource("hub:o/none")).rejects.toThrow(/no data files that can be read/);
  });

  it("what the card says", async () => {
    const card = `---
configs:
- config_name: small
  data_files:
  - split: train
    path: files/x-*
  - split: test_hard
    path: ["files/y.csv", "files/[z].csv"]
  default: true
- config_name: large
  data_files: other.csv
---`;
    dataset("o/card", {
      "README.md": card,
      "files/x-1.csv": "a",
      "files/x-2.csv": "a",
      "files/y.csv": "a",
      "files/z.csv": "a",
      "other.csv": "a",
    });
    const small = { train: ["files/x-1.csv", "files/x-2.csv"], test: ["files/y.csv", "files/z.csv"] };
    expect(shape(await fetchSource("hub:o/card"))).toEqual(small);
    expect(shape(await fetchSource("hub:o/card:small@main"))).toEqual(small);
    expect((await fetchSource("hub:o/card:large")).parts.train?.map((p) => basename(p))).toEqual(["other.csv"]);
    await expect(fetchSource("hub:o/card:huge")).rejects.toThrow(/no configuration huge/);
    for (const odd of ["---\n[\n---", "---\nconfigs: 3\n---", "---\nconfigs: [null, {config_name: x}]\n---"]) {
      dataset("o/odd", { "README.md": odd, "train.csv": "a" });
      expect(Object.keys((await fetchSource("hub:o/odd")).parts)).toEqual(["train"]);
    }
  });

  it("Parquet that the hub made of a script", async () => {
    const commit = "d".repeat(40);
    mirror.add("ptb-text-only/ptb_text_only", {
      kind: "dataset",
      files: { "ptb_text_only.py": "", "README.md": "" },
      revisions: { "refs/convert/parquet": commit },
      filesAt: {
        [commit]: { "penn_treebank/train/0000.parquet": some, "penn_treebank/validation/0000.parquet": some },
      },
    });
    expect(shape(await fetchSource("ptb"))).toEqual({
      train: ["train/0000.parquet"],
      validation: ["validation/0000.parquet"],
    });
  });

  it("bad names and what is not there", async () => {
    await expect(fetchSource("hub:a/b/c")).rejects.toThrow(/no name of a data set/);
    await expect(fetchSource("hub:o/nowhere")).rejects.toThrow(/there is no dataset o\/nowhere/);
    await expect(fetchSource("constructor")).rejects.toThrow(/no such file or folder/);
    await expect(fetchSource("nowhere.csv")).rejects.toThrow(/no such file or folder/);
    await expect(fetchSource("glue:none")).rejects.toThrow(/unknown GLUE task/);
  });
});

describe("short names", () => {
  it("are a folder in SHOSHIN_DATA, else on the hub, and stay in the cache", async () => {
    const card = (name: string) =>
      `---\nconfigs:\n- config_name: ${name}\n  data_files:\n  - {split: train, path: ${name}/train-*}\n  - {split: test, path: ${name}/test-*}\n---`;
    dataset("nyu-mll/glue", {
      "README.md": card("sst2"),
      "sst2/train-00000-of-00001.parquet": parquet({ sentence: ["good ", "bad "], label: [1, 0], idx: [0, 1] }),
      "sst2/test-00000-of-00001.parquet": parquet({ sentence: ["so "], label: [-1], idx: [0] }),
    });
    const train = [
      { sentence1: "good ", sentence2: undefined, label: 1 },
      { sentence1: "bad ", sentence2: undefined, label: 0 },
    ];
    expect(await readGlue("sst2", "train")).toEqual(train);
    expect(await readGlue("SST-2", "test")).toEqual([{ sentence1: "so ", sentence2: undefined, label: undefined }]);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await readGlue("sst2", "train")).toEqual(train);
    await expect(readGlue("rte", "train")).rejects.toThrow(/no configuration rte/);
    await expect(fetchSource("wikitext:2")).rejects.toThrow(HubError);
    const folder = join(base, "data", "glue", "RTE");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "train.tsv"), "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n");
    expect(await readGlue("rte", "train")).toEqual([{ sentence1: "a", sentence2: "b", label: 0 }]);
  });

  it("wikitext:2", async () => {
    const name = "wikitext-2-raw-v1";
    dataset("Salesforce/wikitext", {
      [`${name}/train-00000-of-00001.parquet`]: parquet({ text: [" = A = \n", "", " b c \n", "d\ne"] }),
      "wikitext-103-v1/train-00000-of-00001.parquet": some,
    });
    const source = await fetchSource("wikitext:2");
    expect(shape(source)).toEqual({ train: [`${name}/train-00000-of-00001.parquet`] });
    expect(await readPartLines(source, "train")).toEqual([" = A = ", "", " b c ", "d", "e"]);
  });
});

it("the command line trains on a data set of the hub and measures on its parts", async () => {
  const rows = (n: number, from: number) => ({
    sentence: Array.from({ length: n }, (_, i) => `${i % 2 ? "a lovely place" : "an awful place"} number ${from + i}`),
    label: Array.from({ length: n }, (_, i) => i % 2),
    idx: Array.from({ length: n }, (_, i) => i),
  });
  dataset("o/places", {
    "data/train-00000-of-00001.parquet": parquet(rows(200, 0)),
    "data/validation-00000-of-00001.parquet": parquet(rows(40, 200)),
    "data/test-00000-of-00001.parquet": parquet({ ...rows(10, 240), label: new Array(10).fill(-1) }),
  });
  const output = join(base, "model");
  const train = (data: string) => run(`train text-classification --data ${data} --epochs 5 --output ${output} --json`);
  const { status, json, stderr } = await train("hub:o/places");
  expect(status).toBe(0);
  expect(json.validation.accuracy).toBe(1);
  expect(stderr).toMatch(/^o\/places {2}3\/3 files {2}0\.0\/0\.0 MB/m);
  expect(stderr).toMatch(/200 examples to train on, 40 to validate/);
  // Its test part keeps its labels secret: the validation part is measured.
  expect(await run(`evaluate ${output} --data hub:o/places --json --quiet`)).toMatchObject({
    status: 0,
    json: { examples: 40, metrics: { accuracy: 1 } },
  });
  const missing = await train("hub:o/missing");
  expect(missing.status).toBe(1);
  expect(missing.stderr).toMatch(
    /^error: there is no dataset o\/missing, or it is private .*\nhint: Check the name; if it is private, make a token/,
  );
});
