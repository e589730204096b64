/// <reference types="vite/client" />
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { OptionError } from "../../src/backend/options.ts";
import { memory, noGrad, tensor } from "../../src/index.ts";
import type { CausalLm } from "../../src/models/causal-lm.ts";
import { gpt2 } from "../../src/models/gpt2/index.ts";
import {
  AutoModelForCausalLM,
  beamSearch,
  beamSearchSeq2Seq,
  GenerationConfig,
  GenerationError,
  type GenerationOptions,
  generate,
  generateSeq2Seq,
  nextProbabilities,
  type PreTrainedModel,
  type Seq2SeqLm,
} from "../../src/models/index.ts";
import { llama } from "../../src/models/llama/index.ts";
import { t5 } from "../../src/models/t5/index.ts";
import { temporaryFolder } from "../folder.ts";

// biome-ignore lint/suspicious/noExplicitAny: as the script wrote it
const files: Record<string, any> = import.meta.glob("./recorded/generation.json", { eager: true, import: "default" });
const [recorded] = Object.values(files) as [{ texts: Text[]; drawn: { options: object; p: number[] }[] }];

const folder = temporaryFolder();

// The configurations of scripts/record/generation.py.
const SPECIAL = { pad_token_id: 0, bos_token_id: 1, eos_token_id: 2, vocab_size: 30 };
const CONFIGS = {
  gpt2: { ...SPECIAL, n_positions: 40, n_embd: 16, n_layer: 2, n_head: 2, tie_word_embeddings: false },
  llama: {
    ...{ ...SPECIAL, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 4 },
    ...{ num_key_value_heads: 2, max_position_embeddings: 40 },
  },
  t5: {
    ...{ ...SPECIAL, d_model: 16, d_kv: 6, d_ff: 24, num_layers: 2, num_heads: 4, dropout_rate: 0 },
    ...{ relative_attention_num_buckets: 8, relative_attention_max_distance: 12, decoder_start_token_id: 0 },
    tie_word_embeddings: true,
  },
};
const FAMILIES = { gpt2, llama, t5 };

/** A model of the script's waves. */
function make(name: keyof typeof CONFIGS, push = 0): PreTrainedModel {
  const { config, heads } = FAMILIES[name];
  const Model = name === "t5" ? heads.seq2seqLm : heads.causalLm;
  if (Model === undefined) throw new Error(`no ${name}`);
  const model = new Model(config.parse({ model_type: name, ...CONFIGS[name] }));
  const named = [...model.namedParameters()].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [k, [of, p]] of named.entries()) {
    const isScale = of.endsWith("weight") && p.ndim === 1;
    const size = isScale || p.ndim === 1 ? 0.2 : 0.6;
    p.detach().copy_(
      Float32Array.from({ length: p.numel }, (_, i) => (isScale ? 1 : 0) + size * Math.cos(0.7 * i + k)),
    );
  }
  const row = noGrad(() => model.stateDict().get("lm_head.weight")?.detach().select(0, 2));
  noGrad(() => row?.copy_(row.data().map((x, i) => x + push * Math.cos(i)) as Float32Array));
  return model.eval() as PreTrainedModel;
}
const camel = (o: object) =>
  Object.fromEntries(Object.entries(o).map(([k, v]) => [k.replace(/_([a-z])/g, (_, c) => c.toUpperCase()), v]));

interface Text {
  model: keyof typeof CONFIGS;
  push: number;
  prompt: number[];
  options: object;
  ids: number[][];
  scores?: number[];
}

describe.each(["gpt2", "llama", "t5"] as const)("%s", (name) => {
  it.each([0, 1.5])("writes what Transformers writes under every option, the end pushed by %f", (push) => {
    const model = make(name, push);
    // Tables of positions are made at first use.
    if (name !== "t5") generate(model as unknown as CausalLm, [[3]], { maxNewTokens: 1 });
    const before = memory().liveTensors;
    const texts = recorded.texts.filter((t) => t.model === name && t.push === push);
    expect(texts.length).toBeGreaterThan(60);
    for (const { prompt, options, ids, scores } of texts) {
      const label = JSON.stringify([prompt, options]);
      const given = camel(options) as GenerationOptions;
      if (name === "t5") {
        const inputIds = tensor(Int32Array.from(prompt), [1, prompt.length]);
        expect(generateSeq2Seq(model as unknown as Seq2SeqLm, { inputIds }, given), label).toEqual(ids);
        if (scores !== undefined) {
          const found = beamSearchSeq2Seq(model as unknown as Seq2SeqLm, { inputIds }, given)[0];
          scores.forEach((score, i) => void expect(found[i].score / score, label).toBeCloseTo(1, 5));
        }
        inputIds.dispose();
        continue;
      }
      const lm = model as unknown as CausalLm;
      expect(generate(lm, [prompt], given), label).toEqual(ids);
      if (scores !== undefined) {
        const found = beamSearch(lm, prompt, given as never);
        scores.forEach((score, i) => void expect(found[i].score / score, label).toBeCloseTo(1, 5));
      } else expect(generate(lm, [[3, 4], prompt, [8]], { ...given, batchSize: 3 })[1], label).toEqual(ids[0]);
    }
    expect(memory().liveTensors).toBe(before);
  });
});

