import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { noGrad, tensor } from "../../src/index.ts";
import { AutoModel, autoModels, type PreTrainedModel } from "../../src/models/index.ts";
import { loadModel, pipeline, sentenceEmbeddings } from "../../src/tasks/index.ts";
import { AutoTokenizer } from "../../src/text/index.ts";
import { pearson, spearman } from "../../src/train/index.ts";
import { temporaryFolder } from "../folder.ts";
import { fill } from "../models/pretrained/recorded.ts";
import { run } from "../run.ts";

const folder = temporaryFolder();

const WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog", "sat", "ran", "home"];
const family = autoModels.family({ model_type: "bert" }, "bert");
const config = family.config.parse({
  ...{ model_type: "bert", vocab_size: WORDS.length, hidden_size: 16, intermediate_size: 24 },
  ...{ num_hidden_layers: 2, num_attention_heads: 4, max_position_embeddings: 12 },
});
const Model = family.heads.base as NonNullable<typeof family.heads.base>;
(fill(new Model(config)) as PreTrainedModel).savePretrained(folder);
writeFileSync(join(folder, "vocab.txt"), WORDS.join("\n"));

const TEXTS = ["a cat sat", "a dog ran home a dog ran home a dog ran home", "home"];
/** Hidden states of one text alone: no padding is about. */
async function alone(text: string): Promise<number[][]> {
  const model = await AutoModel.fromPretrained(folder);
  const ids = [2, ...text.split(" ").map((word) => WORDS.indexOf(word))].slice(0, 11).concat(3);
  return noGrad(() => {
    const x = model.forward({ inputIds: tensor(Int32Array.from(ids), [1, ids.length]) }).lastHiddenState;
    const data = [...x.data()];
    return ids.map((_, i) => data.slice(16 * i, 16 * (i + 1)));
  });
}
const mean = (rows: number[][]) => rows[0].map((_, k) => rows.reduce((sum, row) => sum + row[k], 0) / rows.length);
const unit = (v: number[]) => v.map((x) => x / Math.hypot(...v));
function close(got: ArrayLike<number>, want: readonly number[]): void {
  expect(got.length).toBe(want.length);
  want.forEach((w, i) => {
    expect(Math.abs(got[i] - w)).toBeLessThan(1e-5);
  });
}

describe("sentence embeddings", () => {
  it("are the mean over a text's own tokens, of length 1, whatever the batch", async () => {
    const [model, tokenizer] = [await AutoModel.fromPretrained(folder), await AutoTokenizer.fromPretrained(folder)];
    for (const batchSize of [1, 2, 32]) {
      const vectors = sentenceEmbeddings(model, tokenizer, TEXTS, { batchSize });
      for (const [i, text] of TEXTS.entries()) close(vectors[i], unit(mean(await alone(text))));
    }
    const first = sentenceEmbeddings(model, tokenizer, TEXTS, { pooling: "cls", normalize: false });
    for (const [i, text] of TEXTS.entries()) close(first[i], (await alone(text))[0]);
    expect(sentenceEmbeddings(model, tokenizer, [])).toEqual([]);
  });
  it("come out of predict as Transformers' pipeline gives them, or pooled", async () => {
    const extract = await pipeline("feature-extraction", folder);
    const states = (await extract(TEXTS)) as number[][][][];
    for (const [i, text] of TEXTS.entries()) {
      const want = await alone(text);
      expect(states[i]).toHaveLength(1);
      expect(states[i][0]).toHaveLength(want.length);
      for (const [k, row] of want.entries()) close(states[i][0][k], row);
    }
    const { status, json } = await run(`predict ${folder} "${TEXTS[0]}" --pooling mean --normalize --json`);
    expect(status).toBe(0);
    close(json[0], unit(mean(await alone(TEXTS[0]))));
    const first = await run(`predict ${folder} "${TEXTS[0]}" --pooling cls`);
    expect(first.status).toBe(0);
    expect(first.stdout.trim().split(" ")).toHaveLength(16);
  });
  it("are held against numbers for pairs", async () => {
    const [who, what] = [
      ["a cat", "a dog", "home"],
      ["sat", "ran", "sat home", "ran home"],
    ];
    const pairs = who.flatMap((x, i) => what.map((y, j) => [`${x} ${y}`, `${who[(i + j) % 3]} ${y}`, String(4 - j)]));
    const data = join(folder, "pairs.csv");
    writeFileSync(data, pairs.map((row) => row.join(",")).join("\n"));
    const scores = await Promise.all(
      pairs.map(async ([a, b]) => {
        const [x, y] = [unit(mean(await alone(a))), unit(mean(await alone(b)))];
        return x.reduce((sum, v, i) => sum + v * y[i], 0);
      }),
    );
    const similar = await loadModel(folder, "sentence-similarity");
    const found = (await similar.predict(pairs.map(([a, b]) => `${a}\t${b}`))) as { score: number }[];
    close(
      found.map((f) => f.score),
      scores,
    );
    const { metrics, task } = await (await loadModel(folder)).evaluate({ data });
    const labels = pairs.map((row) => Number(row[2]));
    // The vectors of a model of waves lie close together: correlations of the same cosines, not of ones that are near.
    const own = found.map((f) => f.score);
    expect(task).toBe("sentence-similarity");
    expect(metrics.pearson).toBeCloseTo(pearson(own, labels), 6);
    expect(metrics.spearmanr).toBeCloseTo(spearman(own, labels), 6);
    expect(await similar.predictFile(data, {})).toEqual(found);
    await expect(similar.predict(["one text"])).rejects.toThrow(/"one text" is no pair/);
  });
  it("refuses what it cannot do", async () => {
    await expect(pipeline("feature-extraction", join(folder, "none"))).rejects.toThrow();
    const data = join(folder, "pairs.csv");
    expect(await run(`train feature-extraction --data ${data} --output ${join(folder, "o")}`)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/has no training of its own/),
    });
    writeFileSync(join(folder, "texts.csv"), "text,label\na cat,x\na dog,y\n");
    expect((await run(`evaluate ${folder} --data ${join(folder, "texts.csv")}`)).status).toBe(1);
    expect((await run(`predict ${folder} "a\tb" --task sentence-similarity --pooling cls`)).status).toBe(2);
    expect((await run(`predict ${folder} a --pooling max`)).status).toBe(2);
  });
});
