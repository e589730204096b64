import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { openWeights, type TensorSource, writePyTorch, writeSafetensors } from "../../../src/formats/index.ts";
import { noGrad, type Tensor, tensor } from "../../../src/index.ts";
import {
  AutoConfig,
  AutoModel,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  autoModels,
  BertForMaskedLM,
  BertForSequenceClassification,
  BertModel,
  bertConfig,
  distilBertConfig,
  electraConfig,
  MarianMTModel,
  marianConfig,
  mt5Config,
  type PreTrainedModel,
  RobertaForMaskedLM,
  RobertaModel,
  robertaConfig,
  T5ForConditionalGeneration,
  t5Config,
} from "../../../src/models/index.ts";
import { Seq2SeqModel } from "../../../src/models/pretrained/seq2seq.ts";
import { temporaryFolder } from "../../folder.ts";
import { fill } from "./recorded.ts";

const root = temporaryFolder();
let made = 0;
const newFolder = () => {
  const folder = join(root, String(made++));
  mkdirSync(folder, { recursive: true });
  return folder;
};

const SMALL = {
  vocabSize: 20,
  hiddenSize: 8,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 6,
  maxPositionEmbeddings: 8,
};
const T5 = { vocabSize: 20, dModel: 8, dKv: 4, dFf: 6, numLayers: 1, numHeads: 2 };
const MARIAN = {
  ...{
    vocabSize: 20,
    dModel: 8,
    encoderLayers: 1,
    decoderLayers: 1,
    encoderAttentionHeads: 2,
    decoderAttentionHeads: 2,
  },
  ...{ encoderFfnDim: 6, decoderFfnDim: 6, maxPositionEmbeddings: 8, padTokenId: 19, decoderStartTokenId: 19 },
};
const save = (model: PreTrainedModel): string => {
  const folder = newFolder();
  fill(model).savePretrained(folder);
  return folder;
};
const read = (folder: string) => JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
const text = (folder: string) => readFileSync(join(folder, "config.json"), "utf8");
const change = (folder: string, keys: object) =>
  writeFileSync(join(folder, "config.json"), JSON.stringify({ ...read(folder), ...keys }));
/** Writes the weights again, each under the names that `rename` gives it. */
function rewrite(folder: string, rename: (name: string) => readonly string[], more: Record<string, TensorSource> = {}) {
  const tensors = new Map<string, TensorSource>();
  {
    using file = openWeights(folder);
    for (const name of file.names())
      for (const other of rename(name))
        tensors.set(other, {
          shape: file.info(name).shape,
          data: Float32Array.from(file.read(name).data as Float32Array),
        });
  }
  writeSafetensors(join(folder, "model.safetensors"), new Map([...tensors, ...Object.entries(more)]), { format: "pt" });
}
const ids = () => tensor(Int32Array.of(5, 6, 7, 8, 9, 10), [2, 3]);
const answer = (model: unknown, key = "logits"): number[] =>
  noGrad(() => {
    const inputs = { inputIds: ids(), ...(model instanceof Seq2SeqModel && { decoderInputIds: ids() }) };
    return [...(model as { forward(x: object): Record<string, Tensor> }).forward(inputs)[key].data()];
  });
const bert = () => new BertForSequenceClassification(bertConfig.make(SMALL));
const quiet = { quiet: true } as const;