describe("sampling", () => {
  const logits = () =>
    Float64Array.from({ length: 40 }, (_, i) => Math.fround(3 * Math.cos(1.3 * i) + Math.cos(0.37 * i * i)));
  it("draws from what Transformers draws from", () => {
    for (const { options, p } of recorded.drawn) {
      const got = nextProbabilities(logits(), [], { topK: 50, ...camel(options) });
      p.forEach((want, i) => void expect(got[i], `${JSON.stringify(options)} ${i}`).toBeCloseTo(want, 5));
      expect([...got].map((x) => x > 0)).toEqual(p.map((x) => x > 0));
    }
  });
  const lm = () => make("gpt2") as unknown as CausalLm;
  it("draws several texts for a prompt, each its own, the first as alone", () => {
    const o = { doSample: true, seed: 4, maxNewTokens: 9, eosTokenId: null } as const;
    const many = generate(lm(), [[5], [7, 8]], { ...o, numReturnSequences: 3 });
    expect(many).toHaveLength(6);
    expect(many[0]).toEqual(generate(lm(), [[5]], o)[0]);
    expect(many[3]).toEqual(generate(lm(), [[7, 8]], o)[0]);
    expect(new Set(many.map(String)).size).toBeGreaterThan(4);
    const t5Model = make("t5") as unknown as Seq2SeqLm;
    const inputIds = tensor(Int32Array.of(5, 6, 7, 8, 9, 10), [2, 3]);
    const written = generateSeq2Seq(t5Model, { inputIds }, { ...o, numReturnSequences: 3 });
    expect(written).toHaveLength(6);
    expect(new Set(written.map(String)).size).toBeGreaterThan(4);
  });
  it("has Transformers' top_k of 50 and temperature of 1", () => {
    const o = { doSample: true, seed: 1, maxNewTokens: 12, eosTokenId: null } as const;
    expect(generate(lm(), [[5]], o)).toEqual(generate(lm(), [[5]], { ...o, topK: 50, temperature: 1, topP: 1 }));
    expect(generate(lm(), [[5]], o)).toEqual(generate(lm(), [[5]], { ...o, topK: 0 }));
    expect(generate(lm(), [[5]], { ...o, topK: 1 })).toEqual(
      generate(lm(), [[5]], { maxNewTokens: 12, eosTokenId: null }),
    );
  });
});

