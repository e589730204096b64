import * as data from "../../src/data/index.ts";
import * as formats from "../../src/formats/index.ts";
import * as hub from "../../src/hub/index.ts";
import * as shoshin from "../../src/index.ts";
import { gpt2 } from "../../src/models/gpt2/index.ts";
import * as models from "../../src/models/index.ts";
import { t5 } from "../../src/models/t5/index.ts";
import { ModelWorker } from "../../src/page/index.ts";
import { Session } from "../../src/session/index.ts";
import * as tasks from "../../src/tasks/index.ts";
import * as text from "../../src/text/index.ts";
import { beside, type Entries, type Entry } from "./entry.ts";
import { MODEL_DOORS } from "./table-models.ts";
import { NN_DOORS } from "./table-nn.ts";
import { TRAIN_DOORS } from "./table-train.ts";

const { tensor, zeros } = shoshin;
const lm = () =>
  new models.GPT2LMHeadModel(
    gpt2.config.make({ vocabSize: 12, nPositions: 8, nEmbd: 8, nLayer: 1, nHead: 2 }) as never,
  ) as unknown as models.CausalLm;
const seq2seq = () => {
  const Model = t5.heads.seq2seqLm as NonNullable<typeof t5.heads.seq2seqLm>;
  const config = t5.config.make({
    vocabSize: 12,
    dModel: 8,
    dKv: 4,
    dFf: 8,
    numLayers: 1,
    numHeads: 2,
    decoderStartTokenId: 0,
  });
  return new Model(config) as unknown as models.Seq2SeqLm;
};
const encoder = () =>
  new models.BertModel(
    models.bertConfig.make({
      vocabSize: 12,
      hiddenSize: 8,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      intermediateSize: 8,
    }),
  );
const words = () =>
  text.Tokenizer.fromJSON(
    {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: { type: "Whitespace" },
      post_processor: null,
      decoder: null,
      model: { type: "WordLevel", vocab: { "<unk>": 0, a: 1, b: 2 }, unk_token: "<unk>" },
    } as never,
    "tokenizer.json",
  );
const tokenizer = () => new text.PreTrainedTokenizer(words());
const ids = () => tensor(Int32Array.of(1, 2), [1, 2]);
const SAMPLING = ["maxNewTokens", "numBeams", "temperature"];
/** Sessions with a small model each, made once. */
const held = new Map<string, Promise<Session>>();
const holding = (task: string, data: string, more: object): Promise<Session> => {
  const made =
    held.get(task) ??
    (async () => {
      const session = new Session();
      await session.write(new Map([["x.tsv", data]]));
      await session.train({ task, data: "x.tsv", validation: "none", ...more, args: { maxSteps: 1 } });
      return session;
    })();
  held.set(task, made);
  return made;
};
/** One that answers a start, and nothing else. */
const worker = () => {
  const port = {
    onmessage: null as null | ((event: { data: unknown }) => void),
    postMessage: ({ id, call }: { id: number; call: string }) => {
      if (call === "start") queueMicrotask(() => port.onmessage?.({ data: { id, value: {} } }));
    },
  };
  return ModelWorker.start(port);
};
const tiny = { layers: 1, hiddenSize: 4 };
const classifying = () =>
  holding("text-classification", `text\tlabel\n${"a\t1\nb\t0\n".repeat(8)}`, { model: "mlp", ...tiny });
const writing = () => holding("text-generation", "ab\nba\n".repeat(40), { ...tiny, embeddingSize: 4, blockSize: 4 });
const task = (name: string) => tasks.getTask(name);