describe("keys of a configuration", () => {
  it.each<[string, object, RegExp]>([
    ["quantization_config", { quantization_config: { bits: 4 } }, /quantization_config: .*not supported/],
    ["is_decoder", { is_decoder: true }, /is_decoder: true is not supported/],
    ["add_cross_attention", { add_cross_attention: true }, /add_cross_attention/],
    ["relative positions", { position_embedding_type: "relative_key_query" }, /position_embedding_type: "relative_key/],
    ["pruned heads", { pruned_heads: { 1: [0] } }, /pruned_heads/],
    ["tied stacks", { tie_encoder_decoder: true }, /tie_encoder_decoder/],
    ["layers of several sizes", { per_layer_config: { 1: { hidden_size: 4 } } }, /per_layer_config/],
    ["an activation with weights", { hidden_act: "prelu" }, /hidden_act: found "prelu"/],
    ["padding past the vocabulary", { pad_token_id: 20 }, /pad_token_id 20 is outside vocab_size 20/],
    ["no token types", { type_vocab_size: 0 }, /type_vocab_size: found 0/],
    ["null where a number must be", { layer_norm_eps: null }, /layer_norm_eps: found null/],
    ["one class among many", { problem_type: "single_label_classification", num_labels: 1 }, /needs two labels/],
  ])("refuse by name: %s", async (_, keys, message) => {
    const folder = save(bert());
    change(folder, { id2label: undefined, label2id: undefined, ...keys });
    await expect(AutoModelForSequenceClassification.fromPretrained(folder, quiet)).rejects.toThrow(message);
    await expect(AutoConfig.fromPretrained(folder, quiet)).rejects.toThrow(message);
  });

  it("refuse Marian's of the time when it was read as BART, and T5's stacks that are one", () => {
    for (const [key, value] of Object.entries({
      ...{ normalize_embedding: true, normalize_before: true, add_final_layer_norm: true, add_bias_logits: true },
      ...{ static_position_embeddings: false, is_decoder: true, encoder_layerdrop: 0.1 },
    }))
      expect(() => marianConfig.parse({ [key]: value }), key).toThrow(new RegExp(key));
    expect(() => t5Config.parse({ tie_encoder_decoder: true })).toThrow(/tie_encoder_decoder/);
    expect(() => t5Config.parse({ feed_forward_proj: "gated-prelu" })).toThrow(/feed_forward_proj/);
    expect(() => distilBertConfig.parse({ is_decoder: true })).toThrow(/is_decoder/);
  });

  it("that change nothing are kept and not mentioned; those that nobody knows are told, with the nearest", async () => {
    const folder = save(bert());
    const harmless = {
      use_cache: true,
      torchscript: false,
      chunk_size_feed_forward: 3,
      pooler_type: "first_token_transform",
    };
    change(folder, {
      ...harmless,
      output_attentions: true,
      finetuning_task: "sst2",
      is_decoder: false,
      pruned_heads: {},
    });
    const warn = vi.fn();
    const model = await AutoModelForSequenceClassification.fromPretrained(folder, { warn });
    expect(warn).not.toHaveBeenCalled();
    model.savePretrained(join(folder, "again"));
    expect(read(join(folder, "again"))).toMatchObject(harmless);
    change(folder, { hidden_droput_prob: 0, wings: 2 });
    await AutoModelForSequenceClassification.fromPretrained(folder, { warn });
    expect(warn).toHaveBeenCalledOnce();
    expect(warn.mock.calls[0][0]).toMatch(
      /hidden_droput_prob is not known here, and not used. Did you mean hidden_dropout_prob\?/,
    );
    expect(warn.mock.calls[0][0]).toMatch(/the key wings is not known here/);
    await AutoConfig.fromPretrained(folder, { warn });
    expect(warn).toHaveBeenCalledTimes(2);
    const said = vi.spyOn(console, "warn").mockImplementation(() => {});
    await AutoModelForSequenceClassification.fromPretrained(folder, quiet);
    expect(said).not.toHaveBeenCalled();
    await AutoModelForSequenceClassification.fromPretrained(folder);
    expect(said).toHaveBeenCalledOnce();
    said.mockRestore();
  });

  it("made in code are known, or an error with the nearest", () => {
    expect(() => bertConfig.make({ hiddenSise: 8 } as object)).toThrow(/unknown key hiddenSise/);
    expect(() => bertConfig.make({ hidden_size: 8 } as object)).toThrow(/unknown key hidden_size/);
    expect(() => t5Config.make({ rope: 1 } as object)).toThrow(/unknown key rope/);
    expect(() => bertConfig.make({ isDecoder: true } as object)).toThrow(/is_decoder: true is not supported/);
    expect(bertConfig.make({ useCache: false } as object).rest).toEqual({ use_cache: false });
    expect(bertConfig.make({ numLabels: 3 }).id2label).toEqual({ 0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2" });
  });

  it("go by their other names, which win, as Transformers has it", () => {
    // DistilBertConfig(hidden_size=24, dim=12).dim; T5Config(num_hidden_layers=3).num_decoder_layers
    expect(distilBertConfig.parse({ hidden_size: 24, dim: 12, num_attention_heads: 6 })).toMatchObject({
      dim: 24,
      nHeads: 6,
    });
    expect(t5Config.parse({ num_hidden_layers: 3 })).toMatchObject({ numLayers: 3, numDecoderLayers: 6 });
    expect(marianConfig.parse({ num_hidden_layers: 2 })).toMatchObject({ encoderLayers: 2, decoderLayers: 12 });
  });

  it("of T5 say when its outputs are scaled, as Transformers 5.24 has it", () => {
    const scaled = (json: object) => t5Config.parse(json as never).scaleDecoderOutputs;
    // T5Config(**json).scale_decoder_outputs
    expect(scaled({})).toBe(true);
    expect(scaled({ tie_word_embeddings: false })).toBe(false);
    expect(scaled({ tie_word_embeddings: true, scale_decoder_outputs: false })).toBe(false);
    expect(scaled({ tie_word_embeddings: false, scale_decoder_outputs: true })).toBe(true);
    expect(mt5Config.parse({ tie_word_embeddings: true, scale_decoder_outputs: true }).scaleDecoderOutputs).toBe(false);
  });
});

describe("what is written", () => {
  it("has a point in every number that takes fractions, and the type of the weights", () => {
    const folder = save(new T5ForConditionalGeneration(t5Config.make({ ...T5, initializerFactor: 1, dropoutRate: 0 })));
    expect(text(folder)).toMatch(/"initializer_factor": 1\.0,/);
    expect(text(folder)).toMatch(/"dropout_rate": 0\.0,/);
    expect(text(folder)).toMatch(/"layer_norm_epsilon": 0\.000001|1e-6/);
    expect(text(folder)).toMatch(/"num_layers": 1,/);
    const kin = bertConfig.parse({ layer_norm_eps: 1, initializer_range: 2, hidden_dropout_prob: 0, temperature: 1 });
    const written = bertConfig.text(bertConfig.toJson(kin));
    for (const key of ["layer_norm_eps", "initializer_range", "hidden_dropout_prob", "temperature"])
      expect(written, key).toMatch(new RegExp(`"${key}": [0-9]+\\.0[,\\n]`));
    expect(JSON.parse(written)).toEqual(bertConfig.toJson(kin));
    const model = bert();
    change(folder, {});
    for (const dtype of ["float32", "float16", "bfloat16"] as const) {
      model.savePretrained(folder, { dtype });
      expect(read(folder).dtype).toBe(dtype);
    }
    // Of a file that version 4 wrote, under its name.
    const old = new BertModel(
      bertConfig.parse({ ...bertConfig.toJson(bertConfig.make(SMALL)), torch_dtype: "float16" }),
    );
    old.savePretrained(folder);
    expect(read(folder)).toMatchObject({ torch_dtype: "float32" });
    expect(read(folder).dtype).toBeUndefined();
    expect(() => model.savePretrained(folder, { dtyp: "float16" } as object)).toThrow(/unknown option dtyp/);
    expect(() => model.savePretrained(folder, { maxShardSize: 5 } as object)).toThrow(/maxShardSize is not supported/);
  });
});

describe("the report", () => {
  it("tells new heads and what is not used, as a table with the numbers of layers gathered", async () => {
    const folder = save(new BertForMaskedLM(bertConfig.make(SMALL)));
    const warn = vi.fn();
    const [model, info] = await AutoModelForTokenClassification.fromPretrained(folder, {
      numLabels: 3,
      warn,
      outputLoadingInfo: true,
    });
    expect(info.missing).toEqual(["classifier.weight", "classifier.bias"]);
    expect(info.unexpected.every((name) => name.startsWith("cls.predictions."))).toBe(true);
    expect(answer(model)).toHaveLength(2 * 3 * 3);
    const [report] = warn.mock.calls[0];
    expect(report).toMatch(new RegExp(`^BertForTokenClassification LOAD REPORT from: ${folder}\nKey `));
    expect(report).toMatch(/classifier\.bias +\| MISSING/);
    expect(report).toMatch(/cls\.predictions\.bias +\| UNEXPECTED/);
  });

  it("refuses an unfinished checkpoint, unless told not to; more layers than said are told", async () => {
    const folder = save(bert());
    change(folder, { num_hidden_layers: 5 });
    const open = (options = {}) => AutoModelForSequenceClassification.fromPretrained(folder, { ...quiet, ...options });
    await expect(open()).rejects.toThrow(
      /unfinished: 48 of .*bert\.encoder\.layer\.\{2, 3, 4\}\.attention\.self\.query\.weight/,
    );
    const [, info] = await AutoModelForSequenceClassification.fromPretrained(folder, {
      ...quiet,
      ignoreMissingKeys: true,
      outputLoadingInfo: true,
    });
    expect(info.missing).toHaveLength(48);
    change(folder, { num_hidden_layers: 1 });
    const warn = vi.fn();
    await open({ quiet: false, warn });
    expect(warn.mock.calls[0][0]).toMatch(/bert\.encoder\.layer\.1\.attention\.self\.query\.weight +\| UNEXPECTED/);
    // A weight of the part below the head; of the head that config.json says is there; a pooler may be new.
    for (const lost of ["bert.embeddings.LayerNorm.bias", "classifier.weight"]) {
      const other = save(bert());
      rewrite(other, (name) => (name === lost ? [] : [name]));
      await expect(AutoModelForSequenceClassification.fromPretrained(other, quiet), lost).rejects.toThrow(
        /unfinished: 1 of/,
      );
    }
    const plain = save(new BertModel(bertConfig.make(SMALL), { addPoolingLayer: false }));
    const opened = await AutoModel.fromPretrained(plain, { ...quiet, outputLoadingInfo: true });
    expect(opened[1].missing).toEqual(["pooler.dense.weight", "pooler.dense.bias"]);
  });

  it("refuses tensors of another shape by name, or begins them anew and shows both shapes", async () => {
    const folder = save(bert());
    const warn = vi.fn();
    const three = { numLabels: 3, warn };
    await expect(AutoModelForSequenceClassification.fromPretrained(folder, three)).rejects.toThrow(
      /classifier\.weight: expected \[3, 8\], found \[2, 8\]/,
    );
    await AutoModelForSequenceClassification.fromPretrained(folder, { ...three, ignoreMismatchedSizes: true });
    expect(warn.mock.calls[0][0]).toMatch(/classifier\.weight +\| MISMATCH +\| \[2, 8\] there, \[3, 8\] here/);
    rewrite(folder, (name) => [name], {
      "bert.pooler.dense.bias": { shape: [8], dtype: "I32", data: new Int32Array(8) },
    });
    await expect(AutoModelForSequenceClassification.fromPretrained(folder, quiet)).rejects.toThrow(
      /found I32, quantised/,
    );
  });
});

describe("options of fromPretrained", () => {
  const folder = save(bert());
  const open = (options: object) => AutoModelForSequenceClassification.fromPretrained(folder, { ...quiet, ...options });
  it("are known, refused with what to do, or an error with the nearest name", async () => {
    await expect(open({ num_labels: 3 })).rejects.toThrow(/unknown option num_labels/);
    await expect(open({ numLabel: 3 })).rejects.toThrow(/unknown option numLabel/);
    await expect(open({ deviceMap: "auto" })).rejects.toThrow(/deviceMap is not supported/);
    await expect(open({ loadIn8bit: true })).rejects.toThrow(/loadIn8bit is not supported/);
    await expect(open({ dtype: "float16" })).rejects.toThrow(/dtype: float16/);
    await expect(open({ config: { hiddenSise: 3 } })).rejects.toThrow(/unknown key hiddenSise/);
    await expect(AutoConfig.fromPretrained(folder, { labels: 3 } as object)).rejects.toThrow(/unknown option labels/);
    expect(() => autoModels.load(folder, "base", { numlabels: 2 } as object)).toThrow(/unknown option numlabels/);
    await open({ dtype: "auto", torchDtype: "float32", localFilesOnly: true, revision: "main", cacheDir: root });
  });
  it("name the labels in any of four ways, and must agree", async () => {
    const labels = async (options: object) => (await open({ ignoreMismatchedSizes: true, ...options })).config.id2label;
    const names = { 0: "a", 1: "b", 2: "c" };
    expect(await labels({ numLabels: 3 })).toEqual({ 0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2" });
    expect(await labels({ id2label: names })).toEqual(names);
    expect(await labels({ label2id: { c: 2, a: 0, b: 1 } })).toEqual(names);
    expect(await labels({ labels: ["a", "b", "c"], numLabels: 3 })).toEqual(names);
    await expect(labels({ numLabels: 2, id2label: names })).rejects.toThrow(/disagree: 3 and 2/);
    await expect(labels({ numLabels: 0 })).rejects.toThrow(/0 labels/);
    await expect(labels({ id2label: { 1: "a", 2: "b" } })).rejects.toThrow(/none for 0/);
  });
  it("take a folder in the folder", async () => {
    const inner = join(root, "outer", "inner");
    bert().savePretrained(inner);
    await AutoModelForSequenceClassification.fromPretrained(join(root, "outer"), { ...quiet, subfolder: "inner" });
  });
});

describe("folders with unusual files", () => {
  const make = () => new BertForMaskedLM(bertConfig.make(SMALL));
  const want = answer(fill(make()));
  const opened = async (folder: string) => {
    const [model, info] = await AutoModelForMaskedLM.fromPretrained(folder, { ...quiet, outputLoadingInfo: true });
    expect([info.missing, info.unexpected, info.warnings]).toEqual([[], [], []]);
    return answer(model);
  };
  const words = "bert.embeddings.word_embeddings.weight";
  it.each<[string, (name: string) => readonly string[]]>([
    [
      "old names of layer norms",
      (name) => [name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")],
    ],
    ["no prefix", (name) => [name.replace(/^bert\./, "")]],
    ["a shared table twice", (name) => (name === words ? [name, "cls.predictions.decoder.weight"] : [name])],
    ["a shared table under the other name", (name) => [name === words ? "cls.predictions.decoder.weight" : name]],
    ["a shared bias under the other name", (name) => [name.replace("predictions.bias", "predictions.decoder.bias")]],
  ])("%s", async (_, rename) => {
    const folder = save(make());
    const whole: TensorSource = { shape: [1, 8], dtype: "I32", data: new Int32Array(8) };
    rewrite(folder, rename, { "bert.embeddings.position_ids": whole });
    expect(await opened(folder)).toEqual(want);
  });
  it("pytorch_model.bin; where both are there, safetensors", async () => {
    const folder = save(make());
    const zeros = new Map<string, TensorSource>();
    const own = new Map<string, TensorSource>();
    {
      using file = openWeights(folder);
      for (const name of file.names()) {
        const { shape } = file.info(name);
        const { data } = file.read(name);
        own.set(name, { shape, data: Float32Array.from(data as Float32Array) });
        zeros.set(name, { shape, data: new Float32Array(data.length) });
      }
    }
    writePyTorch(join(folder, "pytorch_model.bin"), zeros);
    expect(await opened(folder)).toEqual(want);
    rmSync(join(folder, "model.safetensors"));
    writePyTorch(join(folder, "pytorch_model.bin"), own);
    expect(await opened(folder)).toEqual(want);
  });
  it("shards, which must all be there", async () => {
    const folder = save(make());
    const shard = (i: number) => `model-0000${i}-of-00002.safetensors`;
    const map: Record<string, string> = {};
    {
      using file = openWeights(folder);
      for (const i of [1, 2]) {
        const names = file.names().filter((_, n) => n % 2 === i - 1);
        const tensors = names.map((name): [string, TensorSource] => {
          map[name] = shard(i);
          return [
            name,
            { shape: file.info(name).shape, data: Float32Array.from(file.read(name).data as Float32Array) },
          ];
        });
        writeSafetensors(join(folder, shard(i)), new Map(tensors), { format: "pt" });
      }
    }
    rmSync(join(folder, "model.safetensors"));
    writeFileSync(join(folder, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map: map }));
    expect(await opened(folder)).toEqual(want);
    rmSync(join(folder, shard(2)));
    await expect(AutoModelForMaskedLM.fromPretrained(folder, quiet)).rejects.toThrow(
      /00002-of-00002.safetensors is missing/,
    );
  });
  it("tables that differ are not tied, whatever the configuration says, and that is told", async () => {
    for (const [head, model, one, other] of [
      ["maskedLm", make(), words, "cls.predictions.decoder.weight"],
      ["seq2seqLm", new T5ForConditionalGeneration(t5Config.make(T5)), "shared.weight", "lm_head.weight"],
      ["seq2seqLm", new MarianMTModel(marianConfig.make(MARIAN)), "model.shared.weight", "lm_head.weight"],
    ] as const) {
      const folder = save(model);
      const before = answer(model);
      using file = openWeights(folder);
      const { shape } = file.info(one);
      const table: TensorSource = { shape, data: new Float32Array(shape[0] * shape[1]).fill(0.5) };
      rewrite(folder, (name) => [name], { [other]: table });
      const { model: opened, report } = autoModels.load(folder, head, quiet);
      expect(report.missing).toEqual([]);
      expect(report.warnings.join()).toMatch(/differ, so they are not tied/);
      const logits = answer(opened);
      expect(logits).not.toEqual(before);
      // Every row of the table is the same, and so is every logit but for a bias.
      if (head === "seq2seqLm" && model instanceof T5ForConditionalGeneration)
        expect(new Set(logits.slice(0, 20)).size).toBe(1);
      opened.savePretrained(folder);
      expect(answer(autoModels.load(folder, head, quiet).model)).toEqual(logits);
      // Without from_pretrained's say, it is an error.
      const Model = model.constructor as new (config: unknown) => PreTrainedModel;
      using written = openWeights(folder);
      expect(() => new Model(model.config).loadPretrained(written)).toThrow(/differ, but are one parameter/);
    }
  });
  it("a T5 that says untied and has no output layer is tied, as in Transformers 5", () => {
    const folder = save(new T5ForConditionalGeneration(t5Config.make(T5)));
    change(folder, { tie_word_embeddings: false, scale_decoder_outputs: undefined });
    const { model } = autoModels.load(folder, "seq2seqLm", quiet);
    const own = model.stateDict();
    expect(own.get("lm_head.weight")).toBe(own.get("shared.weight"));
  });
});

describe("rows of padding", () => {
  // torch: nn.Embedding(5, 2, padding_idx=-1).padding_idx is 4; RoBERTa's table of positions has one too.
  it.each([
    ["BERT", 3, 3],
    ["−1 is the last", -1, 19],
  ])("of words begin as 0 and do not learn: %s", (_, padTokenId, row) => {
    const model = new BertModel(bertConfig.make({ ...SMALL, padTokenId }));
    const table = model.embeddings.word_embeddings.weight;
    expect([...table.detach().select(0, row).data()]).toEqual(new Array(8).fill(0));
    const inputIds = tensor(Int32Array.of(row, 5, 6), [1, 3]);
    model.forward({ inputIds }).lastHiddenState.square().sum().backward();
    const grad = (table.grad as Tensor).data();
    expect([...grad.slice(row * 8, (row + 1) * 8)]).toEqual(new Array(8).fill(0));
    expect(grad.slice(5 * 8, 6 * 8).some((g) => g !== 0)).toBe(true);
  });
  it("of RoBERTa's positions do not learn, and padded texts may be longer than there are positions", () => {
    const model = new RobertaModel(robertaConfig.make({ ...SMALL, padTokenId: 2, maxPositionEmbeddings: 6 }));
    const table = model.embeddings.position_embeddings.weight;
    expect([...table.detach().select(0, 2).data()]).toEqual(new Array(8).fill(0));
    const inputIds = tensor(Int32Array.of(2, 2, 5, 6, 7), [1, 5]);
    model.forward({ inputIds }).lastHiddenState.square().sum().backward();
    const grad = (table.grad as Tensor).data();
    expect([...grad.slice(2 * 8, 3 * 8)]).toEqual(new Array(8).fill(0));
    expect(grad.slice(3 * 8, 4 * 8).some((g) => g !== 0)).toBe(true);
    expect(() => model.forward({ inputIds: tensor(Int32Array.of(5, 6, 7, 8), [1, 4]) })).toThrow(
      /model has 6 positions/,
    );
  });
});

it("untied heads of version 4 have one bias, which version 5 keeps twice", () => {
  for (const [model, prefix] of [
    [new BertForMaskedLM(bertConfig.make({ ...SMALL, tieWordEmbeddings: false })), "cls.predictions."],
    [new RobertaForMaskedLM(robertaConfig.make({ ...SMALL, tieWordEmbeddings: false })), "lm_head."],
  ] as const) {
    const folder = save(model);
    rewrite(folder, (name) => (name === `${prefix}decoder.bias` ? [] : [name]));
    const { model: opened, report } = autoModels.load(folder, "maskedLm", quiet);
    expect(report.missing).toEqual([]);
    const own = opened.stateDict();
    expect(own.get(`${prefix}decoder.bias`)?.data()).toEqual(own.get(`${prefix}bias`)?.data());
    expect(own.get(`${prefix}decoder.bias`)).not.toBe(own.get(`${prefix}bias`));
  }
});

it("ELECTRA's own keys of another head are harmless", () => {
  expect(
    electraConfig.unknownKeys({ summary_type: "first", summary_use_proj: true, summary_last_dropout: 0.1 }),
  ).toEqual([]);
});