describe("what is asked for is heard or refused", () => {
  const lm = make("gpt2") as unknown as CausalLm;
  const ask = (o: object, model = lm) => generate(model, [[5, 9]], o as GenerationOptions);
  it.each([
    ["temperature", 0.7],
    ["temperature", 1],
    ["topK", 5],
    ["topP", 0.9],
    ["minP", 0.1],
    ["topH", 0.5],
    ["typicalP", 0.5],
    ["epsilonCutoff", 0.01],
    ["etaCutoff", 0.01],
  ])("%s without doSample throws and names it", (name, value) => {
    expect(() => ask({ [name]: value })).toThrow(new RegExp(`^${name} is an option of sampling`));
    expect(() => ask({ [name]: value, doSample: false })).toThrow(GenerationError);
    expect(() => beamSearch(lm, [5], { [name]: value } as never)).toThrow(name);
    const inputIds = tensor(Int32Array.of(5, 6), [1, 2]);
    const t5Model = make("t5") as unknown as Seq2SeqLm;
    expect(() => generateSeq2Seq(t5Model, { inputIds }, { [name]: value })).toThrow(name);
    expect(ask({ [name]: value, doSample: true, maxNewTokens: 2 })[0].length).toBeGreaterThan(0);
  });
  it.each([
    [{ temperature: 0, doSample: true }, /temperature is 0/],
    [{ temperature: -1, doSample: true }, /temperature is -1/],
    [{ temperature: Number.NaN, doSample: true }, /temperature is NaN/],
    [{ topP: 0, doSample: true }, /topP is 0/],
    [{ topP: 1.2, doSample: true }, /topP is 1.2/],
    [{ topK: -1, doSample: true }, /topK is -1/],
    [{ minP: 2, doSample: true }, /minP is 2/],
    [{ typicalP: 0, doSample: true }, /typicalP is 0/],
    [{ repetitionPenalty: 0 }, /repetitionPenalty is 0/],
    [{ repetitionPenalty: "2" }, /repetitionPenalty is 2/],
    [{ maxNewTokens: -1 }, /maxNewTokens is -1/],
    [{ maxNewTokens: 1.5 }, /maxNewTokens is 1.5/],
    [{ maxLength: 2 }, /maxLength is 2, but there are 2 tokens already/],
    [{ maxLength: 9, maxNewTokens: 3 }, /maxNewTokens and maxLength/],
    [{ minLength: 9, minNewTokens: 3 }, /minNewTokens and minLength/],
    [{ minNewTokens: 9, maxNewTokens: 3 }, /minNewTokens is 9/],
    [{ noRepeatNgramSize: -2 }, /noRepeatNgramSize is -2/],
    [{ numBeams: 0 }, /numBeams is 0/],
    [{ numBeams: 2, doSample: true }, /doSample with several beams/],
    [{ numBeams: 2, onToken: () => {} }, /onToken with several beams/],
    [{ lengthPenalty: 2 }, /lengthPenalty is of beam search/],
    [{ earlyStopping: true }, /earlyStopping is of beam search/],
    [{ numReturnSequences: 2 }, /numReturnSequences is 2, but there is one likeliest text/],
    [{ numReturnSequences: 3, numBeams: 2 }, /there are 2 beams/],
    [{ doSample: 1 }, /doSample is 1/],
    [{ badWordsIds: [[]] }, /badWordsIds has an empty entry/],
    [{ badWordsIds: [[30]] }, /token 30 is outside the vocabulary of 30/],
    [{ badWordsIds: [4] }, /badWordsIds: expected/],
    [{ suppressTokens: 4 }, /suppressTokens: expected a list/],
    [{ eosTokenId: 30 }, /token 30 is outside/],
    [{ sequenceBias: [[4, 1]] }, /sequenceBias|list of token ids/],
    [{ stopStrings: "." }, /stopStrings need the tokenizer/],
    [{ seed: -1 }, /seed is -1/],
    [{ batchSize: 0 }, /batchSize is 0/],
    [{ suppressTokens: Array.from({ length: 30 }, (_, i) => i) }, /no token is left/],
  ])("%o", (options, message) => {
    expect(() => ask(options)).toThrow(message);
    expect(() => ask(options)).toThrow(GenerationError);
  });
  it.each([
    ["maxNewToken", /unknown option maxNewToken/, /Did you mean maxNewTokens\?/],
    ["num_beams", /unknown option num_beams/, /numBeams/],
    ["temprature", /unknown option temprature/, /temperature/],
    ["numBeamGroups", /numBeamGroups is not supported/, /no more/],
    ["assistantModel", /assistantModel is not supported/, /alone/],
    ["guidanceScale", /guidanceScale is not supported/, /one prompt/],
    ["maxTime", /maxTime is not supported/, /onToken/],
    ["outputScores", /outputScores is not supported/, /beamSearch/],
    ["watermarkingConfig", /watermarkingConfig is not supported/, /marked/],
    ["logitsProcessor", /logitsProcessor is not supported/, /suppressTokens/],
  ])("%s is refused by name", (name, message, hint) => {
    const value = 3;
    expect(() => ask({ [name]: value })).toThrow(OptionError);
    expect(() => ask({ [name]: value })).toThrow(message);
    try {
      ask({ [name]: value });
    } catch (error) {
      expect((error as OptionError).hint).toMatch(hint);
    }
  });
  it("values that ask for nothing are no matter", () => {
    const plain = ask({ maxNewTokens: 4 });
    for (const o of [
      { useCache: true },
      { outputScores: false },
      { guidanceScale: 1 },
      { numBeamGroups: 1 },
      { padTokenId: 0 },
    ])
      expect(ask({ maxNewTokens: 4, ...o })).toEqual(plain);
    expect(() => ask({ useCache: false })).toThrow(/useCache is not supported/);
    expect(ask({ maxNewTokens: 4, temperature: 0 })).toEqual(plain);
    for (const odd of [null, 3, [], "greedy"]) expect(() => ask(odd as never)).toThrow(/expected an object of options/);
  });
  it("ends at a string in what is written, alone, together and by beams", () => {
    const tokenizer = { decode: (ids: readonly number[]) => ids.map((id) => `<${id}>`).join("") };
    const whole = ask({ maxNewTokens: 12, eosTokenId: null })[0];
    const at = whole.findIndex((id, i) => i > 2 && whole.indexOf(id) === i);
    const stopStrings = [`${whole[at - 1]}><${whole[at]}>`, "nowhere"];
    expect(ask({ maxNewTokens: 12, eosTokenId: null, stopStrings, tokenizer })).toEqual([whole.slice(0, at + 1)]);
    const beams = beamSearch(lm, [5, 9], {
      numBeams: 3,
      maxNewTokens: 12,
      eosTokenId: null,
      stopStrings: "1>",
      tokenizer,
    });
    for (const { ids } of beams) {
      const text = tokenizer.decode(ids);
      if (text.includes("1>")) expect(text.indexOf("1>")).toBe(text.length - 2);
    }
  });
});