/** Every door, and how it is sent options. */
export const DOORS: Entries = {
  ...NN_DOORS,
  ...MODEL_DOORS,
  ...TRAIN_DOORS,
  scaledDotProductAttention: {
    call: (o) => shoshin.scaledDotProductAttention(zeros([1, 1, 2, 4]), zeros([1, 1, 2, 4]), zeros([1, 1, 2, 4]), o),
  },
  attentionWeights: { call: (o) => shoshin.attentionWeights(zeros([1, 1, 2, 4]), zeros([1, 1, 2, 4]), o) },
  attentionPacked: { call: (o) => shoshin.attentionPacked(zeros([1, 2, 12]), 1, 1, o) },
  lora: {
    call: (o) => shoshin.lora(zeros([1, 2]), zeros([2, 2]), zeros([1, 2]), zeros([2, 1]), undefined, o),
    options: ["scale", "inFirst"],
  },
  rotary: {
    call: (o) => shoshin.rotary(zeros([1, 1, 1, 2]), zeros([1, 1]), zeros([1, 1]), o),
    options: ["interleaved"],
  },
  ready: { call: (o) => shoshin.ready(o) },
  "session.Session": { call: (o) => new Session(o) },
  "session.Session#open": { call: (o) => new Session().open(new Map(), o) },
  "session.Session#train": {
    call: (o) => new Session().train(beside({ task: "text-classification", data: "x" }, o)),
    options: ["hiddenSize", "labelColumn"],
  },
  "session.Session#predict": {
    call: async (o) => (await classifying()).predict(["a"], o),
    options: ["functionToApply"],
  },
  "session.Session#evaluate": {
    call: async (o) => (await classifying()).evaluate(beside({ data: "x.tsv" }, o)),
    options: ["textColumn"],
  },
  "session.Session#generate": { call: async (o) => (await writing()).generate("a", o), options: ["temperature"] },
  "session.Session#chat": { call: async (o) => (await writing()).chat([], o), options: ["temperature"] },
  "page.ModelWorker#open": { call: async (o) => (await worker()).open(new Map(), o) },
  "page.ModelWorker.start": { call: (o) => ModelWorker.start({ postMessage() {} }, o) },
  gru: { call: (o) => shoshin.gru(zeros([1, 1, 1]), {} as never, undefined, o) },
  lstm: { call: (o) => shoshin.lstm(zeros([1, 1, 1]), {} as never, [], o) },
  rnn: { call: (o) => shoshin.rnn(zeros([1, 1, 1]), {} as never, undefined, o) },
  gradcheck: { call: (o) => shoshin.gradcheck((x) => x, [zeros([1])], o), options: ["eps", "atol", "rtol"] },
  defineOp: {
    call: (o) => shoshin.defineOp("odd", beside({ forward: () => zeros([1]) }, o)),
  },

  "data.padSequences": { call: (o) => data.padSequences([[1]], o) },
  "data.textExamples": { call: (o) => data.textExamples({ path: "x", rows: [["a", "b"]], format: "csv" } as never, o) },
  "data.dataRecord": { call: (o) => data.dataRecord({ name: "none", parts: {}, builtin: false }, o) },
  "data.fetchSource": { call: (o, { file }) => data.fetchSource(file, "rows", o) },
  "data.readGlue": { call: (o) => data.readGlue("sst2", "train", o) },
  "data.loadDataset": { call: (o, { file }) => data.loadDataset(file, undefined, o) },
  "data.DataLoader": { call: (o) => new data.DataLoader(new data.ArrayDataset([1]), o) },
  "data.readPairs": { call: (o, { file }) => data.readPairs(data.resolveSource(file, "pairs"), "train", o) },
  "data.readCsv": { call: (o, { file }) => data.readCsv(file, o) },
  "data.readTsv": { call: (o, { file }) => data.readTsv(file, o) },
  "data.readJsonl": { call: (o, { file }) => data.readJsonl(file, o) },
  "data.readLines": { call: (o, { file }) => data.readLines(file, undefined, o).next() },
  "data.readRecords": { call: (o, { file }) => data.readRecords(file, "tsv", o) },
  "data.streamRecords": { call: (o, { file }) => data.streamRecords(file, o).next() },
  "data.readParquet": { call: (o, { file }) => data.readParquet(file, o) },
  "data.Table#split": { call: (o) => new data.Table(["a"], [["1"]], "x").split(o) },
  "data.readTagged": { call: (o, { file }) => data.readTagged(file, o) },

  "text.BagOfWordsVectorizer": { call: (o) => new text.BagOfWordsVectorizer(o) },
  "text.KeyedVectors#mostSimilar": { call: (o) => new text.KeyedVectors(["a"], Float32Array.of(1), 1).mostSimilar(o) },
  "text.AutoTokenizer.fromPretrained": { call: (o, { folder }) => text.AutoTokenizer.fromPretrained(folder, o) },
  "text.PreTrainedTokenizer": { call: (o) => new text.PreTrainedTokenizer(words(), o) },
  "text.PreTrainedTokenizer#encode": { call: (o) => tokenizer().encode("a", undefined, o) },
  "text.PreTrainedTokenizer#encodeBatch": { call: (o) => tokenizer().encodeBatch(["a"], o) },
  "text.PreTrainedTokenizer#pad": { call: (o) => tokenizer().pad([], o), options: ["padding", "maxLength"] },
  "text.PreTrainedTokenizer#decode": { call: (o) => tokenizer().decode([1], o) },
  "text.PreTrainedTokenizer#batchDecode": { call: (o) => tokenizer().batchDecode([[1]], o) },
  "text.Tokenizer#encode": { call: (o) => words().encode("a", o) },
  "text.Tokenizer#decode": { call: (o) => words().decode([1], o) },
  "text.trainTokenizer": { call: (o) => text.trainTokenizer("word", ["a b"], o) },

  "text.dataCollatorWithPadding": { call: (o) => text.dataCollatorWithPadding(tokenizer(), o) },
  "text.dataCollatorForTokenClassification": { call: (o) => text.dataCollatorForTokenClassification(tokenizer(), o) },
  "text.dataCollatorForSeq2Seq": { call: (o) => text.dataCollatorForSeq2Seq(tokenizer(), o) },

  "formats.NpzFile.open": { call: (o, { file }) => formats.NpzFile.open(file, o) },
  "formats.PyTorchFile.open": { call: (o, { file }) => formats.PyTorchFile.open(file, o) },
  "formats.openWeights": { call: (o, { file }) => formats.openWeights(file, o) },
  "formats.convertWeights": {
    call: (o, { folder }) => formats.convertWeights(folder, "x.safetensors", o),
    options: ["dtype"],
  },
  "formats.OnnxGraph#write": { call: (o, { folder }) => new formats.OnnxGraph("x").write(`${folder}/x.onnx`, o) },
  "formats.writeShardedSafetensors": { call: (o, { folder }) => formats.writeShardedSafetensors(folder, new Map(), o) },
  "formats.readWordVectors": { call: (o, { file }) => formats.readWordVectors(file, o) },
  "formats.writeWord2vec": {
    call: (o, { folder }) =>
      formats.writeWord2vec(`${folder}/v`, new text.KeyedVectors(["a"], Float32Array.of(1), 1), o),
  },

  "hub.resolveModel": { call: (o, { folder }) => hub.resolveModel(folder, o) },
  "hub.hubFile": { call: (o) => hub.hubFile("a/b", "c", o) },
  "hub.listFiles": { call: (o) => hub.listFiles("a/b", o) },
  "hub.snapshotDownload": { call: (o) => hub.snapshotDownload("a/b", o) },

  "models.generate": { call: (o) => models.generate(lm(), [[1]], o), options: SAMPLING },
  "models.beamSearch": { call: (o) => models.beamSearch(lm(), [1], o), options: ["maxNewTokens", "numBeams"] },
  "models.generateSeq2Seq": {
    call: (o) => models.generateSeq2Seq(seq2seq(), { inputIds: ids() }, o),
    options: SAMPLING,
  },
  "models.beamSearchSeq2Seq": {
    call: (o) => models.beamSearchSeq2Seq(seq2seq(), { inputIds: ids() }, o),
    options: SAMPLING,
  },
  "models.nextProbabilities": { call: (o) => models.nextProbabilities(Float64Array.of(1, 2), [], o) },
  "models.GenerationConfig": { call: (o) => new models.GenerationConfig(o) },
  "models.PeftModel": { call: (o) => new models.PeftModel(encoder(), o) },
  ...Object.fromEntries(
    Object.entries(models)
      .filter(([name]) => /Config$/.test(name) && name[0] === name[0].toLowerCase() && name !== "readConfigJson")
      .map(([name, kind]) => [
        `models.${name}.make`,
        { call: (o: unknown) => (kind as typeof models.bertConfig).make(o as never) },
      ]),
  ),
  "models.exportOnnx": { call: (o, { folder }) => models.exportOnnx(encoder(), `${folder}/x.onnx`, o) },
  "models.onnxParts": { call: (o) => models.onnxParts(encoder(), o) },

  "tasks.loadModel": { call: (o, { folder }) => tasks.loadModel(folder, undefined, o) },
  "tasks.loadGenerator": { call: (o, { folder }) => tasks.loadGenerator(folder, o) },
  "tasks.pipeline": {
    call: (o, { folder }) => tasks.pipeline("text-classification", folder, o),
    options: ["functionToApply", "cacheDir"],
  },
  "tasks.sentenceEmbeddings": {
    call: (o) => tasks.sentenceEmbeddings(encoder(), tokenizer(), ["a"], o),
    options: ["pooling", "normalize"],
  },
  "tasks.fillMask": { call: (o) => tasks.fillMask(encoder() as never, tokenizer(), ["a"], o), options: ["targets"] },
  ...Object.fromEntries(
    tasks.TASKS.map(({ name }) => [
      `tasks.getTask("${name}").train`,
      {
        call: (o: unknown, { file, folder }) => task(name).train(beside({ data: file, output: folder }, o)),
        options: ["validation", "output"],
      } satisfies Entry,
    ]),
  ),
};
