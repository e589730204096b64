import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { memory } from "../../src/index.ts";
import { T5ForConditionalGeneration, t5Config } from "../../src/models/index.ts";
import { loadModel, pipeline } from "../../src/tasks/index.ts";
import { makePairTokenizer } from "../../src/tasks/translation/tokenizer.ts";
import { AutoTokenizer } from "../../src/text/index.ts";
import { temporaryFolder } from "../folder.ts";
import { run } from "../run.ts";

const folder = temporaryFolder();
const at = (name: string) => join(folder, name);

/** Sentences of a language of seven words, and of one that says the first of them last. */
const WORDS = { red: "rot", dog: "Hund", sees: "sieht", a: "ein", big: "gross", cat: "Katze", house: "Haus" };
function sentences(count: number, seed: number): { source: string; target: string }[] {
  const words = Object.keys(WORDS) as (keyof typeof WORDS)[];
  let state = seed + 1;
  const next = (n: number) => {
    state = (state * 48271) % 0x7fffffff;
    return state % n;
  };
  return Array.from({ length: count }, () => {
    const picked = Array.from({ length: 1 + next(5) }, () => words[next(7)]);
    return {
      source: picked.join(" "),
      target: [...picked.slice(1), picked[0]].map((word) => WORDS[word]).join(" "),
    };
  });
}
function corpus(name: string): string {
  mkdirSync(at(name));
  for (const [part, count, seed] of [
    ["train", 2400, 0],
    ["val", 40, 1],
    ["test", 100, 2],
  ] as const) {
    const pairs = sentences(count, seed);
    writeFileSync(at(`${name}/${part}.en`), `${pairs.map((p) => p.source).join("\n")}\n`);
    writeFileSync(at(`${name}/${part}.de`), `${pairs.map((p) => p.target).join("\n")}\n`);
  }
  return at(name);
}
const data = corpus("parallel");
const SMALL = "--vocab-size 60 --hidden-size 64 --dropout 0 --ema-decay 0 --json";
const train = (output: string, more: string) =>
  run(`train translation --data ${data} --output ${at(output)} ${SMALL} ${more}`);

describe.each([
  ["transformer", "MarianMTModel", "--layers 2 --warmup-steps 30 --learning-rate 3e-3"],
  ["lstm-attention", "LstmAttentionForConditionalGeneration", "--embedding-size 64 --learning-rate 5e-3"],
])("translation with %s", (preset, architecture, settings) => {
  const options = `--model ${preset} ${settings} --batch-size 16 --label-smoothing-factor 0`;
  it("learns to turn sentences, is measured, and translates", async () => {
    const { status, stderr, json: report } = await train(preset, `${options} --epochs 7`);
    expect(stderr).toMatch(/en.*de.*2,400 pairs to train on, 40 to validate/s);
    expect(status).toBe(0);
    expect(report).toMatchObject({ task: "translation", model: preset, epochs: 7, steps: 1050 });
    expect(report.validation.bleu).toBeGreaterThan(60);
    expect(report.validation.chrf).toBeGreaterThan(80);
    expect(JSON.parse(readFileSync(at(`${preset}/config.json`), "utf8")).architectures).toEqual([architecture]);
    expect(JSON.parse(readFileSync(at(`${preset}/generation_config.json`), "utf8"))).toMatchObject({ num_beams: 4 });

    const measured = await run(`evaluate ${at(preset)} --data ${data} --json --quiet`);
    expect(measured.json).toMatchObject({ task: "translation", examples: 100 });
    expect(measured.json.metrics.bleu).toBeGreaterThan(50);

    // What a model of this size says of one sentence differs from one instruction set to the next: its form and words do not.
    const german = new RegExp(`^(${Object.values(WORDS).join("|")}| )+$`);
    const { json: texts } = await run(`predict ${at(preset)} "a big dog" "red cat" --json`);
    expect(texts).toEqual([
      { translation_text: expect.stringMatching(german) },
      { translation_text: expect.stringMatching(german) },
    ]);
    expect((await run(`predict ${at(preset)} "a big dog"`)).stdout).toBe(`${texts[0].translation_text}\n`);
    expect((await run(`predict ${at(preset)} "a big dog" --num-beams 1`)).stdout.trim()).toMatch(german);
    const translate = await pipeline("translation_en_to_de", at(preset));
    expect(await translate(["red cat"])).toEqual([texts[1]]);
    // Alone or beside others, in any order.
    const model = await loadModel(at(preset));
    await model.predict(["red cat"]);
    const held = memory().liveTensors;
    const more = sentences(12, 4).map((p) => p.source);
    const together = await model.predict(more);
    expect(await model.predict([...more].reverse())).toEqual([...together].reverse());
    expect(await model.predict([more[5]])).toEqual([together[5]]);
    expect(memory().liveTensors).toBe(held);
  }, 60_000);

  it("resumes to the same bits", async () => {
    const more = `${options} --epochs 2 --save-steps 10 --range 0:200`;
    await train(`${preset}-whole`, more);
    await train(`${preset}-cut`, more);
    const final = readFileSync(at(`${preset}-whole/model.safetensors`));
    for (const gone of ["run.json", "model.safetensors", "README.md", "checkpoint-26", "checkpoint-20"])
      rmSync(at(`${preset}-cut/${gone}`), { recursive: true, force: true });
    expect((await train(`${preset}-cut`, `${more} --resume`)).status).toBe(0);
    expect(readFileSync(at(`${preset}-cut/model.safetensors`)).equals(final)).toBe(true);
  }, 60_000);
});