describe("generation_config.json", () => {
  const saved = (json: unknown, name = "gpt2" as keyof typeof CONFIGS) => {
    const model = make(name);
    model.savePretrained(folder);
    writeFileSync(join(folder, "generation_config.json"), typeof json === "string" ? json : JSON.stringify(json));
    return AutoModelForCausalLM.fromPretrained(folder) as unknown as Promise<CausalLm & PreTrainedModel>;
  };
  it("says how texts are written where the caller does not", async () => {
    const bare = make("gpt2") as unknown as CausalLm;
    const model = await saved({
      eos_token_id: [13, 2],
      max_new_tokens: 7,
      repetition_penalty: 1.3,
      transformers_version: "5.24.0",
    });
    const want = generate(bare, [[5]], { eosTokenId: [13, 2], maxNewTokens: 7, repetitionPenalty: 1.3 });
    expect(generate(model, [[5]])).toEqual(want);
    expect(generate(model, [[5]], { maxNewTokens: 3, eosTokenId: null, repetitionPenalty: 1 })).toEqual(
      generate(bare, [[5]], { maxNewTokens: 3, eosTokenId: null }),
    );
    // The caller's way of saying how long wins over the folder's.
    expect(generate(model, [[5]], { maxLength: 3, eosTokenId: null })[0]).toHaveLength(2);
    const length = await saved({ max_length: 6, eos_token_id: null });
    expect(generate(length, [[5, 6]])[0]).toHaveLength(4);
    // Without the key, the configuration's end token; without the file too, and 20 new tokens.
    const end = generate(bare, [[5]], { maxNewTokens: 9, eosTokenId: null })[0][4];
    bare.config !== undefined && Object.assign(bare.config, { eosTokenId: end });
    expect(generate(bare, [[5]])[0].at(-1)).toBe(end);
    expect(generate(bare, [[5]], { eosTokenId: null })[0]).toHaveLength(20);
  });
  it("draws if it says so, and its advice about drawing is none for who does not", async () => {
    const model = await saved({ do_sample: true, temperature: 0.6, top_p: 0.9, eos_token_id: null });
    const bare = make("gpt2") as unknown as CausalLm;
    const drawn = { doSample: true, temperature: 0.6, topP: 0.9, eosTokenId: null, seed: 3 } as const;
    expect(generate(model, [[5]], { seed: 3 })).toEqual(generate(bare, [[5]], drawn));
    expect(generate(model, [[5]], { seed: 3, topK: 2 })).toEqual(generate(bare, [[5]], { ...drawn, topK: 2 }));
    const greedy = generate(bare, [[5]], { eosTokenId: null });
    expect(generate(model, [[5]], { doSample: false })).toEqual(greedy);
    expect(generate(model, [[5]], { temperature: 0 })).toEqual(greedy);
    expect(generate(await saved({ temperature: 0.6, top_k: 20, eos_token_id: null }), [[5]])).toEqual(greedy);
    expect(() => generate(model, [[5]], { numBeams: 2 })).toThrow(/several beams/);
    expect(generate(model, [[5]], { numBeams: 2, doSample: false })[0]).toHaveLength(20);
  });
  it("is kept by saving", async () => {
    const json = { eos_token_id: [3, 2], do_sample: true, top_p: 0.9, trace: "kept", cache_implementation: "static" };
    const warned = vi.spyOn(console, "warn").mockReturnValue(undefined);
    const model = await saved(json);
    expect(warned.mock.calls.flat().join("")).toMatch(/unknown keys are not used: trace/);
    warned.mockRestore();
    rmSync(join(folder, "generation_config.json"));
    model.savePretrained(folder);
    expect(JSON.parse(readFileSync(join(folder, "generation_config.json"), "utf8"))).toEqual(json);
  });
  it("is read with care", async () => {
    await expect(saved({ temperature: "hot" })).rejects.toThrow(/generation_config.json: temperature: found "hot"/);
    await expect(saved({ eos_token_id: [1.5] })).rejects.toThrow(/eos_token_id/);
    await expect(saved("{")).rejects.toThrow(/not JSON/);
    await expect(saved("[]")).rejects.toThrow(/expected an object/);
    const guided = await saved({ guidance_scale: 3 });
    expect(() => generate(guided, [[5]])).toThrow(/guidance_scale 3 is not supported/);
    const lines: string[] = [];
    const say = (text: string) => void lines.push(text);
    GenerationConfig.fromJson(
      { temprature: 2, pad_token_id: -1, use_cache: true, _from_model_config: true },
      "x.json",
      say,
    );
    expect(lines).toEqual(["warning: x.json: unknown keys are not used: temprature (temperature?)"]);
  });
});