describe("translation", () => {
  /** An untrained T5 that writes as its own generation_config.json says. */
  async function untrained(name: string): Promise<string> {
    const pairs = sentences(60, 0);
    const tokenizer = await makePairTokenizer("word", [...pairs.flatMap((p) => [p.source, p.target]), "translate :"]);
    const { vocabSize, padTokenId, eosTokenId } = tokenizer;
    const shape = { dModel: 16, dKv: 8, dFf: 32, numLayers: 1, numHeads: 2 };
    const config = t5Config.make({ vocabSize, padTokenId, eosTokenId, decoderStartTokenId: padTokenId, ...shape });
    new T5ForConditionalGeneration(config).savePretrained(at(name));
    tokenizer.savePretrained(at(name));
    writeFileSync(at(`${name}/generation_config.json`), JSON.stringify({ num_beams: 3, max_length: 9 }));
    return at(name);
  }

  it("fine-tunes a T5 with a prefix, with an adapter, and a model of its own", async () => {
    await untrained("t5");
    const tune = (model: string, output: string, more = "") => {
      const common = `--data ${data} --max-steps 6 --eval-steps 3 --json`;
      return run(`train translation --model ${at(model)} --output ${at(output)} ${common} ${more}`);
    };
    const tuned = await tune("t5", "tuned", '--source-prefix "translate : " --learning-rate 1e-2');
    expect(tuned.status).toBe(0);
    expect(tuned.json).toMatchObject({ steps: 6, model: at("t5") });
    expect(JSON.parse(readFileSync(at("tuned/run.json"), "utf8")).settings).toMatchObject({
      ...{ sourcePrefix: "translate : ", sourceLanguage: "en", targetLanguage: "de" },
    });
    expect(await (await loadModel(at("tuned"))).predict(["a dog"])).toHaveLength(1);
    // What the checkpoint says of writing goes along, keys that mean nothing here too.
    expect(readFileSync(at("tuned/generation_config.json"))).toEqual(readFileSync(at("t5/generation_config.json")));
    const adapted = await tune("t5", "adapted", "--lora 2 --freeze nothing|shared");
    expect(adapted.status).toBe(0);
    expect(adapted.stderr).toMatch(/parameters learn/);
    expect((await tune("adapted", "again")).status).toBe(0);
  }, 60_000);

  it("writes a tokenizer that ends each text and opens again", async () => {
    const texts = sentences(60, 0).flatMap((p) => [p.source, p.target]);
    for (const kind of ["unigram", "bpe", "word", "character"]) {
      const size = kind === "bpe" ? 300 : 60;
      const made = await makePairTokenizer(kind, texts, size);
      expect(made.padTokenId).toBe(0);
      const { inputIds } = made.encode("a big dog");
      expect(inputIds.at(-1)).toBe(made.eosTokenId);
      expect(made.decode(inputIds)).toBe("a big dog");
      made.savePretrained(at(`tokenizer-${kind}`));
      const again = await AutoTokenizer.fromPretrained(at(`tokenizer-${kind}`));
      expect(again.encode("a big dog").inputIds).toEqual(inputIds);
      expect((await makePairTokenizer(at(`tokenizer-${kind}`), [])).encode("a big dog").inputIds).toEqual(inputIds);
    }
  });

  it.each([
    ["--model rnn", /no preset rnn/, /lstm-attention, transformer/],
    ["--source-language fr", /fr/, /de, en|en, de/],
    ["--tokenizer nowhere", /nowhere/, undefined],
    ["--model transformer --hidden-size 33 --heads 2", /does not divide d_model 33/, undefined],
    ["--range 9000:9500", /no pairs/, undefined],
    ["--validation none --range 0:0", /--range 0:0/, undefined],
  ])("says what is wrong with %s", async (more, error, hint) => {
    const { status, stderr } = await train("wrong", more);
    expect(status).toBe(1);
    expect(stderr).toMatch(error);
    if (hint) expect(stderr).toMatch(hint);
  });

  it("says what is wrong with what it is asked to translate", async () => {
    await untrained("asked");
    expect((await run(`predict ${at("asked")} "a dog" --num-beams 0`)).stderr).toMatch(/--num-beams is 0/);
    expect((await run(`predict ${at("asked")} "a dog" --pooling cls`)).stderr).toMatch(
      /--pooling is not for translation\nhint: It is for feature-extraction/,
    );
    writeFileSync(at("one.tsv"), "text\nonly one column\n");
    expect((await run(`evaluate ${at("asked")} --data ${at("one.tsv")}`)).status).toBe(1);
  });
});
